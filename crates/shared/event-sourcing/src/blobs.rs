use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use kernel::{Error, ErrorKind, Fingerprint};

/// Bytes by their digest: what is too big for a message or a document, such as a model.
///
/// Content-addressed, so a put can be repeated, and bytes that no committed document names do no harm.
#[async_trait]
pub trait Blobs: Send + Sync + 'static {
    /// Answers once the bytes are durable. Putting the same bytes again changes nothing.
    ///
    /// # Cancel safety
    /// Dropped at any point, the bytes are there as a whole or not at all.
    async fn put(&self, bytes: Vec<u8>) -> Result<Fingerprint, BlobError>;

    /// The bytes with this digest. `None` if they were never put, or were removed.
    async fn get(&self, digest: &Fingerprint) -> Result<Option<Vec<u8>>, BlobError>;

    /// Whether there was something to remove.
    async fn remove(&self, digest: &Fingerprint) -> Result<bool, BlobError>;
}

/// The blob store cannot do its work: which file, why, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BlobError(pub String);

impl From<BlobError> for Error {
    fn from(error: BlobError) -> Self {
        Self::new(ErrorKind::Unavailable, error.0)
    }
}

/// Blobs in memory, for a process that keeps nothing.
#[derive(Debug, Default)]
pub struct MemoryBlobs(Mutex<BTreeMap<Fingerprint, Vec<u8>>>);

#[async_trait]
impl Blobs for MemoryBlobs {
    async fn put(&self, bytes: Vec<u8>) -> Result<Fingerprint, BlobError> {
        let digest = Fingerprint::of(&bytes);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(digest.clone(), bytes);
        Ok(digest)
    }

    async fn get(&self, digest: &Fingerprint) -> Result<Option<Vec<u8>>, BlobError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned())
    }

    async fn remove(&self, digest: &Fingerprint) -> Result<bool, BlobError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(digest).is_some())
    }
}
