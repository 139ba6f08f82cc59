use std::time::Duration;

use event_sourcing::{CatchUpError, Expected, Position, ReadModel, Unit};
use kernel::SystemIds;

use super::{
    running::{Running, rested},
    tally::{Score, Tally, publish},
    views::Foreign,
};
use crate::{actors::origin, bus::BusHome};

const SOON: Duration = Duration::from_secs(20);
const AT_ONCE: Duration = Duration::from_millis(5);

/// Again and again: written, waited for, seen. Events of no interest are waited for too, though nothing is stored for them.
pub(super) async fn whoever_waits_sees_what_they_have_written(home: &impl BusHome) {
    let store = home.open().await;
    let model = ReadModel::<Tally<1>>::new(store.clone());
    let running = Running::start::<Tally<1>>(&store);
    for n in 1..=10 {
        let receipt = publish(&store, [4 * n]).await;
        model.wait_for_receipt(&receipt, SOON).await.unwrap();
        let score = model.get::<Score<1>>("a").await.unwrap().expect("it was waited for").value;
        assert_eq!(score.notes.last(), Some(&(4 * n)));
        let mut unit = Unit::new(event_sourcing::Origin { ids: std::sync::Arc::new(SystemIds), ..origin("x") });
        unit.append("elsewhere", Expected::Any, &Foreign {});
        let receipt = store.commit(unit).await.unwrap();
        model.wait_for_receipt(&receipt, SOON).await.unwrap();
    }
    model.wait_for(Position(3), SOON).await.unwrap();
    running.stop().await;
}

/// Each of these has an error of its own: nobody runs it, it is paused, it has halted.
pub(super) async fn what_cannot_come_is_not_waited_for(home: &impl BusHome) {
    let store = home.open().await;
    let model = ReadModel::<Tally<1>>::new(store.clone());
    let first = publish(&store, [1]).await;
    let nobody = model.wait_for_receipt(&first, AT_ONCE).await.unwrap_err();
    let (position, wanted) = (Position(0), Position(1));
    assert_eq!(nobody, CatchUpError::TimedOut { projection: "testing.tally", position, wanted });
    assert_eq!(model.get::<Score<1>>("b").await.unwrap(), None);
    assert_eq!(model.position().await.unwrap(), Position(0));

    let running = Running::start::<Tally<1>>(&store);
    rested(&*store, 1).await;
    running.projections.pause("testing.tally").await.unwrap();
    let receipt = publish(&store, [2]).await;
    let paused = model.wait_for_receipt(&receipt, SOON).await.unwrap_err();
    assert_eq!(paused, CatchUpError::Paused("testing.tally"));
    model.wait_for(Position(1), SOON).await.expect("what is there need not be waited for");
    model.wait_for_receipt(&first, SOON).await.expect("nor what was there before");
    running.projections.resume("testing.tally").await.unwrap();
    model.wait_for_receipt(&receipt, SOON).await.unwrap();

    let receipt = publish(&store, [13]).await;
    let halted = model.wait_for_receipt(&receipt, SOON).await.unwrap_err();
    let CatchUpError::Halted { halt, .. } = &halted else { panic!("{halted}") };
    assert_eq!((halt.position, &*halt.error), (Position(3), "bad luck"));
    model.wait_for_receipt(&first, SOON).await.expect("it has halted behind that");
    let told = kernel::Error::from(halted);
    assert_eq!((told.kind, told.code()), (kernel::ErrorKind::Unavailable, "projection.halted"));
    running.stop().await;
}
