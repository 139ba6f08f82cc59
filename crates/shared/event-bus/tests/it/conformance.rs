//! The suite that the bus passes over every store.

use std::sync::Arc;

use event_sourcing::{MemoryStore, Store};
use testing::bus::BusHome;

struct Memory(Arc<MemoryStore>);

impl BusHome for Memory {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::<MemoryStore>::clone(&self.0)
    }
}

#[tokio::test(start_paused = true)]
async fn over_the_store_in_memory() {
    testing::bus_conformance(async || Memory(Arc::default())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_several_threads() {
    testing::bus_conformance(async || Memory(Arc::default())).await;
}

#[tokio::test(start_paused = true)]
async fn dead_letters_over_the_store_in_memory() {
    testing::dead_letters_conformance(async || Memory(Arc::default())).await;
}

#[tokio::test(start_paused = true)]
async fn event_rules_over_the_store_in_memory() {
    testing::event_rules_conformance(async || Memory(Arc::default())).await;
}

#[tokio::test(start_paused = true)]
async fn time_over_the_store_in_memory() {
    testing::time_conformance(async || Memory(Arc::default())).await;
}

#[tokio::test(start_paused = true)]
async fn publishers_over_the_store_in_memory() {
    let folder = tempfile::TempDir::new().unwrap();
    testing::publisher_conformance(async || Memory(Arc::default()), folder.path()).await;
}
