//! What can be spoilt.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use event_bus::Subscriber;
use event_sourcing::{
    Appended, BlobError, Blobs, Collection, Commit, CommitError, IndexQuery, LogQuery, Position, Receipt, Store,
    StoreError, StoreErrorKind, StoredDocument, StreamQuery, Unit, WaitError,
};
use kernel::{Context, Envelope, Error, ErrorKind, Event, FieldError, Fingerprint, Request};
use request::{Service, ServiceInfo};

use super::{Fault, Faulty};

pub(crate) fn store_error(fault: Fault, message: String) -> StoreError {
    let kind = if fault == Fault::Busy { StoreErrorKind::Busy } else { StoreErrorKind::Unavailable };
    StoreError { kind, message }
}

pub(crate) fn commit_error(fault: Fault, message: String) -> CommitError {
    CommitError::Store(store_error(fault, message))
}

pub(crate) fn wait_error(fault: Fault, message: String) -> WaitError {
    WaitError::Store(store_error(fault, message))
}

fn blob_error(_: Fault, message: String) -> BlobError {
    BlobError(message)
}

pub(crate) fn error(_: Fault, message: String) -> Error {
    Error::new(ErrorKind::Unavailable, message).with_code("testing.injected")
}

#[async_trait]
impl<S: Store + ?Sized> Store for Faulty<S> {
    fn commit(&self, unit: Unit) -> Commit<'_> {
        Commit::new(self.plan.spoil("store.commit", commit_error, self.inner.commit(unit)))
    }

    async fn document(&self, collection: &str, key: &str) -> Result<Option<StoredDocument>, StoreError> {
        self.plan.spoil("store.document", store_error, self.inner.document(collection, key)).await
    }

    async fn documents(
        &self,
        collection: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<StoredDocument>, StoreError> {
        self.plan.spoil("store.documents", store_error, self.inner.documents(collection, after, limit)).await
    }

    async fn indexed(&self, query: IndexQuery) -> Result<Vec<StoredDocument>, StoreError> {
        self.plan.spoil("store.indexed", store_error, self.inner.indexed(query)).await
    }

    async fn declare(&self, collections: &[Collection]) -> Result<(), StoreError> {
        // Said before anything runs that could be tried with a fault.
        self.inner.declare(collections).await
    }

    async fn log(&self, query: LogQuery) -> Result<Vec<Arc<Envelope>>, StoreError> {
        self.plan.spoil("store.log", store_error, self.inner.log(query)).await
    }

    async fn stream(&self, stream: &str, query: StreamQuery) -> Result<Vec<Envelope>, StoreError> {
        self.plan.spoil("store.stream", store_error, self.inner.stream(stream, query)).await
    }

    async fn head(&self) -> Result<Position, StoreError> {
        self.plan.spoil("store.head", store_error, self.inner.head()).await
    }

    async fn position(&self, receipt: &Receipt, within: Duration) -> Result<Position, WaitError> {
        self.plan.spoil("store.position", wait_error, self.inner.position(receipt, within)).await
    }

    async fn checkpoint(&self, subscriber: &str) -> Result<Position, StoreError> {
        self.plan.spoil("store.checkpoint", store_error, self.inner.checkpoint(subscriber)).await
    }

    fn appended(&self) -> Appended {
        self.inner.appended()
    }
}

#[async_trait]
impl<B: Blobs + ?Sized> Blobs for Faulty<B> {
    async fn put(&self, bytes: Vec<u8>) -> Result<Fingerprint, BlobError> {
        self.plan.spoil("blobs.put", blob_error, self.inner.put(bytes)).await
    }

    async fn get(&self, digest: &Fingerprint) -> Result<Option<Vec<u8>>, BlobError> {
        self.plan.spoil("blobs.get", blob_error, self.inner.get(digest)).await
    }

    async fn remove(&self, digest: &Fingerprint) -> Result<bool, BlobError> {
        self.plan.spoil("blobs.remove", blob_error, self.inner.remove(digest)).await
    }
}

impl<R: Request, S: Service<R>> Service<R> for Faulty<S> {
    async fn execute(&self, cx: &Context, unit: &mut Unit, request: R) -> Result<R::Response, Error> {
        self.plan.spoil(R::NAME, error, self.inner.execute(cx, unit, request)).await
    }

    fn validate(&self, request: &R) -> Result<(), Vec<FieldError>> {
        self.inner.validate(request)
    }

    fn info(&self) -> ServiceInfo {
        <S as Service<R>>::info(&self.inner)
    }
}

impl<E: Event, S: Subscriber<E>> Subscriber<E> for Faulty<S> {
    async fn handle(&self, cx: &Context, event: &E, unit: &mut Unit) -> Result<(), Error> {
        self.plan.spoil(E::NAME, error, self.inner.handle(cx, event, unit)).await
    }
}
