//! The adapters in memory pass the suites that all adapters pass.

use event_sourcing::{MemoryBlobs, MemoryStore};

#[tokio::test(flavor = "multi_thread")]
async fn the_store_in_memory_conforms() {
    testing::store_conformance(async || MemoryStore::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_blobs_in_memory_conform() {
    testing::blobs_conformance(async || MemoryBlobs::default()).await;
}
