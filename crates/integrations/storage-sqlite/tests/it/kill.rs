//! `kill -9` at any moment and at exact ones.

use std::{collections::BTreeSet, env, fs, path::Path, process, sync::Arc, thread, time::Duration};

use event_sourcing::{Position, Store as _, StoreError, StoreErrorKind};
use storage_sqlite::{Progress, SqliteStore, backup, export_file};
use tokio::{runtime::Runtime, task::JoinSet};

use crate::{
    files,
    maintenance::{exported, verified},
    numbered, numbers, open, options, place,
    victim::Victim,
};

/// Tells the process to be killed how many units it has under way at a time, and how many it commits.
const AT_A_TIME: &str = "UNITS_AT_A_TIME_OF_THE_VICTIM";
const UNITS: &str = "UNITS_OF_THE_VICTIM";

/// At the store, with so many units under way at a time, and so many in all.
fn victim(test: &str, store: &Path, at_a_time: usize, units: usize, halt: Option<&str>) -> Victim {
    Victim::start(test, store, &[(AT_A_TIME, at_a_time.to_string()), (UNITS, units.to_string())], halt)
}

/// Runs in the process that is killed: commits numbered units and says which are acknowledged.
#[expect(clippy::print_stdout, reason = "how it talks to the test that started it")]
fn play_the_victim() {
    let Some(path) = Victim::store() else { return };
    let [at_a_time, units] = [AT_A_TIME, UNITS].map(|name| env::var(name).unwrap().parse::<usize>().unwrap());
    Runtime::new().unwrap().block_on(async {
        let store = Arc::new(open(&path).unwrap());
        let first = numbers(&*store).await.into_iter().max().map_or(1, |n| n + 1);
        let mut commits = JoinSet::new();
        for n in (first..).take(units) {
            let store = Arc::clone(&store);
            commits.spawn(async move {
                store.commit(numbered(n)).await.unwrap();
                // The test harness has begun a line of its own.
                println!("\nacknowledged {n}");
            });
            if commits.len() >= at_a_time {
                commits.join_next().await.unwrap().unwrap();
            }
        }
    });
    // What follows in the test is for the one who kills.
    process::exit(0);
}

#[test]
fn killed_at_any_moment_it_keeps_what_it_acknowledged() {
    play_the_victim();
    let test = "kill::killed_at_any_moment_it_keeps_what_it_acknowledged";
    let (_folder, path) = place();
    let runtime = Runtime::new().unwrap();
    let (mut acknowledged, mut written) = (BTreeSet::new(), BTreeSet::new());
    for (round, survives) in [1, 40, 2, 170, 9, 333, 71, 3].into_iter().enumerate() {
        let mut victim = victim(test, &path, 8, usize::MAX, None);
        let process = victim.id();
        for _ in 0..survives {
            acknowledged.insert(victim.acknowledged().expect("it goes on until it is killed"));
        }
        let locked = open(&path).unwrap_err();
        assert_eq!(locked.kind, StoreErrorKind::Locked);
        assert!(locked.message.contains(&format!("(process {process}, since ")), "{locked}");
        acknowledged.extend(victim.kill());

        // Whoever comes first finds the log that the dead process left, a reader as well.
        let store = if round % 2 == 0 { open(&path).unwrap() } else { SqliteStore::open_read(&path).unwrap().unwrap() };
        let there: BTreeSet<u64> = runtime.block_on(numbers(&store)).into_iter().collect();
        let lost: Vec<_> = acknowledged.difference(&there).collect();
        assert!(lost.is_empty(), "round {round}: acknowledged and lost: {lost:?}");
        let lost: Vec<_> = written.difference(&there).collect();
        assert!(lost.is_empty(), "round {round}: there before and lost: {lost:?}");
        written = there;
    }
    assert!(acknowledged.len() >= 1 + 40 + 2 + 170 + 9 + 333 + 71 + 3);
}

