//! What it takes to bring a store of an earlier schema up to date, which is one transaction.

use std::{fs, path::Path, time::Instant};

use event_sourcing::{
    EventQuery, Expected, LogQuery, Position, Store as _, StoreErrorKind, StoreExt as _, StreamQuery, Unit,
};
use rusqlite::Connection;
use testing::store::{Card, Noted};

use crate::{
    maintenance::{age, verified},
    open, place,
};

/// Three units of two numbered events, a tagged one, a document and two checkpoints, as the version before has left them: its
/// events have names and no numbers for them.
const OF_SCHEMA_3: &[u8] = include_bytes!("schema-3.sqlite");

#[tokio::test]
async fn a_store_of_the_schema_before_is_taken_over_as_it_was() {
    let (_folder, path) = place();
    fs::write(&path, OF_SCHEMA_3).unwrap();
    let store = open(&path).unwrap();
    let log = store.log(LogQuery::after(Position(0), 99)).await.unwrap();
    let types = ["testing.noted", "testing.noted", "testing.tagged"].into_iter().cycle();
    assert!(log.iter().map(|event| &*event.event_type).eq(types.take(9)), "{log:?}");
    assert!(log.iter().all(|event| event.source_module == "test" && !event.metadata.user_id.is_empty()), "{log:?}");
    assert_eq!(log.iter().filter_map(|event| event.metadata.position).collect::<Vec<_>>(), (1..=9).collect::<Vec<_>>());
    assert_eq!(store.stream("unit 2", StreamQuery::after(0, 9)).await.unwrap().len(), 2);
    let matching = Some(EventQuery::of(&["testing.tagged"], &["a:1"]));
    assert_eq!(store.log(LogQuery { matching, ..LogQuery::after(Position(3), 99) }).await.unwrap().len(), 2);
    assert_eq!(store.checkpoint("somebody").await.unwrap(), Position(3));
    assert_eq!(store.list::<Card>(None, 9).await.unwrap().len(), 3);
    let mut next = Unit::new(testing::origin("test"));
    next.append("unit 2", Expected::Exact(2), &Noted::new("test", 2));
    assert_eq!(store.commit(next).await.unwrap().position, Some(Position(10)));
    drop(store);
    assert_eq!(verified(&path), []);
}

/// A new checksum would hold over what an old one does not.
#[test]
fn what_is_damaged_is_not_taken_over() {
    let (_folder, path) = place();
    fs::write(&path, OF_SCHEMA_3).unwrap();
    let connection = Connection::open(&path).unwrap();
    connection.execute("UPDATE events SET stream = 'unit 9' WHERE position = 4", []).unwrap();
    drop(connection);
    let error = open(&path).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Corrupt);
    assert!(error.message.contains("event 4: it is not what was written there"), "{error}");
    let schema: u32 =
        Connection::open(&path).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(schema, 3, "nothing of it was taken over");
}

/// Of each unit: as many events as documents.
const PAIRS: u64 = 250;

/// So many rows, as an earlier version has left them; the size of the file.
async fn aged(path: &Path, rows: u64) -> u64 {
    let store = open(path).unwrap();
    for first in (0..rows / 2).step_by(PAIRS as usize) {
        let mut unit = Unit::new(testing::origin("test"));
        for n in first..first + PAIRS {
            let name = format!("a stream of its own {n}");
            unit.append(name.as_str(), Expected::Absent, &Noted::new("a writer with a name", n));
            unit.put(name, &Card { n }, Expected::Absent);
        }
        store.commit(unit).await.unwrap();
    }
    drop(store);
    age(path);
    fs::metadata(path).unwrap().len()
}

/// All of it lies in SQLite's log until the commit. A page that does not stay in memory is written there, and once only, as the
/// rows are taken in the order in which they lie.
#[tokio::test]
async fn sqlites_log_is_hardly_longer_than_the_file_meanwhile() {
    let (_folder, path) = place();
    let rows = 10_000 * u64::from(testing::effort());
    let before = aged(&path, rows).await;
    let start = Instant::now();
    let store = open(&path).unwrap();
    let (took, log) = (start.elapsed(), fs::metadata(path.with_file_name("borough.db-wal")).unwrap().len());
    drop(store);
    eprintln!("{rows} rows, {before} bytes: {took:?}, a log of {log} bytes");
    assert!(log < 2 * before, "a log of {log} bytes for a file of {before}");
    assert_eq!(verified(&path), []);
}
