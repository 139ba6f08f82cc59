//! How a follower is asked to try dead letters again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event_sourcing::StoreError;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::LetterFilter;

/// What came of trying dead letters again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retried {
    /// Letters whose event was handled: they are gone.
    pub delivered: usize,
    /// Letters that failed again. They have the new error, and their tries are counted on.
    pub failed: usize,
    /// Letters that were not tried, because an earlier one of their key failed again.
    pub behind: usize,
    /// Subscribers that take nothing now, being paused or halted: resume them first.
    pub held: Vec<String>,
    /// Subscribers that do not run in this process.
    pub elsewhere: Vec<String>,
}

impl Retried {
    pub(crate) fn add(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.failed += other.failed;
        self.behind += other.behind;
        self.held.extend(other.held);
        self.elsewhere.extend(other.elsewhere);
    }
}

/// What was asked of one follower, and where the answer goes.
pub(crate) struct Ask {
    pub filter: LetterFilter,
    pub answer: oneshot::Sender<Result<Retried, StoreError>>,
}

/// Where a follower finds what it was asked. Closed, it forgets who asked, who then knows that there will be no answer.
#[derive(Clone)]
pub(crate) struct Desk(Arc<Mutex<Option<Vec<Ask>>>>);

impl Default for Desk {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Some(Vec::new()))))
    }
}

impl Desk {
    pub fn ask(&self, filter: LetterFilter) -> oneshot::Receiver<Result<Retried, StoreError>> {
        let (answer, answered) = oneshot::channel();
        if let Some(asked) = self.asked().as_mut() {
            asked.push(Ask { filter, answer });
        }
        answered
    }

    pub fn take(&self) -> Vec<Ask> {
        self.asked().as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub fn close(&self) {
        *self.asked() = None;
    }

    fn asked(&self) -> MutexGuard<'_, Option<Vec<Ask>>> {
        // Nothing that is done with it can stop half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
