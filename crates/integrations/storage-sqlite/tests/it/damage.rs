//! A store whose bytes have changed behind its back: cut off, or bits turned over, in the file or in SQLite's log beside it. Whatever
//! is read then is what was written, or there is an error that names the file, or `verify` has a finding.
//!
//! `BOROUGH_DAMAGES=10000` tries so many seeds; `BOROUGH_SEED=17` that one.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use event_bus::{DeadLetter, RetryPolicy, Subscriber, Subscription};
use event_sourcing::{
    Collection, CommitError, Direction, EventQuery, Expected, LogQuery, Position, Store, StoreError, StoreErrorKind,
    StoreExt as _, StreamQuery, Unit,
};
use kernel::{Context, Error};
use rusqlite::Connection;
use serde_json::json;
use storage_sqlite::SqliteStore;
use testing::{
    faults::{Seed, each_seed},
    store::{Card, CardIndex, Filed, Noted, Tagged},
};

use crate::{
    maintenance::{exported, verified},
    numbered, numbers, open, place,
};

/// Units of the store that is damaged.
const UNITS: u64 = 40;

fn seeds() -> u64 {
    let named = env::var("BOROUGH_DAMAGES").ok();
    named.map_or(120, |number| number.parse().expect("BOROUGH_DAMAGES is a whole number"))
}

/// A store as the disk has it, and what is in it.
struct Whole {
    file: Vec<u8>,
    log: Option<Vec<u8>>,
    /// After each unit, as an export has it.
    history: Vec<Vec<u8>>,
    answers: Vec<String>,
}

fn log_path(path: &Path) -> PathBuf {
    path.with_extension("db-wal")
}

async fn unit(store: &SqliteStore, n: u64) {
    let mut unit = numbered(n);
    unit.put(format!("{n}"), &Filed::at(json!(format!("state {}", n % 3))), Expected::Any);
    unit.put("large", &Filed::at(json!("x".repeat(n as usize * 100))), Expected::Any);
    unit.append("all", Expected::Any, &Noted::new("a rather long name of somebody who notes things", n));
    unit.append("tagged", Expected::Any, &Tagged::new(n, &["all", if n.is_multiple_of(2) { "even" } else { "odd" }]));
    store.commit(unit).await.unwrap();
}

/// How the process that wrote it has left it.
#[derive(Clone, Copy, PartialEq)]
enum Left {
    Closed,
    Killed,
    /// Killed when all of the log was folded into the file, and the log not emptied yet.
    Folded,
}

async fn whole(left: Left) -> Whole {
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    store.declare(&[Collection::of::<Filed>(), Collection::of::<Card>()]).await.unwrap();
    let mut history = vec![exported(&path).unwrap()];
    for n in 1..=UNITS {
        unit(&store, n).await;
        history.push(exported(&path).unwrap());
    }
    let answers = answers(&store).await.unwrap();
    if left == Left::Folded {
        let other = Connection::open(&path).unwrap();
        let is_busy: bool = other.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(0)).unwrap();
        assert!(!is_busy);
    }
    if left == Left::Closed {
        drop(store);
        return Whole { file: fs::read(&path).unwrap(), log: None, history, answers };
    }
    Whole { file: fs::read(&path).unwrap(), log: Some(fs::read(log_path(&path)).unwrap()), history, answers }
}

/// Everything that the store can be asked, in words.
async fn answers(store: &SqliteStore) -> Result<Vec<String>, StoreError> {
    let mut answers = vec![
        format!("{:?}", store.head().await?),
        format!("{:?}", store.log(LogQuery::after(Position(0), usize::MAX)).await?),
        format!("{:?}", store.stream("all", StreamQuery::after(0, usize::MAX)).await?),
        format!("{:?}", store.checkpoint("numbered").await?),
        format!("{:?}", store.documents("testing.cards", None, usize::MAX).await?),
        format!("{:?}", store.documents("testing.filed", None, usize::MAX).await?),
        format!("{:?}", store.document("testing.filed", "large").await?),
    ];
    for tag in ["all", "even", "odd"] {
        let matching = Some(EventQuery::of(&[], &[tag]));
        let query = LogQuery { matching, ..LogQuery::after(Position(0), usize::MAX) };
        answers.push(format!("{:?}", store.log(query).await?));
    }
    for n in 0..3 {
        answers.push(format!("{:?}", store.find::<Filed>(Filed::BY_AT, format!("state {n}"), None, 99).await?));
    }
    for n in 1..=UNITS {
        answers.push(format!("{:?}", store.stream(&format!("unit {n}"), StreamQuery::after(0, 9)).await?));
        answers.push(format!("{:?}", store.document("testing.cards", &format!("unit {n}")).await?));
    }
    Ok(answers)
}

