//! What keeps whoever has lost a slot from writing about it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use event_sourcing::{
    Appended, Collection, Commit, CommitError, Expected, IndexQuery, LogQuery, Position, Receipt, Store, StoreError,
    StoreErrorKind, StoreExt, StoredDocument, StreamQuery, Unit, WaitError,
};
use kernel::Envelope;

use super::Claim;

/// The store, as whoever works on one slot sees it: every unit requires that the claim is still the one that it was when the
/// work began. That is checked where the unit is written, so no clock and no pause in between has a say in it.
pub(crate) struct Fence {
    store: Arc<dyn Store>,
    slot: String,
    /// Revision of the claim.
    pub claim: u64,
    lost: AtomicBool,
}

impl Fence {
    pub fn new(store: Arc<dyn Store>, slot: String, claim: u64) -> Self {
        Self { store, slot, claim, lost: AtomicBool::new(false) }
    }

    /// Whether a unit was refused because the slot is somebody else's.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    async fn try_commit(&self, mut unit: Unit) -> Result<Receipt, CommitError> {
        if self.is_lost() {
            return Err(self.gone().into());
        }
        // Mutant `fence_ignored`: whoever was paused beyond its lease commits over whoever has taken its place.
        if !cfg!(mutant = "fence_ignored") {
            unit.require::<Claim>(self.slot.as_str(), Expected::Exact(self.claim));
        }
        match self.store.commit(unit).await {
            Err(CommitError::Conflict(_)) if self.find_lost().await? => Err(self.gone().into()),
            answer => answer,
        }
    }

    /// Whether a unit was refused for the claim, and not for what its handler expected. A claim is never deleted, so its
    /// revision never comes again.
    async fn find_lost(&self) -> Result<bool, StoreError> {
        let found = self.store.get::<Claim>(&self.slot).await?;
        let is_lost = found.is_none_or(|found| found.revision != self.claim);
        if is_lost && !self.lost.swap(true, Ordering::Relaxed) {
            tracing::warn!(slot = self.slot, "somebody else works on this slot now: what it had in flight is dropped");
        }
        Ok(is_lost)
    }

    fn gone(&self) -> StoreError {
        let message = format!("slot `{}` is worked on by another node", self.slot);
        StoreError { kind: StoreErrorKind::Unavailable, message }
    }
}

#[async_trait]
impl Store for Fence {
    fn commit(&self, unit: Unit) -> Commit<'_> {
        Commit::new(self.try_commit(unit))
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
        self.store.log(query).await
    }

    async fn stream(&self, stream: &str, query: StreamQuery) -> Result<Vec<Envelope>, StoreError> {
        self.store.stream(stream, query).await
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
