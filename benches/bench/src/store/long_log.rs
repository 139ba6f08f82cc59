//! A log of ten million events: what it takes on disk, to open, to catch up with, and to write a projection of it anew.

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
use event_sourcing::{
    Applies, Events, Expected, Projected, Projection, Projector, ProjectorPorts, Store, Unit, View, projections,
};
use kernel::{Clock as _, Context, Envelope, Error, Event, SystemClock, SystemIds};
use serde::{Deserialize, Serialize};
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
    caught_up: Option<Pass>,
    rebuilt: Option<Pass>,
}

/// From the first event to the last.
#[derive(Clone, Copy)]
struct Pass {
    events_per_second: f64,
    /// What the process had more in memory at its peak than in the first tenth of the way.
    grown: f64,
}

pub fn cases() -> Vec<Case> {
    let shared = Shared::default();
    let case = |name, unit, sample: fn(&mut Log) -> Result<f64, Failure>| {
        let shared = Rc::clone(&shared);
        let prepare = move |setting: &Setting| {
            let scratch = setting.scratch.clone();
            Ok(Race::alone(Contender::sampled(move || {
                let mut shared = shared.borrow_mut();
                let log = match &mut *shared {
                    Some(log) => log,
                    none => none.insert(Log { folder: fill(&scratch)?, caught_up: None, rebuilt: None }),
                };
                sample(log)
            })))
        };
        Case::new(name, unit, None, prepare).runs(1)
    };
    vec![
        case("store/sqlite-10-million@bytes-per-event", Bytes, |log| {
            Ok(fs::metadata(log.folder.path().join("store.db"))?.len() as f64 / EVENTS as f64)
        }),
        case("store/sqlite-10-million@open", NanosPerOp, |log| {
            let start = Instant::now();
            let store = log.open()?;
            let taken = start.elapsed();
            drop(store);
            Ok(taken.as_nanos() as f64)
        }),
        case("store/sqlite-10-million@catch-up", OpsPerSecond, |log| Ok(log.catch_up()?.events_per_second)),
        case("store/sqlite-10-million@catch-up-memory", Bytes, |log| Ok(log.catch_up()?.grown)),
        case("store/sqlite-10-million@rebuild", OpsPerSecond, |log| Ok(log.rebuild()?.events_per_second)),
        case("store/sqlite-10-million@rebuild-memory", Bytes, |log| Ok(log.rebuild()?.grown)),
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
        if batch == 0 {
            runtime.block_on(project::<1>(&store, BATCH as u64))?;
        }
    }
    Ok(folder)
}

impl Log {
    fn open(&self) -> Result<SqliteStore, Failure> {
        Ok(SqliteStore::open(&self.folder.path().join("store.db"), Options::new("bench", SystemClock.now()))?)
    }

    /// With one subscriber; once, whoever asks.
    fn catch_up(&mut self) -> Result<Pass, Failure> {
        if self.caught_up.is_none() {
            let (store, runtime) = (Arc::new(self.open()?), Runtime::new()?);
            self.caught_up = Some(runtime.block_on(follow_all(store))?);
        }
        self.caught_up.ok_or_else(|| "it has just caught up".into())
    }

    /// Of the projection that was there before the events, by a later version; once, whoever asks.
    fn rebuild(&mut self) -> Result<Pass, Failure> {
        if self.rebuilt.is_none() {
            let (store, runtime) = (Arc::new(self.open()?), Runtime::new()?);
            self.rebuilt = Some(runtime.block_on(project::<2>(&store, EVENTS as u64))?);
        }
        self.rebuilt.ok_or_else(|| "it has just been written anew".into())
    }
}

/// Looks at a way through the log until it is done.
async fn pass(done: impl AsyncFn() -> Result<u64, Failure>, all: u64) -> Result<Pass, Failure> {
    let (start, mut early, mut peak) = (Instant::now(), 0, 0);
    loop {
        let done = done().await?;
        peak = peak.max(resident(process::id()));
        if done * 10 <= all {
            early = peak;
        }
        if done >= all {
            break;
        }
        time::sleep(Duration::from_millis(20)).await;
    }
    Ok(Pass { events_per_second: all as f64 / start.elapsed().as_secs_f64(), grown: (peak - early) as f64 })
}

struct Counting(Arc<AtomicU64>);

impl EnvelopeSubscriber for Counting {
    async fn handle(&self, _: &Context, _: &Arc<Envelope>, _: &mut Unit) -> Result<(), Error> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

async fn follow_all(store: Arc<SqliteStore>) -> Result<Pass, Failure> {
    let handled = Arc::new(AtomicU64::new(0));
    let subscription = Subscription::envelopes("first", "bench", OrderPlaced::NAME, Counting(Arc::clone(&handled)));
    let ports = Ports { store: Some(store as _), clock: Arc::new(SystemClock), ids: Arc::new(SystemIds) };
    let bus = EventBus::start(vec![subscription], ports, BusOptions::default()).await?;
    let pass = pass(async || Ok(handled.load(Ordering::Relaxed)), EVENTS as u64).await;
    bus.stop().await;
    pass
}

/// What was sold in each thousand of events.
#[derive(Clone, Copy, Default)]
struct Sales<const VERSION: u32>;

#[derive(Default, Serialize, Deserialize)]
struct Sold<const VERSION: u32> {
    orders: u64,
    amount: u64,
}

impl<const VERSION: u32> Projected for Sold<VERSION> {
    type By = Sales<VERSION>;
    const COLLECTION: &'static str = "bench.sold";
}

impl<const VERSION: u32> Projection for Sales<VERSION> {
    const NAME: &'static str = "bench.sales";
    const VERSION: u32 = VERSION;
    const COLLECTIONS: &'static [&'static str] = &[Sold::<VERSION>::COLLECTION];

    fn events() -> Events<Self> {
        Events::default().of::<OrderPlaced>()
    }
}

impl<const VERSION: u32> Applies<OrderPlaced> for Sales<VERSION> {
    async fn apply(&self, event: &OrderPlaced, of: &Envelope, view: &mut View<'_, Self>) -> Result<(), Error> {
        let key = format!("{:08}", of.metadata.position.unwrap_or_default() / 1000);
        let mut sold = view.get::<Sold<VERSION>>(&key).await?.unwrap_or_default();
        sold.orders += 1;
        sold.amount += event.amount;
        view.put(key, &sold);
        Ok(())
    }
}

/// Until a generation of this version is what readers see, with so many events.
async fn project<const VERSION: u32>(store: &Arc<SqliteStore>, events: u64) -> Result<Pass, Failure> {
    let store = Arc::clone(store) as Arc<dyn Store>;
    let ports = ProjectorPorts { store: Arc::clone(&store), clock: Arc::new(SystemClock), ids: Arc::new(SystemIds) };
    let projector = Projector::of::<Sales<VERSION>>("bench", ports);
    let done = async || {
        let all = projections(&*store).await?;
        let Some(sales) = all.first() else { return Ok(0) };
        let is_live = sales.live.version == VERSION && sales.rebuild.is_none();
        let generation = sales.rebuild.as_ref().unwrap_or(&sales.live);
        // The last event counts when readers see it.
        Ok(if is_live { sales.live.position.0 } else { generation.position.0.min(events.saturating_sub(1)) })
    };
    tokio::select! {
        () = projector.run(std::future::pending()) => Err("the projector has ended".into()),
        pass = pass(done, events) => pass,
    }
}
