//! Units of one event, each of which must be durable before its answer: what group commit is for.

use std::{
    fs::File,
    io::Write as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use event_bus::{BusOptions, EnvelopeSubscriber, EventBus, Ports, Subscription};
use event_sourcing::{Expected, Origin, Store, Unit};
use kernel::{Context, Envelope, Error, Event, SystemClock, SystemIds};
use storage_sqlite::SqliteStore;
use tokio::{runtime::Runtime, sync::Semaphore};

use super::{OrderPlaced, open, origin, stream};
use crate::{
    case::{Case, Contender, Failure, Race, Setting},
    peer,
    row::Unit::{NanosPerOp, OpsPerSecond},
};

/// Of one sample.
const RUN: Duration = Duration::from_millis(400);

pub fn cases(setting: &Setting) -> Vec<Case> {
    let program = setting.peers.get("sqlite-es").cloned();
    let reference = program.is_some().then_some("sqlite-es");
    let beside = Case::new("store/sqlite-64x1", OpsPerSecond, reference, move |setting| {
        let subject = appenders(&setting.scratch, 64)?;
        Ok(match program {
            Some(program) => Race::between(subject, peer::contender(&program, [&setting.scratch], "best")?),
            None => Race::alone(subject),
        })
    });
    let flushed = |name, appending| {
        Case::new(name, OpsPerSecond, Some("fsync-probe"), move |setting| {
            Ok(Race::between(appenders(&setting.scratch, appending)?, flushes(&setting.scratch)?))
        })
    };
    let handled = |name, quantile| {
        Case::new(name, NanosPerOp, None, move |setting| Ok(Race::alone(to_handler(&setting.scratch, quantile)?)))
    };
    vec![
        beside,
        flushed("store/sqlite-64x1@flushes", 64),
        flushed("store/sqlite-1x1@flushes", 1),
        handled("store/sqlite-handled-p50", 0.5),
        handled("store/sqlite-handled-p99", 0.99),
    ]
}

/// Units per second of as many that wait for their answers at a time, each the first event of its stream, while a durable
/// subscriber follows the log.
fn appenders(scratch: &Path, appending: usize) -> Result<Contender, Failure> {
    let (store, folder) = open(scratch)?;
    let runtime = Runtime::new()?;
    let bus = runtime.block_on(follow(&store, Ignoring))?;
    let (origin, next) = (origin()?, Arc::new(AtomicU64::new(0)));
    Ok(Contender::sampled(move || {
        let _kept = (&folder, &bus);
        runtime.block_on(async {
            let (before, start) = (next.load(Ordering::Relaxed), Instant::now());
            let running: Vec<_> = (0..appending)
                .map(|_| tokio::spawn(append(Arc::clone(&store), origin.clone(), Arc::clone(&next), start)))
                .collect();
            for task in running {
                task.await?.map_err(|error| error.to_string())?;
            }
            Ok((next.load(Ordering::Relaxed) - before) as f64 / start.elapsed().as_secs_f64())
        })
    }))
}

async fn append(
    store: Arc<SqliteStore>,
    origin: Origin,
    next: Arc<AtomicU64>,
    start: Instant,
) -> Result<(), event_sourcing::CommitError> {
    let event = OrderPlaced::example();
    while start.elapsed() < RUN {
        let n = next.fetch_add(1, Ordering::Relaxed);
        let mut unit = Unit::new(origin.clone());
        unit.append(format!("order-{n:012}"), Expected::Absent, &event);
        store.commit(unit).await?;
    }
    Ok(())
}

/// The least that makes anything durable: 4 KiB behind the end of a file, flushed. Times a second.
fn flushes(scratch: &Path) -> Result<Contender, Failure> {
    let folder = tempfile::TempDir::new_in(scratch)?;
    let mut file = File::create(folder.path().join("probe"))?;
    Ok(Contender::sampled(move || {
        let _kept = &folder;
        let (start, mut done) = (Instant::now(), 0);
        while start.elapsed() < RUN {
            file.write_all(&[0x5a; 4096])?;
            file.sync_data()?;
            done += 1;
        }
        Ok(f64::from(done) / start.elapsed().as_secs_f64())
    }))
}

/// Nanoseconds from handing a unit of one event to the store until its durable subscriber has it, at this quantile, one after
/// another.
fn to_handler(scratch: &Path, quantile: f64) -> Result<Contender, Failure> {
    const EVENTS: usize = 500;
    let (store, folder) = open(scratch)?;
    let runtime = Runtime::new()?;
    let entered = Arc::new(Semaphore::new(0));
    let bus = runtime.block_on(follow(&store, Entering(Arc::clone(&entered))))?;
    let (origin, mut written) = (origin()?, 0);
    Ok(Contender::sampled(move || {
        let _kept = (&folder, &bus);
        let mut latencies = Vec::with_capacity(EVENTS);
        for _ in 0..EVENTS {
            let mut unit = Unit::new(origin.clone());
            unit.append(stream(written), Expected::Any, &OrderPlaced::example());
            written += 1;
            let taken = runtime.block_on(async {
                let start = Instant::now();
                let (committed, entered) = tokio::join!(store.commit(unit), entered.acquire());
                committed?;
                entered?.forget();
                Ok::<_, Failure>(start.elapsed())
            });
            latencies.push(taken?.as_nanos() as f64);
        }
        latencies.sort_by(f64::total_cmp);
        Ok(latencies[(EVENTS as f64 * quantile) as usize])
    }))
}

/// A durable subscriber to every event of the store.
async fn follow(store: &Arc<SqliteStore>, handler: impl EnvelopeSubscriber) -> Result<EventBus, Failure> {
    let store: Arc<dyn Store> = Arc::clone(store) as _;
    let ports = Ports { store: Some(store), clock: Arc::new(SystemClock), ids: Arc::new(SystemIds) };
    let subscription = Subscription::envelopes("follower", "bench", OrderPlaced::NAME, handler);
    Ok(EventBus::start(vec![subscription], ports, BusOptions::default()).await?)
}

struct Ignoring;

impl EnvelopeSubscriber for Ignoring {
    async fn handle(&self, _: &Context, _: &Arc<Envelope>, _: &mut Unit) -> Result<(), Error> {
        Ok(())
    }
}

struct Entering(Arc<Semaphore>);

impl EnvelopeSubscriber for Entering {
    async fn handle(&self, _: &Context, _: &Arc<Envelope>, _: &mut Unit) -> Result<(), Error> {
        self.0.add_permits(1);
        Ok(())
    }
}
