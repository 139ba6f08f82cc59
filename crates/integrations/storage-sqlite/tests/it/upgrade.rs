//! What it takes to bring a store of an earlier schema up to date, which is one transaction.

use std::{fs, path::Path, time::Instant};

use event_sourcing::{Expected, Store as _, Unit};
use testing::store::{Card, Noted};

use crate::{
    maintenance::{age, verified},
    open, place,
};

/// Of each unit: as many events as documents.
const PAIRS: u64 = 250;

/// So many rows, as an earlier version has left them; the size of the file.
async fn aged(path: &Path, rows: u64) -> u64 {
    let store = open(path).unwrap();
    for first in (0..rows / 2).step_by(PAIRS as usize) {
        let mut unit = Unit::new(testing::origin("test"));
        for n in first..first + PAIRS {
            let name = format!("a stream of its own {n}");
            unit.append(name.as_str(), Expected::Absent, &Noted::new("a writer with a name", n));
            unit.put(name, &Card { n }, Expected::Absent);
        }
        store.commit(unit).await.unwrap();
    }
    drop(store);
    age(path);
    fs::metadata(path).unwrap().len()
}

/// All of it lies in SQLite's log until the commit. A page that does not stay in memory is written there, and once only, as the
/// rows are taken in the order in which they lie.
#[tokio::test]
async fn sqlites_log_is_hardly_longer_than_the_file_meanwhile() {
    let (_folder, path) = place();
    let rows = 10_000 * u64::from(testing::effort());
    let before = aged(&path, rows).await;
    let start = Instant::now();
    let store = open(&path).unwrap();
    let (took, log) = (start.elapsed(), fs::metadata(path.with_file_name("borough.db-wal")).unwrap().len());
    drop(store);
    eprintln!("{rows} rows, {before} bytes: {took:?}, a log of {log} bytes");
    assert!(log < 2 * before, "a log of {log} bytes for a file of {before}");
    assert_eq!(verified(&path), []);
}
