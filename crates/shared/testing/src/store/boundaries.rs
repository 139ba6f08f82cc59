//! Guards that do not stop at a stream: over what the log says, and over documents that are only read.

use std::sync::Arc;

use event_sourcing::{CommitError, Conflict, EventQuery, Expected, Intruder, LogQuery, Position, Store, Unit};
use kernel::Event;
use tokio::{sync::Barrier, task::JoinSet};

use super::{Card, Noted, Tagged, card, guards::conflict, unit, whole_log};
use crate::{actors::origin, patience::soon};

pub(super) async fn a_query_guards_a_unit(store: &dyn Store) {
    let origin = origin("test");
    let mut log = unit(&origin);
    // A tag that is given twice is there once.
    log.append("s", Expected::Any, &Tagged::new(1, &["a:1", "b:1", "a:1"]));
    log.append("s", Expected::Any, &Noted::new("s", 2));
    log.append("s", Expected::Any, &Tagged::new(3, &["a:1"]));
    store.commit(log).await.unwrap();
    let events = whole_log(store).await;

    let (tagged, noted) = (&[Tagged::NAME][..], &[Noted::NAME][..]);
    let either = || EventQuery::of(noted, &[]).or(EventQuery::of(&[], &["b:1"]));
    // A query, the position behind which nothing may match, and that of the event that does.
    let cases = [
        (EventQuery::of(tagged, &["a:1"]), 0, Some(1)),
        (EventQuery::of(tagged, &["a:1"]), 2, Some(3)),
        (EventQuery::of(tagged, &["a:1"]), 3, None),
        (EventQuery::of(&[], &["a:1", "b:1"]), 0, Some(1)),
        (EventQuery::of(&[], &["a:1", "b:1"]), 1, None),
        (EventQuery::of(noted, &[]), 1, Some(2)),
        (EventQuery::of(noted, &[]), 2, None),
        (EventQuery::of(noted, &["a:1"]), 0, None),
        (EventQuery::of(&[Noted::NAME, Tagged::NAME], &["a:1"]), 1, Some(3)),
        (EventQuery::of(&[], &["a"]), 0, None),
        (either(), 0, Some(1)),
        (either(), 1, Some(2)),
        (either(), 2, None),
        (EventQuery::of(&[], &[]), 2, Some(3)),
        (EventQuery::of(&[], &[]), 3, None),
    ];
    for (query, after, found) in cases {
        let mut unit = unit(&origin);
        unit.put("k", &Card { n: 1 }, Expected::Any);
        unit.guard(query.clone(), Position(after));
        let before = card(store, "k").await;
        let wanted = found.map(|position: u64| {
            let event = &events[position as usize - 1];
            let event = Some(Intruder { event_type: event.event_type.to_string(), event_id: event.event_id });
            Conflict { what: query.to_string(), expected: after, actual: position, event }
        });
        assert_eq!(conflict(store, unit).await, wanted, "{query} behind {after}");
        assert_eq!(card(store, "k").await != before, found.is_none(), "{query} behind {after}");
    }
    let mut refused = unit(&origin);
    refused.guard(either(), Position(1));
    let said = conflict(store, refused).await.unwrap().to_string();
    let id = events[1].event_id;
    let expected = format!(
        "event `testing.noted` ({id}) at position 2 came after position 1, where nothing was to match `testing.noted`, or any \
         event tagged `b:1`: read again and retry"
    );
    assert_eq!(said, expected);
}

pub(super) async fn what_a_unit_writes_does_not_stand_in_its_way(store: &dyn Store) {
    let origin = origin("test");
    let seat = |n: u64, after: u64| {
        let mut unit = unit(&origin);
        unit.append("seats", Expected::Any, &Tagged::new(n, &["seat:1"]));
        unit.guard(EventQuery::of(&[], &["seat:1"]), Position(after));
        unit.append("seats", Expected::Any, &Tagged::new(n, &["seat:1"]));
        unit
    };
    store.commit(seat(1, 0)).await.unwrap();
    assert_eq!(conflict(store, seat(2, 1)).await.map(|conflict| conflict.actual), Some(2));
    // A refusal has used up no position, no version, and left no tag.
    store.commit(seat(3, 2)).await.unwrap();
    assert_eq!(whole_log(store).await.len(), 4);
    let matching = Some(EventQuery::of(&[], &["seat:1"]));
    let seats = store.log(LogQuery { matching, ..LogQuery::after(Position(0), 9) }).await.unwrap();
    assert_eq!(seats.iter().map(|e| e.decode::<Tagged>().unwrap().n).collect::<Vec<_>>(), [1, 1, 3, 3]);
}