/// It has laid the log into which the other one wrote, and would be the last to close it.
#[test]
fn who_reads_before_and_after_a_killed_writer_leaves_its_log() {
    play_the_victim();
    let test = "kill::who_reads_before_and_after_a_killed_writer_leaves_its_log";
    let (_folder, path) = place();
    drop(open(&path).unwrap());
    let runtime = Runtime::new().unwrap();
    let reading = SqliteStore::open_read(&path).unwrap().unwrap();
    assert!(runtime.block_on(numbers(&reading)).is_empty());
    let mut victim = victim(test, &path, 1, usize::MAX, None);
    let acknowledged = victim.acknowledged().expect("it goes on until it is killed");
    victim.kill();
    assert!(runtime.block_on(numbers(&reading)).contains(&acknowledged));
    let left = || ["db", "db-wal"].map(|suffix| fs::read(path.with_extension(suffix)).unwrap());
    let before = left();
    drop(reading);
    assert!(left() == before, "what was killed is changed by the next writer only");
    assert_eq!(verified(&path), []);
    assert!(runtime.block_on(numbers(&open(&path).unwrap())).contains(&acknowledged));
}

/// What another process commits to the store, which then ends in order.
fn another_writes(test: &str, path: &Path) -> Vec<u64> {
    let mut other = victim(test, path, 1, 3, None);
    let acknowledged: Vec<u64> = std::iter::from_fn(|| other.acknowledged()).collect();
    assert_eq!(acknowledged.len(), 3);
    acknowledged
}

/// SQLite would fold the log that nobody sees any more over what the other process has written, and remove the log of that one.
#[cfg(unix)]
#[test]
fn who_has_lost_its_store_leaves_what_has_taken_its_place() {
    play_the_victim();
    let test = "kill::who_has_lost_its_store_leaves_what_has_taken_its_place";
    let runtime = Runtime::new().unwrap();
    for is_noticed in [true, false] {
        let (_folder, path) = place();
        let store = open(&path).unwrap();
        runtime.block_on(store.commit(numbered(1))).unwrap();
        for suffix in ["db.lock", "db-wal", "db-shm"] {
            fs::remove_file(path.with_extension(suffix)).unwrap();
        }
        let acknowledged = another_writes(test, &path);
        if is_noticed {
            runtime.block_on(store.commit(numbered(9))).unwrap_err();
        }
        drop(store);
        let there = runtime.block_on(numbers(&open(&path).unwrap()));
        assert!(acknowledged.iter().all(|n| there.contains(n)), "{acknowledged:?} of {there:?}");
        assert_eq!(verified(&path), []);
    }
}

/// It has a log open that somebody has removed, and is the last to close.
#[cfg(unix)]
#[test]
fn who_reads_takes_no_other_log_along_than_its_own() {
    play_the_victim();
    let test = "kill::who_reads_takes_no_other_log_along_than_its_own";
    let (_folder, path) = place();
    let runtime = Runtime::new().unwrap();
    runtime.block_on(open(&path).unwrap().commit(numbered(1))).unwrap();
    // In the middle of a read, so that nobody may fold beside it.
    let reading = rusqlite::Connection::open(&path).unwrap();
    reading.execute_batch("BEGIN; SELECT count(*) FROM events").unwrap();
    let store = SqliteStore::open_read(&path).unwrap().unwrap();
    assert_eq!(runtime.block_on(numbers(&store)), [1]);
    for suffix in ["db-wal", "db-shm"] {
        fs::remove_file(path.with_extension(suffix)).unwrap();
    }
    let acknowledged = another_writes(test, &path);
    reading.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    drop(reading);
    drop(store);
    let there = runtime.block_on(numbers(&open(&path).unwrap()));
    assert!(acknowledged.iter().all(|n| there.contains(n)), "{acknowledged:?} of {there:?}");
    assert_eq!(verified(&path), []);
}