fn spoil(seed: &Seed, bytes: &mut Vec<u8>) -> String {
    let length = bytes.len() as u64;
    if seed.below(5) == 0 {
        let kept = seed.below(length);
        bytes.truncate(kept as usize);
        return format!("{kept} of {length} bytes are left");
    }
    // One or a few; spread, or side by side as a failing disk has them.
    let (first, count, is_burst) = (seed.below(length), 1 + seed.below(4) * seed.below(8), seed.below(2) == 0);
    let places = (0..count).map(|n| if is_burst { (first + n).min(length - 1) } else { seed.below(length) });
    let places: Vec<u64> = places.collect();
    for place in &places {
        bytes[*place as usize] ^= 1 << seed.below(8);
    }
    format!("bits turned over at {places:?} of {length}")
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Truth,
    /// What was there after so many units.
    Earlier(usize),
    Named,
    Found,
}

/// # Panics
/// If the damage goes unseen.
async fn outcome(path: &Path, whole: &Whole, damage: &str) -> Outcome {
    let named = |error: &StoreError| {
        assert!(error.message.contains("borough.db"), "{damage}: names no file: {error}");
        assert!(!matches!(error.kind, StoreErrorKind::Locked | StoreErrorKind::Full), "{damage}: {error:?}");
    };
    let store = match open(path) {
        Ok(store) => store,
        Err(error) => {
            named(&error);
            return Outcome::Named;
        }
    };
    let is_answered = match answers(&store).await {
        Ok(answers) => answers == whole.answers,
        Err(error) => {
            named(&error);
            return Outcome::Named;
        }
    };
    drop(store);
    match storage_sqlite::verify(path, &mut |_| {}) {
        Ok(findings) if !findings.is_empty() => return Outcome::Found,
        Ok(_) => {}
        Err(error) => {
            named(&error);
            return Outcome::Named;
        }
    }
    let export = exported(path).unwrap_or_else(|error| panic!("{damage}: verified, and cannot be read: {error}"));
    let units = whole.history.iter().position(|then| *then == export);
    match units {
        Some(units) if units as u64 == UNITS => {
            assert!(is_answered, "{damage}: all is there, and something else was answered");
            Outcome::Truth
        }
        Some(units) => Outcome::Earlier(units),
        None => panic!("{damage}: what is read was never written, and nobody says so"),
    }
}

#[tokio::test]
async fn a_damaged_file_is_never_taken_for_the_truth() {
    let whole = whole(Left::Closed).await;
    let (_folder, path) = place();
    let outcomes = std::cell::RefCell::new(Vec::new());
    each_seed(seeds(), async |seed| {
        let mut file = whole.file.clone();
        let damage = spoil(seed, &mut file);
        fs::write(&path, file).unwrap();
        for beside in ["db-wal", "db-shm"] {
            let _ = fs::remove_file(path.with_extension(beside));
        }
        let outcome = outcome(&path, &whole, &damage).await;
        outcomes.borrow_mut().push(outcome);
    })
    .await;
    let outcomes = outcomes.into_inner();
    assert!(
        !outcomes.iter().any(|outcome| matches!(outcome, Outcome::Earlier(_))),
        "a file alone has no earlier state"
    );
    for wanted in [Outcome::Truth, Outcome::Named, Outcome::Found] {
        assert!(outcomes.contains(&wanted) || outcomes.len() < 100, "{wanted:?} never came about");
    }
}

