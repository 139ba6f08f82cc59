//! A disk that is really full, and one that can really only be read: a small file system for each test, in a namespace of its own.

#![cfg(target_os = "linux")]

use std::{
    env,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use event_sourcing::{CommitError, Expected, Store as _, StoreError, StoreErrorKind, Unit};
use rusqlite::Connection;
use serde_json::json;
use storage_sqlite::{SqliteStore, backup, export, export_file, import, stats};
use tempfile::TempDir;
use testing::store::CardIndex;
use tokio::runtime::Runtime;

use crate::{
    leftovers::killed,
    maintenance::{exported, verified},
    numbered, numbers, open, options, place,
    queue::hold,
};

/// Tells the test that it has a disk, and where.
const DISK: &str = "DISK_OF_THE_TEST";

/// Runs the test once more where there is a file system of 2 MB in memory, for that process alone. Where the system does not allow
/// that to its users, nothing is tested, and the reason is printed past the test harness, which would keep it to itself.
fn with_a_disk(test: &str, play: impl AsyncFnOnce(&Disk)) {
    if let Some(path) = env::var_os(DISK) {
        return Runtime::new().unwrap().block_on(play(&Disk(path.into())));
    }
    let folder = TempDir::new().unwrap();
    let run = |then: &str| {
        let script = format!("mount -t tmpfs -o size=2m none \"${DISK}\" && {then}");
        let mut apart = Command::new("unshare");
        apart.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]).env(DISK, folder.path());
        apart.env("BINARY", env::current_exe().unwrap()).env("TEST", test).output()
    };
    match run("true") {
        Ok(tried) if tried.status.success() => {}
        tried => {
            let why =
                tried.map_or_else(|cause| cause.to_string(), |tried| String::from_utf8_lossy(&tried.stderr).into());
            let mut past = io::stderr();
            writeln!(past, "NOT TESTED: {test}: no file system of its own: {}", why.trim()).unwrap();
            return;
        }
    }
    let played = run("exec \"$BINARY\" --exact \"$TEST\" --nocapture").unwrap();
    let [out, err] = [&played.stdout, &played.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(played.status.success() && out.contains("1 passed"), "{out}{err}");
}

struct Disk(PathBuf);

impl Disk {
    fn store(&self) -> PathBuf {
        self.0.join("borough.db")
    }

    /// Takes all the room but this many bytes.
    fn fill(&self, but: u64) {
        let mut ballast = OpenOptions::new().create(true).append(true).open(self.0.join("ballast")).unwrap();
        while ballast.write_all(&[1; 4096]).is_ok() {}
        ballast.set_len(ballast.metadata().unwrap().len() - but).unwrap();
    }

    fn free(&self) {
        fs::remove_file(self.0.join("ballast")).unwrap();
    }

    fn mount(&self, how: &str) {
        let mounted = Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(&self.0).status().unwrap();
        assert!(mounted.success(), "{how}");
    }

    /// All but the ballast, and without what SQLite lays there.
    fn files(&self) -> Vec<String> {
        let names = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name != "ballast" && !name.contains("borough.db-")).collect();
        names.sort();
        names
    }

    fn wipe(&self) {
        fs::read_dir(&self.0).unwrap().for_each(|entry| fs::remove_file(entry.unwrap().path()).unwrap());
    }
}

/// The store, from two units on, closed in good order.
async fn two_units(path: &Path) {
    let store = open(path).unwrap();
    for n in 1..=2 {
        store.commit(numbered(n)).await.unwrap();
    }
}

/// Every way to read it finds these units.
async fn reads(path: &Path, expected: &[u64]) {
    let reading = SqliteStore::open_read(path).unwrap().unwrap();
    assert_eq!(numbers(&reading).await, expected);
    assert_eq!(stats(path).unwrap().unwrap().events, 2 * expected.len() as u64);
    assert_eq!(verified(path), []);
    assert!(exported(path).unwrap().ends_with(b"}\n"));
    let (_elsewhere, copy) = place();
    backup(path, &copy, &options(), &mut |_| {}).unwrap();
    assert_eq!(numbers(&open(&copy).unwrap()).await, expected);
}

#[track_caller]
fn says(error: &StoreError, kind: StoreErrorKind, parts: &[&str]) {
    assert_eq!(error.kind, kind, "{error}");
    assert!(parts.iter().all(|part| error.message.contains(part)), "{error}");
}

