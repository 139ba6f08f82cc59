use event_sourcing::{
    CommitError, Conflict, Document, EventQuery, EventRules, Expected, Position, Store, StoreExt as _, StreamQuery,
    Unit,
};
use kernel::{Error, Event};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Card, CardIndex, Noted, card, nested, notes, of_levels, unit, whole_log};
use crate::actors::origin;

pub(super) async fn conflict(store: &dyn Store, unit: Unit) -> Option<Conflict> {
    match store.commit(unit).await {
        Ok(_) => None,
        Err(CommitError::Conflict(conflict)) => Some(conflict),
        Err(error) => panic!("{error}"),
    }
}

pub(super) async fn streams_are_guarded_by_version(store: &dyn Store) {
    let origin = origin("test");
    // What is expected, the version that is found, and the one that a refusal says was expected.
    let cases = [
        (Expected::Exact(1), 0, Some(1)),
        (Expected::Absent, 0, None),
        (Expected::Absent, 1, Some(0)),
        (Expected::Exact(2), 1, Some(2)),
        (Expected::Exact(0), 1, Some(0)),
        (Expected::Exact(1), 1, None),
        (Expected::Any, 2, None),
        (Expected::Exact(2), 3, Some(2)),
        (Expected::Exact(3), 3, None),
    ];
    for (expected, actual, refused) in cases {
        let mut unit = unit(&origin);
        unit.append("s", expected, &Noted::new("s", 0));
        let wanted = refused.map(|expected| Conflict { what: "stream `s`".into(), expected, actual, event: None });
        assert_eq!(conflict(store, unit).await, wanted, "{expected:?} at {actual}");
    }
    assert_eq!(whole_log(store).await.len(), 4);
    // Refusals have used up no version and no position.
    let receipt = store.commit(notes(&origin, "s", 1)).await.unwrap();
    assert_eq!((receipt.events[0].1, store.head().await.unwrap()), (5, Position(5)));
}

pub(super) async fn documents_are_guarded_by_revision(store: &dyn Store) {
    let origin = origin("test");
    let put = Some(Card { n: 9 });
    let cases = [
        (&put, Expected::Exact(1), 0, Some(1)),
        (&None, Expected::Exact(1), 0, Some(1)),
        (&None, Expected::Any, 0, None),
        (&None, Expected::Absent, 0, None),
        (&put, Expected::Absent, 0, None),
        (&put, Expected::Absent, 1, Some(0)),
        (&put, Expected::Exact(2), 1, Some(2)),
        (&put, Expected::Exact(1), 1, None),
        (&put, Expected::Any, 2, None),
        (&None, Expected::Absent, 3, Some(0)),
        (&None, Expected::Exact(2), 3, Some(2)),
        (&None, Expected::Exact(3), 3, None),
        (&put, Expected::Exact(3), 0, Some(3)),
        (&put, Expected::Any, 0, None),
    ];
    for (document, expected, actual, refused) in cases {
        assert_eq!(
            card(store, "k").await.map_or(0, |(_, revision)| revision),
            actual,
            "before {document:?} {expected:?}"
        );
        let mut unit = unit(&origin);
        match document {
            Some(card) => unit.put("k", card, expected),
            None => unit.delete::<Card>("k", expected),
        }
        let wanted = refused.map(|expected| Conflict {
            what: "document `testing.cards/k`".into(),
            expected,
            actual,
            event: None,
        });
        assert_eq!(conflict(store, unit).await, wanted, "{document:?} {expected:?} at {actual}");
    }
    assert_eq!(card(store, "k").await, Some((9, 1)), "what was deleted starts again at 1");
}

pub(super) async fn a_unit_sees_its_own_writes(store: &dyn Store) {
    let origin = origin("test");
    let note = Noted::new("s", 0);
    let mut good = unit(&origin);
    good.append("s", Expected::Absent, &note);
    good.append("t", Expected::Absent, &note);
    good.append("s", Expected::Exact(1), &note);
    good.append("s", Expected::Any, &note);
    good.append("s", Expected::Exact(3), &note);
    good.put("k", &Card { n: 1 }, Expected::Absent);
    good.put("k", &Card { n: 2 }, Expected::Exact(1));
    good.delete::<Card>("k", Expected::Exact(2));
    good.put("k", &Card { n: 3 }, Expected::Absent);
    good.put("gone", &Card { n: 4 }, Expected::Absent);
    good.delete::<Card>("gone", Expected::Exact(1));
    let receipt = store.commit(good).await.unwrap();
    assert_eq!(receipt.events.iter().map(|(_, version)| *version).collect::<Vec<_>>(), [1, 1, 2, 3, 4]);
    assert_eq!(card(store, "k").await, Some((3, 1)));
    assert_eq!(card(store, "gone").await, None);

    let mut stale = unit(&origin);
    stale.append("s", Expected::Exact(4), &note);
    stale.append("s", Expected::Exact(4), &note);
    assert_eq!(conflict(store, stale).await.unwrap().actual, 5);
    let mut stale = unit(&origin);
    stale.delete::<Card>("k", Expected::Exact(1));
    stale.put("k", &Card { n: 5 }, Expected::Exact(1));
    assert_eq!(conflict(store, stale).await.unwrap().actual, 0);
    assert_eq!(card(store, "k").await, Some((3, 1)));
    assert_eq!(whole_log(store).await.len(), 5);
}