/// The last unit of a log looks torn when it is damaged, as after a crash in the middle of it; and what is cut off at its end
/// leaves no trace.
#[tokio::test]
async fn a_damaged_log_is_never_taken_for_the_truth() {
    let whole = whole(Left::Killed).await;
    let log = whole.log.clone().unwrap();
    let (_folder, path) = place();
    let outcomes = std::cell::RefCell::new(Vec::new());
    each_seed(seeds(), async |seed| {
        let mut log = log.clone();
        let damage = spoil(seed, &mut log);
        fs::write(&path, &whole.file).unwrap();
        fs::write(log_path(&path), &log).unwrap();
        let _ = fs::remove_file(path.with_extension("db-shm"));
        let outcome = outcome(&path, &whole, &damage).await;
        let is_cut = log.len() < whole.log.as_ref().unwrap().len();
        if let Outcome::Earlier(units) = outcome {
            assert!(is_cut || units as u64 >= UNITS - 1, "{damage}: only {units} units are left, and nobody says so");
        }
        outcomes.borrow_mut().push(outcome);
    })
    .await;
    let outcomes = outcomes.into_inner();
    let earlier = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Earlier(_)));
    assert!(earlier && outcomes.contains(&Outcome::Named) || outcomes.len() < 100, "{outcomes:?}");
}

/// The machine stops while a unit is being written over what the log had been before it began anew, and of its blocks some have reached the disk.
/// It was not acknowledged; all that was is there.
#[tokio::test]
async fn what_a_power_failure_leaves_of_the_last_unit_hides_nothing() {
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    for n in 1..=12 {
        store.commit(numbered(n)).await.unwrap();
    }
    let folding = Connection::open(&path).unwrap();
    folding.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(())).unwrap();
    store.commit(numbered(13)).await.unwrap();
    let read = |path: &Path| [fs::read(path).unwrap(), fs::read(log_path(path)).unwrap()];
    let [file, before] = read(&path);
    let mut last = numbered(14);
    for n in 0..40 {
        last.put(format!("{n}"), &CardIndex { entries: json!("x".repeat(1000)) }, Expected::Any);
    }
    store.commit(last).await.unwrap();
    let [same, after] = read(&path);
    assert!(file == same && before.len() == after.len(), "it is in the log alone, over what stood there");
    let (_elsewhere, torn) = place();
    let acknowledged: Vec<u64> = (1..=13).collect();
    each_seed(40, async |seed| {
        let block = [512, 4096][seed.below(2) as usize];
        let kept = seed.below(10);
        let blocks = before.chunks(block).zip(after.chunks(block)).enumerate();
        let log = blocks.flat_map(|(index, (before, after))| {
            let is_lost = index > 0 && if kept == 0 { index == 1 } else { seed.below(10) >= kept };
            if is_lost { before } else { after }
        });
        fs::write(&torn, &file).unwrap();
        fs::write(log_path(&torn), log.copied().collect::<Vec<u8>>()).unwrap();
        let found = numbers(&open(&torn).unwrap()).await;
        assert!(found == acknowledged || found == (1..=14).collect::<Vec<u64>>(), "{found:?}");
        assert_eq!(storage_sqlite::verify(&torn, &mut |_| {}).unwrap(), []);
    })
    .await;
}

/// A page of it is in the log as it was before the last unit, another in the file as it is behind it.
#[tokio::test]
async fn damage_in_a_log_that_was_folded_is_never_taken_for_a_crash() {
    /// A page and what stands before it.
    const FRAME: usize = 4096 + 24;
    let whole = whole(Left::Folded).await;
    let log = whole.log.clone().unwrap();
    let (_folder, path) = place();
    for frame in 1..=5 {
        for byte in [4, 9, 16, 24, 2000] {
            let mut log = log.clone();
            let place = log.len() - frame * FRAME + byte;
            log[place] ^= 4;
            fs::write(&path, &whole.file).unwrap();
            fs::write(log_path(&path), &log).unwrap();
            let _ = fs::remove_file(path.with_extension("db-shm"));
            let damage = format!("a bit at {place} of {}", log.len());
            assert_eq!(outcome(&path, &whole, &damage).await, Outcome::Named, "{damage}");
            let findings = storage_sqlite::verify(&path, &mut |_| {}).unwrap_err();
            assert!(findings.message.contains("where commits stood"), "{findings}");
        }
    }
    fs::write(log_path(&path), &log).unwrap();
    assert_eq!(outcome(&path, &whole, "none").await, Outcome::Truth);
}