pub(super) async fn a_document_can_be_required(store: &dyn Store) {
    let origin = origin("test");
    let held = |expected: Expected| {
        let mut unit = unit(&origin);
        unit.append("work", Expected::Any, &Noted::new("work", 1));
        unit.require::<Card>("lease", expected);
        unit
    };
    let lease = |expected| {
        let mut unit = unit(&origin);
        unit.put("lease", &Card { n: 1 }, expected);
        unit
    };
    // What is required, the revision that is found, and the one that a refusal says was expected.
    let cases = [
        (Expected::Exact(1), 0, Some(1)),
        (Expected::Absent, 0, None),
        (Expected::Any, 0, None),
        (Expected::Absent, 1, Some(0)),
        (Expected::Exact(1), 1, None),
        (Expected::Exact(1), 2, Some(1)),
        (Expected::Exact(2), 2, None),
    ];
    for (expected, actual, refused) in cases {
        while card(store, "lease").await.map_or(0, |(_, revision)| revision) < actual {
            store.commit(lease(Expected::Any)).await.unwrap();
        }
        let what = "document `testing.cards/lease`".to_owned();
        let wanted = refused.map(|expected| Conflict { what, expected, actual, event: None });
        assert_eq!(conflict(store, held(expected)).await, wanted, "{expected:?} at {actual}");
        assert_eq!(card(store, "lease").await.map_or(0, |(_, revision)| revision), actual, "it is only looked at");
    }
    assert_eq!(whole_log(store).await.len(), 4);
    // As any other guard it counts what the unit itself wrote before.
    let mut unit = lease(Expected::Exact(2));
    unit.require::<Card>("lease", Expected::Exact(3));
    unit.delete::<Card>("lease", Expected::Exact(3));
    unit.require::<Card>("lease", Expected::Absent);
    store.commit(unit).await.unwrap();
}

/// Each of two units writes what the other has read: one of them is written, whichever comes first.
pub(super) async fn units_that_cross_are_not_both_written(store: &dyn Store) {
    let origin = origin("test");
    for (round, first) in ["x", "y"].into_iter().enumerate() {
        let head = store.head().await.unwrap();
        let unit = |reads: &str, writes: &str| {
            let mut unit = unit(&origin);
            unit.guard(EventQuery::of(&[], &[reads]), head);
            unit.append(format!("{writes}-{round}"), Expected::Absent, &Tagged::new(0, &[writes]));
            unit
        };
        let (mut one, mut other) = (unit("x", "y"), unit("y", "x"));
        if first == "y" {
            std::mem::swap(&mut one, &mut other);
        }
        store.commit(one).await.unwrap();
        let refused = conflict(store, other).await.expect("it has read what is no longer so");
        assert_eq!((refused.expected, refused.actual), (head.0, head.0 + 1));
    }
}

const DOCTORS: u64 = 6;

/// The same at once, so that they may share a transaction: somebody must stay on call.
pub(super) async fn no_write_is_skewed(store: Arc<dyn Store>) {
    for round in 0..20 {
        let together = Arc::new(Barrier::new(DOCTORS as usize));
        let mut leaving = JoinSet::new();
        for doctor in 0..DOCTORS {
            let (store, together) = (Arc::clone(&store), Arc::clone(&together));
            leaving.spawn(async move { leave(&*store, &format!("shift:{round}"), doctor, &together).await });
        }
        let left = soon("leaving", leaving.join_all()).await;
        assert_eq!(left.iter().filter(|left| **left).count(), 1, "round {round}: exactly one may leave");
    }
    assert_eq!(whole_log(&*store).await.len(), 20);
}

/// Whether this doctor may leave: nobody else has left, as far as everybody has read before anybody writes.
async fn leave(store: &dyn Store, shift: &str, doctor: u64, together: &Barrier) -> bool {
    let left = EventQuery::of(&[Tagged::NAME], &[shift]);
    let head = store.head().await.unwrap();
    let query = LogQuery { matching: Some(left.clone()), ..LogQuery::after(Position(0), 9) };
    assert_eq!(store.log(query).await.unwrap(), [], "all are on call");
    together.wait().await;
    let mut unit = Unit::new(origin("test"));
    unit.append(format!("doctor-{doctor}"), Expected::Any, &Tagged::new(doctor, &[shift]));
    unit.guard(left, head);
    match store.commit(unit).await {
        Ok(_) => true,
        Err(CommitError::Conflict(conflict)) => {
            assert_eq!(conflict.event.map(|event| event.event_type).as_deref(), Some(Tagged::NAME));
            false
        }
        Err(error) => panic!("{error}"),
    }
}
