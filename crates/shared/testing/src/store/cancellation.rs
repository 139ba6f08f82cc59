use std::sync::Arc;

use event_sourcing::{Expected, Origin, Position, Receipt, Store, StreamQuery, Unit};
use tokio::task::JoinSet;

use super::{Card, Noted, card, unit, whole_log};
use crate::{
    actors::origin,
    patience::{polled, soon},
};

/// Everything that a unit can hold, under one name.
fn everything(origin: &Origin, name: &str) -> Unit {
    let mut unit = unit(origin);
    unit.append(name, Expected::Absent, &Noted::new(name, 1));
    unit.put(name, &Card { n: 1 }, Expected::Absent);
    unit.append(name, Expected::Exact(1), &Noted::new(name, 2));
    unit.checkpoint(name, Position(1));
    unit
}

/// Whether the unit of that name is there. Half of it is a failure.
async fn is_there(store: &dyn Store, origin: &Origin, name: &str) -> bool {
    // One that writes nothing waits for what may still be under way.
    let receipt = store.commit(unit(origin)).await.unwrap();
    assert_eq!(receipt, Receipt::default());
    let events = store.stream(name, StreamQuery::after(0, 9)).await.unwrap().len();
    let card = card(store, name).await.is_some();
    let checkpoint = store.checkpoint(name).await.unwrap();
    match (events, card, checkpoint) {
        (0, false, Position(0)) => false,
        (2, true, Position(1)) => true,
        half => panic!("{name}: half of a unit is there: {half:?}"),
    }
}

/// A commit is polled so many times and dropped, for every number of times until it comes to its end.
pub(super) async fn dropped_at_any_poll(store: &dyn Store) {
    let origin = origin("test");
    for polls in 0.. {
        let name = format!("polled {polls} times");
        let answer = soon(&name, polled(store.commit(everything(&origin, &name)), polls)).await;
        let is_there = is_there(store, &origin, &name).await;
        assert!(polls > 0 || !is_there, "never polled, and there");
        if let Some(answer) = answer {
            answer.unwrap();
            assert!(is_there, "acknowledged, and not there");
            break;
        }
    }
    whole_log(store).await;
}

/// The same while others commit, so that the store is found in all of its states; and nobody else is harmed.
pub(super) async fn dropped_in_a_crowd(store: Arc<dyn Store>) {
    let mut crowd = JoinSet::new();
    for member in 0..200 {
        let store = Arc::clone(&store);
        crowd.spawn(async move {
            let name = format!("member {member}");
            let answer = polled(store.commit(everything(&origin("test"), &name)), member % 4).await;
            if let Some(answer) = &answer {
                assert_eq!(answer.as_ref().unwrap().events.len(), 2);
            }
            (name, answer.is_some(), member % 4 == 0)
        });
    }
    let mut acknowledged = 0;
    for (name, was_acknowledged, never_polled) in soon("the crowd", crowd.join_all()).await {
        let is_there = is_there(&*store, &origin("test"), &name).await;
        assert!(is_there || !was_acknowledged, "{name}: acknowledged, and not there");
        assert!(!(is_there && never_polled), "{name}: never polled, and there");
        acknowledged += usize::from(was_acknowledged);
    }
    assert!(acknowledged > 0, "nobody came to an end, so nothing was shown");
    whole_log(&*store).await;
}
