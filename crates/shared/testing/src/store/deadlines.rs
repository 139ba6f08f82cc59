use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use event_sourcing::{CommitError, Expected, Origin, Position, Receipt, Store, Unit};
use kernel::{Error, ErrorKind, ManualClock};

use super::{Card, card, notes, unit, whole_log};
use crate::actors::origin;

/// From its deadline on a unit is refused, whatever is in it, unless it is marked.
/// Rule 13 of docs/durability.md.
pub(super) async fn a_late_unit_is_refused(store: &dyn Store) {
    let clock = Arc::new(ManualClock::default());
    let deadline = DateTime::UNIX_EPOCH + TimeDelta::seconds(5);
    let unhurried = Origin { clock: clock.clone(), ..origin("test") };
    let hurried = Origin { context: unhurried.context.clone().until(deadline), ..unhurried.clone() };
    let everything = || {
        let mut unit = notes(&hurried, "s", 1);
        unit.put("k", &Card { n: 1 }, Expected::Any);
        unit.checkpoint("reader", Position(1));
        unit
    };
    store.commit(everything()).await.unwrap();
    clock.advance(TimeDelta::milliseconds(4999));
    store.commit(everything()).await.unwrap();
    for more in [1, 60_000] {
        clock.advance(TimeDelta::milliseconds(more));
        // A guard that fails as well says nothing more: nobody waits for it.
        for expected in [Expected::Any, Expected::Exact(9)] {
            let mut late = everything();
            late.put("k", &Card { n: 2 }, expected);
            let refused = store.commit(late).await.unwrap_err();
            let CommitError::Late { deadline: asked, .. } = refused else { panic!("{refused}") };
            assert_eq!(asked, deadline);
            let error = Error::from(refused);
            assert_eq!(error.kind, ErrorKind::Deadline);
            assert!(error.message.contains("had passed") && error.message.contains("allow it more time"), "{error}");
        }
    }
    assert_eq!(whole_log(store).await.len(), 2, "nothing of them is there");
    assert_eq!(card(store, "k").await, Some((1, 2)));

    assert_eq!(
        store.commit(Unit::new(hurried.clone())).await.unwrap(),
        Receipt::default(),
        "there is nothing to write"
    );
    store.commit(everything().regardless_of_the_deadline()).await.unwrap();
    store.commit(notes(&unhurried, "s", 1)).await.unwrap();
    assert_eq!(whole_log(store).await.len(), 4);
    assert_eq!(store.commit(unit(&hurried)).await.unwrap(), Receipt::default());
}
