use event_sourcing::{Expected, Position, ReadModel, Unit, follow_rebuild, projections};
use std::time::Duration;

use super::{
    oracle::{check, check_live},
    running::{Running, rested},
    tally::{Latest, Score, Tally, Withdrawn, publish},
};
use crate::{actors::origin, bus::BusHome, patience::polled, store::Card};

const NAME: &str = "testing.tally";

/// Dropped after so many turns of the runtime, for every number of turns until it has come to the end, and begun again.
pub(super) async fn dropped_at_any_turn(home: &impl BusHome) {
    let store = home.open().await;
    publish(&store, 100..400).await;
    let mut cut_short = 0;
    for turns in 0..60 {
        let running = Running::start::<Tally<1>>(&store);
        if turns % 20 == 19 {
            let _begun_or_going_on = running.projections.rebuild(NAME).await;
        }
        publish(&store, [1000 + turns]).await;
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        running.kill().await;
        // What was handed over and not answered is settled behind this.
        let mut settle = Unit::new(origin("tests"));
        settle.delete::<Card>("nobody's", Expected::Any);
        store.commit(settle).await.unwrap();
        if let [status] = &projections(&*store).await.unwrap()[..] {
            check_live(&*store).await;
            cut_short += u32::from(status.live.behind > 0 || status.rebuild.is_some());
        }
    }
    assert!(cut_short > 0, "it was never dropped half way, so nothing was shown");
    let running = Running::start::<Tally<1>>(&store);
    rested(&*store, 1).await;
    running.stop().await;
    assert_eq!(check(&*store).await.live.applied, 360);
}

/// Every public future, dropped after each number of polls, until one of them comes to its end.
pub(super) async fn orders_and_reads_are_dropped_at_any_poll(home: &impl BusHome) {
    const SOON: Duration = Duration::from_secs(9);
    let store = home.open().await;
    publish(&store, 100..110).await;
    let running = Running::start::<Tally<1>>(&store);
    let (orders, model) = (&running.projections, ReadModel::<Tally<1>>::new(store.clone()));
    let mut ended = [false; 13];
    for polls in 0..40 {
        let receipt = publish(&store, [200 + polls as u64]).await;
        let mut note = |which: usize, came: bool| ended[which] |= came;
        note(0, polled(orders.pause(NAME), polls).await.is_some());
        note(1, polled(orders.resume(NAME), polls).await.is_some());
        note(2, polled(orders.rebuild(NAME), polls).await.is_some());
        note(3, polled(orders.status(), polls).await.is_some());
        note(4, polled(projections(&*store), polls).await.is_some());
        note(5, polled(model.get::<Score<1>>("a"), polls).await.is_some());
        note(6, polled(model.list::<Latest<1>>(None, 9), polls).await.is_some());
        note(7, polled(model.wait_for(Position(1), SOON), polls).await.is_some());
        note(8, polled(model.wait_for_receipt(&receipt, SOON), polls).await.is_some());
        note(9, polled(follow_rebuild(&*store, NAME, 1, |_| ()), polls).await.is_some());
        note(10, polled(model.find::<Score<1>>(Score::<1>::BY_SUM, 0.., None, 9), polls).await.is_some());
        note(11, polled(model.position(), polls).await.is_some());
        note(12, polled(orders.drain(SOON), polls).await.is_some());
        let mut unit =
            Unit::new(event_sourcing::Origin { ids: std::sync::Arc::new(kernel::SystemIds), ..origin("notes") });
        unit.publish(&Withdrawn { writer: "b".into() });
        store.commit(unit).await.unwrap();
    }
    assert_eq!(ended, [true; 13], "each came to its end once");
    orders.resume(NAME).await.unwrap();
    rested(&*store, 1).await;
    running.stop().await;
    check(&*store).await;
}
