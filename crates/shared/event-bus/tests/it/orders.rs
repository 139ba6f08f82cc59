//! What is said to subscribers while they run holds from then on.

use std::{sync::Arc, time::Duration};

use event_bus::Subscription;
use event_sourcing::{MemoryStore, Store};
use testing::{
    bus::{Probe, publish, start, until},
    faults::{Fault, FaultPlan},
    store::Noted,
};
use tokio::time::sleep;

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::default())
}

fn to(probe: &Probe) -> Subscription {
    Subscription::new::<Noted>(probe.name(), "ledger", probe.clone())
}

/// The bus looks every second who is paused. What such a look says that began before the pause is out of date.
#[tokio::test(start_paused = true)]
async fn a_pause_is_not_taken_back_by_a_look_that_began_before_it() {
    for at in (950..2_000).step_by(50) {
        let late = (1..1_000).map(|call| (call, Fault::Late(Duration::from_millis(100))));
        let slow = FaultPlan::at(late).only(["store.documents"]);
        let store: Arc<dyn Store> = Arc::new(slow.around(memory()));
        let probe = Probe::writing("ledger", &store);
        let bus = start(&store, vec![to(&probe)]).await;
        sleep(Duration::from_millis(at)).await;
        bus.pause("ledger").await.unwrap();
        publish(&store, &[("a", 1)]).await;
        sleep(Duration::from_secs(4)).await;
        assert_eq!(probe.tries(), [], "paused at {at} ms");
        bus.resume("ledger").await.unwrap();
        until("it goes on", async || probe.seen("a").await == [1]).await;
        bus.stop().await;
    }
}
