mod collections;
mod log;

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use kernel::Envelope;
use rapidhash::fast::RandomState;
use tokio::runtime::{Handle, RuntimeFlavor};

pub(crate) use self::log::Lent;
use self::{
    collections::Collections,
    log::{Log, Tail},
};
use crate::{
    Appended, Appends, Collection, Commit, CommitError, Conflict, Direction, EventQuery, Excerpt, Expected, IndexQuery,
    LogQuery, Position, Receipt, Store, StoreError, StoredDocument, StreamQuery, Unit, WaitError, Write,
};

/// The whole store in memory: for a process that keeps nothing, and the model that the other adapters are compared with.
pub struct MemoryStore {
    state: Mutex<State>,
    log: Log,
    /// Events that are kept.
    most: usize,
    appended: Appends,
}

#[derive(Default)]
struct State {
    tail: Tail,
    streams: HashMap<String, Stream, RandomState>,
    /// The highest version of the streams of which all events are forgotten.
    forgotten: u64,
    /// Indexes into the log of the events that have a tag.
    tags: HashMap<String, Vec<usize>, RandomState>,
    documents: Collections,
    checkpoints: HashMap<String, Position>,
}

struct Stream {
    /// The version before the first event that is kept.
    forgotten: u64,
    /// Index into the log of each event.
    indexes: Vec<usize>,
}

impl Default for MemoryStore {
    /// Keeps everything.
    fn default() -> Self {
        Self::keeping(usize::MAX)
    }
}

impl MemoryStore {
    /// Keeps at least so many of the latest events, two thousand more at most, and forgets those before them. Documents and
    /// checkpoints stay.
    ///
    /// Of a stream of which all events are forgotten the version is no longer known: the next event has one that no event of
    /// the stream has had. A guard that what was forgotten could be against is refused: of the version of such a stream, which
    /// every stream without events may be by then, and of a query from before the first event that is kept. Who guards streams,
    /// or has aggregates, wants a store that keeps everything.
    pub fn keeping(most: usize) -> Self {
        Self { state: Mutex::default(), log: Log::default(), most, appended: Appends::new(Position(0)) }
    }

    /// Also whether others should have the thread now.
    pub(crate) fn write(&self, unit: &mut Unit) -> Result<(Receipt, bool), CommitError> {
        unit.check()?;
        let deadline = unit.deadline();
        let (receipt, head) = {
            let mut state = self.state();
            deadline.map_or(Ok(()), |deadline| deadline.check())?;
            state.check(unit.writes(), &self.log)?;
            let receipt = state.apply(unit.take_writes(), &self.log, self.most);
            (receipt, Position(state.tail.next() as u64))
        };
        let lets_others = !receipt.events.is_empty() && self.appended.announce(head) && has_threads();
        Ok((receipt, lets_others))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is checked before the first write, so a panic cannot leave half of one behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn commit(&self, unit: Unit) -> Commit<'_> {
        Commit::at_once(self, unit)
    }

    async fn document(&self, collection: &str, key: &str) -> Result<Option<StoredDocument>, StoreError> {
        Ok(self.state().documents.get(collection, key))
    }

