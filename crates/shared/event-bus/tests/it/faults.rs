//! What subscribers rely on when store and handler fail as they like.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use event_bus::{EventBus, Ports, Subscription};
use event_sourcing::{MemoryStore, Store};
use kernel::{ManualClock, SequentialIds};
use testing::{
    bus::{Action, Probe, drained, letters, options, publish, start, until},
    faults::{Fault, FaultPlan, each_seed},
    store::Noted,
};

const NOTES: [(&str, u64); 9] =
    [("a", 1), ("b", 2), ("a", 3), ("c", 4), ("b", 5), ("a", 6), ("c", 7), ("a", 8), ("b", 9)];

/// Each event has its effect once and in the order of its key, or is a dead letter behind those that have.
#[tokio::test(start_paused = true)]
async fn effects_are_exactly_once_whatever_fails() {
    let parked = AtomicUsize::new(0);
    each_seed(200, async |seed| {
        let memory: Arc<dyn Store> = Arc::new(MemoryStore::default());
        publish(&memory, &NOTES).await;
        let late = Fault::Delay(Duration::from_millis(5));
        let of_store = seed.faults(6, &[Fault::Fail, Fault::Drop(0), Fault::Drop(1), late]);
        let of_store = of_store.only(["store.commit", "store.log", "store.document"]);
        let of_handler = seed.faults(3, &[Fault::Fail, Fault::Panic, Fault::Drop(1), late]);
        let store: Arc<dyn Store> = Arc::new(of_store.around(Arc::clone(&memory)));
        let concurrency = 1 + seed.below(4) as usize;
        let to = || {
            let probe = of_handler.around(Arc::new(Probe::writing("ledger", &store)));
            Subscription::new::<Noted>("ledger", "ledger", probe).with_concurrency(concurrency)
        };
        // A store that fails at the start fails the start: whoever runs the program tries again.
        let bus = loop {
            let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SequentialIds::default()));
            let ports = Ports { store: Some(Arc::clone(&store)), clock, ids };
            if let Ok(bus) = EventBus::start(vec![to()], ports, options()).await {
                break bus;
            }
        };
        drained(&bus).await;
        bus.stop().await;
        let letters = letters(&memory).await;
        parked.fetch_add(letters.len(), Ordering::Relaxed);
        for writer in ["a", "b", "c"] {
            let done = Probe::writing("ledger", &memory).seen(writer).await;
            let given_up = letters.iter().filter(|letter| letter.1 == writer).map(|letter| letter.2);
            let all: Vec<u64> = done.into_iter().chain(given_up).collect();
            let published: Vec<u64> = NOTES.iter().filter(|note| note.0 == writer).map(|note| note.1).collect();
            assert_eq!(all, published, "of `{writer}`");
        }
    })
    .await;
    let replayed = std::env::var_os("BOROUGH_SEED").is_some();
    assert!(replayed || parked.into_inner() > 0, "every fault was survived: there were too few");
}

/// While a handler of all events takes its time, what comes behind may be more urgent.
#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_is_not_asked_without_end() {
    for (mailbox, most) in [(16, 120), (1, 2)] {
        let memory: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let ill = FaultPlan::by_hand().only(["store.log"]);
        let store: Arc<dyn Store> = Arc::new(ill.around(Arc::clone(&memory)));
        let probe = Probe::new("all", &memory, |_, _, _| Action::Sleep(1000));
        let all = Subscription::envelopes("all", "ledger", "*", probe.clone()).with_mailbox(mailbox);
        let bus = start(&store, vec![all]).await;
        publish(&memory, &[("a", 1)]).await;
        until("it is being handled", async || probe.inside() == 1).await;
        ill.always(Some(Fault::Fail));
        let before = ill.calls();
        tokio::time::sleep(Duration::from_millis(900)).await;
        let asked = ill.calls() - before;
        assert!(asked <= most, "with room for {mailbox} it asked {asked} times in 900 ms");
        ill.always(None);
        drained(&bus).await;
        bus.stop().await;
    }
}
