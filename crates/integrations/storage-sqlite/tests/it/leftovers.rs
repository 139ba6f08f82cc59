//! What a killed process leaves: the file, its log, the lock. Who only looks changes nothing of it, and what is missing of it is said.

use std::{fs, path::Path};

use event_sourcing::{Store as _, StoreErrorKind};
use storage_sqlite::SqliteStore;

use crate::{files, maintenance::verified, numbered, numbers, open, place};

/// Units that a process wrote before it was killed: one of them folded into the file, five in its log.
pub async fn killed(path: &Path) {
    let (_folder, writing) = place();
    let store = open(&writing).unwrap();
    store.commit(numbered(1)).await.unwrap();
    drop(store);
    let store = open(&writing).unwrap();
    for n in 2..=6 {
        store.commit(numbered(n)).await.unwrap();
    }
    for suffix in ["db", "db-wal", "db.lock"] {
        fs::copy(writing.with_extension(suffix), path.with_extension(suffix)).unwrap();
    }
}

#[tokio::test]
async fn who_only_reads_leaves_the_log_to_the_writer() {
    let (folder, path) = place();
    killed(&path).await;
    let read = || ["db", "db-wal"].map(|suffix| fs::read(path.with_extension(suffix)).unwrap());
    let before = read();
    assert_eq!(verified(&path), []);
    assert_eq!(storage_sqlite::stats(&path).unwrap().unwrap().events, 12);
    let reading = SqliteStore::open_read(&path).unwrap().unwrap();
    assert_eq!(numbers(&reading).await, [1, 2, 3, 4, 5, 6]);
    drop(reading);
    assert!(read() == before, "what was killed is changed by the next writer only");
    assert_eq!(numbers(&open(&path).unwrap()).await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(files(&folder), ["borough.db"]);
}

#[tokio::test]
async fn a_log_whose_file_has_gone_is_kept() {
    let (_folder, path) = place();
    killed(&path).await;
    let [file, log] = ["db", "db-wal"].map(|suffix| fs::read(path.with_extension(suffix)).unwrap());
    for left in [None, Some(0), Some(1), Some(100), Some(4095)] {
        match left {
            Some(length) => fs::write(&path, &file[..length]).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let refused = [
            open(&path).map(drop).unwrap_err(),
            SqliteStore::open_read(&path).map(drop).unwrap_err(),
            storage_sqlite::verify(&path, &mut |_| {}).map(drop).unwrap_err(),
            storage_sqlite::stats(&path).map(drop).unwrap_err(),
        ];
        for error in refused {
            assert_eq!(error.kind, StoreErrorKind::Corrupt, "{left:?}: {error}");
            assert!(error.message.contains("borough.db-wal`"), "{left:?}: {error}");
        }
        assert!(fs::read(path.with_extension("db-wal")).unwrap() == log, "{left:?}: the log is as it was");
    }
    fs::write(&path, file).unwrap();
    assert_eq!(numbers(&open(&path).unwrap()).await, [1, 2, 3, 4, 5, 6]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_log_that_has_gone_is_missed() {
    let (folder, path) = place();
    killed(&path).await;
    let log = path.with_extension("db-wal");
    let content = fs::read(&log).unwrap();
    fs::remove_file(&log).unwrap();
    for _ in 0..2 {
        let findings = verified(&path);
        assert_eq!(findings.len(), 1, "{findings:?}");
        let says = "file: the process that wrote it last was killed, and its log, the `-wal` file, is gone";
        assert!(findings[0].to_string().starts_with(says), "{}", findings[0]);
    }
    fs::write(&log, content).unwrap();
    assert_eq!(verified(&path), [], "as advised");
    // Who goes on without it has said so.
    fs::remove_file(&log).unwrap();
    let store = open(&path).unwrap();
    assert_eq!(numbers(&store).await, [1]);
    assert_eq!(verified(&path), [], "it has a log while it writes");
    drop(store);
    assert_eq!(verified(&path), []);
    assert_eq!(files(&folder), ["borough.db"]);
}