const ROOM: &str = "free some space and try again";

#[test]
fn a_full_disk_can_be_read() {
    with_a_disk("disk::a_full_disk_can_be_read", async |disk| {
        let path = disk.store();
        two_units(&path).await;
        let before = fs::read(&path).unwrap();
        disk.fill(0);
        for _ in 0..2 {
            reads(&path, &[1, 2]).await;
        }
        assert!(fs::read(&path).unwrap() == before);
        says(&open(&path).unwrap_err(), StoreErrorKind::Full, &["borough.db` has no room left for its lock", ROOM]);
        disk.free();
        assert_eq!(numbers(&open(&path).unwrap()).await, [1, 2]);
        assert_eq!(disk.files(), ["borough.db"]);

        disk.wipe();
        killed(&path).await;
        // SQLite's other file, which a process that is killed leaves too.
        fs::write(path.with_extension("db-shm"), [0; 32768]).unwrap();
        disk.fill(0);
        reads(&path, &[1, 2, 3, 4, 5, 6]).await;
        disk.wipe();
        killed(&path).await;
        disk.fill(0);
        let small = ["borough.db` has no room left on its disk for the two small files", ROOM];
        says(&SqliteStore::open_read(&path).unwrap_err(), StoreErrorKind::Full, &small);
        says(&open(&path).unwrap_err(), StoreErrorKind::Full, &small);
        disk.free();
        assert_eq!(numbers(&open(&path).unwrap()).await, [1, 2, 3, 4, 5, 6]);
    });
}

fn ballast(said: u64, pages: usize) -> Unit {
    let mut unit = Unit::new(testing::origin("test"));
    // Pages of one are the pages of another: what a commit without room has left in the log may stand in the file.
    let text = format!("{said:08}") + &"x".repeat(pages * 4096);
    unit.put("large", &CardIndex { entries: json!(text) }, Expected::Any);
    unit
}

#[test]
fn a_disk_that_fills_up_is_said_and_the_store_goes_on_when_there_is_room() {
    let test = "disk::a_disk_that_fills_up_is_said_and_the_store_goes_on_when_there_is_room";
    with_a_disk(test, async |disk| {
        let path = disk.store();
        let full = ["borough.db` has no room left, and nothing of this was written: free some space and try again"];
        let mut written = 0;
        for room in [0, 4096, 20_000, 60_000, 150_000] {
            let store = open(&path).unwrap();
            disk.fill(room);
            let error = loop {
                match store.commit(numbered(written + 1)).await {
                    Ok(_) => written += 1,
                    Err(CommitError::Store(error)) => break error,
                    Err(other) => panic!("{other}"),
                }
            };
            says(&error, StoreErrorKind::Full, &full);
            let Err(CommitError::Store(error)) = store.commit(ballast(2 * room + 1, 100)).await else {
                panic!("{room}")
            };
            says(&error, StoreErrorKind::Full, &full);
            let expected: Vec<u64> = (1..=written).collect();
            assert_eq!(numbers(&store).await, expected, "with room for {room}");
            assert_eq!(stats(&path).unwrap().unwrap().head, 2 * written, "with room for {room}");
            if room % 8192 == 0 {
                // It goes on, or ends there and is opened again.
                drop(store);
                assert_eq!(numbers(&SqliteStore::open_read(&path).unwrap().unwrap()).await, expected);
                disk.free();
            } else {
                disk.free();
                written += 1;
                store.commit(numbered(written)).await.unwrap();
                store.commit(ballast(2 * room, 10)).await.unwrap();
            }
            assert_eq!(verified(&path), []);
        }
        let store = open(&path).unwrap();
        assert_eq!(numbers(&store).await, (1..=written).collect::<Vec<_>>());
        drop(store);
        assert_eq!(disk.files(), ["borough.db"]);
    });
}

