use std::sync::{
    Arc, OnceLock, PoisonError, RwLock,
    atomic::{AtomicUsize, Ordering},
};

use kernel::Envelope;

/// Events that lie together.
const CHUNK: usize = 1024;

/// The log: grows at its end, in the hands of whoever holds the store's lock, and is read by everybody else without it. Readers
/// and the writer meet at the list of chunks alone, which changes once in a thousand events.
#[derive(Default)]
pub(super) struct Log {
    chunks: RwLock<Vec<Arc<Chunk>>>,
    /// How many events there are. Whoever sees a number sees all events up to it.
    len: AtomicUsize,
}

struct Chunk([OnceLock<Arc<Envelope>>; CHUNK]);

impl Log {
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// Puts an event behind the last, `ahead` of those that are there for readers. One writer at a time.
    pub fn place(&self, ahead: usize, event: Arc<Envelope>) {
        let index = self.len() + ahead;
        if index.is_multiple_of(CHUNK) {
            let chunk = Arc::new(Chunk([const { OnceLock::new() }; CHUNK]));
            self.chunks.write().unwrap_or_else(PoisonError::into_inner).push(chunk);
        }
        let chunks = self.chunks.read().unwrap_or_else(PoisonError::into_inner);
        let taken = chunks[index / CHUNK].0[index % CHUNK].set(event);
        taken.expect("only the writer fills the place behind the last event");
    }

    /// Shows readers what was placed, all at once, so that nobody sees a part of a unit.
    pub fn show(&self, placed: usize) {
        self.len.store(self.len() + placed, Ordering::Release);
    }

    /// At most `limit` events that are wanted, from this index on.
    pub fn read(&self, from: usize, limit: usize, wanted: impl Fn(&Envelope) -> bool) -> Vec<Arc<Envelope>> {
        let len = self.len();
        if from >= len {
            return Vec::new();
        }
        let mut found = Vec::with_capacity(limit.min(len - from).min(CHUNK));
        let mut index = from;
        while index < len && found.len() < limit {
            let chunk = Arc::clone(&self.chunks.read().unwrap_or_else(PoisonError::into_inner)[index / CHUNK]);
            let end = (index - index % CHUNK + CHUNK).min(len);
            for place in &chunk.0[index % CHUNK..=(end - 1) % CHUNK] {
                let event = place.get().expect("there are events up to the end");
                if found.len() < limit && wanted(event) {
                    found.push(Arc::clone(event));
                }
            }
            index = end;
        }
        found
    }

    /// The event at this index, below the length.
    pub fn at(&self, index: usize) -> Arc<Envelope> {
        let chunks = self.chunks.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(chunks[index / CHUNK].0[index % CHUNK].get().expect("there are events up to the end"))
    }
}
