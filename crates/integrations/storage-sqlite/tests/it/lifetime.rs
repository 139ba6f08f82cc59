//! Opening, closing, opening again; and reading while somebody else writes.

use std::{error::Error, fs, sync::Arc, thread};

use event_sourcing::{
    Collection, CommitError, Document, EventQuery, Expected, LogQuery, Position, Store, StoreErrorKind, StoreExt as _,
    Unit,
};
use kernel::Json;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use storage_sqlite::SqliteStore;
use tempfile::TempDir;
use testing::store::{Card, CardIndex, Noted, Tagged};

use crate::{files, maintenance::age, numbered, numbers, open, place};

#[tokio::test]
async fn what_was_committed_is_there_after_reopening() {
    let (folder, path) = place();
    for n in 1..=5 {
        let store = open(&path).unwrap();
        assert_eq!(store.appended().look(), Position(2 * (n - 1)));
        store.commit(numbered(n)).await.unwrap();
        assert_eq!(numbers(&store).await, (1..=n).collect::<Vec<_>>());
        drop(store);
        assert_eq!(files(&folder), ["borough.db"], "a clean end leaves one file");
    }
    // Versions go on where they were, also for a writer that has just started.
    let store = open(&path).unwrap();
    let mut unit = Unit::new(testing::origin("test"));
    unit.append("unit 3", Expected::Exact(2), &Noted::new("test", 0));
    unit.put("unit 3", &Card { n: 0 }, Expected::Exact(1));
    let receipt = store.commit(unit).await.unwrap();
    assert_eq!(receipt.events[0].1, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_writes_what_is_queued() {
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    // One poll hands a unit over; nobody waits for the answers.
    for n in 1..=100 {
        assert!(testing::polled(store.commit(numbered(n)), 1).await.is_none_or(|answer| answer.is_ok()));
    }
    drop(store);
    let store = open(&path).unwrap();
    assert_eq!(numbers(&store).await, (1..=100).collect::<Vec<_>>());
}

#[cfg(unix)]
#[tokio::test]
async fn links_lead_to_the_same_store() {
    let (folder, path) = place();
    let store = open(&path).unwrap();
    store.commit(numbered(1)).await.unwrap();
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert_eq!(open(&link).unwrap_err().kind, StoreErrorKind::Locked, "whatever name it goes by");
    drop(store);
    assert_eq!(numbers(&open(&link).unwrap()).await, [1]);
}

/// It is made by the first who writes, and has one lock from then on.
#[cfg(unix)]
#[tokio::test]
async fn links_lead_to_a_store_that_is_not_there_yet() {
    let (folder, path) = place();
    let [first, second] = ["first.db", "second.db"].map(|name| folder.path().join(name));
    std::os::unix::fs::symlink("borough.db", &first).unwrap();
    std::os::unix::fs::symlink(&first, &second).unwrap();
    assert!(SqliteStore::open_read(&second).unwrap().is_none());
    let store = open(&second).unwrap();
    for name in [&path, &first, &second] {
        assert_eq!(open(name).unwrap_err().kind, StoreErrorKind::Locked, "{}", name.display());
    }
    store.commit(numbered(1)).await.unwrap();
    drop(store);
    assert_eq!(files(&folder), ["borough.db", "first.db", "second.db"]);
    assert_eq!(numbers(&open(&path).unwrap()).await, [1]);
}

#[tokio::test]
async fn reading_needs_no_lock() {
    let (folder, path) = place();
    let writing = open(&path).unwrap();
    let reading = SqliteStore::open_read(&path).unwrap().expect("the store exists");
    assert_eq!(numbers(&reading).await, [0; 0]);
    for n in 1..=3 {
        writing.commit(numbered(n)).await.unwrap();
        assert_eq!(numbers(&reading).await.len() as u64, n, "each read sees what is committed by then");
        assert_eq!(reading.head().await.unwrap(), Position(2 * n));
    }
    assert_eq!(SqliteStore::open_read(&path).unwrap().unwrap().head().await.unwrap(), Position(6));

    let refused = reading.commit(numbered(4)).await.unwrap_err();
    let CommitError::Store(error) = refused else { panic!("{refused}") };
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    assert!(error.message.contains("is open for reading only"), "{error}");
    drop(writing);
    assert_eq!(numbers(&reading).await, [1, 2, 3], "reading goes on when the writer ends");
    drop(reading);
    assert_eq!(files(&folder), ["borough.db"], "a reader leaves nothing behind");
}

/// Each of its threads has a connection of its own.
#[tokio::test]
async fn many_readers_leave_nothing_behind() {
    let (folder, path) = place();
    drop(open(&path).unwrap());
    for n in 0..200 {
        let reading = SqliteStore::open_read(&path).unwrap().expect("the store exists");
        let heads = tokio::join!(reading.head(), reading.head(), reading.head(), reading.head());
        assert_eq!(heads, (Ok(Position(0)), Ok(Position(0)), Ok(Position(0)), Ok(Position(0))));
        drop(reading);
        assert_eq!(files(&folder), ["borough.db"], "after {n} times");
    }
}

#[tokio::test]
async fn what_does_not_exist_reads_as_nothing() {
    let (folder, path) = place();
    assert!(SqliteStore::open_read(&path).unwrap().is_none());
    assert!(SqliteStore::open_read(&path.join("no/such/folder.db")).unwrap().is_none());
    assert_eq!(files(&folder), Vec::<String>::new(), "looking creates nothing");
    // What a process that is just creating a store has made so far.
    fs::write(&path, "").unwrap();
    assert!(SqliteStore::open_read(&path).unwrap().is_none());
    drop(open(&path).unwrap());
    assert!(SqliteStore::open_read(&path).unwrap().is_some());
}

/// A store of the first schema, as an earlier version has left it.
/// Whoever only reads may look at any moment of the making.
#[test]
fn a_store_that_is_being_made_reads_as_none_or_as_made() {
    let folder = TempDir::new().unwrap();
    for round in 0..40 {
        let path = folder.path().join(format!("{round}.db"));
        let is_made = || SqliteStore::open_read(&path).unwrap().is_some();
        thread::scope(|threads| {
            let reading: Vec<_> = (0..4).map(|_| threads.spawn(|| while !is_made() {})).collect();
            let store = open(&path).unwrap();
            reading.into_iter().for_each(|thread| thread.join().unwrap());
            drop(store);
        });
    }
}

#[tokio::test]
async fn an_older_store_is_brought_up_to_date() {
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    store.commit(numbered(1)).await.unwrap();
    drop(store);
    age(&path);
    Connection::open(&path).unwrap().execute_batch("DROP TABLE tags; PRAGMA user_version = 1").unwrap();
    let store = open(&path).unwrap();
    let mut unit = numbered(2);
    unit.append("unit 2", Expected::Exact(2), &Tagged::new(1, &["a:1"]));
    unit.guard(EventQuery::of(&[], &["a:1"]), Position(0));
    store.commit(unit).await.unwrap();
    let tagged = LogQuery { matching: Some(EventQuery::of(&[], &["a:1"])), ..LogQuery::after(Position(0), 9) };
    assert_eq!(store.log(tagged).await.unwrap().len(), 1);
    let version: u32 =
        Connection::open(&path).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 4);
}

#[tokio::test]
async fn nesting_ends_where_reading_back_does() {
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    let nested = |levels: usize| (1..levels).fold(json!([]), |inner, _| json!([inner]));
    let unit = |entries: Value| {
        let mut unit = Unit::new(testing::origin("test"));
        unit.append("s", Expected::Any, &Noted::new("s", 1));
        unit.put("deep", &CardIndex { entries }, Expected::Any);
        unit
    };
    // The document is one level itself.
    store.commit(unit(nested(126))).await.unwrap();
    assert_eq!(store.get::<CardIndex>("deep").await.unwrap().unwrap().value.entries, nested(126));
    let error = store.commit(unit(nested(127))).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "document `testing.cards_index/deep` nests deeper than 127 levels and could never be read back: make it flatter"
    );
    assert_eq!(store.head().await.unwrap(), Position(1), "nothing of the unit is there");
}

