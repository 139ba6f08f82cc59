//! What cannot be opened: which kind of error, and a sentence that says what to do.

use std::{fs, path::Path, process};

use event_sourcing::{CommitError, Direction, LogQuery, Position, Store, StoreError, StoreErrorKind, StreamQuery};
use rusqlite::{Connection, params_from_iter, types::Value};
use storage_sqlite::SqliteStore;

use crate::{files, numbered, numbers, open, place};

/// Opening fails for writing and, unless it is a matter of the lock, for reading; and changes nothing.
#[track_caller]
fn is_refused(path: &Path, kind: StoreErrorKind, says: &[&str]) {
    let before = fs::read(path).ok();
    let mut errors = vec![open(path).unwrap_err()];
    if kind != StoreErrorKind::Locked {
        errors.push(SqliteStore::open_read(path).unwrap_err());
    }
    for error in errors {
        assert_eq!(error.kind, kind, "{error}");
        for part in says {
            assert!(error.message.contains(part), "`{part}` is missing in: {error}");
        }
    }
    assert_eq!(fs::read(path).ok(), before);
}

/// Rule 14 of docs/durability.md.
#[tokio::test]
async fn a_second_writer_is_told_who_holds_it() {
    let (_folder, path) = place();
    let first = open(&path).unwrap();
    let holder = format!("is in use by `borough test` (process {}, since 2026-11-21T09:00:00Z)", process::id());
    let error = open(&path).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Locked);
    let shown = path.display();
    assert_eq!(
        error.message,
        format!("`{shown}` {holder}: wait for it or stop it, or choose another store with --store")
    );
    first.commit(numbered(1)).await.unwrap();
    drop(first);
    // A lock file that nobody holds any more, as after a crash, locks nothing.
    fs::write(path.with_extension("db.lock"), "`borough serve` (process 1, since long ago)").unwrap();
    assert_eq!(numbers(&open(&path).unwrap()).await, [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_program_that_locks_the_file_is_waited_for_and_reported() {
    let (_folder, path) = place();
    drop(open(&path).unwrap());
    for lock in ["PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE", "BEGIN IMMEDIATE"] {
        let other = Connection::open(&path).unwrap();
        other.execute_batch(lock).unwrap();
        let error = open(&path).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Locked, "{lock}: {error}");
        assert!(error.message.contains("is locked by another program that has it open: close that program"), "{error}");
    }
    // The same in the middle of the work, and the store goes on when it is over.
    let store = open(&path).unwrap();
    store.commit(numbered(1)).await.unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = store.commit(numbered(2)).await.unwrap_err();
    assert!(matches!(&refused, CommitError::Store(error) if error.kind == StoreErrorKind::Locked), "{refused}");
    assert_eq!(numbers(&store).await, [1], "reading goes on");
    other.execute_batch("ROLLBACK").unwrap();
    store.commit(numbered(2)).await.unwrap();
    assert_eq!(numbers(&store).await, [1, 2]);
}

#[test]
fn what_is_not_a_store_is_left_alone() {
    let (folder, path) = place();
    let advice = ["is not a Borough store", "move it away", "--store", path.to_str().unwrap()];
    for content in ["not a database at all".repeat(100), "xy".to_owned()] {
        fs::write(&path, content).unwrap();
        is_refused(&path, StoreErrorKind::Corrupt, &advice);
    }
    for sql in ["CREATE TABLE theirs (x)", "PRAGMA user_version = 7", "PRAGMA application_id = 1"] {
        fs::remove_file(&path).unwrap();
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        is_refused(&path, StoreErrorKind::Corrupt, &advice);
    }
    assert_eq!(files(&folder), ["borough.db"]);
}

#[tokio::test]
async fn a_truncated_store_is_corrupt() {
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    for n in 1..100 {
        store.commit(numbered(n)).await.unwrap();
    }
    drop(store);
    let whole = fs::read(&path).unwrap();
    for length in [whole.len() - 4096, 3 * 4096 + 100, 4096, 100, 50] {
        fs::write(&path, &whole[..length]).unwrap();
        is_refused(&path, StoreErrorKind::Corrupt, &["move it away", "restore it from a copy", "--store"]);
    }
}

#[tokio::test]
async fn a_page_of_garbage_is_found_when_it_is_read() {
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    for n in 1..300 {
        store.commit(numbered(n)).await.unwrap();
    }
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    bytes[16 * 4096..20 * 4096].fill(0xA5);
    fs::write(&path, bytes).unwrap();
    let store = open(&path).unwrap();
    let error = store.log(LogQuery::after(Position(0), usize::MAX)).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Corrupt);
    assert!(error.message.contains("is damaged: move it away"), "{error}");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_named() {
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    for n in 1..=3 {
        store.commit(numbered(n)).await.unwrap();
    }
    let other = Connection::open(&path).unwrap();
    other.execute_batch("UPDATE documents SET body = '{}' WHERE key = 'unit 2'").unwrap();
    let error = store.documents("testing.cards", None, 9).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Corrupt);
    assert!(error.message.contains("document `unit 2`: it is not what was written there"), "{error}");
    let before = "SELECT data, event_id, priority, causation_id, timestamp FROM events WHERE position = 4";
    let before: [Value; 5] =
        other.query_row(before, [], |row| Ok([0, 1, 2, 3, 4].map(|i| row.get(i).unwrap()))).unwrap();
    for damage in [
        "data = '{}'",
        "data = '{'",
        "event_id = x'00'",
        "priority = 9",
        "causation_id = 'none'",
        "timestamp = 'never'",
        "timestamp = timestamp + 1",
    ] {
        other.execute_batch(&format!("SAVEPOINT s; UPDATE events SET {damage} WHERE position = 4; RELEASE s")).unwrap();
        let error = store.stream("unit 2", StreamQuery::after(0, 9)).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Corrupt, "{damage}: {error}");
        assert!(error.message.contains("event 4"), "{damage}: {error}");
        let mend = "UPDATE events SET data = ?1, event_id = ?2, priority = ?3, causation_id = ?4, timestamp = ?5 WHERE position = 4";
        other.execute(mend, params_from_iter(&before)).unwrap();
        assert_eq!(store.stream("unit 2", StreamQuery::after(0, 9)).await.unwrap().len(), 2);
    }
}

