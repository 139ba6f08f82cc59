//! Looking at a store, verifying it, copying it, carrying it elsewhere.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use event_sourcing::{Collection, Expected, Position, Store, StoreError, StoreErrorKind, StoreExt as _, Unit};
use rusqlite::Connection;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use storage_sqlite::{CheckpointStats, Counts, Finding, Options, Progress, SqliteStore};
use testing::store::{Card, Filed, Noted, Tagged};

use crate::{files, numbered, numbers, open, options, place};

/// Everything that an export must carry: odd names, sub-millisecond times, revisions, an index, what was deleted.
async fn fill(path: &Path, units: u64) {
    let store = open(path).unwrap();
    store.declare(&[Collection::of::<Filed>(), Collection::of::<Card>()]).await.unwrap();
    for n in 1..=units {
        store.commit(numbered(n)).await.unwrap();
    }
    let origin = testing::origin("test");
    for round in 0..3 {
        let mut unit = Unit::new(origin.clone());
        let odd = "quote ' \" \\ and \u{0}\n and ünï 🦀";
        unit.append(odd, Expected::Any, &Noted::new(odd, u64::MAX));
        unit.append(odd, Expected::Any, &Tagged::new(round, &["b:2", "a:1", odd][..round as usize]));
        unit.put(odd, &Filed::at(json!([odd, -0.0, 0.1 + 0.2, u64::MAX, null])), Expected::Any);
        unit.put("", &Filed::at(json!("found")), Expected::Any);
        unit.put("gone", &Filed::at(json!(round)), Expected::Any);
        unit.delete::<Filed>("gone", Expected::Any);
        unit.checkpoint(odd, Position(round));
        store.commit(unit).await.unwrap();
    }
}

pub(crate) fn exported(path: &Path) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    storage_sqlite::export(path, &mut bytes, &mut |_| {})?;
    Ok(bytes)
}

pub(crate) fn imported(path: &Path, mut bytes: &[u8]) -> Result<Counts, StoreError> {
    storage_sqlite::import(path, &options(), &mut bytes, &mut |_| {})
}

pub(crate) fn verified(path: &Path) -> Vec<Finding> {
    storage_sqlite::verify(path, &mut |_| {}).unwrap()
}

#[tokio::test]
async fn an_import_of_an_export_is_the_same_store() {
    let (folder, path) = place();
    fill(&path, 7).await;
    let first = exported(&path).unwrap();
    let copy = path.with_file_name("copy.db");
    let counts = imported(&copy, &first).unwrap();
    assert_eq!(counts, Counts { events: 20, documents: 9, checkpoints: 2 });
    assert!(first == exported(&copy).unwrap(), "an export of the import is the same, byte by byte");
    assert_eq!(files(&folder), ["borough.db", "copy.db"]);
    assert_eq!(verified(&copy), []);

    let (ours, theirs) = (open(&path).unwrap(), open(&copy).unwrap());
    let everything = event_sourcing::LogQuery::after(Position(0), usize::MAX);
    assert_eq!(ours.log(everything.clone()).await.unwrap(), theirs.log(everything).await.unwrap());
    for collection in ["testing.filed", "testing.cards"] {
        let all = async |store: &SqliteStore| store.documents(collection, None, usize::MAX).await.unwrap();
        assert_eq!(all(&ours).await, all(&theirs).await);
    }
    // It goes on where the other one was; its indexes are made when they are declared.
    assert_eq!(
        theirs.find::<Filed>(Filed::BY_AT, "found", None, 9).await.unwrap_err().kind,
        StoreErrorKind::Undeclared
    );
    theirs.declare(&[Collection::of::<Filed>()]).await.unwrap();
    let found = theirs.find::<Filed>(Filed::BY_AT, "found", None, 9).await.unwrap().documents;
    assert_eq!((found.len(), found[0].revision), (1, 3));
    let mut unit = Unit::new(testing::origin("test"));
    unit.append("unit 1", Expected::Exact(2), &Noted::new("test", 1));
    theirs.commit(unit).await.unwrap();
    assert_eq!(theirs.head().await.unwrap(), Position(21));
}

