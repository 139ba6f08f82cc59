//! The adapters in memory pass the suites that all adapters pass.
#![expect(clippy::unwrap_used, reason = "tests")]

mod aggregates;
mod forgetting;
mod projections;

use std::sync::Arc;

use event_sourcing::{MemoryBlobs, MemoryStore, Store};
use testing::bus::BusHome;

#[tokio::test(flavor = "multi_thread")]
async fn the_store_in_memory_conforms() {
    testing::store_conformance(async || MemoryStore::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aggregates_over_the_store_in_memory_conform() {
    testing::aggregate_conformance(async || MemoryStore::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_blobs_in_memory_conform() {
    testing::blobs_conformance(async || MemoryBlobs::default()).await;
}

#[derive(Default)]
struct Memory(Arc<MemoryStore>);

impl BusHome for Memory {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::<MemoryStore>::clone(&self.0)
    }
}

/// What events are held to shows where one sets off the next: over the bus.
#[tokio::test(start_paused = true)]
async fn the_rules_of_events_hold() {
    testing::event_rules_conformance(async || Memory::default()).await;
}