    async fn documents(
        &self,
        collection: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<StoredDocument>, StoreError> {
        Ok(self.state().documents.list(collection, after, limit))
    }

    async fn indexed(&self, query: IndexQuery) -> Result<Vec<StoredDocument>, StoreError> {
        self.state().documents.find(&query)
    }

    async fn declare(&self, collections: &[Collection]) -> Result<(), StoreError> {
        let mut state = self.state();
        collections.iter().try_for_each(|collection| state.documents.declare(collection))
    }

    async fn log(&self, query: LogQuery) -> Result<Vec<Arc<Envelope>>, StoreError> {
        let LogQuery { after, upto, limit, direction, until, correlation, matching } = &query;
        let part = index(after.0)..upto.map_or(usize::MAX, |upto| index(upto.0));
        if until.is_none() && correlation.is_none() && matching.is_none() && *direction == Direction::Forward {
            return Ok(self.log.read(part, *limit, |_, _| true));
        }
        // Tags are read under the lock of those who write them.
        let tagged = matching.as_ref().filter(|query| query.asks_for_tags()).map(|_| self.state());
        let has_tag = |index, tag: &str| tagged.as_ref().is_some_and(|state| state.has_tag(index, tag));
        let wanted = |index: usize, event: &Envelope| {
            until.is_none_or(|until| event.timestamp <= until)
                && correlation.is_none_or(|correlation| event.metadata.correlation_id == correlation)
                && matching.as_ref().is_none_or(|query| query.matches(&event.event_type, |tag| has_tag(index, tag)))
        };
        Ok(match direction {
            Direction::Forward => self.log.read(part, *limit, wanted),
            Direction::Backward => self.log.read_back(part, *limit, wanted),
        })
    }

    async fn excerpt(&self, after: Position, limit: usize) -> Result<Excerpt, StoreError> {
        Ok(self.log.lend(index(after.0), limit).into())
    }

    async fn stream(&self, stream: &str, query: StreamQuery) -> Result<Vec<Envelope>, StoreError> {
        let StreamQuery { after, upto, until, direction, limit } = query;
        let state = self.state();
        let Some(Stream { forgotten, indexes }) = state.streams.get(stream) else { return Ok(Vec::new()) };
        let place = |version: u64| index(version.saturating_sub(*forgotten)).min(indexes.len());
        let is_later = |event: &Envelope| until.is_some_and(|until| event.timestamp > until);
        let end = upto.map_or(indexes.len(), place);
        let end = match until {
            None => end,
            Some(_) => {
                let later = indexes.iter().position(|&index| self.log.at(index).is_some_and(|event| is_later(&event)));
                later.map_or(end, |later| later.min(end))
            }
        };
        let part = indexes[place(after).min(end)..end].iter();
        let events = |part: &mut dyn Iterator<Item = &usize>| {
            let events = part.take(limit).filter_map(|&index| self.log.at(index));
            events.map(Arc::unwrap_or_clone).collect()
        };
        Ok(match direction {
            Direction::Forward => events(&mut { part }),
            Direction::Backward => events(&mut part.rev()),
        })
    }

    async fn head(&self) -> Result<Position, StoreError> {
        Ok(Position(self.log.len() as u64))
    }

    async fn position(&self, receipt: &Receipt, _: Duration) -> Result<Position, WaitError> {
        Ok(receipt.position.unwrap_or_default())
    }

    async fn checkpoint(&self, subscriber: &str) -> Result<Position, StoreError> {
        Ok(self.state().checkpoints.get(subscriber).copied().unwrap_or_default())
    }

    fn appended(&self) -> Appended {
        self.appended.listen()
    }
}

impl State {
    /// Whether every guard of the unit holds, counting what the unit itself wrote before.
    fn check(&self, writes: &[Write], log: &Log) -> Result<(), Conflict> {
        if !writes.iter().any(Write::is_guarded) {
            return Ok(());
        }
        let mut versions: HashMap<&str, u64> = HashMap::new();
        let mut revisions: HashMap<(&str, &str), u64> = HashMap::new();
        for write in writes {
            match write {
                Write::Append { stream, expected, .. } => {
                    let stored = self.streams.get(stream.as_str());
                    let version = versions.entry(stream).or_insert(stored.map_or(self.forgotten, Stream::version));
                    guard(*expected, *version, || match stored {
                        None if self.forgotten > 0 => format!("stream `{stream}`, of which no event is kept,"),
                        Some(_) | None => format!("stream `{stream}`"),
                    })?;
                    *version += 1;
                }
                Write::Put { collection, key, expected, .. } => {
                    let revision = self.revision(&mut revisions, collection, key);
                    guard(*expected, *revision, || format!("document `{collection}/{key}`"))?;
                    *revision += 1;
                }
                Write::Delete { collection, key, expected } => {
                    let revision = self.revision(&mut revisions, collection, key);
                    guard(*expected, *revision, || format!("document `{collection}/{key}`"))?;
                    *revision = 0;
                }
                Write::Require { collection, key, expected } => {
                    let revision = self.revision(&mut revisions, collection, key);
                    guard(*expected, *revision, || format!("document `{collection}/{key}`"))?;
                }
                Write::Guard { query, after } => self.find_none(query, *after, log)?,
                Write::Checkpoint { .. } => {}
            }
        }
        Ok(())
    }