#[test]
fn a_disk_without_room_for_a_copy_is_said_and_nothing_is_left() {
    with_a_disk("disk::a_disk_without_room_for_a_copy_is_said_and_nothing_is_left", async |disk| {
        let (_elsewhere, path) = place();
        let store = open(&path).unwrap();
        for n in 1..=200 {
            store.commit(numbered(n)).await.unwrap();
        }
        drop(store);
        let whole = exported(&path).unwrap();
        let [copy, file, store] = ["copy.db", "whole.jsonl", "store.db"].map(|name| disk.0.join(name));
        for room in [0, 4096, 8192, 20_000, 60_000] {
            disk.fill(room);
            let error = backup(&path, &copy, &options(), &mut |_| {}).unwrap_err();
            says(&error, StoreErrorKind::Full, &["copy.db` has no room left", ROOM]);
            let error = export_file(&path, &file, &options(), &mut |_| {}).unwrap_err();
            says(&error, StoreErrorKind::Full, &["whole.jsonl` ", ROOM]);
            let error = import(&store, &options(), &mut &whole[..], &mut |_| {}).unwrap_err();
            says(&error, StoreErrorKind::Full, &["store.db` has no room left", ROOM]);
            let mut out = File::create(disk.0.join("ballast2")).unwrap();
            let error = export(&path, &mut out, &mut |_| {}).unwrap_err();
            says(&error, StoreErrorKind::Full, &["`the export` cannot be written", ROOM]);
            fs::remove_file(disk.0.join("ballast2")).unwrap();
            assert_eq!(disk.files(), Vec::<String>::new(), "with room for {room}");
            disk.free();
        }
        backup(&path, &copy, &options(), &mut |_| {}).unwrap();
        assert_eq!(numbers(&open(&copy).unwrap()).await.len(), 200);
    });
}

#[test]
fn a_disk_that_can_only_be_read_is_read() {
    with_a_disk("disk::a_disk_that_can_only_be_read_is_read", async |disk| {
        let odd = disk.0.join("ünï ?mode=memory#%20.db");
        for path in [disk.store(), odd] {
            two_units(&path).await;
            disk.mount("ro");
            reads(&path, &[1, 2]).await;
            let error = open(&path).unwrap_err();
            says(&error, StoreErrorKind::Unavailable, &["is on a disk that can only be read", "mounted for writing"]);
            let error = backup(&path, &disk.0.join("copy.db"), &options(), &mut |_| {}).unwrap_err();
            says(&error, StoreErrorKind::Unavailable, &["copy.db` is on a disk that can only be read"]);
            disk.mount("rw");
        }
        let path = disk.store();
        disk.wipe();
        killed(&path).await;
        fs::write(path.with_extension("db-shm"), [0; 32768]).unwrap();
        disk.mount("ro");
        reads(&path, &[1, 2, 3, 4, 5, 6]).await;
        disk.mount("rw");
        fs::remove_file(path.with_extension("db-shm")).unwrap();
        disk.mount("ro");
        // What is in the log is not passed over.
        let parts = ["cannot be opened", "borough.db-wal` cannot be read: copy both to a place where"];
        says(&SqliteStore::open_read(&path).unwrap_err(), StoreErrorKind::Unavailable, &parts);
        says(&stats(&path).unwrap_err(), StoreErrorKind::Unavailable, &parts);
    });
}

/// A folder that cannot be written here may be written elsewhere: a container sees a disk so that others work on.
#[test]
fn what_is_read_without_locks_and_changes_meanwhile_is_not_believed() {
    with_a_disk("disk::what_is_read_without_locks_and_changes_meanwhile_is_not_believed", async |disk| {
        let path = disk.store();
        for is_closed in [false, true] {
            disk.wipe();
            two_units(&path).await;
            disk.mount("ro");
            let reading = SqliteStore::open_read(&path).unwrap().unwrap();
            assert_eq!(numbers(&reading).await, [1, 2]);
            disk.mount("rw");
            let writing = open(&path).unwrap();
            writing.commit(numbered(3)).await.unwrap();
            let writing = Some(writing).filter(|_| !is_closed);
            assert_eq!(numbers(&reading).await, [1, 2, 3], "what it has read before it does not read again");
            drop((reading, writing));
        }
        disk.mount("ro");
        // In the middle of a look at all of it.
        let mut others_write = |_| {
            disk.mount("rw");
            Connection::open(&path).unwrap().execute_batch("CREATE TABLE IF NOT EXISTS theirs (x)").unwrap();
        };
        let (_elsewhere, copy) = place();
        let error = backup(&path, &copy, &options(), &mut others_write).unwrap_err();
        let parts = ["borough.db` was written while it was read without SQLite's locks", "try again"];
        says(&error, StoreErrorKind::Locked, &parts);
        assert!(!copy.exists());
    });
}

/// Tells the test that its disk fails to flush while a file of this name is there.
const FAILS: &str = "FLUSHES_FAIL_WHILE_THIS_IS_THERE";

