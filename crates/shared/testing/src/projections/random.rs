use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use event_sourcing::{MemoryStore, Projection, Store, projections};
use futures::FutureExt;

use super::{
    oracle::{check, check_live},
    running::{Running, rested},
    tally::{Tally, publish},
};
use crate::faults::{Fault, Seed};

const NAME: &str = "testing.tally";
const FAULTS: [Fault; 5] =
    [Fault::Fail, Fault::Panic, Fault::Delay(Duration::from_millis(20)), Fault::Drop(0), Fault::Drop(1)];

/// A history of a projection, drawn from a seed: events in batches of any size, restarts in order and out of it, pauses,
/// rebuilds, programs of other versions, and a store that fails, delays, panics and drops. At the end it is what follows from
/// the log. The answer counts what was done: events, restarts, rebuilds, faults.
///
/// # Panics
/// If it is anything else.
pub async fn projection_history(seed: &Seed) -> [u64; 4] {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let plan = seed.faults(12, &FAULTS);
    let faulty: Arc<dyn Store> = Arc::new(plan.around(Arc::clone(&store)));
    let mut done = [0; 4];
    let mut newest = 1;
    for _ in 0..=seed.below(8) {
        let version = 1 + seed.below(3) as u32;
        newest = newest.max(version);
        done[1] += 1;
        match version {
            1 => life::<Tally<1>>(seed, &store, &faulty, &mut done).await,
            2 => life::<Tally<2>>(seed, &store, &faulty, &mut done).await,
            _ => life::<Tally<3>>(seed, &store, &faulty, &mut done).await,
        }
        if !projections(&*store).await.unwrap().is_empty() {
            check_live(&*store).await;
        }
    }
    done[3] = plan.injected().len() as u64;
    // The last program applies everything, and a person has it written anew once more.
    let running = Running::start::<Tally<3>>(&store);
    running.projections.resume(NAME).await.unwrap();
    rested(&*store, 3).await;
    running.projections.rebuild(NAME).await.unwrap();
    rested(&*store, 3).await;
    running.stop().await;
    check(&*store).await;
    done
}

/// One process.
async fn life<P: Projection>(seed: &Seed, store: &Arc<dyn Store>, faulty: &Arc<dyn Store>, done: &mut [u64; 4]) {
    let running = Running::start::<P>(faulty);
    for _ in 0..seed.below(12) {
        match seed.below(8) {
            0..4 => {
                let count = if seed.below(6) == 0 { 300 } else { seed.below(9) };
                done[0] += count;
                // One note in so many is 13 or 14.
                publish(
                    store,
                    (0..count).map(|_| if seed.below(40) == 0 { 13 + seed.below(2) } else { 20 + seed.below(9) }),
                )
                .await;
            }
            4 => drop(survived(running.projections.pause(NAME)).await),
            5 | 6 => drop(survived(running.projections.resume(NAME)).await),
            _ => done[2] += u64::from(matches!(survived(running.projections.rebuild(NAME)).await, Some(Ok(_)))),
        }
        for _ in 0..seed.below(30) {
            tokio::task::yield_now().await;
        }
        if seed.below(5) == 0 {
            tokio::time::sleep(Duration::from_millis(1 + seed.below(1500))).await;
        }
    }
    if seed.below(2) == 0 { running.stop().await } else { running.kill().await }
}

/// An order over a store that may panic.
async fn survived<T>(order: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(order).catch_unwind().await.ok()
}
