//! The files of a store have one name each, by which processes find each other. What happens where there are more of them, or where
//! somebody takes one away.

#![cfg(unix)]

use std::{fs, sync::Arc};

use event_bus::{BusOptions, EventBus, Ports};
use event_sourcing::{CommitError, LogQuery, MemoryBlobs, Position, Store, StoreError, StoreErrorKind};
use kernel::{Error, ManualClock, SystemIds};
use module::{Infrastructure, assemble};
use storage_sqlite::{SqliteStore, backup, export, import, stats, verify};

use crate::{files, maintenance::exported, numbered, numbers, open, options, place};

/// Rule 14 of docs/durability.md.
#[tokio::test]
async fn a_store_with_two_names_is_refused() {
    let (folder, path) = place();
    let store = open(&path).unwrap();
    store.commit(numbered(1)).await.unwrap();
    let whole = exported(&path).unwrap();
    let other = path.with_file_name("other.db");
    fs::hard_link(&path, &other).unwrap();
    for name in [&other, &path] {
        let refused: [StoreError; 7] = [
            SqliteStore::open(name, options()).map(drop).unwrap_err(),
            SqliteStore::open_read(name).map(drop).unwrap_err(),
            verify(name, &mut |_| {}).map(drop).unwrap_err(),
            stats(name).map(drop).unwrap_err(),
            export(name, &mut Vec::new(), &mut |_| {}).map(drop).unwrap_err(),
            backup(name, &path.with_file_name("copy.db"), &options(), &mut |_| {}).map(drop).unwrap_err(),
            import(name, &options(), &mut &whole[..], &mut |_| {}).map(drop).unwrap_err(),
        ];
        for error in refused {
            assert_eq!(error.kind, StoreErrorKind::Unavailable, "{error}");
            assert!(error.message.contains("has 2 names (hard links)"), "{error}");
            assert!(error.message.contains("remove the other names"), "{error}");
        }
    }
    store.commit(numbered(2)).await.unwrap();
    drop(store);
    assert_eq!(files(&folder), ["borough.db", "other.db"]);
    fs::remove_file(&other).unwrap();
    assert_eq!(numbers(&open(&path).unwrap()).await, [1, 2], "as advised");
}

#[track_caller]
fn is_taken_away(refused: CommitError, what: &str) {
    let CommitError::Store(error) = refused else { panic!("{refused}") };
    assert_eq!(error.kind, StoreErrorKind::Unavailable, "{error}");
    assert!(error.message.contains("was taken from under this process, and nothing of this was written"), "{error}");
    assert!(error.message.contains(&format!("{what}` has been moved, removed or replaced")), "{error}");
}

/// Rule 14 of docs/durability.md.
#[tokio::test]
async fn who_loses_its_lock_stops_writing() {
    let (folder, path) = place();
    let first = open(&path).unwrap();
    first.commit(numbered(1)).await.unwrap();
    fs::remove_file(path.with_extension("db.lock")).unwrap();
    let second = open(&path).unwrap();
    // Also if the other one has written nothing yet.
    is_taken_away(first.commit(numbered(2)).await.unwrap_err(), "borough.db.lock");
    second.commit(numbered(2)).await.unwrap();
    for n in 3..=4 {
        is_taken_away(first.commit(numbered(n)).await.unwrap_err(), "borough.db.lock");
    }
    assert_eq!(numbers(&first).await, [1, 2], "reading goes on");
    drop(first);
    assert_eq!(open(&path).unwrap_err().kind, StoreErrorKind::Locked, "the lock of the other one is left to it");
    second.commit(numbered(3)).await.unwrap();
    assert_eq!(numbers(&second).await, [1, 2, 3]);
    drop(second);
    assert_eq!(files(&folder), ["borough.db"]);
}

#[tokio::test]
async fn who_writes_notices_that_a_file_was_moved() {
    for name in ["borough.db.lock", "borough.db-wal", "borough.db"] {
        let (folder, path) = place();
        let (held, away) = (folder.path().join(name), folder.path().join("away"));
        let store = open(&path).unwrap();
        store.commit(numbered(1)).await.unwrap();
        fs::rename(&held, &away).unwrap();
        is_taken_away(store.commit(numbered(2)).await.unwrap_err(), name);
        fs::rename(&away, &held).unwrap();
        // Who may have come and gone meanwhile, nobody knows.
        is_taken_away(store.commit(numbered(2)).await.unwrap_err(), name);
        drop(store);
        let store = open(&path).unwrap();
        assert_eq!(numbers(&store).await, [1], "{name}: as advised, all is there and no more");
        store.commit(numbered(2)).await.unwrap();
        drop(store);
        assert_eq!(files(&folder), ["borough.db"], "{name}");
    }
}

