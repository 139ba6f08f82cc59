mod log;

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use kernel::{Envelope, Json};
use rapidhash::fast::RandomState;

use self::log::{Log, Tail};
use crate::{
    Appended, Appends, CommitError, Conflict, Expected, LogQuery, Position, Receipt, Store, StoreError, StoredDocument,
    Unit, Write,
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
    documents: BTreeMap<(String, String), (Json, u64)>,
    checkpoints: HashMap<String, Position>,
}

#[derive(Default)]
struct Stream {
    /// Events before the first that is kept.
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
    /// Keeps at least so many of the latest events, two thousand more at most, and forgets those before them; a stream of which
    /// all are forgotten begins anew. Documents and checkpoints stay.
    pub fn keeping(most: usize) -> Self {
        Self { state: Mutex::default(), log: Log::default(), most, appended: Appends::new(Position(0)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is checked before the first write, so a panic cannot leave half of one behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn commit(&self, unit: Unit) -> Result<Receipt, CommitError> {
        let (receipt, head) = {
            let mut state = self.state();
            state.check(unit.writes())?;
            let receipt = state.apply(unit.into_writes(), &self.log, self.most);
            (receipt, Position(state.tail.next() as u64))
        };
        if !receipt.events.is_empty() {
            self.appended.announce(head);
        }
        Ok(receipt)
    }

    async fn document(&self, collection: &str, key: &str) -> Result<Option<StoredDocument>, StoreError> {
        let state = self.state();
        let found = state.documents.get(&(collection.to_owned(), key.to_owned()));
        Ok(found.map(|(body, revision)| StoredDocument { key: key.into(), body: body.clone(), revision: *revision }))
    }

    async fn documents(
        &self,
        collection: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<StoredDocument>, StoreError> {
        let from = match after {
            Some(key) => Bound::Excluded((collection.to_owned(), key.to_owned())),
            None => Bound::Included((collection.to_owned(), String::new())),
        };
        let state = self.state();
        let rows = state.documents.range((from, Bound::Unbounded));
        Ok(rows
            .take_while(|((c, _), _)| c == collection)
            .take(limit)
            .map(|((_, key), (body, revision))| StoredDocument {
                key: key.clone(),
                body: body.clone(),
                revision: *revision,
            })
            .collect())
    }

    async fn log(&self, query: LogQuery) -> Result<Vec<Arc<Envelope>>, StoreError> {
        let from = usize::try_from(query.after.0).unwrap_or(usize::MAX);
        Ok(match query.correlation {
            None => self.log.read(from, query.limit, |_| true),
            Some(correlation) => self.log.read(from, query.limit, |event| event.metadata.correlation_id == correlation),
        })
    }

    async fn stream(&self, stream: &str, after: u64, limit: usize) -> Result<Vec<Envelope>, StoreError> {
        let state = self.state();
        let Some(Stream { forgotten, indexes }) = state.streams.get(stream) else { return Ok(Vec::new()) };
        let skip = usize::try_from(after.saturating_sub(*forgotten)).unwrap_or(usize::MAX);
        let events = indexes.iter().skip(skip).take(limit).filter_map(|&index| self.log.at(index));
        Ok(events.map(Arc::unwrap_or_clone).collect())
    }

    async fn head(&self) -> Result<Position, StoreError> {
        Ok(Position(self.log.len() as u64))
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
    fn check(&self, writes: &[Write]) -> Result<(), Conflict> {
        if !writes.iter().any(Write::is_guarded) {
            return Ok(());
        }
        let mut versions: HashMap<&str, u64> = HashMap::new();
        let mut revisions: HashMap<(&str, &str), u64> = HashMap::new();
        for write in writes {
            match write {
                Write::Append { stream, expected, .. } => {
                    let stored = self.streams.get(stream.as_str()).map_or(0, Stream::version);
                    let version = versions.entry(stream).or_insert(stored);
                    guard(*expected, *version, || format!("stream `{stream}`"))?;
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
                Write::Checkpoint { .. } => {}
            }
        }
        Ok(())
    }

    fn revision<'r, 'w>(
        &self,
        seen: &'r mut HashMap<(&'w str, &'w str), u64>,
        collection: &'w str,
        key: &'w str,
    ) -> &'r mut u64 {
        match seen.entry((collection, key)) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let stored = self.documents.get(&(collection.to_owned(), key.to_owned()));
                entry.insert(stored.map_or(0, |(_, revision)| *revision))
            }
        }
    }

    fn apply(&mut self, writes: Vec<Write>, log: &Log, most: usize) -> Receipt {
        let appends = writes.iter().filter(|write| matches!(write, Write::Append { .. })).count();
        let mut receipt = Receipt { events: Vec::with_capacity(appends) };
        let mut has_forgotten = false;
        for write in writes {
            match write {
                Write::Append { stream, mut envelope, .. } => {
                    let index = self.tail.next();
                    Arc::make_mut(&mut envelope).metadata.position = Some(index as u64 + 1);
                    let stream = self.streams.entry(stream).or_default();
                    stream.indexes.push(index);
                    receipt.events.push((envelope.event_id, stream.version()));
                    has_forgotten |= log.place(&mut self.tail, envelope, most);
                }
                Write::Put { collection, key, body, .. } => {
                    let place = (collection.into_owned(), key);
                    let revision = self.documents.get(&place).map_or(0, |(_, revision)| *revision);
                    self.documents.insert(place, (body, revision + 1));
                }
                Write::Delete { collection, key, .. } => {
                    self.documents.remove(&(collection.into_owned(), key));
                }
                Write::Checkpoint { subscriber, position } => {
                    self.checkpoints.insert(subscriber, position);
                }
            }
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
            !stream.indexes.is_empty()
        });
    }
}

impl Stream {
    fn version(&self) -> u64 {
        self.forgotten + self.indexes.len() as u64
    }
}

fn guard(expected: Expected, actual: u64, what: impl FnOnce() -> String) -> Result<(), Conflict> {
    let wanted = match expected {
        Expected::Any => return Ok(()),
        // Mutant `guards_ignored`: whoever writes last wins, whatever they have read.
        _ if cfg!(mutant = "guards_ignored") => return Ok(()),
        Expected::Absent => 0,
        Expected::Exact(wanted) => wanted,
    };
    if wanted == actual { Ok(()) } else { Err(Conflict { what: what(), expected: wanted, actual }) }
}
