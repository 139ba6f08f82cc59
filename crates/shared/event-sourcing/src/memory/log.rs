use std::{
    collections::VecDeque,
    ops::Range,
    sync::{
        Arc, OnceLock, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use kernel::Envelope;

/// Events that lie together.
const CHUNK: usize = 1024;

/// The log: grows at its end, in the hands of whoever has its [`Tail`], and is read by everybody else without a lock of the
/// store's. Readers and the writer meet at the list of chunks alone, which changes once in a thousand events.
#[derive(Default)]
pub(super) struct Log {
    chunks: RwLock<Chunks>,
    /// How many events there were. Whoever sees a number sees all events up to it, but for those that are forgotten.
    len: AtomicUsize,
}

#[derive(Default)]
struct Chunks {
    /// Before the first that is kept.
    forgotten: usize,
    kept: VecDeque<Arc<Chunk>>,
}

struct Chunk([OnceLock<Arc<Envelope>>; CHUNK]);

impl Chunk {
    /// The event at an index before the end of the log.
    fn event(&self, index: usize) -> &Arc<Envelope> {
        self.0[index % CHUNK].get().expect("there are events up to the end")
    }
}

/// Events of the log, which stay in memory for as long as this is there.
#[derive(Default)]
pub(crate) struct Lent {
    /// Two that are next to each other; the second only if they reach so far.
    chunks: [Option<Arc<Chunk>>; 2],
    /// The place of the first event in its chunk.
    from: usize,
    len: usize,
}

impl Lent {
    pub fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub fn get(&self, index: usize) -> Option<&Arc<Envelope>> {
        if index >= self.len {
            return None;
        }
        let place = self.from + index;
        self.chunks[place / CHUNK].as_ref()?.0[place % CHUNK].get()
    }
}

/// Where the log grows.
#[derive(Default)]
pub(super) struct Tail {
    /// The index of the next event, `ahead` of what readers see while a unit is written.
    next: usize,
    chunk: Option<Arc<Chunk>>,
}

impl Tail {
    /// The index of the next event.
    pub fn next(&self) -> usize {
        self.next
    }
}

impl Log {
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// Puts an event behind the last; readers do not see it yet. Whether events before these `most`, in whole chunks, were
    /// forgotten.
    pub fn place(&self, tail: &mut Tail, event: Arc<Envelope>, most: usize) -> bool {
        let place = tail.next % CHUNK;
        let mut has_forgotten = false;
        if place == 0 {
            let chunk = Arc::new(Chunk([const { OnceLock::new() }; CHUNK]));
            tail.chunk = Some(Arc::clone(&chunk));
            has_forgotten = self.grow(chunk, most);
        }
        let chunk = tail.chunk.as_ref().expect("the first event of a chunk brings it");
        let taken = chunk.0[place].set(event);
        taken.expect("only the writer fills the place behind the last event");
        tail.next += 1;
        has_forgotten
    }

    fn grow(&self, chunk: Arc<Chunk>, most: usize) -> bool {
        let mut chunks = self.chunks.write().unwrap_or_else(PoisonError::into_inner);
        chunks.kept.push_back(chunk);
        let mut old = Vec::new();
        // Without the new one, which is empty, there must be as many as are kept.
        while (chunks.kept.len() - 1) * CHUNK >= most.saturating_add(CHUNK) {
            old.extend(chunks.kept.pop_front());
            chunks.forgotten += 1;
        }
        drop(chunks);
        !old.is_empty()
    }

    /// Shows readers what was placed, all at once, so that nobody sees a part of a unit.
    pub fn show(&self, tail: &Tail) {
        self.len.store(tail.next, Ordering::Release);
    }

    /// The index of the first event that is kept.
    pub fn first(&self) -> usize {
        self.chunks.read().unwrap_or_else(PoisonError::into_inner).forgotten * CHUNK
    }

    /// At most `limit` events that are wanted, from the first index on.
    pub fn read(
        &self,
        indexes: Range<usize>,
        limit: usize,
        wanted: impl Fn(usize, &Envelope) -> bool,
    ) -> Vec<Arc<Envelope>> {
        let (mut next, len) = (indexes.start, indexes.end.min(self.len()));
        if next >= len {
            return Vec::new();
        }
        let mut found = Vec::with_capacity(limit.min(len - next).min(CHUNK));
        while next < len && found.len() < limit {
            let Some((index, chunk)) = self.chunk(next).filter(|(index, _)| *index < len) else { break };
            let end = (index - index % CHUNK + CHUNK).min(len).min(index.saturating_add(limit - found.len()));
            let events = (index..end).map(|index| (index, chunk.event(index)));
            found.extend(events.filter(|(index, event)| wanted(*index, event)).map(|(_, event)| Arc::clone(event)));
            next = end;
        }
        found
    }

    /// The same from the last index back.
    pub fn read_back(
        &self,
        indexes: Range<usize>,
        limit: usize,
        wanted: impl Fn(usize, &Envelope) -> bool,
    ) -> Vec<Arc<Envelope>> {
        let mut end = indexes.end.min(self.len());
        let mut found = Vec::new();
        while end > indexes.start && found.len() < limit {
            let Some((_, chunk)) = self.chunk(end - 1).filter(|(index, _)| *index == end - 1) else { break };
            let first = ((end - 1) / CHUNK * CHUNK).max(indexes.start);
            let events = (first..end).rev().map(|index| (index, chunk.event(index)));
            let events = events.filter(|(index, event)| wanted(*index, event)).take(limit - found.len());
            found.extend(events.map(|(_, event)| Arc::clone(event)));
            end = first;
        }
        found
    }

    /// At most `limit` events from the first index on, and no more than two chunks have.
    pub fn lend(&self, first: usize, limit: usize) -> Lent {
        let len = self.len();
        let Some((index, chunk)) = self.chunk(first).filter(|(index, _)| *index < len) else { return Lent::default() };
        let (from, behind) = (index % CHUNK, index - index % CHUNK + CHUNK);
        let mut end = index.saturating_add(limit.min(CHUNK)).min(len);
        let mut chunks = [Some(chunk), None];
        if end > behind {
            match self.chunk(behind).filter(|(next, _)| *next == behind) {
                Some((_, next)) => chunks[1] = Some(next),
                None => end = behind,
            }
        }
        Lent { chunks, from, len: end - index }
    }

    /// The event at this index, unless it is forgotten.
    pub fn at(&self, index: usize) -> Option<Arc<Envelope>> {
        let (at, chunk) = self.chunk(index)?;
        chunk.0[at % CHUNK].get().filter(|_| at == index).cloned()
    }

    /// Where this index lies, or the first one that is kept.
    fn chunk(&self, index: usize) -> Option<(usize, Arc<Chunk>)> {
        let chunks = self.chunks.read().unwrap_or_else(PoisonError::into_inner);
        let index = index.max(chunks.forgotten * CHUNK);
        let chunk = chunks.kept.get(index / CHUNK - chunks.forgotten)?;
        Some((index, Arc::clone(chunk)))
    }
}
