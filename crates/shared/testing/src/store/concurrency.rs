use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use event_sourcing::{CommitError, Expected, LogQuery, Position, Store, StoreExt as _, StreamQuery};
use kernel::{EventId, SequentialIds};
use tokio::task::JoinSet;

use super::{Card, Noted, card, unit, whole_log};
use crate::{actors::origin, effort::effort, patience::soon};

const WRITERS: u64 = 8;
/// Of each writer.
const UNITS: u64 = 40;
/// Times as many at most: what is to be longer than that is done again.
const MOST: u32 = 20;

/// Rule 1 of an event log: who has seen a position has seen every lower one that will ever be there.
///
/// Readers that know nothing but the last position they saw follow writers at work, from the start and in small pages. What
/// was acknowledged is compared with what each of them saw, as sets.
pub(super) async fn readers_miss_nothing(store: Arc<dyn Store>) {
    let ids = Arc::new(SequentialIds::default());
    let units = UNITS * u64::from(effort().min(MOST));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (store, ids) = (Arc::clone(&store), Arc::clone(&ids));
        writers.spawn(async move {
            let mut origin = origin("test");
            origin.ids = ids;
            let mut acknowledged = Vec::new();
            for n in 0..units {
                let mut unit = unit(&origin);
                // Units of one to three events; one stream for each writer and one that all of them write.
                for part in 0..=n % 3 {
                    let stream = if part == 1 { "shared".to_owned() } else { format!("own-{writer}") };
                    unit.append(stream, Expected::Any, &Noted::new(format!("writer-{writer}"), n * 3 + part));
                }
                acknowledged.extend(store.commit(unit).await.unwrap().events.into_iter().map(|(id, _)| id));
            }
            acknowledged
        });
    }
    let (done, is_done) = tokio::sync::watch::channel(false);
    let mut readers = JoinSet::new();
    for limit in [1, 7, 1000] {
        readers.spawn(follow(Arc::clone(&store), limit, is_done.clone()));
    }
    let acknowledged: Vec<EventId> = soon("writing", writers.join_all()).await.into_iter().flatten().collect();
    done.send_replace(true);
    let expected: BTreeSet<EventId> = acknowledged.iter().copied().collect();
    assert_eq!(acknowledged.len(), expected.len());
    for seen in soon("reading", readers.join_all()).await {
        let seen: BTreeSet<EventId> = seen.into_iter().collect();
        let missed: Vec<_> = expected.difference(&seen).collect();
        let invented: Vec<_> = seen.difference(&expected).collect();
        assert!(missed.is_empty() && invented.is_empty(), "missed {missed:?}, invented {invented:?}");
    }
    let by_position: Vec<EventId> = whole_log(&*store)
        .await
        .into_iter()
        .filter(|e| e.metadata.key.starts_with("writer") && e.decode::<Noted>().unwrap().n % 3 == 1)
        .map(|e| e.event_id)
        .collect();
    let by_version = store.stream("shared", StreamQuery::after(0, usize::MAX)).await.unwrap();
    assert_eq!(by_version.iter().map(|e| e.event_id).collect::<Vec<_>>(), by_position, "one order for stream and log");
}

/// Reads until a page that was asked for after the last commit is empty.
async fn follow(store: Arc<dyn Store>, limit: usize, is_done: tokio::sync::watch::Receiver<bool>) -> Vec<EventId> {
    let mut appended = store.appended();
    let (mut seen, mut last) = (Vec::new(), Position(0));
    let mut order: BTreeMap<String, u64> = BTreeMap::new();
    loop {
        let was_done = *is_done.borrow();
        appended.look();
        let page = store.log(LogQuery::after(last, limit)).await.unwrap();
        for event in &page {
            let position = event.metadata.position.unwrap();
            assert_eq!(position, last.0 + 1, "a gap after {last}");
            last = Position(position);
            let n = event.decode::<Noted>().unwrap().n;
            let before = order.insert(event.metadata.key.clone(), n);
            assert!(before.is_none_or(|before| before < n), "{} {n} came after {before:?}", event.metadata.key);
            seen.push(event.event_id);
        }
        if page.is_empty() && was_done {
            return seen;
        }
        if page.is_empty() {
            let mut is_done = is_done.clone();
            tokio::select! {
                _ = appended.changed() => {}
                done = is_done.wait_for(|done| *done) => drop(done.unwrap()),
            }
        }
    }
}

/// Read, add one, write guarded by the revision that was read; whoever comes too late starts again.
pub(super) async fn no_update_is_lost(store: Arc<dyn Store>) {
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            let (origin, mut refused) = (origin("test"), 0_u64);
            for _ in 0..10 {
                loop {
                    let found = store.get::<Card>("counter").await.unwrap();
                    let (n, expected) =
                        found.map_or((0, Expected::Absent), |c| (c.value.n, Expected::Exact(c.revision)));
                    let mut unit = unit(&origin);
                    unit.append("counter", Expected::Any, &Noted::new("counter", n + 1));
                    unit.put("counter", &Card { n: n + 1 }, expected);
                    match store.commit(unit).await {
                        Ok(_) => break,
                        Err(CommitError::Conflict(_)) => refused += 1,
                        Err(error) => panic!("{error}"),
                    }
                    assert!(refused < 10_000, "nobody gets on");
                }
            }
        });
    }
    soon("counting", writers.join_all()).await;
    assert_eq!(card(&*store, "counter").await, Some((WRITERS * 10, WRITERS * 10)));
    let counted: Vec<u64> = whole_log(&*store).await.iter().map(|e| e.decode::<Noted>().unwrap().n).collect();
    assert_eq!(counted, (1..=WRITERS * 10).collect::<Vec<_>>(), "the events of refused units are not there");
}