#[tokio::test]
async fn an_export_is_json_lines_and_says_what_it_is() {
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    store.commit(numbered(1)).await.unwrap();
    let text = String::from_utf8(exported(&path).unwrap()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0], json!({"header": {"format": "borough-store", "version": 1}}));
    assert_eq!(lines[1]["event"]["stream"], "unit 1");
    assert_eq!(lines[1]["event"]["version"], 1);
    assert_eq!(lines[1]["event"]["event"]["event_type"], "testing.noted");
    assert_eq!(lines[2]["event"]["event"]["metadata"]["position"], 2);
    let document =
        json!({"collection": "testing.cards", "key": "unit 1", "revision": 1, "version": 1, "body": {"n": 1}});
    assert_eq!(lines[3]["document"], document);
    assert_eq!(lines[4], json!({"checkpoint": {"subscriber": "numbered", "position": 1}}));
    let end = &lines[5]["end"];
    assert_eq!((&end["events"], &end["documents"], &end["checkpoints"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!((lines.len(), end["sha256"].as_str().unwrap().len()), (6, 64));
    assert_eq!(storage_sqlite::export(&path.with_file_name("none.db"), &mut Vec::new(), &mut |_| {}).unwrap(), None);
}

/// Cut off anywhere, a line less, a line twice, two in another order, a byte changed: none of it is imported, and no part either.
#[tokio::test]
async fn what_is_not_a_whole_export_is_refused() {
    let (folder, path) = place();
    fill(&path, 2).await;
    let whole = exported(&path).unwrap();
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    let copy = path.with_file_name("copy.db");
    let refused = |bytes: &[u8], what: &str| {
        let error = imported(&copy, bytes).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Corrupt, "{what}: {error}");
        assert!(error.message.contains("copy.db` was not imported: line "), "{what}: {error}");
        assert!(error.message.contains("export it again"), "{what}: {error}");
        assert_eq!(files(&folder), ["borough.db"], "{what}");
    };
    for length in (0..whole.len()).step_by(97).chain([whole.len() - 1]) {
        refused(&whole[..length], "cut off");
    }
    for n in 0..lines.len() {
        let mut less = lines.clone();
        less.remove(n);
        refused(&less.concat(), "a line less");
        let mut twice = lines.clone();
        twice.insert(n, lines[n]);
        refused(&twice.concat(), "a line twice");
        let mut swapped = lines.clone();
        swapped.swap(n, (n + 1) % lines.len());
        refused(&swapped.concat(), "two in another order");
        let mut changed = whole.clone();
        let place = lines[..n].concat().len() + lines[n].len() / 2;
        changed[place] ^= 1;
        refused(&changed, "a byte changed");
    }
    let newer = br#"{"header":{"format":"borough-store","version":2}}"#;
    assert_eq!(imported(&copy, &[newer, &b"\n"[..]].concat()).unwrap_err().kind, StoreErrorKind::Newer);
    imported(&copy, &whole).unwrap();
}

#[tokio::test]
async fn an_import_adds_nothing_to_a_store() {
    let (folder, path) = place();
    fill(&path, 2).await;
    let (whole, copy) = (exported(&path).unwrap(), path.with_file_name("copy.db"));
    // A store that is empty is as good as none.
    drop(open(&copy).unwrap());
    let held = open(&copy).unwrap();
    assert_eq!(imported(&copy, &whole).unwrap_err().kind, StoreErrorKind::Locked);
    drop(held);
    imported(&copy, &whole).unwrap();
    let error = imported(&copy, &whole).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    assert!(error.message.contains("is not empty, and an import adds nothing to a store"), "{error}");
    assert!(exported(&copy).unwrap() == whole);
    fs::write(&copy, "not a store".repeat(100)).unwrap();
    assert_eq!(imported(&copy, &whole).unwrap_err().kind, StoreErrorKind::Corrupt);
    assert_eq!(files(&folder), ["borough.db", "copy.db"]);
}

/// A disk that is full from some byte on.
struct Small(usize);

impl Write for Small {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_full_disk_is_named_and_nothing_is_left() {
    let (folder, path) = place();
    fill(&path, 200).await;
    let whole = exported(&path).unwrap();
    for room in [0, 100, 5000, whole.len() - 1] {
        let error = storage_sqlite::export(&path, &mut Small(room), &mut |_| {}).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Full, "{error}");
        assert!(error.message.contains("free some space and try again"), "{error}");
    }
    let copy = path.with_file_name("copy.db");
    for pages in [5, 20] {
        let small = Options { max_pages: Some(pages), ..options() };
        let error = storage_sqlite::import(&copy, &small, &mut &whole[..], &mut |_| {}).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Full, "{error}");
        assert!(error.message.contains("copy.db` has no room left"), "{error}");
        assert_eq!(files(&folder), ["borough.db"]);
    }
}