/// Other programs are not meant to write the file. If one does, the next commit notices and the one after it is right again.
#[tokio::test]
async fn a_foreign_change_is_noticed() {
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    store.commit(numbered(1)).await.unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute("INSERT INTO events SELECT 3, event_id, event_type, timestamp, source_module, data, correlation_id, causation_id, user_id, schema_version, key, priority, stream, 3, checksum FROM events WHERE position = 2", []).unwrap();
    let unit = |stream| {
        let mut unit = Unit::new(testing::origin("test"));
        unit.append(stream, Expected::Any, &Noted::new("test", 1));
        unit
    };
    assert!(store.commit(unit("unit 1")).await.is_err());
    other.execute("DELETE FROM events WHERE position = 3", []).unwrap();
    store.commit(unit("unit 1")).await.unwrap();
    other.execute("UPDATE events SET position = 9 WHERE position = 3", []).unwrap();
    for (stream, kind) in [("unit 1", StoreErrorKind::Locked), ("unit 1", StoreErrorKind::Corrupt)] {
        let refused = store.commit(unit(stream)).await.unwrap_err();
        assert!(matches!(&refused, CommitError::Store(error) if error.kind == kind), "{refused}");
    }
    assert_eq!(store.commit(unit("another")).await.unwrap().events[0].1, 1);
    assert_eq!(store.head().await.unwrap(), Position(10));
}

/// Of the second form, into which nothing can be brought.
#[derive(Debug, Serialize, Deserialize)]
struct Stubborn {}

impl Document for Stubborn {
    const COLLECTION: &'static str = "testing.cards";
    const VERSION: u32 = 2;

    fn migrate(_: u32, _: Json) -> Result<Json, Box<dyn Error + Send + Sync>> {
        panic!("a fault of the module")
    }
}

#[tokio::test]
async fn a_migration_that_panics_is_named_and_the_store_goes_on() {
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    store.commit(numbered(1)).await.unwrap();
    let error = store.declare(&[Collection::of::<Stubborn>()]).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Corrupt);
    let says = "was not migrated: document `unit 1` of collection `testing.cards`: its migration to version 2 panicked";
    assert!(error.message.contains(says) && error.message.contains("borough.db`"), "{error}");
    store.commit(numbered(2)).await.unwrap();
    assert_eq!(numbers(&store).await, [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_readers_than_connections_wait_their_turn() {
    let (_folder, path) = place();
    let store = Arc::new(open(&path).unwrap());
    store.commit(numbered(1)).await.unwrap();
    let mut reads = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let store = Arc::clone(&store);
        reads.spawn(async move { numbers(&*store).await });
    }
    let read = testing::soon("reading", reads.join_all()).await;
    assert_eq!(read, vec![vec![1]; 100]);
}

/// Tasks that read may wait for each other: a read that nobody looks at for a while is in nobody's way.
/// Rule 13 of docs/durability.md.
#[tokio::test]
async fn reads_that_are_not_looked_at_hold_no_other_up() {
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    store.commit(numbered(1)).await.unwrap();
    let mut waiting: Vec<_> = (0..64).map(|_| store.head()).collect();
    for read in &mut waiting {
        let _begun = testing::polled(read.as_mut(), 1).await;
    }
    assert_eq!(testing::soon("another read", store.head()).await.unwrap(), Position(2));
}