    /// Whether no event behind the position matches.
    fn find_none(&self, query: &EventQuery, after: Position, log: &Log) -> Result<(), Conflict> {
        let forgotten = log.first() as u64;
        if after.0 < forgotten {
            let what = format!("the first event that is kept, asked for {query},");
            return Err(Conflict { what, expected: after.0, actual: forgotten + 1, event: None });
        }
        let head = log.len() as u64;
        if after.0 > head {
            return Err(Conflict::beyond(query, after, head));
        }
        let found = log.read(index(after.0)..usize::MAX, 1, |index, event| {
            query.matches(&event.event_type, |tag| self.has_tag(index, tag))
        });
        match found.first() {
            // Mutant `queries_unguarded`: two units that each write what the other has read are both written.
            Some(event) if !cfg!(mutant = "queries_unguarded") => Err(Conflict::with_event(query, after, event)),
            Some(_) | None => Ok(()),
        }
    }

    fn has_tag(&self, index: usize, tag: &str) -> bool {
        self.tags.get(tag).is_some_and(|indexes| indexes.binary_search(&index).is_ok())
    }

    fn revision<'r, 'w>(
        &self,
        seen: &'r mut HashMap<(&'w str, &'w str), u64>,
        collection: &'w str,
        key: &'w str,
    ) -> &'r mut u64 {
        match seen.entry((collection, key)) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(self.documents.revision(collection, key)),
        }
    }

    fn apply(&mut self, writes: Vec<Write>, log: &Log, most: usize) -> Receipt {
        let mut receipt = Receipt::default();
        let mut has_forgotten = false;
        for write in writes {
            match write {
                Write::Append { stream, mut envelope, tags, .. } => {
                    let index = self.tail.next();
                    for tag in tags {
                        self.tags.entry(tag).or_default().push(index);
                    }
                    Arc::make_mut(&mut envelope).metadata.position = Some(index as u64 + 1);
                    let fresh = || Stream { forgotten: self.forgotten, indexes: Vec::new() };
                    let stream = self.streams.entry(stream).or_insert_with(fresh);
                    stream.indexes.push(index);
                    receipt.events.push((envelope.event_id, stream.version()));
                    has_forgotten |= log.place(&mut self.tail, envelope, most);
                }
                Write::Put { collection, key, body, version, .. } => {
                    self.documents.put(&collection, key, body, version);
                }
                Write::Delete { collection, key, .. } => self.documents.delete(&collection, &key),
                Write::Guard { .. } | Write::Require { .. } => {}
                Write::Checkpoint { subscriber, position } => {
                    self.checkpoints.insert(subscriber, position);
                }
            }
        }
        if !receipt.events.is_empty() {
            receipt.position = Some(Position(self.tail.next() as u64));
        }
        log.show(&self.tail);
        if has_forgotten {
            self.forget(log.first());
        }
        receipt
    }

    /// The events before this index are no longer there.
    fn forget(&mut self, first: usize) {
        self.streams.retain(|_, stream| {
            let gone = stream.indexes.partition_point(|index| *index < first);
            stream.forgotten += stream.indexes.drain(..gone).len() as u64;
            // One number for all of them: what grows with every stream there ever was is not forgetting.
            // Mutant `forgotten_anew`: a stream of which all is forgotten is taken for one that never was.
            if stream.indexes.is_empty() && !cfg!(mutant = "forgotten_anew") {
                self.forgotten = self.forgotten.max(stream.forgotten);
            }
            !stream.indexes.is_empty()
        });
        self.tags.retain(|_, indexes| {
            indexes.drain(..indexes.partition_point(|index| *index < first));
            !indexes.is_empty()
        });
    }
}

impl Stream {
    fn version(&self) -> u64 {
        self.forgotten + self.indexes.len() as u64
    }
}

/// Whether another thread could take over what waits for this one.
fn has_threads() -> bool {
    Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread)
}

/// A number beyond what can be counted here is beyond the end.
fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn guard(expected: Expected, actual: u64, what: impl FnOnce() -> String) -> Result<(), Conflict> {
    let wanted = match expected {
        Expected::Any => return Ok(()),
        // Mutant `guards_ignored`: whoever writes last wins, whatever they have read.
        _ if cfg!(mutant = "guards_ignored") => return Ok(()),
        Expected::Absent => 0,
        Expected::Exact(wanted) => wanted,
    };
    if wanted == actual { Ok(()) } else { Err(Conflict { what: what(), expected: wanted, actual, event: None }) }
}