/// Also before they have their names.
#[cfg(unix)]
#[tokio::test]
async fn a_copy_is_for_those_who_may_read_the_store() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, path) = place();
    fill(&path, 600).await;
    let whole = exported(&path).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for (n, (of, then)) in [(0o600, 0o600), (0o640, 0o640), (0o666, 0o666), (0o400, 0o600)].into_iter().enumerate() {
        set(&path, of);
        let [copy, lines, import] = ["db", "jsonl", "import"].map(|kind| path.with_file_name(format!("{n}.{kind}")));
        drop(open(&import).unwrap());
        set(&import, then);
        // In the middle, and of all that is there of it but its lock, which says only who is at it.
        let look = |_| {
            for name in files(&folder) {
                if name.contains(".draft") && !name.ends_with(".lock") {
                    assert_eq!(mode(&folder.path().join(&name)), then, "{name} like {of:o}");
                }
            }
        };
        storage_sqlite::backup(&path, &copy, &options(), &mut { look }).unwrap();
        storage_sqlite::export_file(&path, &lines, &options(), &mut { look }).unwrap();
        storage_sqlite::import(&import, &options(), &mut &whole[..], &mut { look }).unwrap();
        for made in [copy, lines, import] {
            assert_eq!(mode(&made), then, "{} like {of:o}", made.display());
        }
    }
}