/// Of what was folded nothing is in it any more that could be damaged.
#[tokio::test]
async fn a_log_that_was_folded_begins_anew() {
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    let length = || fs::metadata(log_path(&path)).unwrap().len();
    let large = async |n: u64| {
        let mut unit = numbered(n);
        for key in 0..18 {
            unit.put(format!("{n} {key}"), &Filed::at(json!("x".repeat(1 << 20))), Expected::Any);
        }
        store.commit(unit).await.unwrap();
    };
    store.commit(numbered(1)).await.unwrap();
    large(2).await;
    let (other_folder, other_path) = place();
    fs::copy(&path, &other_path).unwrap();
    let mut log = fs::read(log_path(&path)).unwrap();
    log[32 + 24 + 4096..].fill(0xA5);
    fs::write(log_path(&other_path), &log).unwrap();
    let other = open(&other_path).unwrap();
    assert_eq!(other.head().await.unwrap(), store.head().await.unwrap());
    assert_eq!(storage_sqlite::verify(&other_path, &mut |_| {}).unwrap(), []);
    drop((other, other_folder));

    // Nobody who reads is waited for, and nothing that he reads is taken away.
    let other = Connection::open(&path).unwrap();
    let count = || other.query_row("SELECT count(*) FROM events", [], |row| row.get::<_, u32>(0)).unwrap();
    store.commit(numbered(3)).await.unwrap();
    other.execute_batch("BEGIN").unwrap();
    assert_eq!(count(), 6);
    large(4).await;
    large(5).await;
    assert!(length() > 32 << 20);
    assert_eq!(count(), 6);
    other.execute_batch("COMMIT").unwrap();
    store.commit(numbered(6)).await.unwrap();
    assert!(length() <= 17 << 20, "what a reader has made of it is cut off: {}", length());
    assert_eq!(count(), 12);
}

