//! What a killed process leaves: the file, its log, the lock. Who only looks changes nothing of it, and what is missing of it is said.
//! What somebody else has left under such a name is kept.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

use event_sourcing::{Store as _, StoreError, StoreErrorKind};
use rusqlite::{Connection, config::DbConfig};
use storage_sqlite::{Options, SqliteStore, backup, export_file};

use crate::{
    files,
    maintenance::{exported, imported, verified},
    numbered, numbers, open, options, place,
};

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

/// While a process opens the store, its lock is there and its log is not; while it closes it, again.
#[tokio::test]
async fn who_is_killed_without_a_log_has_lost_nothing() {
    let (folder, path) = place();
    let store = open(&path).unwrap();
    store.commit(numbered(1)).await.unwrap();
    let lock = path.with_extension("db.lock");
    let writing = fs::read_to_string(&lock).unwrap();
    drop(store);
    let opening = writing.split_inclusive('\n').next().unwrap();
    assert_ne!(opening, writing, "it says when there is a log");
    // As it is opened and closed, and as earlier versions have signed it; before it is signed.
    for left in [opening, "`borough serve` (process 1, since 2026-11-21T09:00:00Z)\n", ""] {
        fs::write(&lock, left).unwrap();
        assert_eq!(verified(&path), [], "{left}");
        assert_eq!(fs::read_to_string(&lock).unwrap(), left);
        assert_eq!(numbers(&open(&path).unwrap()).await, [1]);
        assert_eq!(files(&folder), ["borough.db"], "{left}");
    }
    fs::create_dir(&lock).unwrap();
    assert_eq!(verified(&path), [], "a folder has locked nothing");
}

/// Somebody looks all the time while stores are opened and closed: whoever was killed then would have left what is seen.
#[cfg(unix)]
#[tokio::test]
async fn the_lock_tells_of_a_log_only_while_there_is_one() {
    let (_folder, path) = place();
    let opening = thread::spawn({
        let path = path.clone();
        // Each has a name of its own, so that what is seen twice is of the same one.
        move || {
            (0..300).for_each(|n| drop(SqliteStore::open(&path, Options::new(format!("opening {n}"), options().now))))
        }
    });
    let says = || fs::read_to_string(path.with_extension("db.lock")).unwrap_or_default();
    let (mut told, mut untold) = (0, 0);
    while !opening.is_finished() {
        let before = says();
        let has_log = path.with_extension("db-wal").exists();
        let tells = before.lines().count() == 2;
        if !before.is_empty() && before == says() {
            assert!(has_log || !tells, "{before}");
            *(if tells { &mut told } else { &mut untold }) += 1;
        }
    }
    opening.join().unwrap();
    assert!(told > 0 && untold > 0, "{told} looks while there was a log, {untold} before and behind that");
}

/// Its log cannot be folded as a whole. Alone, the file is not the store.
#[tokio::test]
async fn who_ends_while_somebody_reads_says_that_there_is_a_log() {
    let (folder, path) = place();
    open(&path).unwrap().commit(numbered(1)).await.unwrap();
    let store = open(&path).unwrap();
    let reading = Connection::open(&path).unwrap();
    reading.execute_batch("BEGIN").unwrap();
    reading.query_row("SELECT count(*) FROM events", [], |_| Ok(())).unwrap();
    store.commit(numbered(2)).await.unwrap();
    drop(store);
    let log = path.with_extension("db-wal");
    assert!(fs::metadata(&log).unwrap().len() > 0);
    assert!(fs::read_to_string(path.with_extension("db.lock")).unwrap().contains("its log is the"), "it is told");
    reading.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    drop(reading);
    assert_eq!(verified(&path), []);
    let content = fs::read(&log).unwrap();
    fs::remove_file(&log).unwrap();
    assert!(verified(&path)[0].to_string().contains("is gone"));
    fs::write(&log, content).unwrap();
    let store = open(&path).unwrap();
    assert_eq!(numbers(&store).await, [1, 2]);
    drop(store);
    assert_eq!(files(&folder), ["borough.db"]);
}

/// Several come and go: the lock of one is there at one look at it, and gone at the next.
#[tokio::test]
async fn whoever_comes_while_another_goes_has_the_store_or_is_told_who_has() {
    let (folder, path) = place();
    drop(open(&path).unwrap());
    let coming = || {
        let path = path.clone();
        thread::spawn(move || {
            let refused = (0..1_000).filter_map(|_| open(&path).err());
            refused.filter(|refused| refused.kind != StoreErrorKind::Locked).collect::<Vec<_>>()
        })
    };
    for refused in [coming(), coming()].map(|coming| coming.join().unwrap()) {
        assert_eq!(refused, []);
    }
    assert_eq!(files(&folder), ["borough.db"]);
}

