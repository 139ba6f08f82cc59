use std::sync::Arc;

use chrono::TimeDelta;
use event_sourcing::{Expected, LogQuery, Origin, Position, Receipt, Store, StoreExt as _, StreamQuery, Unit};
use kernel::{Context, CorrelationId, Event, ManualClock, Priority, SequentialIds};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{Card, CardIndex, Noted, card, notes, unit, whole_log};
use crate::{actors::origin, patience::soon};

pub(super) async fn an_empty_store_answers(store: &dyn Store) {
    assert_eq!(store.head().await.unwrap(), Position(0));
    assert_eq!(whole_log(store).await, []);
    assert_eq!(store.stream("nothing", StreamQuery::after(0, 10)).await.unwrap(), []);
    assert_eq!(card(store, "nothing").await, None);
    assert_eq!(store.list::<Card>(None, 10).await.unwrap(), []);
    assert_eq!(store.checkpoint("nobody").await.unwrap(), Position(0));
    assert_eq!(store.commit(unit(&origin("test"))).await.unwrap(), Receipt::default(), "an empty unit");
}

pub(super) async fn what_is_written_comes_back(store: &dyn Store) {
    let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SequentialIds::default()));
    let origin = Origin { clock: clock.clone(), ids, ..origin("test") };
    // Nothing of a time may be lost that a clock can say.
    clock.advance(TimeDelta::nanoseconds(1_793_264_400_123_456_789));
    let mut first = unit(&origin);
    let odd = "quote ' \" and \u{0} and ünï 🦀";
    first.append(odd, Expected::Absent, &Noted::new(odd, u64::MAX));
    let mut expected: Vec<_> = envelopes(&first);
    let receipt = store.commit(first).await.unwrap();
    assert_eq!(receipt.events[..], [(expected[0].event_id, 1)]);

    // What the first event set off carries its cause.
    let caused = origin.context.caused_by(&expected[0]);
    let mut second = unit(&Origin { context: caused, ..origin.clone() });
    second.append(odd, Expected::Exact(1), &Noted::new("", 0));
    second.publish(&Ranked::<0>);
    second.publish(&Ranked::<1>);
    second.publish(&Ranked::<2>);
    second.publish(&Ranked::<3>);
    let numbers =
        json!({"": [0.1, -0.0, 1e300, 5e-324, 0.1 + 0.2, 123_456_789.123_456_78, i64::MIN, u64::MAX, null, true]});
    second.put(odd, &CardIndex { entries: numbers.clone() }, Expected::Any);
    second.put("", &Card { n: 1 }, Expected::Any);
    expected.extend(envelopes(&second));
    let receipt = store.commit(second).await.unwrap();
    let versions: Vec<_> = expected[1..].iter().map(|event| event.event_id).zip([2, 1, 2, 3, 4]).collect();
    assert_eq!(receipt.events[..], versions);

    for (envelope, position) in expected.iter_mut().zip(1..) {
        envelope.metadata.position = Some(position);
    }
    assert!(expected[1].metadata.causation_id.is_some());
    assert_eq!(whole_log(store).await, expected);
    assert_eq!(store.stream(odd, StreamQuery::after(0, 10)).await.unwrap(), expected[..2]);
    assert_eq!(store.stream("testing-", StreamQuery::after(0, 10)).await.unwrap(), expected[2..]);
    assert_eq!(store.head().await.unwrap(), Position(6));
    let index = store.get::<CardIndex>(odd).await.unwrap().unwrap();
    assert_eq!((index.key.as_str(), &index.value.entries, index.revision), (odd, &numbers, 1));
    assert_eq!(card(store, "").await, Some((1, 1)));
    assert_eq!(card(store, odd).await, None, "a key belongs to its collection");
}

/// An event of each priority.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Ranked<const RANK: usize>;

impl<const RANK: usize> Event for Ranked<RANK> {
    const NAME: &'static str = "testing.ranked";
    const PRIORITY: Priority = [Priority::Low, Priority::Normal, Priority::High, Priority::Critical][RANK];

    fn key(&self) -> String {
        String::new()
    }
}

fn envelopes(unit: &Unit) -> Vec<kernel::Envelope> {
    let appends = unit.writes().iter().filter_map(|write| match write {
        event_sourcing::Write::Append { envelope, .. } => Some(kernel::Envelope::clone(envelope)),
        _ => None,
    });
    appends.collect()
}

pub(super) async fn the_log_is_read_in_pages(store: &dyn Store) {
    let mine = origin("test");
    let other = CorrelationId::new(Uuid::from_u128(7));
    let others = Origin { context: Context::new(Arc::new(mine.context.principal().clone()), other), ..mine.clone() };
    for n in 0..10 {
        store.commit(notes(if n % 2 == 0 { &mine } else { &others }, "both", 1)).await.unwrap();
    }
    let all = whole_log(store).await;
    for limit in [1, 3, 10, 11] {
        let (mut read, mut after) = (Vec::new(), Position(0));
        loop {
            let page = store.log(LogQuery::after(after, limit)).await.unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            after = Position(last.metadata.position.unwrap());
            read.extend(page.into_iter().map(Arc::unwrap_or_clone));
            assert!(read.len() <= all.len(), "in pages of {limit} it never ends");
        }
        assert_eq!(read, all, "in pages of {limit}");
    }
    let positions =
        |log: Vec<Arc<kernel::Envelope>>| -> Vec<_> { log.iter().map(|e| e.metadata.position.unwrap()).collect() };
    let theirs = LogQuery { correlation: Some(other), ..LogQuery::after(Position(3), 3) };
    assert_eq!(positions(store.log(theirs).await.unwrap()), [4, 6, 8], "the limit counts what was asked for");
    let nobody = LogQuery { correlation: Some(CorrelationId::new(Uuid::max())), ..LogQuery::after(Position(0), 9) };
    assert_eq!(store.log(nobody).await.unwrap(), []);
    for after in [10, 11, u64::MAX] {
        assert_eq!(store.log(LogQuery::after(Position(after), 5)).await.unwrap(), [], "after {after}");
    }
    assert_eq!(store.log(LogQuery::after(Position(0), 0)).await.unwrap(), []);
}

