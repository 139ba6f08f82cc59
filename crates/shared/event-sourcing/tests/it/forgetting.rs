//! What a store that keeps the latest events answers about the others.

use event_sourcing::{
    CommitError, Conflict, EventQuery, Expected, LogQuery, MemoryStore, Position, Store, StreamQuery, Unit,
};
use kernel::Event as _;
use testing::store::Noted;

/// So many events of a stream; the version of the last.
async fn append(store: &MemoryStore, stream: &str, count: u64, expected: Expected) -> Result<u64, Conflict> {
    let mut unit = Unit::new(testing::origin("test"));
    for n in 0..count {
        let expected = if n == 0 { expected } else { Expected::Any };
        unit.append(stream, expected, &Noted::new(stream, n));
    }
    commit(store, unit).await.map(|versions| versions[versions.len() - 1])
}

async fn commit(store: &MemoryStore, unit: Unit) -> Result<Vec<u64>, Conflict> {
    match store.commit(unit).await {
        Ok(receipt) => Ok(receipt.events.into_iter().map(|(_, version)| version).collect()),
        Err(CommitError::Conflict(conflict)) => Err(conflict),
        Err(error) => panic!("{error}"),
    }
}

/// Three events of `old`, which are forgotten, and 5,000 of `new`, of which some are.
async fn forgetful() -> MemoryStore {
    let store = MemoryStore::keeping(100);
    assert_eq!(append(&store, "old", 3, Expected::Absent).await, Ok(3));
    for n in 0..50 {
        let expected = if n == 0 { Expected::Absent } else { Expected::Exact(n * 100) };
        assert_eq!(append(&store, "new", 100, expected).await, Ok((n + 1) * 100), "of what is kept all is known");
    }
    assert!(store.stream("old", StreamQuery::after(0, 9)).await.unwrap().is_empty());
    store
}

#[tokio::test]
async fn a_stream_that_is_forgotten_is_not_taken_for_one_that_never_was() {
    for expected in [Expected::Absent, Expected::Exact(1), Expected::Exact(2)] {
        for stream in ["old", "never"] {
            let conflict = append(&forgetful().await, stream, 1, expected).await.unwrap_err();
            assert_eq!(conflict.actual, 3);
            assert!(conflict.to_string().contains("of which no event is kept"), "{conflict}");
        }
    }
    let store = forgetful().await;
    assert_eq!(append(&store, "old", 1, Expected::Any).await, Ok(4), "no version is given out twice");
    assert_eq!(append(&store, "old", 1, Expected::Exact(3)).await.unwrap_err().actual, 4);
    assert_eq!(append(&store, "old", 2, Expected::Exact(4)).await, Ok(6));
    assert_eq!(append(&store, "never", 1, Expected::Any).await, Ok(4));
    assert_eq!(store.stream("old", StreamQuery::after(4, 9)).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_forgotten_may_have_matched() {
    let store = forgetful().await;
    let first = store.log(LogQuery::after(Position(0), 1)).await.unwrap()[0].metadata.position.unwrap();
    assert!(first > 3);
    let guarded = async |after: u64, types: &[&str]| {
        let mut unit = Unit::new(testing::origin("test"));
        unit.guard(EventQuery::of(types, &[]), Position(after));
        unit.append("guarded", Expected::Any, &Noted::new("guarded", 0));
        commit(&store, unit).await
    };
    for after in [0, 2, first - 2] {
        let conflict = guarded(after, &["testing.unheard_of"]).await.unwrap_err();
        assert_eq!((conflict.expected, conflict.actual, conflict.event), (after, first, None));
    }
    guarded(first - 1, &["testing.unheard_of"]).await.unwrap();
    let conflict = guarded(first - 1, &[Noted::NAME]).await.unwrap_err();
    assert_eq!((conflict.actual, conflict.event.is_some()), (first, true));
    guarded(store.head().await.unwrap().0, &[Noted::NAME]).await.unwrap();
}