/// Whole, by its digest, and of no store.
#[tokio::test]
async fn what_no_store_can_have_is_not_imported() {
    let (folder, path) = place();
    fill(&path, 1).await;
    let whole = String::from_utf8(exported(&path).unwrap()).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let copy = path.with_file_name("copy.db");
    let collection = *lines.iter().find(|line| line.starts_with("{\"collection\"")).unwrap_or(&lines[3]);
    let twice = collection.repeat(2);
    let deep = format!(r#""body":{}{}"#, "[".repeat(200), "]".repeat(200));
    for (from, to, says) in [
        (r#""revision":1"#, r#""revision":0"#, "0, is none that a store gives out"),
        (r#""revision":1"#, r#""revision":18446744073709551615"#, "is none that a store gives out"),
        (r#""revision":1,"version":1"#, r#""revision":1,"version":0"#, "its version counts from 1"),
        (r#""numbered","position":1"#, r#""numbered","position":9"#, "is at 9, and the log ends at"),
        (
            r#""event":{"event_id""#,
            r#""event":{"unknown":1,"event_id""#,
            "something in it that the store would not keep",
        ),
        (r#""source_module""#, r#""source_module":"twice","source_module""#, "duplicate field"),
        (r#"{"checkpoint""#, r#"{ "checkpoint""#, "is not written as an export writes it"),
        (r#""version":1}}"#, r#""version":0}}"#, "line 1 is of no version of an export"),
        (r#""event":{"event_id""#, r#""tags":["b","a"],"event":{"event_id""#, "its tags are not in order"),
        (
            r#""event":{"event_id""#,
            r#""nanoseconds":1000000,"event":{"event_id""#,
            "its time is none that a store keeps",
        ),
        ("1970-01-01T", "3000-01-01T", "its time is none that a store keeps"),
        ("1970-01-01T00:00:00.", "1970-01-01T23:59:60.", "its time is none that a store keeps"),
        (r#""body":{"n":1}"#, &deep, "nests deeper than 127 levels"),
        (collection, &twice, "is not in the order of an export, or is there twice"),
    ] {
        let changed: Vec<String> = lines[..lines.len() - 1].iter().map(|line| line.replace(from, to)).collect();
        let changed = changed.concat();
        assert_ne!(changed, lines[..lines.len() - 1].concat(), "{from}");
        let [before, now] =
            [lines[..lines.len() - 1].concat(), changed.clone()].map(|lines| format!("{:x}", Sha256::digest(lines)));
        let end = lines[lines.len() - 1].replace(&before, &now);
        let error = imported(&copy, format!("{changed}{end}").as_bytes()).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Corrupt, "{error}");
        assert!(error.message.contains("was not imported") && error.message.contains(says), "{to}: {error}");
        assert_eq!(files(&folder), ["borough.db"], "{to}");
    }
}

/// As a projection keeps it.
#[derive(serde::Serialize, serde::Deserialize)]
struct HowFar {
    position: u64,
    applied: u64,
}

impl event_sourcing::Document for HowFar {
    const COLLECTION: &'static str = "event_sourcing.projection_progress";
}

/// What no import would take is said when it is exported.
#[tokio::test]
async fn what_is_not_whole_is_not_exported() {
    let says = |path: &Path, parts: [&str; 2]| {
        let error = exported(path).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Corrupt, "{error}");
        assert!(parts.iter().all(|part| error.message.contains(part)), "{error}");
        assert_ne!(verified(path), [], "{error}");
    };
    for (sql, parts) in [
        ("DELETE FROM events WHERE position = 3", ["event 4", "comes after 2"]),
        ("DELETE FROM events WHERE position > 1; DELETE FROM checkpoints", ["tag `", "the log ends at 1"]),
        (
            "DELETE FROM events WHERE position > 1; DELETE FROM tags WHERE event > 1",
            ["checkpoint `", "the log ends at 1"],
        ),
    ] {
        let (_folder, path) = place();
        fill(&path, 20).await;
        exported(&path).unwrap();
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        says(&path, parts);
    }
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    let mut unit = numbered(1);
    unit.put("days/00000001", &HowFar { position: 3, applied: 1 }, Expected::Any);
    store.commit(unit).await.unwrap();
    drop(store);
    says(&path, ["event_sourcing.projection_progress/days/00000001", "it is at 3, and the log ends at 2"]);
    let findings = verified(&path);
    assert!(findings[0].to_string().contains("the projection is at 3, and the log ends at 2"), "{findings:?}");
}

#[tokio::test]
async fn the_line_that_is_missing_is_counted_right() {
    let (_folder, path) = place();
    fill(&path, 1).await;
    let whole = exported(&path).unwrap();
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    for n in [0, 1, 3] {
        let error = imported(&path.with_file_name("copy.db"), &lines[..n].concat()).unwrap_err();
        let says = format!("was not imported: line {} is missing: the export was cut off", n + 1);
        assert!(error.message.contains(&says), "{error}");
    }
}

/// A file that may have a single page is a full disk to SQLite.
#[test]
fn a_backup_without_room_leaves_nothing() {
    let (folder, path) = place();
    drop(open(&path).unwrap());
    let small = Options { max_pages: Some(1), ..options() };
    let error = storage_sqlite::backup(&path, &path.with_file_name("copy.db"), &small, &mut |_| {}).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Full);
    assert!(error.message.contains("copy.db` has no room left"), "{error}");
    assert_eq!(files(&folder), ["borough.db"]);
}

#[tokio::test]
async fn an_export_to_a_file_overwrites_nothing() {
    let (folder, path) = place();
    fill(&path, 2).await;
    let file = path.with_file_name("whole.jsonl");
    let export = |of: &str| storage_sqlite::export_file(&path.with_file_name(of), &file, &options(), &mut |_| {});
    assert_eq!(export("none.db").unwrap(), None);
    assert_eq!(files(&folder), ["borough.db"]);
    assert_eq!(export("borough.db").unwrap(), Some(Counts { events: 10, documents: 4, checkpoints: 2 }));
    assert!(fs::read(&file).unwrap() == exported(&path).unwrap());
    fs::write(&file, "precious").unwrap();
    let error = export("borough.db").unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    assert!(error.message.contains("whole.jsonl` is there already and an export overwrites nothing"), "{error}");
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    assert_eq!(files(&folder), ["borough.db", "whole.jsonl"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_made_while_the_writer_works() {
    let (folder, path) = place();
    let store = Arc::new(open(&path).unwrap());
    let is_done = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn({
        let (store, is_done) = (Arc::clone(&store), Arc::clone(&is_done));
        async move {
            let mut n = 0;
            while !is_done.load(Ordering::Relaxed) || n < 50 {
                n += 1;
                store.commit(numbered(n)).await.unwrap();
            }
            n
        }
    });
    let copies = (0..5).map(|n| path.with_file_name(format!("copy {n}.db")));
    let copies: Vec<_> = copies.collect();
    let mut last = 0;
    for copy in &copies {
        let mut seen = Vec::new();
        let copied =
            storage_sqlite::backup(&path, copy, &options(), &mut |progress| seen.push(progress)).unwrap().unwrap();
        assert!(seen.iter().all(|Progress { done, all }| done <= all), "{seen:?}");
        assert!(seen.last().is_some_and(|Progress { done, all }| done == all), "{seen:?}");
        assert_eq!(copied.bytes, copy.metadata().unwrap().len());
        assert!(copied.counts.events >= last, "a later one has no less");
        last = copied.counts.events;
    }
    is_done.store(true, Ordering::Relaxed);
    let written = testing::soon("writing", writing).await.unwrap();
    drop(store);
    let mut names: Vec<_> = (0..5).map(|n| format!("copy {n}.db")).collect();
    names.insert(0, "borough.db".into());
    assert_eq!(files(&folder), names);
    for copy in copies {
        // A store like any other, at some moment between two units.
        let found = numbers(&open(&copy).unwrap()).await;
        assert_eq!(found, (1..=found.len() as u64).collect::<Vec<_>>());
        assert!(found.len() as u64 <= written);
    }
}

#[tokio::test]
async fn a_backup_overwrites_nothing_and_copies_no_damage() {
    let (folder, path) = place();
    fill(&path, 20).await;
    let copy = path.with_file_name("copy.db");
    let back_up = || storage_sqlite::backup(&path, &copy, &options(), &mut |_| {});
    fs::write(&copy, "precious").unwrap();
    let error = back_up().unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    assert!(error.message.contains("copy.db` is there already and a backup overwrites nothing"), "{error}");
    assert_eq!(fs::read(&copy).unwrap(), b"precious");
    fs::remove_file(&copy).unwrap();
    assert_eq!(back_up().unwrap().unwrap().counts, Counts { events: 46, documents: 22, checkpoints: 2 });
    assert!(exported(&path).unwrap() == exported(&copy).unwrap());

    fs::write(path.with_file_name("other.db"), "").unwrap();
    let own = ["-wal", "-shm", "-journal", ".lock", ".control", ".draft", ".draft.lock"];
    for own in ["borough.db", "other.db"].iter().flat_map(|store| own.map(|suffix| format!("{store}{suffix}"))) {
        let to = path.with_file_name(own);
        let refused = [
            storage_sqlite::backup(&path, &to, &options(), &mut |_| {}).map(drop).unwrap_err(),
            storage_sqlite::export_file(&path, &to, &options(), &mut |_| {}).map(drop).unwrap_err(),
        ];
        for error in refused {
            assert_eq!(error.kind, StoreErrorKind::Unavailable);
            assert!(error.message.contains(".db`, if it is a store, needs for its own files"), "{error}");
        }
        assert!(!to.exists());
    }
    fs::remove_file(path.with_file_name("other.db")).unwrap();

    fs::remove_file(&copy).unwrap();
    Connection::open(&path).unwrap().execute("UPDATE events SET data = '{}' WHERE position = 4", []).unwrap();
    let error = back_up().unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Corrupt);
    assert!(error.message.contains("no backup was made of it (events 4:"), "{error}");
    assert_eq!(files(&folder), ["borough.db"]);
    let nowhere = path.with_file_name("missing").join("copy.db");
    let error = storage_sqlite::backup(&path, &nowhere, &options(), &mut |_| {}).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    assert!(error.message.ends_with("create its folder or choose another place"), "{error}");
    assert_eq!(storage_sqlite::backup(&path.with_file_name("none.db"), &copy, &options(), &mut |_| {}).unwrap(), None);
}

/// As when a store is moved away behind a `kill -9`, and its log is forgotten: SQLite would take that for a part of what comes.
#[tokio::test]
async fn nothing_is_restored_beside_the_log_of_another_store() {
    let (folder, path) = place();
    fill(&path, 20).await;
    let (whole, restored) = (exported(&path).unwrap(), path.with_file_name("restored.db"));
    let other = open(&path).unwrap();
    other.commit(numbered(21)).await.unwrap();
    let log = fs::read(path.with_extension("db-wal")).unwrap();
    drop(other);
    for (beside, content) in [("db-wal", &log[..]), ("db-shm", &[0; 32768])] {
        let left = restored.with_extension(beside);
        fs::write(&left, content).unwrap();
        let refused = [
            imported(&restored, &whole).map(drop).unwrap_err(),
            storage_sqlite::backup(&path, &restored, &options(), &mut |_| {}).map(drop).unwrap_err(),
        ];
        for error in refused {
            assert_eq!(error.kind, StoreErrorKind::Unavailable, "{error}");
            assert!(error.message.contains(&format!("restored.{beside}`")), "{error}");
            assert!(error.message.contains("move that away too"), "{error}");
        }
        assert_eq!(files(&folder), ["borough.db", &format!("restored.{beside}")], "it is as it was");
        fs::remove_file(left).unwrap();
    }
    imported(&restored, &whole).unwrap();
    assert!(exported(&restored).unwrap() == whole);
    // The advice to move a store away names both files.
    fs::write(&restored, "not a store".repeat(1000)).unwrap();
    fs::write(restored.with_extension("db-wal"), &log).unwrap();
    let error = open(&restored).unwrap_err().to_string();
    assert!(error.contains("move it away together with its log `") && error.contains("restored.db-wal`"), "{error}");
}

#[tokio::test]
async fn stats_say_what_is_there() {
    let (_folder, path) = place();
    assert_eq!(storage_sqlite::stats(&path).unwrap(), None);
    fill(&path, 4).await;
    let stats = storage_sqlite::stats(&path).unwrap().unwrap();
    assert_eq!((stats.schema, stats.head, stats.events, stats.streams), (4, 14, 14, 5));
    assert_eq!((stats.file_bytes, stats.log_bytes), (path.metadata().unwrap().len(), 0));
    let collections: Vec<_> =
        stats.collections.iter().map(|(name, c)| (name.as_str(), c.documents, c.version)).collect();
    assert_eq!(collections, [("testing.cards", 4, Some(1)), ("testing.filed", 2, Some(1))]);
    assert_eq!(stats.collections["testing.filed"].indexes, ["by_at", "by_label"]);
    assert_eq!(stats.checkpoints["numbered"], CheckpointStats { position: 4, behind: 10 });
    assert_eq!(stats.bytes.values().sum::<u64>() + stats.free_bytes, stats.file_bytes, "{:?}", stats.bytes);
    assert!(stats.bytes.contains_key("events") && stats.bytes.contains_key("testing.filed/by_at"), "{:?}", stats.bytes);
    let store = open(&path).unwrap();
    store.commit(numbered(5)).await.unwrap();
    let stats = storage_sqlite::stats(&path).unwrap().unwrap();
    assert!(stats.log_bytes > 0 && stats.events == 16, "{stats:?}");
}

#[tokio::test]
async fn what_is_wrong_is_found_and_named() {
    let (_folder, path) = place();
    assert_eq!(verified(&path), [], "no store");
    fill(&path, 5).await;
    let sound = fs::read(&path).unwrap();
    assert_eq!(verified(&path), []);
    let cases = [
        ("UPDATE events SET data = '{\"n\":7}' WHERE position = 4", "events 4: it is not what was written there"),
        ("UPDATE events SET key = 'other' WHERE position = 4", "events 4: it is not what was written there"),
        ("DELETE FROM events WHERE position = 3", "events 4: comes after 2: positions have no gaps"),
        (
            "DELETE FROM events WHERE position = 3",
            "events of stream `unit 2`: version 2 comes after 0: versions have no gaps",
        ),
        ("UPDATE events SET stream = 77 WHERE position = 1", "events of stream 77: it has no name"),
        ("UPDATE names SET name = 'unit 9' WHERE name = 'unit 2'", "names `unit 9`: it is not what was written there"),
        ("DELETE FROM names WHERE name = 'unit 2'", "events of stream 5: it has no name"),
        ("DELETE FROM names WHERE name = 'testing.noted'", "events 1: name 2 is missing"),
        ("UPDATE tags SET tag = 'c:3' WHERE tag = 'a:1'", "tags `c:3` of event 16: it is not what was written there"),
        ("UPDATE documents SET body = '{' WHERE key = 'unit 2'", "documents `testing.cards/unit 2`: it is not"),
        ("UPDATE documents SET revision = 0 WHERE key = 'unit 2'", "documents `testing.cards/unit 2`: it is not"),
        ("UPDATE documents SET key = 'unit 9' WHERE key = 'unit 2'", "documents `testing.cards/unit 9`: it is not"),
        ("UPDATE checkpoints SET position = 9 WHERE subscriber = 'numbered'", "checkpoints `numbered`: it is not"),
        ("UPDATE collections SET version = 9 WHERE name = 'testing.cards'", "collections `testing.cards`: it is not"),
    ];
    for (damage, says) in cases {
        fs::write(&path, &sound).unwrap();
        Connection::open(&path).unwrap().execute_batch(damage).unwrap();
        let findings: Vec<String> = verified(&path).iter().map(Finding::to_string).collect();
        assert!(findings.iter().any(|finding| finding.starts_with(says)), "{damage}: {findings:?}");
        assert!(findings.iter().all(|finding| finding.contains("restore the store from a copy")), "{findings:?}");
    }
    // What was written so, and could not have been.
    fs::write(&path, &sound).unwrap();
    let store = open(&path).unwrap();
    let mut unit = Unit::new(testing::origin("test"));
    unit.checkpoint("early", Position(100));
    store.commit(unit).await.unwrap();
    let findings = verified(&path);
    assert_eq!(findings.len(), 1);
    let says = "checkpoints `early`: is at 100, and the log ends at 16: restore the store from a copy, or have the";
    assert!(findings[0].to_string().starts_with(says), "{}", findings[0]);
}

/// What docs/store.md says of rows that are missing, of each kind.
#[tokio::test]
async fn what_has_gone_is_found_where_something_else_tells_of_it() {
    let (_folder, path) = place();
    fill(&path, 5).await;
    let sound = fs::read(&path).unwrap();
    let found = |what: &str| {
        let findings: Vec<String> = verified(&path).iter().map(Finding::to_string).collect();
        fs::write(&path, &sound).unwrap();
        (findings.first().cloned().unwrap_or_default(), what.to_owned())
    };
    let without = |sql: &str| {
        let connection = Connection::open(&path).unwrap();
        assert_ne!(connection.execute(sql, []).unwrap(), 0, "{sql}");
    };
    let last = "DELETE FROM events WHERE position = 16";
    for (gone, more, tells) in [
        ("DELETE FROM events WHERE position = 3", None, "events 4: comes after 2"),
        ("DELETE FROM names WHERE name = 'testing.noted'", None, "events 1: name 2 is missing"),
        (last, None, "tags `"),
        // As if they had never been written.
        (last, Some("DELETE FROM tags WHERE event = 16"), ""),
        ("DELETE FROM documents WHERE key = 'unit 2'", None, ""),
        ("DELETE FROM documents WHERE collection = 'testing.filed'", None, ""),
        ("DELETE FROM tags WHERE event = 14", None, ""),
        ("DELETE FROM checkpoints WHERE subscriber = 'numbered'", None, ""),
        ("DELETE FROM collections WHERE name = 'testing.cards'", None, ""),
    ] {
        without(gone);
        more.into_iter().for_each(without);
        let (finding, gone) = found(gone);
        assert!(finding.starts_with(tells) && finding.is_empty() == tells.is_empty(), "{gone}: `{finding}`");
    }

    // The last event, to which a subscriber has come.
    let store = open(&path).unwrap();
    let mut unit = Unit::new(testing::origin("test"));
    unit.append("last", Expected::Absent, &Noted::new("last", 1));
    unit.checkpoint("up to date", Position(17));
    store.commit(unit).await.unwrap();
    drop(store);
    without("DELETE FROM events WHERE position = 17");
    let (finding, _) = found("");
    assert!(finding.starts_with("checkpoints `up to date`: is at 17, and the log ends at 16"), "{finding}");
}

/// A store of the second schema, which had no checksums, and the names in the events.
pub fn age(path: &Path) {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE earlier (position INTEGER PRIMARY KEY, event_id BLOB NOT NULL, stream TEXT NOT NULL,
                 version INTEGER NOT NULL, event_type TEXT NOT NULL, timestamp INTEGER NOT NULL,
                 source_module TEXT NOT NULL, data TEXT NOT NULL, correlation_id BLOB NOT NULL, causation_id BLOB,
                 user_id TEXT NOT NULL, schema_version INTEGER NOT NULL, key TEXT NOT NULL, priority INTEGER NOT NULL,
                 UNIQUE (stream, version));
             INSERT INTO earlier SELECT position, event_id, stream.name, version, type.name, timestamp, module.name, data,
                 correlation_id, causation_id, user.name, schema_version, key, priority
             FROM events JOIN names AS stream ON stream.id = stream JOIN names AS type ON type.id = event_type
                 JOIN names AS module ON module.id = source_module JOIN names AS user ON user.id = user_id
             ORDER BY position;
             DROP TABLE events; DROP TABLE names; ALTER TABLE earlier RENAME TO events;",
        )
        .unwrap();
    for table in ["tags", "documents", "checkpoints"] {
        connection.execute_batch(&format!("ALTER TABLE {table} DROP COLUMN checksum")).unwrap();
    }
    connection.execute_batch("ALTER TABLE documents DROP COLUMN version; DROP TABLE collections; VACUUM").unwrap();
    connection.pragma_update(None, "user_version", 2).unwrap();
}

#[tokio::test]
async fn an_earlier_schema_is_brought_up_to_date() {
    let (_folder, path) = place();
    fill(&path, 5000).await;
    let before = exported(&path).unwrap();
    age(&path);
    // Whoever only reads cannot bring it up to date.
    let refused = |error: StoreError| {
        assert_eq!(error.kind, StoreErrorKind::Unavailable);
        assert!(error.message.contains("an earlier version of Borough (its schema is 2, this one reads 4)"), "{error}");
    };
    refused(SqliteStore::open_read(&path).map(drop).unwrap_err());
    refused(storage_sqlite::verify(&path, &mut |_| {}).unwrap_err());
    let store = open(&path).unwrap();
    assert_eq!(store.list::<Card>(None, usize::MAX).await.unwrap().len(), 5000);
    store.declare(&[Collection::of::<Filed>(), Collection::of::<Card>()]).await.unwrap();
    drop(store);
    assert_eq!(verified(&path), []);
    assert!(before == exported(&path).unwrap());
}