/// A source with one unit, and each of the verbs that makes a file of this name beside it.
async fn makers() -> (tempfile::TempDir, [(PathBuf, Box<dyn Fn() -> Result<(), StoreError>>); 3]) {
    let (folder, path) = place();
    let store = open(&path).unwrap();
    store.commit(numbered(1)).await.unwrap();
    drop(store);
    let whole = exported(&path).unwrap();
    let [copy, lines, import] = ["copy.db", "lines", "import.db"].map(|name| folder.path().join(name));
    let back_up = {
        let (path, to) = (path.clone(), copy.clone());
        move || backup(&path, &to, &options(), &mut |_| {}).map(drop)
    };
    let export = {
        let to = lines.clone();
        move || export_file(&path, &to, &options(), &mut |_| {}).map(drop)
    };
    let carry = {
        let to = import.clone();
        move || imported(&to, &whole).map(drop)
    };
    (folder, [(copy, Box::new(back_up)), (lines, Box::new(export)), (import, Box::new(carry))])
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[tokio::test]
async fn what_is_not_known_to_be_a_draft_is_kept() {
    let (folder, makers) = makers().await;
    for (to, make) in makers {
        for suffix in [".draft", ".draft-wal", ".draft-shm", ".draft-journal"] {
            let before = files(&folder);
            let theirs = beside(&to, suffix);
            fs::write(&theirs, "precious").unwrap();
            // An empty lock was taken by nobody who could have left a draft.
            for _ in 0..2 {
                let error = make().unwrap_err();
                assert_eq!(error.kind, StoreErrorKind::Unavailable, "{error}");
                let named = format!(
                    "`{}`, which is there and is not known to be one",
                    theirs.canonicalize().unwrap().display()
                );
                assert!(error.message.contains(&named) && error.message.contains("move that away"), "{error}");
                assert_eq!(fs::read(&theirs).unwrap(), b"precious");
                fs::write(beside(&to, ".draft.lock"), "").unwrap();
            }
            fs::remove_file(&theirs).unwrap();
            fs::remove_file(beside(&to, ".draft.lock")).unwrap();
            assert_eq!(files(&folder), before);
        }
        make().unwrap();
    }
    assert_eq!(files(&folder), ["borough.db", "copy.db", "import.db", "lines"]);
}

/// SQLite would remove it.
#[tokio::test]
async fn what_is_not_a_log_is_kept() {
    let (folder, path) = place();
    open(&path).unwrap().commit(numbered(1)).await.unwrap();
    let whole = exported(&path).unwrap();
    let copy = path.with_file_name("copy.db");
    backup(&path, &copy, &options(), &mut |_| {}).unwrap();
    for suffix in ["-wal", "-journal"] {
        for theirs in [&whole, &fs::read(&copy).unwrap(), &b"pre".to_vec(), &vec![7; 32]] {
            fs::write(beside(&path, suffix), theirs).unwrap();
            let refused = [
                open(&path).map(drop).unwrap_err(),
                SqliteStore::open_read(&path).map(drop).unwrap_err(),
                storage_sqlite::stats(&path).map(drop).unwrap_err(),
                storage_sqlite::verify(&path, &mut |_| {}).map(drop).unwrap_err(),
                exported(&path).map(drop).unwrap_err(),
                backup(&path, &path.with_file_name("second.db"), &options(), &mut |_| {}).map(drop).unwrap_err(),
            ];
            for error in refused {
                assert_eq!(error.kind, StoreErrorKind::Corrupt, "{error}");
                let named = format!("borough.db{suffix}` has the name of its");
                assert!(error.message.contains(&named) && error.message.contains("move it away"), "{error}");
            }
            assert!(fs::read(beside(&path, suffix)).unwrap() == *theirs, "nobody has touched it");
        }
        fs::remove_file(beside(&path, suffix)).unwrap();
    }
    assert_eq!(numbers(&open(&path).unwrap()).await, [1]);
    assert_eq!(files(&folder), ["borough.db", "copy.db"]);
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_not_a_lock_is_kept() {
    let (folder, makers) = makers().await;
    let store = folder.path().join("store.db");
    let opened = store.clone();
    let import = makers[2].0.clone();
    let opening: Box<dyn Fn() -> Result<(), StoreError>> = Box::new(move || open(&opened).map(drop));
    let [(copy, back_up), (lines, export), (_, carry)] = &makers;
    let uses = [
        (beside(&store, ".lock"), &opening),
        (beside(copy, ".draft.lock"), back_up),
        (beside(lines, ".draft.lock"), export),
        (beside(&import, ".lock"), carry),
        (beside(&import, ".draft.lock"), carry),
    ];
    let precious = folder.path().join("precious.txt");
    for (lock, make) in uses {
        let refused = |what: &str| {
            let error = make().unwrap_err();
            assert_eq!(error.kind, StoreErrorKind::Unavailable, "{what}: {error}");
            let says = "`, which is there and is not the lock of a store: move it away";
            let name = lock.file_name().unwrap().to_str().unwrap();
            assert!(error.message.contains(&format!("{name}{says}")), "{what}: {error}");
            assert!(fs::symlink_metadata(&lock).is_ok(), "{what} is there");
        };
        for theirs in ["[[package]]\n", "`a` and `b`", " ", "\u{0}"] {
            fs::write(&lock, theirs).unwrap();
            refused(theirs);
            assert_eq!(fs::read_to_string(&lock).unwrap(), theirs);
            fs::remove_file(&lock).unwrap();
        }
        for theirs in ["", "precious"] {
            fs::write(&precious, theirs).unwrap();
            std::os::unix::fs::symlink(&precious, &lock).unwrap();
            refused("a link");
            assert_eq!(fs::read_to_string(&precious).unwrap(), theirs);
            fs::remove_file(&precious).unwrap();
            refused("a link to nothing");
            assert!(!precious.exists());
            fs::remove_file(&lock).unwrap();
        }
        fs::create_dir(&lock).unwrap();
        refused("a folder");
        fs::remove_dir(&lock).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&lock).status().unwrap().success());
        refused("a pipe");
        fs::remove_file(&lock).unwrap();
    }
    for make in [&opening, back_up, export, carry] {
        make().unwrap();
    }
    assert_eq!(files(&folder), ["borough.db", "copy.db", "import.db", "lines", "store.db"]);
}