/// Whoever reads past it must not take it for what never happened.
#[tokio::test]
async fn an_event_that_is_missing_is_missed() {
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    for n in 1..=3 {
        store.commit(numbered(n)).await.unwrap();
    }
    drop(store);
    let says = |error: StoreError, what: &str| {
        assert_eq!(error.kind, StoreErrorKind::Corrupt, "{error}");
        assert!(error.message.contains(what), "{error}");
    };
    Connection::open(&path).unwrap().execute("DELETE FROM events WHERE position = 3", []).unwrap();
    let store = open(&path).unwrap();
    let log = async |query: LogQuery| store.log(query).await;
    let query = |after, limit| LogQuery::after(Position(after), limit);
    let backward = LogQuery { direction: Direction::Backward, ..query(0, 9) };
    let event = "event 3: it is missing, and others stand behind it";
    for query in [query(0, 9), query(0, 3), query(2, 1), backward.clone()] {
        says(log(query).await.unwrap_err(), event);
    }
    assert_eq!((log(query(0, 2)).await.unwrap().len(), log(query(3, 9)).await.unwrap().len()), (2, 3));
    let upto = LogQuery { upto: Some(Position(2)), ..query(0, 9) };
    assert_eq!(log(upto).await.unwrap().len(), 2);
    let stream = async |query: StreamQuery| store.stream("unit 2", query).await;
    says(stream(StreamQuery::after(0, 9)).await.unwrap_err(), "stream `unit 2`: its event 1 is missing");
    assert_eq!(stream(StreamQuery::after(1, 9)).await.unwrap().len(), 1);
    drop(store);

    Connection::open(&path).unwrap().execute("UPDATE events SET position = 700 WHERE position = 6", []).unwrap();
    is_refused(&path, StoreErrorKind::Corrupt, &["event 700: it is not what was written there"]);
}

#[test]
fn a_newer_store_asks_for_a_newer_version() {
    let (_folder, path) = place();
    drop(open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 5).unwrap();
    let says = ["was written by a newer version of Borough (its schema is 5, this one knows 4)", "use that version"];
    is_refused(&path, StoreErrorKind::Newer, &says);
}

#[test]
fn a_place_that_cannot_hold_a_store_is_explained() {
    let (folder, path) = place();
    let says = ["is a folder and a store is a file", "borough.db"];
    is_refused(folder.path(), StoreErrorKind::Unavailable, &says);

    let error = open(&path.with_file_name("missing").join("borough.db")).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    assert!(error.message.contains("the folder") && error.message.contains("create it or choose another"), "{error}");
    for nothing in ["", "/"] {
        assert_eq!(open(Path::new(nothing)).unwrap_err().kind, StoreErrorKind::Unavailable, "`{nothing}`");
    }
    // The lock cannot be made where a folder has its name.
    fs::create_dir(path.with_extension("db.lock")).unwrap();
    is_unlockable(&path);
}

#[track_caller]
fn is_unlockable(path: &Path) {
    let error = open(path).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    assert!(error.message.contains("cannot be locked through"), "{error}");
}
