use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use async_trait::async_trait;
use kernel::{Error, ErrorKind};
use therapy_contracts::{User, UserId};
use users::{MemoryRecords, UserRecords};

/// The line to the user directory, which may be cut.
#[derive(Debug)]
pub struct Line {
    records: MemoryRecords,
    calls: AtomicU32,
    failures: AtomicU32,
}

impl Line {
    pub fn new(records: MemoryRecords) -> Self {
        Self { records, calls: AtomicU32::new(0), failures: AtomicU32::new(0) }
    }

    /// So many calls from now on get no answer.
    pub fn fail(&self, calls: u32) {
        self.failures.store(calls, Relaxed);
    }

    /// No call gets an answer until the line is [mended](Self::mend).
    pub fn cut(&self) {
        self.fail(u32::MAX);
    }

    pub fn mend(&self) {
        self.fail(0);
    }

    /// How many calls there were since this was last asked.
    pub fn calls(&self) -> u32 {
        self.calls.swap(0, Relaxed)
    }
}

#[async_trait]
impl UserRecords for Line {
    async fn find(&self, user_id: UserId) -> Result<Option<User>, Error> {
        self.calls.fetch_add(1, Relaxed);
        match self.failures.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)) {
            Ok(_) => Err(Error::new(ErrorKind::Unavailable, "the line to the user directory is cut: have it mended")),
            Err(_) => self.records.find(user_id).await,
        }
    }
}
