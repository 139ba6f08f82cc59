//! The event bus over the store in memory beside the queues that programs build such a thing from.
//!
//! Both publish an envelope that the same code has built. Ours is then in a store, in order, and each subscriber has a
//! checkpoint, retries and a place for what fails; the queues hand it on and forget it.
//!
//! Subject and reference answer from processes of `benches/peers/bus`, neither of which records metrics or keeps spans: what those
//! cost stands in rows of its own. Without the peers these rows are not there.

mod load;
mod ours;
mod soak;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use event_bus::EnvelopeSubscriber;
use event_sourcing::{MemoryStore, Store, Unit};
use kernel::{Context, Envelope, Error};
use tokio::runtime::Builder;

use crate::{
    case::{Case, Contender, Failure, Race, Setting, per_loop},
    peer,
    row::{
        self,
        Unit::{Bytes, NanosPerOp, OpsPerSecond},
    },
};

use self::{load::Queue as _, ours::Borough};

pub use self::soak::soak;

pub fn cases(setting: &Setting) -> Vec<Case> {
    let mut cases = vec![
        Case::new("events/handled@one-thread-1", NanosPerOp, None, |_| Ok(Race::alone(on_one_thread(1, 1)))),
        Case::new("events/handled@one-thread-4", NanosPerOp, None, |_| Ok(Race::alone(on_one_thread(4, 1)))),
        Case::new("events/handled@one-thread-16", NanosPerOp, None, |_| Ok(Race::alone(on_one_thread(16, 1)))),
        Case::new("events/handled@one-thread-4-lanes", NanosPerOp, None, |_| Ok(Race::alone(on_one_thread(4, 16)))),
        Case::new("events/queued-bytes", Bytes, None, |_| Ok(Race::alone(Contender::sampled(queued_bytes)))),
    ];
    if let Some(program) = setting.peers.get("bus") {
        cases.extend(beside_queues(program));
    }
    cases
}

/// Samples take a tenth of a second and scatter by a fifth, the queues' more than ours: on which of the two threads tokio runs a
/// subscriber is another matter in each.
const RUNS: usize = 41;

fn beside_queues(program: &Path) -> impl Iterator<Item = Case> {
    const BROADCAST: &str = "tokio-broadcast";
    const UNBOUNDED: &str = "tokio-mpsc-unbounded";
    const OURS: &str = "borough";
    let cases: [(_, row::Unit, _, _, _); 13] = [
        ("events/1-1", OpsPerSecond, OURS, BROADCAST, "1-1"),
        ("events/4-1", OpsPerSecond, OURS, BROADCAST, "4-1"),
        ("events/16-1", OpsPerSecond, OURS, BROADCAST, "16-1"),
        ("events/1-2", OpsPerSecond, OURS, BROADCAST, "1-2"),
        ("events/4-2", OpsPerSecond, OURS, BROADCAST, "4-2"),
        ("events/16-2", OpsPerSecond, OURS, BROADCAST, "16-2"),
        ("events/paced-4-p50", NanosPerOp, OURS, UNBOUNDED, "paced-4-p50"),
        ("events/paced-4-p99", NanosPerOp, OURS, UNBOUNDED, "paced-4-p99"),
        ("events/paced-4-p999", NanosPerOp, OURS, UNBOUNDED, "paced-4-p999"),
        ("events/4-1@metrics", OpsPerSecond, "borough-metrics", OURS, "4-1"),
        ("events/4-1@spans", OpsPerSecond, "borough-spans", OURS, "4-1"),
        ("events/4-1@logged", OpsPerSecond, "borough-logged", OURS, "4-1"),
        ("events/4-1@metrics-and-spans", OpsPerSecond, "borough-observed", OURS, "4-1"),
    ];
    cases.into_iter().map(|(name, unit, subject, reference, question)| {
        let program = program.to_owned();
        Case::new(name, unit, Some(reference), move |_| {
            let contender = |name| peer::contender(&program, [name], question);
            Ok(Race::between(contender(subject)?, contender(reference)?))
        })
        .runs(RUNS)
    })
}

/// From a publish until all of so many subscribers, each of which takes so many keys at a time, have handled the event, all of it on the thread that asks: what it takes in
/// instructions and memory blocks, and no hand-over between threads. With spans and metrics.
fn on_one_thread(subscribers: usize, concurrency: usize) -> Contender {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let handled: Arc<[AtomicU64]> = (0..subscribers).map(|_| AtomicU64::new(0)).collect();
    let counting = (0..subscribers).map(|subscriber| Counting { subscriber, handled: Arc::clone(&handled) });
    let queue = runtime.block_on(Borough::over(Arc::new(MemoryStore::keeping(16_384)), concurrency, counting));
    let origin = load::origin();
    let mut published = 0;
    per_loop(move |times| {
        runtime.block_on(async {
            let start = Instant::now();
            for _ in 0..times {
                queue.publish(&origin, published).await;
                published += 1;
            }
            while handled.iter().any(|handled| handled.load(Ordering::Relaxed) < published) {
                tokio::task::yield_now().await;
            }
            start.elapsed()
        })
    })
}

struct Counting {
    subscriber: usize,
    handled: Arc<[AtomicU64]>,
}

impl EnvelopeSubscriber for Counting {
    async fn handle(&self, _: &Context, _: &Arc<Envelope>, _: &mut Unit) -> Result<(), Error> {
        self.handled[self.subscriber].fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Bytes that each event takes which is committed in memory and waits for its subscribers: they share it.
fn queued_bytes() -> Result<f64, Failure> {
    const EVENTS: u64 = 65_536;
    let (origin, runtime) = (load::origin(), Builder::new_current_thread().build()?);
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let counted = allocation_counter::measure(|| {
        runtime.block_on(async {
            for n in 0..EVENTS {
                store.commit(load::unit(&origin, n)).await.expect("memory takes everything");
            }
        });
    });
    Ok(counted.bytes_current as f64 / EVENTS as f64)
}
