//! Several processes over one store, drawn from a seed: they start, stop and die, their clocks differ and jump, their stores and
//! handlers fail. Whoever works on what in the end, every effect is there once, in the order of its key.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use event_bus::{BusOptions, EventBus, Node, Ports, Subscription};
use event_sourcing::{MemoryStore, Store};
use kernel::{ManualClock, SequentialIds};
use testing::{
    bus::{Probe, drained, letters, options, publish},
    faults::{Fault, FaultPlan, Seed, each_seed},
    store::Noted,
};
use tokio::time::sleep;

const KEYS: [&str; 4] = ["a", "b", "c", "d"];
const LEASE: Duration = Duration::from_secs(3);

/// What the processes of one run have in common.
struct Town {
    memory: Arc<dyn Store>,
    of_store: FaultPlan,
    of_handler: FaultPlan,
    slots: u32,
    concurrency: usize,
}

/// One of them, running or not. Its clock goes on either way.
struct Process {
    id: &'static str,
    clock: Arc<ManualClock>,
    bus: Option<EventBus>,
}

impl Town {
    fn of(seed: &Seed) -> Self {
        let late = Fault::Delay(Duration::from_millis(700));
        let of_store = seed.faults(9, &[Fault::Fail, Fault::Drop(0), Fault::Drop(1), late]);
        Self {
            memory: Arc::new(MemoryStore::default()),
            of_store: of_store.only(["store.commit", "store.log", "store.document", "store.documents"]),
            of_handler: seed.faults(5, &[Fault::Fail, Fault::Panic, Fault::Drop(1), late]),
            slots: 1 + seed.below(3) as u32,
            concurrency: 1 + seed.below(3) as usize,
        }
    }

    /// `None` where the store fails.
    async fn start(&self, id: &str, clock: &Arc<ManualClock>, store: Arc<dyn Store>) -> Option<EventBus> {
        let probe = self.of_handler.around(Arc::new(Probe::writing("ledger", &store)));
        let subscription = Subscription::new::<Noted>("ledger", "ledger", probe);
        let subscription = subscription.in_slots(self.slots).with_concurrency(self.concurrency);
        let ports = Ports { store: Some(store), clock: clock.clone(), ids: Arc::new(SequentialIds::default()) };
        let node = Some(Node { id: id.into(), lease: LEASE });
        EventBus::start(vec![subscription], ports, BusOptions { node, ..options() }).await.ok()
    }

    async fn live(&self, seed: &Seed, processes: &mut [Process], published: &mut [u64]) {
        for _ in 0..40 {
            let count = processes.len() as u64;
            let process = &mut processes[seed.below(count) as usize];
            match seed.below(8) {
                0 | 1 => {
                    let key = seed.below(KEYS.len() as u64) as usize;
                    published[key] += 1;
                    publish(&self.memory, &[(KEYS[key], published[key])]).await;
                }
                2 => process.clock.advance(TimeDelta::seconds(seed.below(9) as i64 - 2)),
                3 if process.bus.is_some() => drop(process.bus.take()),
                4 if process.bus.is_some() && seed.below(2) == 0 => {
                    if let Some(bus) = process.bus.take() {
                        bus.stop().await;
                    }
                }
                5 => {
                    for process in processes.iter() {
                        process.clock.advance(TimeDelta::seconds(1));
                    }
                }
                _ if process.bus.is_none() => {
                    let store = Arc::new(self.of_store.around(Arc::clone(&self.memory)));
                    process.bus = self.start(process.id, &process.clock, store).await;
                }
                _ => sleep(Duration::from_millis(seed.below(2_500))).await,
            }
        }
    }

    /// The last one takes over from all of them.
    async fn settle(&self) {
        let clock = Arc::new(ManualClock::starting_at("2100-01-01T00:00:00Z".parse().unwrap()));
        let bus = loop {
            if let Some(bus) = self.start("last", &clock, Arc::clone(&self.memory)).await {
                break bus;
            }
        };
        while bus.status().await.unwrap()[0].slots.iter().any(|slot| !slot.here) {
            sleep(Duration::from_secs(1)).await;
        }
        drained(&bus).await;
        bus.stop().await;
    }

    async fn check(&self, published: &[u64]) -> usize {
        let letters = letters(&self.memory).await;
        for (key, count) in KEYS.iter().zip(published) {
            let done = Probe::writing("ledger", &self.memory).seen(key).await;
            let given_up = letters.iter().filter(|letter| letter.1 == *key).map(|letter| letter.2);
            let all: Vec<u64> = done.into_iter().chain(given_up).collect();
            assert_eq!(all, (1..=*count).collect::<Vec<_>>(), "of `{key}`");
        }
        letters.len()
    }
}

#[tokio::test(start_paused = true)]
async fn effects_are_exactly_once_whoever_works() {
    let (taken, parked) = (AtomicUsize::new(0), AtomicUsize::new(0));
    each_seed(120, async |seed| {
        let town = Town::of(seed);
        let mut processes = ["one", "two", "three"].map(|id| {
            let clock = Arc::new(ManualClock::default());
            clock.advance(TimeDelta::seconds(seed.below(10) as i64));
            Process { id, clock, bus: None }
        });
        let mut published = [0; KEYS.len()];
        town.live(seed, &mut processes, &mut published).await;
        // Some of them still run while the last one begins.
        town.settle().await;
        parked.fetch_add(town.check(&published).await, Ordering::Relaxed);
        let claims = town.memory.documents("event_bus.leases", None, 9).await.unwrap();
        taken.fetch_add(claims.iter().map(|claim| claim.revision as usize - 1).sum(), Ordering::Relaxed);
    })
    .await;
    let replayed = std::env::var_os("BOROUGH_SEED").is_some();
    assert!(replayed || (taken.into_inner() > 200 && parked.into_inner() > 0), "too little has happened");
}