/// Nobody waits for it, and it needs no further commit.
#[tokio::test]
async fn a_long_log_is_folded_beside_the_writer() {
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    let salts = || fs::read(log_path(&path)).unwrap()[16..24].to_vec();
    // Pages of the log, and those of them that are folded, as SQLite has it beside the log at one moment:
    // https://www.sqlite.org/walformat.html#the_wal_index_file_format
    let shared = || {
        let bytes = fs::read(path.with_extension("db-shm")).unwrap();
        [16, 96].map(|at| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap()))
    };
    let mut n = 0;
    let mut went_on = false;
    // Once in a while the folder is faster than this test looks.
    for _ in 0..20 {
        let before = salts();
        // Nothing is committed behind that.
        while !went_on && salts() == before {
            n += 1;
            let mut unit = numbered(n);
            unit.put(n.to_string(), &Filed::at(json!("x".repeat(1 << 18))), Expected::Any);
            store.commit(unit).await.unwrap();
            let [pages, folded] = shared();
            went_on = pages >= 3_072 && folded == 0;
        }
        testing::soon("it begins anew", async {
            while salts() == before {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        if went_on {
            break;
        }
    }
    assert!(went_on, "a unit is answered while nothing of the log is folded");
    // All that was in it is in the file.
    let (_other_folder, other) = place();
    fs::copy(&path, &other).unwrap();
    let other = open(&other).unwrap();
    assert_eq!(other.head().await.unwrap(), store.head().await.unwrap());
    assert_eq!(numbers(&other).await, (1..=n).collect::<Vec<_>>());
    drop(store);
    assert_eq!(verified(&path), []);
}

/// What a unit builds upon is looked at as if it were read: a document's revision, a stream's version, a name.
#[tokio::test]
async fn nothing_is_written_upon_damage() {
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    for n in 1..=3 {
        unit(&store, n).await;
    }
    drop(store);
    let sound = fs::read(&path).unwrap();
    let revision = "UPDATE documents SET revision = 1 WHERE key = 'large'";
    let version =
        "UPDATE events SET version = 7 WHERE version = 3 AND stream = (SELECT id FROM names WHERE name = 'all')";
    let name = "UPDATE names SET checksum = 0 WHERE name = 'all'";
    let put = |expected| move |unit: &mut Unit| unit.put("large", &Filed::at(json!(1)), expected);
    let append = |expected| {
        move |unit: &mut Unit| {
            unit.append("all", expected, &Noted::new("late", 1));
        }
    };
    type Fill<'f> = &'f dyn Fn(&mut Unit);
    let cases: [(&str, Fill<'_>); 8] = [
        (revision, &put(Expected::Exact(1))),
        (revision, &put(Expected::Any)),
        (revision, &|unit| unit.delete::<Filed>("large", Expected::Exact(1))),
        (revision, &|unit| unit.require::<Filed>("large", Expected::Exact(1))),
        (version, &append(Expected::Exact(7))),
        (version, &append(Expected::Any)),
        (name, &append(Expected::Any)),
        (name, &append(Expected::Exact(3))),
    ];
    for (index, (damage, write)) in cases.into_iter().enumerate() {
        fs::write(&path, &sound).unwrap();
        assert_ne!(Connection::open(&path).unwrap().execute(damage, []).unwrap(), 0);
        let store = open(&path).unwrap();
        let mut unit = Unit::new(testing::origin("test"));
        write(&mut unit);
        unit.put("beside", &Filed::at(json!(2)), Expected::Any);
        match store.commit(unit).await {
            Err(CommitError::Store(StoreError { kind: StoreErrorKind::Corrupt, message })) => {
                assert!(message.contains("it is not what was written there"), "case {index}: {message}");
            }
            other => panic!("case {index}, {damage}: {other:?}"),
        }
        assert_eq!(store.document("testing.filed", "beside").await.unwrap(), None);
        drop(store);
        assert!(!verified(&path).is_empty(), "case {index}: it is as damaged as before");
    }
}

/// Also of what is read from the end on, and of as much as was asked for.
#[tokio::test]
async fn an_event_that_is_missing_at_the_far_end_is_missed() {
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    for n in 1..=5 {
        let mut unit = Unit::new(testing::origin("test"));
        unit.append("all", Expected::Any, &Noted::new("a", n));
        store.commit(unit).await.unwrap();
    }
    drop(store);
    Connection::open(&path).unwrap().execute("DELETE FROM events WHERE position = 1", []).unwrap();
    let store = open(&path).unwrap();
    let log = LogQuery { direction: Direction::Backward, ..LogQuery::after(Position(0), 99) };
    let errors = [
        store.log(log).await.unwrap_err(),
        store.stream("all", StreamQuery::last(99)).await.unwrap_err(),
        store.stream("all", StreamQuery::after(0, 99)).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind, StoreErrorKind::Corrupt, "{error}");
        assert!(error.message.contains("event 1") && error.message.contains("missing"), "{error}");
    }
    assert_eq!(store.stream("all", StreamQuery::last(4)).await.unwrap().len(), 4, "nobody has asked for it");
}

/// Writes upon a document of its key, whatever is there.
struct Overwrites;

impl Subscriber<Noted> for Overwrites {
    async fn handle(&self, _: &Context, event: &Noted, unit: &mut Unit) -> Result<(), Error> {
        unit.put(&event.writer, &Filed::at(json!(event.n)), Expected::Any);
        Ok(())
    }
}

/// The subscriber that writes upon it gives that event up, and the others are handled.
#[tokio::test]
async fn one_damaged_document_holds_up_no_other_key() {
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    let mut unit = Unit::new(testing::origin("test"));
    unit.put("bad", &Filed::at(json!(0)), Expected::Any);
    unit.put("a", &Filed::at(json!(0)), Expected::Any);
    store.commit(unit).await.unwrap();
    drop(store);
    let damage = "UPDATE documents SET revision = 7 WHERE key = 'bad'";
    assert_eq!(Connection::open(&path).unwrap().execute(damage, []).unwrap(), 1);
    let store: Arc<dyn Store> = Arc::new(open(&path).unwrap());
    let retry = RetryPolicy { attempts: 3, first: Duration::from_millis(1), ..RetryPolicy::default() };
    let ledger = Subscription::new::<Noted>("ledger", "ledger", Overwrites).with_retry(retry);
    let bus = testing::bus::start(&store, vec![ledger]).await;
    testing::bus::publish(&store, &[("bad", 1), ("a", 2)]).await;
    testing::bus::drained(&bus).await;
    let letters = store.list::<DeadLetter>(None, 9).await.unwrap();
    let revision = async |key| store.get::<Filed>(key).await.map(|found| found.unwrap().revision);
    assert_eq!((revision("a").await.unwrap(), letters.len(), letters[0].value.attempts), (2, 1, 3));
    let error = letters[0].value.error.to_string();
    assert!(error.contains("it is not what was written there"), "{error}");
    bus.stop().await;
}
