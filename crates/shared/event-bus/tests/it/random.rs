//! Histories drawn from a seed: failures, panics, slow handlers, buses that are dropped between two polls, subscribers that
//! come back with other options. Whatever happens, every effect is there once, in the order of its key.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use event_bus::{BatchOptions, DeadLetter, Subscription};
use event_sourcing::{MemoryStore, Store, StoreExt};
use proptest::prelude::*;
use testing::{
    bus::{Action, Probe, drained, publish, start},
    store::Noted,
};

/// Keys that events are about.
const KEYS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// One run of the bus over the same store.
#[derive(Debug, Clone)]
struct Run {
    concurrency: usize,
    mailbox: usize,
    /// Events published before it starts, by key.
    published: Vec<usize>,
    /// Turns of the runtime until it is dropped. The last run is left to its end.
    turns: usize,
    /// Of 100 tries.
    failing: u32,
    panicking: u32,
    slow: u32,
    /// Stopped in order, or dropped.
    stops: bool,
    /// Reconfigured while it runs.
    reconfigured: bool,
}

prop_compose! {
    fn run()(
        concurrency in 1_usize..6,
        room in 0_usize..10,
        published in prop::collection::vec(0_usize..KEYS.len(), 0..20),
        turns in 0_usize..60,
        failing in 0_u32..15,
        panicking in 0_u32..8,
        slow in 0_u32..40,
        stops in any::<bool>(),
        reconfigured in any::<bool>(),
    ) -> Run {
        Run { concurrency, mailbox: concurrency + room, published, turns, failing, panicking, slow, stops, reconfigured }
    }
}

/// The same answer for the same try.
fn dice(seed: u64, key: &str, n: u64, attempt: u32) -> u32 {
    let mut x =
        seed ^ n.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (u64::from(attempt) << 40) ^ u64::from(key.as_bytes()[0]);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((x ^ (x >> 31)) % 100) as u32
}

fn probe(store: &Arc<dyn Store>, run: &Run, seed: u64, panics: &Arc<AtomicU32>) -> Probe {
    let (run, panics) = (run.clone(), Arc::clone(panics));
    Probe::new("ledger", store, move |key, n, attempt| {
        // The third try always does it: nothing is parked, and everything must arrive.
        let dice = if attempt % 3 == 0 { 100 } else { dice(seed, key, n, attempt) };
        if dice < run.failing {
            Action::Fail
        } else if dice < run.failing + run.panicking {
            panics.fetch_add(1, Ordering::Relaxed);
            Action::Panic
        } else if dice < run.failing + run.panicking + run.slow {
            Action::Sleep(u64::from(dice % 3))
        } else {
            Action::Write
        }
    })
}

fn subscription(probe: &Probe, concurrency: usize, mailbox: usize) -> Subscription {
    Subscription::new::<Noted>("ledger", "ledger", probe.clone()).with_concurrency(concurrency).with_mailbox(mailbox)
}

async fn history(runs: Vec<Run>, seed: u64) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let panics = Arc::default();
    let mut published = [0_u64; KEYS.len()];
    let last = runs.len() - 1;
    for (number, run) in runs.into_iter().enumerate() {
        for key in &run.published {
            published[*key] += 1;
            publish(&store, &[(KEYS[*key], published[*key])]).await;
        }
        let probe = probe(&store, &run, seed ^ number as u64, &panics);
        let bus = start(&store, vec![subscription(&probe, run.concurrency, run.mailbox)]).await;
        for _ in 0..run.turns {
            tokio::task::yield_now().await;
        }
        if run.reconfigured {
            drop(bus.remove("ledger").await.unwrap());
            bus.add(subscription(&probe, 6 - run.concurrency, 6)).await.unwrap();
        }
        if number == last {
            drained(&bus).await;
            check(&store, &probe, &published).await;
        }
        if run.stops {
            bus.stop().await;
        }
    }
}

async fn check(store: &Arc<dyn Store>, probe: &Probe, published: &[u64; KEYS.len()]) {
    for (key, count) in KEYS.iter().zip(published) {
        assert_eq!(probe.seen(key).await, (1..=*count).collect::<Vec<_>>(), "{key}: each once, in order");
    }
    assert_eq!(store.list::<DeadLetter>(None, 9).await.unwrap(), []);
}

pub fn simulated(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(future);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150 * testing::effort(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_effect_is_there_once_and_in_order(runs in prop::collection::vec(run(), 1..8), seed in any::<u64>()) {
        simulated(history(runs, seed));
    }

    /// Batches of any size over runs that end anywhere: no event is in two batches.
    #[test]
    fn batches_divide_the_log(
        sizes in prop::collection::vec((1_usize..9, 0_usize..40, 0_u64..12), 1..6),
    ) {
        simulated(async {
            let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
            let mut published = 0;
            for (size, turns, count) in sizes {
                let notes: Vec<(&str, u64)> = (published + 1..=published + count).map(|n| (KEYS[n as usize % 5], n)).collect();
                publish(&store, &notes).await;
                published += count;
                let probe = Probe::writing("batches", &store);
                let options = BatchOptions { size, delay: Duration::from_millis(1) };
                let _dropped_at_the_end = start(&store, vec![Subscription::batches::<Noted>("batches", "x", options, probe)]).await;
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
            }
            let probe = Probe::writing("batches", &store);
            let options = BatchOptions { size: 3, delay: Duration::from_millis(1) };
            let bus = start(&store, vec![Subscription::batches::<Noted>("batches", "x", options, probe)]).await;
            drained(&bus).await;
            let seen = store.list::<testing::bus::Seen>(None, 1000).await.unwrap();
            let mut notes: Vec<u64> = seen.into_iter().flat_map(|seen| seen.value.notes).collect();
            notes.sort_unstable();
            assert_eq!(notes, (1..=published).collect::<Vec<_>>());
        });
    }
}
