//! SQLite as a store: the suite that all adapters pass, and what is its own.

#![expect(clippy::unwrap_used, reason = "tests")]

mod anew;
mod bus;
#[cfg(debug_assertions)]
mod crash;
mod damage;
mod differential;
mod disk;
mod interface;
mod kill;
mod leftovers;
mod lifetime;
mod maintenance;
mod names;
mod projections;
mod queue;
mod refusals;
mod room;
mod scenario;
mod upgrade;
mod victim;

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use event_sourcing::{Expected, LogQuery, Position, Store, StoreError, StoreExt as _, Unit};
use storage_sqlite::{Options, SqliteStore};
use tempfile::TempDir;
use testing::store::{Card, Noted};

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms() {
    let (folder, made) = (TempDir::new().unwrap(), AtomicUsize::new(0));
    testing::store_conformance(async || {
        let name = format!("{}.db", made.fetch_add(1, Ordering::Relaxed));
        open(&folder.path().join(name)).unwrap()
    })
    .await;
}

#[tokio::test]
async fn it_conforms_on_one_thread() {
    let (folder, made) = (TempDir::new().unwrap(), AtomicUsize::new(0));
    testing::store_conformance(async || {
        let name = format!("{}.db", made.fetch_add(1, Ordering::Relaxed));
        open(&folder.path().join(name)).unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aggregates_conform() {
    let (folder, made) = (TempDir::new().unwrap(), AtomicUsize::new(0));
    testing::aggregate_conformance(async || {
        let name = format!("{}.db", made.fetch_add(1, Ordering::Relaxed));
        open(&folder.path().join(name)).unwrap()
    })
    .await;
}

fn options() -> Options {
    let now = "2026-11-21T09:00:00Z".parse().unwrap();
    Options::new("borough test", now)
}

fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(path, options())
}

/// A folder for the test and the place of a store in it.
fn place() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("borough.db");
    (folder, path)
}

/// Two events, a document and a checkpoint, all of them saying `n`.
fn numbered(n: u64) -> Unit {
    let name = format!("unit {n}");
    let mut unit = Unit::new(testing::origin("test"));
    unit.append(name.as_str(), Expected::Absent, &Noted::new("test", n));
    unit.put(name.as_str(), &Card { n }, Expected::Absent);
    unit.append(name.as_str(), Expected::Exact(1), &Noted::new("test", n));
    unit.checkpoint("numbered", Position(n));
    unit
}

/// The numbers of the units that are there, each of them whole, in positions without a gap.
async fn numbers(store: &dyn Store) -> Vec<u64> {
    let log = store.log(LogQuery::after(Position(0), usize::MAX)).await.unwrap();
    let positions: Vec<u64> = log.iter().map(|event| event.metadata.position.unwrap()).collect();
    assert_eq!(positions, (1..=log.len() as u64).collect::<Vec<_>>());
    let events: Vec<u64> = log.iter().map(|event| event.decode::<Noted>().unwrap().n).collect();
    let numbers: Vec<u64> = events.chunks(2).map(|pair| pair[0]).collect();
    assert_eq!(
        events,
        numbers.iter().flat_map(|n| [*n, *n]).collect::<Vec<_>>(),
        "both events of a unit, side by side"
    );
    for n in &numbers {
        let card = store.get::<Card>(&format!("unit {n}")).await.unwrap();
        assert_eq!(card.unwrap().value.n, *n);
    }
    let cards = store.documents("testing.cards", None, usize::MAX).await.unwrap();
    assert_eq!(cards.len(), numbers.len());
    let last = numbers.last().copied().unwrap_or(0);
    assert_eq!(store.checkpoint("numbered").await.unwrap(), Position(last));
    numbers
}

/// What is in the folder, by name.
fn files(folder: &TempDir) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
