//! A process that is killed before and after each commit of an import, and of the rebuild of a projection. Debug builds stop the
//! writer where a test wants to kill the process.

use std::{env, fs, process, sync::Arc};

use event_sourcing::{Expected, Position, ReadModel, Store, StoreErrorKind, Unit};
use storage_sqlite::SqliteStore;
use testing::{
    projections::{Running, Score, Tally, check, check_live, publish, rested},
    store::Card,
};
use tokio::runtime::Runtime;

use crate::{
    files,
    maintenance::{exported, imported, verified},
    open, place,
    victim::Victim,
};

/// Tells the process to be killed what it imports.
const EXPORT: &str = "EXPORT_FOR_THE_VICTIM";

const MOMENTS: [&str; 2] = ["before", "after"];

/// Runs in the process that is killed.
fn import_as_a_victim() {
    let Some(path) = Victim::store() else { return };
    imported(&path, &fs::read(env::var_os(EXPORT).unwrap()).unwrap()).unwrap();
    // What follows in the test is for the one who kills.
    process::exit(0);
}

/// More lines than an import writes in one transaction.
async fn large_export() -> Vec<u8> {
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    let mut unit = Unit::new(testing::origin("test"));
    (0..10_000).for_each(|n| unit.checkpoint(format!("reader {n}"), Position(0)));
    unit.put("k", &Card { n: 1 }, Expected::Absent);
    store.commit(unit).await.unwrap();
    drop(store);
    exported(&path).unwrap()
}

#[test]
fn killed_at_any_commit_an_import_is_there_as_a_whole_or_not_at_all() {
    import_as_a_victim();
    let test = "crash::killed_at_any_commit_an_import_is_there_as_a_whole_or_not_at_all";
    let export = Runtime::new().unwrap().block_on(large_export());
    let (source, file) = place();
    fs::write(&file, &export).unwrap();
    let told = [(EXPORT, file.display().to_string())];
    let (mut kills, mut wholes) = (0, 0);
    let at_each_commit = (1..).flat_map(|commit| MOMENTS.map(|moment| format!("{moment}:{commit}")));
    for at in at_each_commit {
        let (folder, path) = place();
        let mut victim = Victim::start(test, &path, &told, Some(&at));
        if !victim.halts() {
            break;
        }
        victim.kill();
        kills += 1;
        let is_there = path.exists();
        wholes += u32::from(is_there);
        let again = imported(&path, &export);
        if is_there {
            let refused = again.unwrap_err();
            assert_eq!(refused.kind, StoreErrorKind::Unavailable, "{at}");
            assert!(refused.message.contains("choose another with --store"), "{at}: {refused}");
        } else {
            again.unwrap();
        }
        assert!(exported(&path).unwrap() == export, "{at}: it is all of what was exported");
        assert_eq!(verified(&path), [], "{at}");
        assert_eq!(files(&folder), ["borough.db"], "{at}: nothing is left over");
    }
    drop(source);
    assert_eq!((kills, wholes), (6, 1), "two transactions, and taking the place of the store, which is the last");
}

/// The lock of the store is taken, and it has no log meanwhile.
#[test]
fn killed_over_an_empty_store_an_import_leaves_it_sound() {
    import_as_a_victim();
    let test = "crash::killed_over_an_empty_store_an_import_leaves_it_sound";
    let export = Runtime::new().unwrap().block_on(large_export());
    let (_source, file) = place();
    fs::write(&file, &export).unwrap();
    for at in ["before:1", "before:3", "after:3"] {
        let (folder, path) = place();
        drop(open(&path).unwrap());
        let mut victim = Victim::start(test, &path, &[(EXPORT, file.display().to_string())], Some(at));
        assert!(victim.halts());
        victim.kill();
        assert_eq!(verified(&path), [], "{at}");
        if at != "after:3" {
            imported(&path, &export).unwrap();
        }
        assert!(exported(&path).unwrap() == export, "{at}");
        assert!(files(&folder).contains(&"borough.db".to_owned()), "{at}");
    }
}

const NAME: &str = "testing.tally";

/// Runs in the process that is killed.
fn rebuild_as_a_victim() {
    let Some(path) = Victim::store() else { return };
    Runtime::new().unwrap().block_on(async {
        let store: Arc<dyn Store> = Arc::new(open(&path).unwrap());
        let running = Running::start::<Tally<1>>(&store);
        running.projections.rebuild(NAME).await.unwrap();
        rested(&*store, 1).await;
    });
    process::exit(0);
}

/// Runs the projection to the end of the log.
async fn caught_up(store: Arc<dyn Store>) {
    let running = Running::start::<Tally<1>>(&store);
    rested(&*store, 1).await;
    running.stop().await;
}

#[test]
fn killed_at_any_commit_a_rebuild_is_resumed_and_readers_see_a_whole_generation() {
    rebuild_as_a_victim();
    let test = "crash::killed_at_any_commit_a_rebuild_is_resumed_and_readers_see_a_whole_generation";
    // Three batches.
    let events = 600;
    let (runtime, mut kills, mut resumed) = (Runtime::new().unwrap(), 0, 0);
    for at in (1..).flat_map(|commit| MOMENTS.map(|moment| format!("{moment}:{commit}"))) {
        let (_folder, path) = place();
        runtime.block_on(async {
            let store: Arc<dyn Store> = Arc::new(open(&path).unwrap());
            publish(&store, 100..100 + events).await;
            caught_up(store).await;
        });
        let mut victim = Victim::start(test, &path, &[], Some(&at));
        if !victim.halts() {
            break;
        }
        victim.kill();
        kills += 1;
        runtime.block_on(async {
            let reader: Arc<dyn Store> = Arc::new(SqliteStore::open_read(&path).unwrap().expect("it is there"));
            let left = check_live(&*reader).await;
            assert_eq!((left.live.position, left.live.applied), (Position(events), events), "{at}: as much as before");
            let found = ReadModel::<Tally<1>>::new(reader).find::<Score<1>>(Score::<1>::BY_SUM, 0.., None, 9).await;
            assert_eq!(found.unwrap().documents.len(), 4, "{at}: indexes too");
            resumed += u32::from(left.rebuild.as_ref().is_some_and(|rebuild| rebuild.position > Position(0)));

            let store: Arc<dyn Store> = Arc::new(open(&path).unwrap());
            caught_up(Arc::clone(&store)).await;
            let end = check(&*store).await;
            // Where the order had not come to the store there is nothing to resume.
            let number = if left.rebuild.is_some() { left.live.number + 1 } else { left.live.number };
            assert_eq!((end.live.number, end.live.applied), (number, events), "{at}: no event came twice");
        });
    }
    assert!(kills >= 14, "an order, three batches, a switch, documents to remove: {kills} kills");
    assert!(resumed >= 4, "half-filled generations were gone on with: {resumed}");
}
