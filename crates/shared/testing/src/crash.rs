//! Processes that die at a commit.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use event_sourcing::{
    Appended, CommitError, LogQuery, Position, Receipt, Store, StoreError, StoredDocument, StreamQuery, Unit,
};
use kernel::Envelope;
use tokio::sync::Notify;

/// Whether what is committed is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashPoint {
    Before,
    After,
}

/// A store whose process dies at a commit: the commit never answers, and whoever waits for it is dropped.
pub struct CrashingStore {
    store: Arc<dyn Store>,
    commits: AtomicUsize,
    at: usize,
    point: CrashPoint,
    crashed: Notify,
}

impl CrashingStore {
    /// Dies at the commit of this number, counted from 1.
    pub fn new(store: Arc<dyn Store>, at: usize, point: CrashPoint) -> Self {
        Self { store, commits: AtomicUsize::new(0), at, point, crashed: Notify::new() }
    }

    /// Waits until it has died.
    pub async fn crashed(&self) {
        self.crashed.notified().await;
    }

    async fn die<T>(&self) -> T {
        self.crashed.notify_one();
        std::future::pending().await
    }
}

#[async_trait]
impl Store for CrashingStore {
    async fn commit(&self, unit: Unit) -> Result<Receipt, CommitError> {
        let number = self.commits.fetch_add(1, Ordering::SeqCst) + 1;
        if number == self.at && self.point == CrashPoint::Before {
            return self.die().await;
        }
        let receipt = self.store.commit(unit).await;
        if number == self.at { self.die().await } else { receipt }
    }

    async fn document(&self, collection: &str, key: &str) -> Result<Option<StoredDocument>, StoreError> {
        self.store.document(collection, key).await
    }

    async fn documents(
        &self,
        collection: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<StoredDocument>, StoreError> {
        self.store.documents(collection, after, limit).await
    }

    async fn log(&self, query: LogQuery) -> Result<Vec<Arc<Envelope>>, StoreError> {
        self.store.log(query).await
    }

    async fn stream(&self, stream: &str, query: StreamQuery) -> Result<Vec<Envelope>, StoreError> {
        self.store.stream(stream, query).await
    }

    async fn head(&self) -> Result<Position, StoreError> {
        self.store.head().await
    }

    async fn checkpoint(&self, subscriber: &str) -> Result<Position, StoreError> {
        self.store.checkpoint(subscriber).await
    }

    fn appended(&self) -> Appended {
        self.store.appended()
    }
}