/// The guard that fails stands first, in between or last.
pub(super) async fn all_or_nothing(store: &dyn Store, place: usize) {
    let origin = origin("test");
    let mut before = notes(&origin, "s", 1);
    before.put("k", &Card { n: 1 }, Expected::Any);
    before.put("d", &Card { n: 1 }, Expected::Any);
    before.checkpoint("reader", Position(1));
    store.commit(before).await.unwrap();

    let write: [fn(&mut Unit); 4] = [
        |unit| _ = unit.append("s", Expected::Any, &Noted::new("s", 2)),
        |unit| unit.put("k", &Card { n: 2 }, Expected::Any),
        |unit| unit.delete::<Card>("d", Expected::Any),
        |unit| unit.checkpoint("reader", Position(2)),
    ];
    for refused in [true, false] {
        let mut unit = unit(&origin);
        for (n, write) in write.iter().enumerate() {
            if refused && n == place {
                unit.put("other", &Card { n: 0 }, Expected::Exact(7));
            }
            write(&mut unit);
        }
        if refused && place == write.len() {
            unit.append("other", Expected::Exact(7), &Noted::new("other", 0));
        }
        let answer = store.commit(unit).await;
        match &answer {
            Err(CommitError::Conflict(conflict)) => {
                assert_eq!((refused, conflict.expected, conflict.actual), (true, 7, 0))
            }
            Ok(receipt) => assert_eq!((refused, receipt.events[0].1), (false, 2), "a refusal uses up no version"),
            Err(error) => panic!("{error}"),
        }
        let n = if refused { 1 } else { 2 };
        assert_eq!(whole_log(store).await.len(), n as usize);
        assert_eq!(store.stream("s", StreamQuery::after(0, 9)).await.unwrap().len(), n as usize);
        assert_eq!(card(store, "k").await, Some((n, n)));
        assert_eq!(card(store, "d").await.is_some(), refused);
        assert_eq!(card(store, "other").await, None);
        assert_eq!(store.checkpoint("reader").await.unwrap(), Position(n));
    }
}

/// No try of it would end otherwise, and the refusal says so. An event leaves room for what is written about it.
pub(super) async fn what_nobody_could_read_back_is_refused(store: &dyn Store) {
    let origin = origin("test");
    let (deepest, deepest_event) = (127, 120);
    let document = |levels| {
        let mut unit = notes(&origin, "s", 1);
        // The document is one level itself.
        unit.put("deep", &CardIndex { entries: nested(levels - 1) }, Expected::Any);
        unit
    };
    store.commit(document(deepest)).await.unwrap();
    let read = store.get::<CardIndex>("deep").await.unwrap().unwrap();
    assert_eq!(read.value.entries, nested(deepest - 1));
    store.commit(of_levels(&origin, deepest_event)).await.unwrap();

    let (document, event) = (document(deepest + 1), of_levels(&origin, deepest_event + 1));
    for (unit, what) in [(document, "document `testing.cards_index/deep`"), (event, "event `testing.noted`")] {
        let refused = store.commit(unit).await.unwrap_err();
        assert!(matches!(&refused, CommitError::Unwritable(_)), "{refused}");
        let error = Error::from(refused);
        assert!(EventRules::refused(&error) && !error.kind.is_transient(), "{error:?}");
        assert!(error.message.starts_with(what) && error.message.ends_with("make it flatter"), "{error}");
    }
    for weight in [f64::NAN, f64::INFINITY] {
        let weighed =
            Weighed { scales: vec![Scales { tons: 1.0, rough: None }, Scales { tons: weight, rough: Some(weight) }] };
        let (mut event, mut document) = (Unit::new(origin.clone()), Unit::new(origin.clone()));
        event.publish(&weighed);
        document.put("heavy", &weighed, Expected::Any);
        for (unit, what) in [(event, "event `testing.weighed`"), (document, "document `testing.weights/heavy`")] {
            let refused = store.commit(unit).await.unwrap_err();
            let said =
                format!("{what} cannot be written as JSON: `scales.tons` is {weight}, and JSON has no such number");
            assert_eq!(refused, CommitError::Unwritable(said));
        }
    }
    assert_eq!(store.head().await.unwrap(), Position(2), "nothing of them is there");
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Weighed {
    scales: Vec<Scales>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Scales {
    tons: f64,
    rough: Option<f64>,
}

impl Event for Weighed {
    const NAME: &'static str = "testing.weighed";

    fn key(&self) -> String {
        "a".into()
    }
}

impl Document for Weighed {
    const COLLECTION: &'static str = "testing.weights";
}

/// Whoever has read a log that goes further has read another one.
pub(super) async fn a_guard_beyond_the_log_is_refused(store: &dyn Store) {
    let origin = origin("test");
    store.commit(notes(&origin, "s", 2)).await.unwrap();
    for (after, refused) in [(2, None), (3, Some((3, 2))), (u64::MAX, Some((u64::MAX, 2)))] {
        let mut unit = Unit::new(origin.clone());
        unit.guard(EventQuery::of(&["testing.noted"], &[]), Position(after));
        let said = conflict(store, unit).await.map(|conflict| (conflict.expected, conflict.actual));
        assert_eq!(said, refused);
    }
}
