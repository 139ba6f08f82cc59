use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use event_sourcing::{
    Appended, Collection, Commit, IndexQuery, LogQuery, Position, Receipt, Store, StoreError, StoredDocument,
    StreamQuery, Unit, WaitError,
};
use kernel::Envelope;
use tokio::time::sleep;

/// A store of which each event is looked at before it is given out: `look` may change it, or refuse what it would be read with.
pub struct Reading<L> {
    store: Arc<dyn Store>,
    look: L,
    refuses: Option<Refuses>,
    stalls: Option<Stalls>,
}

type Refuses = Box<dyn Fn(&Unit) -> Option<StoreError> + Send + Sync>;
type Stalls = Box<dyn Fn(&str) -> bool + Send + Sync>;

impl<L: Fn(&mut Envelope) -> Result<(), StoreError> + Send + Sync + 'static> Reading<L> {
    /// What this store has.
    pub fn of(store: Arc<dyn Store>, look: L) -> Self {
        Self { store, look, refuses: None, stalls: None }
    }

    /// And that refuses some of what is committed, with this error.
    #[must_use]
    pub fn refusing(self, refuses: impl Fn(&Unit) -> Option<StoreError> + Send + Sync + 'static) -> Self {
        Self { refuses: Some(Box::new(refuses)), ..self }
    }

    /// And that does not list the documents of a collection for as long as this says so of it.
    #[must_use]
    pub fn stalling(self, stalls: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self { stalls: Some(Box::new(stalls)), ..self }
    }
}

#[async_trait]
impl<L: Fn(&mut Envelope) -> Result<(), StoreError> + Send + Sync + 'static> Store for Reading<L> {
    fn commit(&self, unit: Unit) -> Commit<'_> {
        match self.refuses.as_ref().and_then(|refuses| refuses(&unit)) {
            Some(error) => Commit::new(async { Err(error.into()) }),
            None => self.store.commit(unit),
        }
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
        while self.stalls.as_ref().is_some_and(|stalls| stalls(collection)) {
            sleep(Duration::from_millis(10)).await;
        }
        self.store.documents(collection, after, limit).await
    }

    async fn indexed(&self, query: IndexQuery) -> Result<Vec<StoredDocument>, StoreError> {
        self.store.indexed(query).await
    }

    async fn declare(&self, collections: &[Collection]) -> Result<(), StoreError> {
        self.store.declare(collections).await
    }

    async fn log(&self, query: LogQuery) -> Result<Vec<Arc<Envelope>>, StoreError> {
        let mut events = self.store.log(query).await?;
        events.iter_mut().try_for_each(|event| (self.look)(Arc::make_mut(event)))?;
        Ok(events)
    }

    async fn stream(&self, stream: &str, query: StreamQuery) -> Result<Vec<Envelope>, StoreError> {
        let mut events = self.store.stream(stream, query).await?;
        events.iter_mut().try_for_each(&self.look)?;
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