/// Another process comes by the link to another lock and another log.
#[tokio::test]
async fn a_link_in_place_of_the_store_is_not_the_store() {
    let (folder, path) = place();
    let store = open(&path).unwrap();
    store.commit(numbered(1)).await.unwrap();
    let moved = folder.path().join("moved.db");
    fs::rename(&path, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, &path).unwrap();
    is_taken_away(store.commit(numbered(2)).await.unwrap_err(), "borough.db");
}

/// Looks as `borough serve` does, at a process that has nothing to write.
#[tokio::test]
async fn who_has_lost_its_store_is_not_ready_for_work() {
    for name in ["borough.db.lock", "borough.db-wal", "borough.db"] {
        let (folder, path) = place();
        let (held, away) = (folder.path().join(name), folder.path().join("away"));
        let store: Arc<dyn Store> = Arc::new(open(&path).unwrap());
        store.commit(numbered(1)).await.unwrap();
        let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SystemIds));
        let ports =
            Ports { store: Some(Arc::clone(&store)), clock: Arc::clone(&clock) as _, ids: Arc::clone(&ids) as _ };
        let bus = EventBus::start(vec![], ports, BusOptions::default()).await.unwrap();
        let infrastructure = Infrastructure { clock, ids, store, blobs: Arc::new(MemoryBlobs::default()) };
        let application = assemble(vec![], infrastructure, module::Options::default()).await.unwrap();
        let look = async || application.health(bus.status().await.map_err(Error::from).as_deref());
        assert!(look().await.ready, "{name}");

        fs::rename(&held, &away).unwrap();
        for _ in 0..2 {
            let health = look().await;
            assert!(!health.ready && health.live, "{name}");
            let [reason] = &health.reasons[..] else { panic!("{:?}", health.reasons) };
            assert!(
                reason.contains("borough.db` was taken from under this process, which cannot write it"),
                "{reason}"
            );
            assert!(reason.contains(&format!("{name}` has been moved")), "{reason}");
            assert!(reason.contains("start again"), "{reason}");
            // Nothing makes it well again but a new start.
            if away.exists() {
                fs::rename(&away, &held).unwrap();
            }
        }
        bus.stop().await;
    }
}

/// A connection that is opened now finds another log, or no store.
#[tokio::test]
async fn who_has_lost_its_store_says_so_when_it_cannot_be_read() {
    for name in ["borough.db-wal", "borough.db"] {
        let (folder, path) = place();
        let store = open(&path).unwrap();
        store.commit(numbered(1)).await.unwrap();
        fs::rename(folder.path().join(name), folder.path().join("away")).unwrap();
        let error = store.log(LogQuery::after(Position(0), 1)).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Unavailable, "{error}");
        assert!(error.message.contains("was taken from under this process, which cannot write it"), "{error}");
        assert!(error.message.contains(&format!("{name}` has been moved")), "{error}");
        // Or the next process would not see that it is gone.
        let head = store.head().await.unwrap_err();
        assert!(!folder.path().join(name).exists(), "nothing is laid where it was: {head}");
    }
}

/// It has the log open that was moved, and others find none.
#[tokio::test]
async fn who_reads_beside_a_process_that_has_lost_its_log_is_told_so() {
    let (folder, path) = place();
    let store = open(&path).unwrap();
    store.commit(numbered(1)).await.unwrap();
    fs::rename(folder.path().join("borough.db-wal"), folder.path().join("away")).unwrap();
    for _ in 0..2 {
        let refused: [StoreError; 4] = [
            SqliteStore::open_read(&path).map(drop).unwrap_err(),
            verify(&path, &mut |_| {}).map(drop).unwrap_err(),
            stats(&path).map(drop).unwrap_err(),
            export(&path, &mut Vec::new(), &mut |_| {}).map(drop).unwrap_err(),
        ];
        for error in refused {
            assert_eq!(error.kind, StoreErrorKind::Unavailable, "{error}");
            assert!(error.message.contains("its log"), "{error}");
            assert!(error.message.contains("start it again"), "{error}");
        }
    }
}

/// A process that imports has lost its lock to one that writes: what that has written is not replaced.
#[tokio::test]
async fn an_import_that_loses_its_lock_replaces_nothing() {
    let (_folder, path) = place();
    let source = path.with_file_name("source.db");
    let store = open(&source).unwrap();
    store.commit(numbered(1)).await.unwrap();
    drop(store);
    let whole = exported(&source).unwrap();
    let mut taken = None;
    let mut progress = |_| {
        fs::remove_file(path.with_extension("db.lock")).unwrap();
        taken = Some(open(&path).unwrap());
    };
    let error = import(&path, &options(), &mut &whole[..], &mut progress).unwrap_err();
    is_taken_away(error.into(), "borough.db.lock");
    let store = taken.unwrap();
    store.commit(numbered(7)).await.unwrap();
    drop(store);
    assert_eq!(numbers(&open(&path).unwrap()).await, [7]);
}
