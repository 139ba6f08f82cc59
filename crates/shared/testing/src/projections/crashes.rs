use std::sync::Arc;

use event_sourcing::{Projection, Store};

use super::{
    oracle::{check, check_live},
    running::{Running, rested},
    tally::{Tally, publish},
};
use crate::{
    bus::BusHome,
    faults::{Fault, FaultPlan},
};

const NAME: &str = "testing.tally";

/// The process dies before and after each commit of a projection that catches up, follows, is rebuilt, switches and removes what
/// is old; the next one goes on.
pub(super) async fn at_every_commit<H: BusHome>(make: &impl AsyncFn() -> H) {
    at_each(make, async |store: &Arc<dyn Store>, crashing: &Arc<dyn Store>| {
        let running = Running::start::<Tally<1>>(crashing);
        rested(&**store, 1).await;
        publish(store, 1000..1010).await;
        rested(&**store, 1).await;
        running.projections.rebuild(NAME).await.unwrap();
        publish(store, 1010..1020).await;
        rested(&**store, 1).await;
        running.stop().await;
    })
    .await;
}

/// The same while a new version takes the place of an old one.
pub(super) async fn at_every_commit_of_a_new_version<H: BusHome>(make: &impl AsyncFn() -> H) {
    at_each(make, async |store: &Arc<dyn Store>, crashing: &Arc<dyn Store>| {
        let running = Running::start::<Tally<1>>(crashing);
        rested(&**store, 1).await;
        running.stop().await;
        publish(store, 1000..1010).await;
        let running = Running::start::<Tally<3>>(crashing);
        rested(&**store, 3).await;
        running.stop().await;
    })
    .await;
}

async fn at_each<H: BusHome>(make: &impl AsyncFn() -> H, life: impl AsyncFn(&Arc<dyn Store>, &Arc<dyn Store>)) {
    let mut crashes = 0;
    for commit in 1.. {
        for fault in [Fault::Hang, Fault::HangDone] {
            let home = make().await;
            let store = home.open().await;
            publish(&store, 100..400).await;
            let crash = FaultPlan::at([(commit, fault)]).only(["store.commit"]);
            let port: Arc<dyn Store> = Arc::new(crash.around(Arc::clone(&store)));
            let died = tokio::select! {
                biased;
                () = crash.hung() => true,
                () = life(&store, &port) => false,
            };
            // Stopped just then, it may not have come to die; the end of it is looked at all the same.
            if !died && crash.calls() < commit {
                assert!(crashes > 10, "it dies {crashes} times only: nothing was shown");
                return;
            }
            crashes += 1;
            recovered::<Tally<1>>(&store, crashes).await;
        }
    }
}

/// What readers see is right as it was left, and the next process comes to the end of the log with nothing left over.
async fn recovered<P: Projection>(store: &Arc<dyn Store>, crashes: u32) {
    let found = event_sourcing::projections(&**store).await.unwrap();
    let version = match found.first() {
        Some(_) => check_live(&**store).await.live.version,
        None => P::VERSION,
    };
    assert!(!found.is_empty() || crashes == 1, "only the first commit can be missing as a whole");
    // The program that goes on is the newest that has begun.
    let is_new = version == 3 || found.first().and_then(|f| f.rebuild.as_ref()).is_some_and(|r| r.version == 3);
    if is_new {
        let running = Running::start::<Tally<3>>(store);
        rested(&**store, 3).await;
        running.stop().await;
    } else {
        let running = Running::start::<P>(store);
        rested(&**store, P::VERSION).await;
        running.stop().await;
    }
    check(&**store).await;
}
