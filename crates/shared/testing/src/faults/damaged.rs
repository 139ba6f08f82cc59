use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use event_sourcing::{
    Appended, Collection, CommitError, IndexQuery, LogQuery, Position, Receipt, Store, StoreError, StoreErrorKind,
    StoredDocument, StreamQuery, Unit, WaitError,
};
use kernel::Envelope;

/// A store in which one event is damaged: it refuses, as Corrupt, whatever it would be read with.
pub struct Damaged {
    store: Arc<dyn Store>,
    position: Position,
    is_mended: AtomicBool,
}

impl Damaged {
    /// The same but for the event at this position, which may be yet to come.
    pub fn at(store: Arc<dyn Store>, position: Position) -> Self {
        Self { store, position, is_mended: AtomicBool::new(false) }
    }

    /// From here on the event can be read.
    pub fn mend(&self) {
        self.is_mended.store(true, Ordering::SeqCst);
    }

    fn check<'e>(&self, mut events: impl Iterator<Item = &'e Envelope>) -> Result<(), StoreError> {
        let Position(position) = self.position;
        let is_it = |event: &Envelope| event.metadata.position == Some(position);
        if self.is_mended.load(Ordering::SeqCst) || !events.any(is_it) {
            return Ok(());
        }
        let message = format!("event {position}: it is not what was written there: restore the store from a copy");
        Err(StoreError { kind: StoreErrorKind::Corrupt, message })
    }
}

#[async_trait]
impl Store for Damaged {
    async fn commit(&self, unit: Unit) -> Result<Receipt, CommitError> {
        self.store.commit(unit).await
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

    async fn indexed(&self, query: IndexQuery) -> Result<Vec<StoredDocument>, StoreError> {
        self.store.indexed(query).await
    }

    async fn declare(&self, collections: &[Collection]) -> Result<(), StoreError> {
        self.store.declare(collections).await
    }

    async fn log(&self, query: LogQuery) -> Result<Vec<Arc<Envelope>>, StoreError> {
        let events = self.store.log(query).await?;
        self.check(events.iter().map(|event| &**event))?;
        Ok(events)
    }

    async fn stream(&self, stream: &str, query: StreamQuery) -> Result<Vec<Envelope>, StoreError> {
        let events = self.store.stream(stream, query).await?;
        self.check(events.iter())?;
        Ok(events)
    }

    async fn head(&self) -> Result<Position, StoreError> {
        self.store.head().await
    }

    async fn position(&self, receipt: &Receipt, within: Duration) -> Result<Position, WaitError> {
        self.store.position(receipt, within).await
    }

    async fn checkpoint(&self, subscriber: &str) -> Result<Position, StoreError> {
        self.store.checkpoint(subscriber).await
    }

    fn appended(&self) -> Appended {
        self.store.appended()
    }
}
