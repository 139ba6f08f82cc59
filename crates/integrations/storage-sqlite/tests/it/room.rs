//! No room left, and room made.

use std::sync::Arc;

use event_sourcing::{CommitError, Expected, Store, StoreErrorKind, Unit};
use serde_json::json;
use storage_sqlite::{Options, SqliteStore};
use testing::store::CardIndex;

use crate::{numbered, numbers, options, place};

/// A page is 4 KiB.
const PAGES: u32 = 64;

fn small(path: &std::path::Path) -> SqliteStore {
    SqliteStore::open(path, Options { max_pages: Some(PAGES), ..options() }).unwrap()
}

fn ballast(key: &str, pages: usize) -> Unit {
    let mut unit = numbered_after(key);
    unit.put(key, &CardIndex { entries: json!("x".repeat(pages * 4096)) }, Expected::Any);
    unit
}

/// A write before the large one, which must go with it.
fn numbered_after(key: &str) -> Unit {
    let mut unit = Unit::new(testing::origin("test"));
    unit.put(format!("before {key}"), &CardIndex { entries: json!(1) }, Expected::Any);
    unit
}

#[track_caller]
fn is_full(answer: Result<event_sourcing::Receipt, CommitError>) {
    let Err(CommitError::Store(error)) = answer else { panic!("{answer:?}") };
    assert_eq!(error.kind, StoreErrorKind::Full);
    assert!(error.message.contains("has no room left, and nothing of this was written: free some space"), "{error}");
}

#[tokio::test]
async fn a_full_store_says_so_and_goes_on_when_there_is_room() {
    let (_folder, path) = place();
    let store = small(&path);
    store.commit(numbered(1)).await.unwrap();
    let mut large = numbered(2);
    large.put("large", &CardIndex { entries: json!("x".repeat(100 * 4096)) }, Expected::Any);
    is_full(store.commit(large).await);
    assert_eq!(store.document("testing.cards", "unit 2").await.unwrap(), None);
    store.commit(numbered(2)).await.unwrap();
    assert_eq!(numbers(&store).await, [1, 2], "with the names that went with the large one");

    store.commit(ballast("ballast", 40)).await.unwrap();
    is_full(store.commit(ballast("more", 20)).await);
    assert_eq!(numbers(&store).await, [1, 2]);
    // Room is made by the same store, and used by it.
    let mut unit = Unit::new(testing::origin("test"));
    unit.delete::<CardIndex>("ballast", Expected::Exact(1));
    store.commit(unit).await.unwrap();
    store.commit(ballast("more", 20)).await.unwrap();
    store.commit(numbered(3)).await.unwrap();
    assert_eq!(numbers(&store).await, [1, 2, 3]);
    drop(store);
    assert_eq!(numbers(&small(&path)).await, [1, 2, 3]);
}

/// Units share transactions; one that does not fit must not take the others with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_does_not_fit_fails_alone() {
    let (_folder, path) = place();
    let store = Arc::new(small(&path));
    let mut commits = tokio::task::JoinSet::new();
    for n in 1..=100 {
        let store = Arc::clone(&store);
        commits.spawn(async move {
            if n % 10 == 0 {
                is_full(store.commit(ballast(&format!("large {n}"), 100)).await);
            } else {
                let mut unit = Unit::new(testing::origin("test"));
                unit.put(format!("{n}"), &CardIndex { entries: json!(n) }, Expected::Absent);
                store.commit(unit).await.unwrap();
            }
        });
    }
    testing::soon("committing", commits.join_all()).await;
    assert_eq!(store.documents("testing.cards_index", None, usize::MAX).await.unwrap().len(), 90);
}
