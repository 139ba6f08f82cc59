//! A log of ten million events: what it takes on disk, to open, and to catch up with.

use std::{
    cell::RefCell,
    fs, process,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use event_bus::{BusOptions, EnvelopeSubscriber, EventBus, Ports, Subscription};
use event_sourcing::{Expected, Store, Unit};
use kernel::{Clock as _, Context, Envelope, Error, Event, SystemClock, SystemIds};
use storage_sqlite::{Options, SqliteStore};
use tempfile::TempDir;
use tokio::{runtime::Runtime, time};

use super::{OrderPlaced, open, origin, stream};
use crate::{
    case::{Case, Contender, Failure, Race, Setting},
    row::Unit::{Bytes, NanosPerOp, OpsPerSecond},
    usage::resident,
};

const EVENTS: usize = 10_000_000;
const BATCH: usize = 1000;

/// One log for all rows, written when the first of them is measured.
type Shared = Rc<RefCell<Option<Log>>>;

struct Log {
    folder: TempDir,
    caught_up: Vec<CaughtUp>,
}

/// What one subscriber took from the first event to the last.
#[derive(Clone, Copy)]
struct CaughtUp {
    events_per_second: f64,
    /// What the process had more in memory at its peak than before.
    grown: f64,
}

pub fn cases() -> Vec<Case> {
    let shared = Shared::default();
    let case = |name, unit, sample: fn(&mut Log, usize) -> Result<f64, Failure>| {
        let shared = Rc::clone(&shared);
        let prepare = move |setting: &Setting| {
            let (scratch, mut turn) = (setting.scratch.clone(), 0);
            Ok(Race::alone(Contender::sampled(move || {
                let mut shared = shared.borrow_mut();
                let log = match &mut *shared {
                    Some(log) => log,
                    none => none.insert(Log { folder: fill(&scratch)?, caught_up: Vec::new() }),
                };
                turn += 1;
                sample(log, turn - 1)
            })))
        };
        Case::new(name, unit, None, prepare).runs(1)
    };
    vec![
        case("store/sqlite-10-million@bytes-per-event", Bytes, |log, _| {
            Ok(fs::metadata(log.folder.path().join("store.db"))?.len() as f64 / EVENTS as f64)
        }),
        case("store/sqlite-10-million@open", NanosPerOp, |log, _| {
            let start = Instant::now();
            let store = log.open()?;
            let taken = start.elapsed();
            drop(store);
            Ok(taken.as_nanos() as f64)
        }),
        case("store/sqlite-10-million@catch-up", OpsPerSecond, |log, turn| Ok(log.catch_up(turn)?.events_per_second)),
        case("store/sqlite-10-million@catch-up-memory", Bytes, |log, turn| Ok(log.catch_up(turn)?.grown)),
    ]
}

fn fill(scratch: &std::path::Path) -> Result<TempDir, Failure> {
    let (store, folder) = open(scratch)?;
    let (runtime, origin, event) = (Runtime::new()?, origin()?, OrderPlaced::example());
    for batch in 0..EVENTS / BATCH {
        let mut unit = Unit::new(origin.clone());
        for n in 0..BATCH {
            unit.append(stream(batch * BATCH + n), Expected::Any, &event);
        }
        runtime.block_on(store.commit(unit))?;
    }
    Ok(folder)
}

impl Log {
    fn open(&self) -> Result<SqliteStore, Failure> {
        Ok(SqliteStore::open(&self.folder.path().join("store.db"), Options::new("bench", SystemClock.now()))?)
    }

    /// What the subscriber of this turn took; it is made once, whoever asks.
    fn catch_up(&mut self, turn: usize) -> Result<CaughtUp, Failure> {
        const NAMES: [&str; 2] = ["first", "second"];
        if turn == self.caught_up.len() {
            let name = NAMES.get(turn).ok_or("a log is caught up with twice")?;
            let (store, runtime) = (Arc::new(self.open()?), Runtime::new()?);
            self.caught_up.push(runtime.block_on(follow_all(store, name))?);
        }
        Ok(self.caught_up[turn])
    }
}

struct Counting(Arc<AtomicU64>);

impl EnvelopeSubscriber for Counting {
    async fn handle(&self, _: &Context, _: &Arc<Envelope>, _: &mut Unit) -> Result<(), Error> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

async fn follow_all(store: Arc<SqliteStore>, name: &'static str) -> Result<CaughtUp, Failure> {
    let (handled, before) = (Arc::new(AtomicU64::new(0)), resident(process::id()));
    let subscription = Subscription::envelopes(name, "bench", OrderPlaced::NAME, Counting(Arc::clone(&handled)));
    let ports = Ports { store: Some(store as _), clock: Arc::new(SystemClock), ids: Arc::new(SystemIds) };
    let start = Instant::now();
    let bus = EventBus::start(vec![subscription], ports, BusOptions::default()).await?;
    let mut peak = before;
    while handled.load(Ordering::Relaxed) < EVENTS as u64 {
        time::sleep(Duration::from_millis(20)).await;
        peak = peak.max(resident(process::id()));
    }
    let events_per_second = EVENTS as f64 / start.elapsed().as_secs_f64();
    bus.stop().await;
    Ok(CaughtUp { events_per_second, grown: (peak - before) as f64 })
}