/// Whatever lies together in a store: an excerpt is what the log has, and all of it up to 1,024 events.
pub(super) async fn an_excerpt_is_what_the_log_has(store: &dyn Store) {
    const EVENTS: u64 = 2_500;
    let mut unit = unit(&origin("test"));
    (0..EVENTS).for_each(|n| _ = unit.publish(&Noted::new("a", n)));
    store.commit(unit).await.unwrap();
    let log = whole_log(store).await;
    for after in [0, 1, 767, 768, 769, 1_023, 1_024, 1_025, 1_800, 2_047, 2_048, 2_499, 2_500, 2_501, u64::MAX] {
        for limit in [0, 1, 255, 256, 1_023, 1_024, usize::MAX] {
            let excerpt = store.excerpt(Position(after), limit).await.unwrap();
            let behind = &log[after.min(EVENTS) as usize..];
            let expected = &behind[..behind.len().min(limit)];
            let read: Vec<_> = excerpt.iter().map(|event| (**event).clone()).collect();
            assert!(expected.starts_with(&read), "{limit} after {after}");
            assert!(read.len() >= expected.len().min(1_024), "{} of {limit} after {after}", read.len());
            assert_eq!((excerpt.len(), excerpt.is_empty()), (read.len(), read.is_empty()));
            assert!(excerpt.get(read.len()).is_none());
            assert_eq!(excerpt.last().map(|event| &**event), read.last());
        }
    }
}

pub(super) async fn streams_are_read_by_version(store: &dyn Store) {
    let origin = origin("test");
    for stream in ["a", "ab", "a", "b"] {
        store.commit(notes(&origin, stream, 2)).await.unwrap();
    }
    let positions = async |stream, after, limit| -> Vec<u64> {
        let events = store.stream(stream, StreamQuery::after(after, limit)).await.unwrap();
        events.iter().map(|e| e.metadata.position.unwrap()).collect()
    };
    assert_eq!(positions("a", 0, 10).await, [1, 2, 5, 6]);
    assert_eq!(positions("a", 1, 2).await, [2, 5]);
    assert_eq!(positions("a", 4, 10).await, [0; 0]);
    assert_eq!(positions("a", u64::MAX, usize::MAX).await, [0; 0]);
    assert_eq!(positions("a", 0, 0).await, [0; 0]);
    assert_eq!(positions("ab", 0, usize::MAX).await, [3, 4]);
    assert_eq!(positions("A", 0, 10).await, [0; 0]);
}

pub(super) async fn documents_are_listed_by_key(store: &dyn Store) {
    let origin = origin("test");
    let keys = ["", "!", "A", "B", "Z", "a", "aa", "a\u{0}", "z", "ä", "🦀"];
    let mut sorted = keys;
    sorted.sort_unstable();
    for (n, key) in keys.iter().rev().enumerate() {
        let mut unit = unit(&origin);
        unit.put(*key, &Card { n: n as u64 }, Expected::Any);
        unit.put(format!("{key}?"), &CardIndex { entries: json!([]) }, Expected::Any);
        store.commit(unit).await.unwrap();
    }
    for limit in [1, 4, 11, usize::MAX] {
        let (mut read, mut after) = (Vec::new(), None);
        loop {
            let page = store.list::<Card>(after.as_deref(), limit).await.unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            read.extend(page.into_iter().map(|card| card.key));
            assert!(read.len() <= keys.len(), "in pages of {limit} it never ends");
        }
        assert_eq!(read, sorted, "in pages of {limit}");
    }
    assert_eq!(store.list::<Card>(None, 0).await.unwrap(), []);
    let between = store.list::<Card>(Some("AA"), 2).await.unwrap();
    assert_eq!(between.iter().map(|c| c.key.as_str()).collect::<Vec<_>>(), ["B", "Z"], "`after` need not exist");
}

pub(super) async fn checkpoints_are_kept(store: &dyn Store) {
    let origin = origin("test");
    store.commit(notes(&origin, "a", 3)).await.unwrap();
    let set = async |positions: &[u64]| {
        let mut unit = unit(&origin);
        for position in positions {
            unit.checkpoint("reader", Position(*position));
        }
        store.commit(unit).await.unwrap();
        store.checkpoint("reader").await.unwrap()
    };
    assert_eq!(set(&[1]).await, Position(1));
    assert_eq!(set(&[2, 3]).await, Position(3), "the last one of a unit counts");
    assert_eq!(set(&[0]).await, Position(0), "a rebuild starts again");
    assert_eq!(set(&[u64::MAX]).await, Position(u64::MAX));
    assert_eq!(store.checkpoint("another").await.unwrap(), Position(0));
    assert_eq!(store.head().await.unwrap(), Position(3), "a checkpoint is no event");
}

/// Rule 14 of docs/durability.md.
pub(super) async fn appending_wakes(store: &dyn Store) {
    let origin = origin("test");
    let mut appended = store.appended();
    for head in [2, 4] {
        store.commit(notes(&origin, "a", 2)).await.unwrap();
        assert_eq!(soon("waking", appended.changed()).await, Position(head));
        assert!(!appended.has_changed());
        assert_eq!(whole_log(store).await.len() as u64, head, "what wakes can be read");
    }
}
