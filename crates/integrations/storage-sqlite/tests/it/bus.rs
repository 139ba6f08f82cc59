//! The event bus over a file that is closed and opened again.

use std::{path::PathBuf, sync::Arc};

use event_sourcing::Store;
use tempfile::TempDir;
use testing::{bus::BusHome, faults::FaultPlan};

pub struct Home {
    _folder: TempDir,
    path: PathBuf,
}

impl BusHome for Home {
    /// A bus that was dropped lets go of its store when its tasks have been told, which takes a moment.
    async fn open(&self) -> Arc<dyn Store> {
        let opened = async {
            loop {
                match super::open(&self.path) {
                    Ok(store) => return Arc::new(store) as Arc<dyn Store>,
                    Err(error) if error.kind == event_sourcing::StoreErrorKind::Locked => {
                        tokio::task::yield_now().await;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        };
        testing::soon("the store is closed", opened).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bus_conforms_over_it() {
    testing::bus_conformance(async || home()).await;
}

#[tokio::test]
async fn dead_letters_conform_over_it() {
    testing::dead_letters_conformance(async || home()).await;
}

#[tokio::test]
async fn event_rules_conform_over_it() {
    testing::event_rules_conformance(async || home()).await;
}

/// A home in which paused time stands still while the store's threads work.
struct InNoTime(Home);

impl BusHome for InNoTime {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(FaultPlan::by_hand().in_no_time().around(self.0.open().await))
    }
}

#[tokio::test(start_paused = true)]
async fn time_conforms_over_it() {
    testing::time_conformance(async || InNoTime(home())).await;
}

#[tokio::test]
async fn publishers_conform_over_it() {
    let folder = TempDir::new().unwrap();
    testing::publisher_conformance(async || home(), folder.path()).await;
}

pub fn home() -> Home {
    let (folder, path) = super::place();
    Home { _folder: folder, path }
}
