//! A store whose events of the shop `nobody` name no user, as another program might have written them.

use std::{sync::Arc, time::Duration};

use event_sourcing::{
    Appended, Collection, CommitError, IndexQuery, LogQuery, Position, Receipt, Store, StoreError, StoredDocument,
    StreamQuery, Unit, WaitError,
};
use kernel::Envelope;

pub struct Anonymous(pub Arc<dyn Store>);

#[async_trait::async_trait]
impl Store for Anonymous {
    async fn commit(&self, unit: Unit) -> Result<Receipt, CommitError> {
        self.0.commit(unit).await
    }

    async fn document(&self, collection: &str, key: &str) -> Result<Option<StoredDocument>, StoreError> {
        self.0.document(collection, key).await
    }

    async fn documents(
        &self,
        collection: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<StoredDocument>, StoreError> {
        self.0.documents(collection, after, limit).await
    }

    async fn indexed(&self, query: IndexQuery) -> Result<Vec<StoredDocument>, StoreError> {
        self.0.indexed(query).await
    }

    async fn declare(&self, collections: &[Collection]) -> Result<(), StoreError> {
        self.0.declare(collections).await
    }

    async fn log(&self, query: LogQuery) -> Result<Vec<Arc<Envelope>>, StoreError> {
        let mut events = self.0.log(query).await?;
        for event in events.iter_mut().filter(|event| event.metadata.key == "nobody") {
            Arc::make_mut(event).metadata.user_id.clear();
        }
        Ok(events)
    }

    async fn stream(&self, stream: &str, query: StreamQuery) -> Result<Vec<Envelope>, StoreError> {
        self.0.stream(stream, query).await
    }

    async fn head(&self) -> Result<Position, StoreError> {
        self.0.head().await
    }

    async fn position(&self, receipt: &Receipt, within: Duration) -> Result<Position, WaitError> {
        self.0.position(receipt, within).await
    }

    async fn checkpoint(&self, subscriber: &str) -> Result<Position, StoreError> {
        self.0.checkpoint(subscriber).await
    }

    fn appended(&self) -> Appended {
        self.0.appended()
    }
}