/// Takes the place of what flushes a file.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int flush(const char *name, int fd) {
    if (access(getenv("FLUSHES_FAIL_WHILE_THIS_IS_THERE"), F_OK) == 0) {
        errno = EIO;
        return -1;
    }
    int (*real)(int) = dlsym(RTLD_NEXT, name);
    return real(fd);
}

int fdatasync(int fd) { return flush("fdatasync", fd); }
int fsync(int fd) { return flush("fsync", fd); }
"#;

/// What was refused is not there, neither now nor after a kill, and what it has left hides nothing of what comes.
#[tokio::test]
async fn a_flush_that_fails_refuses_its_unit_and_nothing_else() {
    if let Some(fails) = env::var_os(FAILS) {
        return refused_flushes(Path::new(&fails)).await;
    }
    let folder = TempDir::new().unwrap();
    let [source, shim, fails] = ["shim.c", "shim.so", "fails"].map(|name| folder.path().join(name));
    fs::write(&source, SHIM).unwrap();
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&shim, &source]).arg("-ldl").output().unwrap();
    assert!(compiled.status.success(), "{compiled:?}");
    let mut itself = Command::new(env::current_exe().unwrap());
    itself.args(["--exact", "disk::a_flush_that_fails_refuses_its_unit_and_nothing_else", "--nocapture"]);
    let played = itself.env(FAILS, &fails).env("LD_PRELOAD", &shim).output().unwrap();
    let [out, err] = [&played.stdout, &played.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(played.status.success() && out.contains("1 passed"), "{out}{err}");
}

async fn refused_flushes(fails: &Path) {
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    let large = |n: u64, cards: u64| {
        let mut unit = numbered(n);
        (0..cards).for_each(|n| {
            unit.put(format!("card {n}"), &CardIndex { entries: json!("x".repeat(3000)) }, Expected::Any)
        });
        unit
    };
    let killed = async |expected: &[u64]| {
        let (_elsewhere, copy) = place();
        for suffix in ["db", "db-wal", "db.lock"] {
            fs::copy(path.with_extension(suffix), copy.with_extension(suffix)).unwrap();
        }
        assert_eq!(numbers(&open(&copy).unwrap()).await, expected);
        assert_eq!(verified(&path), []);
    };
    store.commit(numbered(1)).await.unwrap();
    fs::write(fails, "").unwrap();
    for cards in [40, 20] {
        let CommitError::Store(refused) = store.commit(large(2, cards)).await.unwrap_err() else {
            panic!("the disk fails")
        };
        says(&refused, StoreErrorKind::Unavailable, &["borough.db", "check its disk"]);
        killed(&[1]).await;
    }
    fs::remove_file(fails).unwrap();
    store.commit(numbered(2)).await.unwrap();
    killed(&[1, 2]).await;
    assert_eq!(numbers(&store).await, [1, 2]);
}

/// They are written together, and that there is no room shows when they are committed.
#[test]
fn a_unit_without_room_does_not_take_its_neighbours_with_it() {
    with_a_disk("disk::a_unit_without_room_does_not_take_its_neighbours_with_it", async |disk| {
        let path = disk.store();
        two_units(&path).await;
        let store = Arc::new(open(&path).unwrap());
        store.commit(numbered(3)).await.unwrap();
        disk.fill(200 << 10);
        let (gate, held) = hold(&store).await;
        let mut large = Unit::new(testing::origin("test"));
        large.put("large", &CardIndex { entries: json!("x".repeat(700 << 10)) }, Expected::Any);
        let commits = [numbered(4), large, numbered(5)].map(|unit| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.commit(unit).await })
        });
        // They have been queued when they have been polled.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        gate.send(()).unwrap();
        held.await.unwrap();
        let [before, large, behind] = commits;
        before.await.unwrap().unwrap();
        let CommitError::Store(refused) = large.await.unwrap().unwrap_err() else { panic!("there is no room") };
        says(&refused, StoreErrorKind::Full, &["borough.db` has no room left", ROOM]);
        behind.await.unwrap().unwrap();
        let there = store.documents("testing.cards", None, 99).await.unwrap();
        let there: Vec<&str> = there.iter().map(|card| card.key.as_str()).collect();
        assert_eq!(there, ["held", "unit 1", "unit 2", "unit 3", "unit 4", "unit 5"]);
    });
}