/// Debug builds stop the writer where a test wants to kill the process.
#[cfg(debug_assertions)]
#[test]
fn killed_at_a_commit_it_has_that_commit_or_not() {
    play_the_victim();
    let test = "kill::killed_at_a_commit_it_has_that_commit_or_not";
    for (at, at_a_time, expected) in [
        ("before:1", 1, 0..=0),
        ("after:1", 1, 1..=1),
        ("before:3", 1, 2..=2),
        ("after:3", 1, 3..=3),
        // Units that share a transaction stop together.
        ("before:20", 16, 0..=19),
        ("after:20", 16, 20..=36),
    ] {
        let (_folder, path) = place();
        let mut victim = victim(test, &path, at_a_time, 100, Some(at));
        assert!(victim.halts(), "{at}: it has as many commits");
        let acknowledged = victim.kill();
        let there = Runtime::new().unwrap().block_on(numbers(&open(&path).unwrap()));
        assert!(expected.contains(&there.len()), "{at}: {there:?}");
        assert!(acknowledged.iter().all(|n| there.contains(n)), "{at}: {acknowledged:?} of {there:?}");
        assert!(!at.starts_with("after") || acknowledged.len() < there.len(), "{at}: stopped before the answer");
    }
}

/// Runs in the process that is killed: opens the store, commits a unit and closes it, without an end.
fn come_and_go_as_a_victim() {
    let Some(path) = Victim::store() else { return };
    let runtime = Runtime::new().unwrap();
    for n in 1.. {
        let store = open(&path).unwrap();
        runtime.block_on(store.commit(numbered(n))).unwrap();
    }
}

#[test]
fn killed_while_it_comes_or_goes_it_leaves_a_sound_store() {
    come_and_go_as_a_victim();
    let test = "kill::killed_while_it_comes_or_goes_it_leaves_a_sound_store";
    for round in 0..80 {
        let (_folder, path) = place();
        let victim = Victim::start(test, &path, &[], None);
        thread::sleep(Duration::from_micros(25_000 + round * 7919 % 60_000));
        victim.kill();
        assert_eq!(verified(&path), [], "round {round}");
    }
}

/// Tells the process to be killed what it makes.
const COPY: &str = "COPY_BY_THE_VICTIM";

fn copy(store: &Path, to: &str, progress: &mut dyn FnMut(Progress)) -> Result<(), StoreError> {
    let file = store.with_file_name(to);
    match to {
        "copy.db" => backup(store, &file, &options(), progress).map(drop),
        _ => export_file(store, &file, &options(), progress).map(drop),
    }
}

/// Runs in the process that is killed: begins to make a copy, says so, and never comes to its end.
#[expect(clippy::print_stdout, reason = "how it talks to the test that started it")]
fn copy_as_a_victim() {
    let (Some(path), Ok(to)) = (Victim::store(), env::var(COPY)) else { return };
    let mut progress = |_| {
        println!("\nacknowledged 1");
        loop {
            thread::park();
        }
    };
    copy(&path, &to, &mut progress).unwrap();
}

#[tokio::test]
async fn killed_while_it_makes_a_copy_it_leaves_what_the_next_one_takes_away() {
    copy_as_a_victim();
    let test = "kill::killed_while_it_makes_a_copy_it_leaves_what_the_next_one_takes_away";
    for to in ["copy.db", "whole.jsonl"] {
        let (folder, path) = place();
        let store = open(&path).unwrap();
        // Enough rows for an export to say how far it is.
        let mut unit = numbered(1);
        (0..1000).for_each(|n| unit.checkpoint(format!("reader {n}"), Position(0)));
        store.commit(unit).await.unwrap();
        drop(store);
        let mut victim = Victim::start(test, &path, &[(COPY, to.into())], None);
        assert_eq!(victim.acknowledged(), Some(1));
        let [draft, lock] = [".draft", ".draft.lock"].map(|suffix| format!("{to}{suffix}"));
        assert!(files(&folder).contains(&draft), "{:?}", files(&folder));
        // Two do not make the same file, and nobody takes away what somebody works at.
        let error = copy(&path, to, &mut |_| {}).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Locked, "{error}");
        let holder = format!("{to}` is in use by `borough test` (process {}, since", victim.id());
        assert!(error.message.contains(&holder), "{error}");
        victim.kill();
        assert!([draft, lock].iter().all(|left| files(&folder).contains(left)), "{:?}", files(&folder));
        copy(&path, to, &mut |_| {}).unwrap();
        assert_eq!(files(&folder), ["borough.db", to]);
        if to == "copy.db" {
            assert_eq!(numbers(&open(&path.with_file_name(to)).unwrap()).await, [1]);
        } else {
            assert!(fs::read(path.with_file_name(to)).unwrap() == exported(&path).unwrap());
        }
    }
}
