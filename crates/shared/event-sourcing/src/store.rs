use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use kernel::{Envelope, Error, ErrorKind, EventId, Json};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{
    Appended, Collection, Commit, Document, EventQuery, Excerpt, Index, IndexPlace, IndexQuery, LogQuery, Readable,
    StreamQuery, Unit, WaitError, Wanted, readable, wait,
};

/// Place in the log's one gap-free order. The first event has position 1; 0 is before all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where everything is kept. One conformance suite (`testing::store`) holds for all adapters.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Writes all of the unit or none of it, and answers once it is durable. One without writes is answered when all that the
    /// store took before has been written or refused, and nothing is written for it.
    ///
    /// # Errors
    /// See [`CommitError`]. What [`Unit::check`] refuses is refused before anything else.
    ///
    /// # Cancel safety
    /// Dropped before its first poll, nothing happened. Dropped after, the unit is the store's: it is written or refused as a
    /// whole, and only the answer is lost.
    fn commit(&self, unit: Unit) -> Commit<'_>;

    /// A document as it is now. `None` if it was never put, or was deleted.
    async fn document(&self, collection: &str, key: &str) -> Result<Option<StoredDocument>, StoreError>;

    /// The documents of a collection in key order, from the first key after `after`.
    async fn documents(
        &self,
        collection: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<StoredDocument>, StoreError>;

    /// The keys of the documents of a collection, as [`documents`](Self::documents) has them: also of those that are damaged, where
    /// the store can tell.
    async fn keys(&self, collection: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, StoreError> {
        let documents = self.documents(collection, after, limit).await?;
        Ok(documents.into_iter().map(|document| document.key).collect())
    }

    /// The documents that an index finds, by value and then by key.
    ///
    /// # Errors
    /// Also Undeclared: there is no such index.
    async fn indexed(&self, query: IndexQuery) -> Result<Vec<StoredDocument>, StoreError>;

    /// Has these collections as they are declared: with their indexes and no others, and all their documents in the version
    /// that is declared. Said once, at the start of the process that writes, before anything is written. What the store has
    /// already costs a look; a collection that is not named stays as it is. Those of the generations of a projection come and go
    /// while the program runs: one that is [retired](Collection::is_retired) has no documents, and nothing is left of it. A store
    /// that is open for reading only changes nothing.
    ///
    /// # Errors
    /// Newer: documents of a later version. Corrupt: one that cannot be migrated; those before it are.
    ///
    /// # Cancel safety
    /// Dropped, it is carried out or not; said again, it goes on where it was.
    async fn declare(&self, collections: &[Collection]) -> Result<(), StoreError>;

    /// The log by position. A reader that saw a position has seen every lower one that it will ever see.
    ///
    /// Events are shared: who keeps them in memory hands the same one to all of its readers.
    async fn log(&self, query: LogQuery) -> Result<Vec<Arc<Envelope>>, StoreError>;

    /// At most so many events behind a position, of the same [`log`](Self::log). Fewer are all that there are, where no more than
    /// 1,024 are asked for.
    async fn excerpt(&self, after: Position, limit: usize) -> Result<Excerpt, StoreError> {
        Ok(self.log(LogQuery::after(after, limit)).await?.into())
    }

    /// A stream's events by version. One that was never written reads as empty.
    async fn stream(&self, stream: &str, query: StreamQuery) -> Result<Vec<Envelope>, StoreError>;

    /// The last position that was given out; 0 for an empty log.
    async fn head(&self) -> Result<Position, StoreError>;

    /// The position of the last event of a unit; 0 if it had none. Waits at most so long, by the runtime's timers, where positions
    /// are given out after the commit; the stores of this workspace know them at the commit.
    ///
    /// # Cancel safety
    /// Only waits.
    async fn position(&self, receipt: &Receipt, within: Duration) -> Result<Position, WaitError>;

    /// How far a subscriber has come; 0 if it never ran.
    async fn checkpoint(&self, subscriber: &str) -> Result<Position, StoreError>;

    /// Wakes when this process has appended. A hint: what is in the log decides.
    fn appended(&self) -> Appended;
}

/// A document as adapters have it, its type known to who asks.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredDocument {
    /// Unique within its collection.
    pub key: String,
    /// The value as it was put.
    pub body: Json,
    /// Counts the puts from 1; guards the next write.
    pub revision: u64,
    /// Of the form of the body: [`Document::VERSION`] of the type that it was put as, or migrated to.
    pub version: u32,
}

/// A typed document and the revision that guards its next write.
#[derive(Debug, Clone, PartialEq)]
pub struct Found<D> {
    /// Unique within the collection of `D`.
    pub key: String,
    /// As the JSON in the store has it.
    pub value: D,
    /// Counts the puts from 1, since there last was none; guards the next write as `Expected::Exact`.
    pub revision: u64,
}

/// A document that is not of the type that it is read as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Unreadable {
    /// Unique within its collection.
    pub key: String,
    /// Guards its removal.
    pub revision: u64,
    /// Why.
    pub error: StoreError,
}

/// What an index has found, and where to go on.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<D> {
    /// By value, then by key.
    pub documents: Vec<Found<D>>,
    /// Where the next page begins; `None` if there is nothing behind this one.
    pub next: Option<IndexPlace>,
}

impl<D> Page<D> {
    /// Of what was found with this limit.
    pub(crate) fn of(
        stored: Vec<StoredDocument>,
        index: Index,
        limit: usize,
        decode: impl Fn(StoredDocument) -> Result<Found<D>, StoreError>,
    ) -> Result<Self, StoreError> {
        let last = stored.last().filter(|_| stored.len() == limit);
        let next = last.and_then(|last| Some(IndexPlace { value: index.value_in(&last.body)?, key: last.key.clone() }));
        Ok(Self { documents: stored.into_iter().map(decode).collect::<Result<_, _>>()?, next })
    }
}

/// What a commit wrote, in the order of the unit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipt {
    /// The id of each event, and its version: its place in its stream, from 1.
    pub events: SmallVec<[(EventId, u64); 1]>,
    /// Of the last event, if the store knew it at the commit. [`Store::position`] waits for it where it did not.
    pub position: Option<Position>,
}

/// Typed reads over any [`Store`].
pub trait StoreExt: Store {
    /// A document as it is now. `None` if it was never put, or was deleted.
    ///
    /// # Errors
    /// What the store says, and [`StoreErrorKind::Corrupt`] for a document that is no `D`.
    fn get<D: Document>(&self, key: &str) -> impl Future<Output = Result<Option<Found<D>>, StoreError>> + Send {
        async move { self.document(D::COLLECTION, key).await?.map(decode).transpose() }
    }

    /// At most `limit` documents of type `D` in key order, from the first key after `after`; `None` is before all keys.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn list<D: Document>(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Found<D>>, StoreError>> + Send {
        async move { self.documents(D::COLLECTION, after, limit).await?.into_iter().map(decode).collect() }
    }

    /// As [`list`](Self::list); one that cannot be read keeps nobody from the others.
    ///
    /// # Errors
    /// What the store says.
    fn list_each<D: Document>(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Result<Found<D>, Unreadable>>, StoreError>> + Send {
        async move {
            let stored = self.documents(D::COLLECTION, after, limit).await?.into_iter();
            let each = stored.map(|stored| {
                let (key, revision) = (stored.key.clone(), stored.revision);
                decode(stored).map_err(|error| Unreadable { key, revision, error })
            });
            Ok(each.collect())
        }
    }

    /// As [`excerpt`](Store::excerpt), but one event that is damaged keeps nobody from those before it, and is named. At most
    /// `limit` events, of which there is one at least.
    ///
    /// # Errors
    /// What the store says, Corrupt apart: that is [`Readable::damage`].
    ///
    /// # Cancel safety
    /// Only reads.
    fn readable(&self, after: Position, limit: usize) -> impl Future<Output = Result<Readable, StoreError>> + Send {
        readable::readable(self, after, limit)
    }

    /// Waits until the log can be read up to this position, at most so long by the runtime's timers.
    ///
    /// # Errors
    /// Late, if it does not come to that; what the store says.
    ///
    /// # Cancel safety
    /// Only waits.
    fn until_visible(
        &self,
        position: Position,
        within: Duration,
    ) -> impl Future<Output = Result<(), WaitError>> + Send {
        wait::for_position(self, wait::Follower::Log, position, within)
    }

    /// Waits until the checkpoint of a subscriber, by its stable name, has come to this position: it has then handled, and whoever
    /// reads what it writes sees, everything up to there. At most so long by the runtime's timers.
    ///
    /// # Errors
    /// Late, if it does not come to that; what the store says.
    ///
    /// # Cancel safety
    /// Only waits.
    fn until_handled(
        &self,
        subscriber: &str,
        position: Position,
        within: Duration,
    ) -> impl Future<Output = Result<(), WaitError>> + Send {
        wait::for_position(self, wait::Follower::Subscriber(subscriber), position, within)
    }

    /// At most `limit` documents of type `D` that the index finds: by a value, `"open"`, or by a range of values, `5..=9`. In the
    /// order of the values, then of the keys, from the first behind `after`, which is [`Page::next`] of the page before.
    ///
    /// # Errors
    /// As [`get`](Self::get), and [`StoreErrorKind::Undeclared`] if the index is none of `D`, or the store does not have it.
    fn find<D: Document>(
        &self,
        index: Index,
        wanted: impl Into<Wanted> + Send,
        after: Option<&IndexPlace>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<D>, StoreError>> + Send {
        let (wanted, after) = (wanted.into(), after.cloned());
        async move {
            if !D::INDEXES.contains(&index) {
                return Err(undeclared::<D>(index));
            }
            let collection = D::COLLECTION.into();
            let stored = self.indexed(IndexQuery { collection, index, wanted, after, limit }).await?;
            Page::of(stored, index, limit, decode)
        }
    }
}

impl<S: Store + ?Sized> StoreExt for S {}

fn decode<D: Document>(stored: StoredDocument) -> Result<Found<D>, StoreError> {
    let (key, revision) = (stored.key.clone(), stored.revision);
    match Collection::of::<D>().migrated(stored)?.read() {
        Ok(value) => Ok(Found { key, value, revision }),
        Err(error) => Err(StoreError {
            kind: StoreErrorKind::Corrupt,
            message: format!("document `{key}` of collection `{}` cannot be read: {error}", D::COLLECTION),
        }),
    }
}

fn undeclared<D: Document>(index: Index) -> StoreError {
    let message = format!(
        "index `{}` of collection `{}` is not declared: add it to `INDEXES` of `{}`",
        index.name(),
        D::COLLECTION,
        std::any::type_name::<D>()
    );
    StoreError { kind: StoreErrorKind::Undeclared, message }
}

/// A commit was not carried out; nothing of the unit is there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// A guard of the unit did not hold.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// When its turn came, the work that the unit is a part of was to be done already.
    #[error("the deadline {deadline} had passed at {now}, before this was written: allow it more time")]
    Late {
        /// That of the unit's context.
        deadline: DateTime<Utc>,
        /// By the clock of the unit.
        now: DateTime<Utc>,
    },
    /// No store will ever take it: some of it is too large, nests too deep to be read back, or is nothing that JSON can hold.
    #[error("{0}")]
    Unwritable(String),
    /// The store could not do it, whatever was in the unit.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Somebody else wrote first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// ``stream `x` ``, ``document `c/k` ``, or the query of a guard in words.
    pub what: String,
    /// The version or revision that the unit asked for; 0 if it asked for there to be none. Of a query the position behind which
    /// nothing was to match.
    pub expected: u64,
    /// The version or revision that there is; 0 when it does not exist. Of a query the position of the event that matches.
    pub actual: u64,
    /// What came between, of a query.
    pub event: Option<Intruder>,
}

/// The first event that a guard of a unit was against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intruder {
    /// Its type.
    pub event_type: String,
    /// Its identity.
    pub event_id: EventId,
}

impl Conflict {
    /// For adapters: this event matches a query that nothing behind `after` was to match.
    pub fn with_event(query: &EventQuery, after: Position, event: &Envelope) -> Self {
        let intruder = Intruder { event_type: event.event_type.clone().into_owned(), event_id: event.event_id };
        let actual = event.metadata.position.unwrap_or_default();
        Self { what: query.to_string(), expected: after.0, actual, event: Some(intruder) }
    }

    /// For adapters: whoever guards has read further than the log goes, which is another one then, such as one from a copy.
    pub fn beyond(query: &EventQuery, after: Position, head: u64) -> Self {
        Self { what: format!("the log, asked for {query},"), expected: after.0, actual: head, event: None }
    }
}

impl std::error::Error for Conflict {}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, expected, actual, event } = self;
        match event {
            None => write!(f, "{what} is at {actual}, expected {expected}: read it again and retry"),
            Some(Intruder { event_type, event_id }) => write!(
                f,
                "event `{event_type}` ({event_id}) at position {actual} came after position {expected}, where nothing was to \
                 match {what}: read again and retry"
            ),
        }
    }
}

/// The store cannot do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    /// What a program can go by; the message is for people.
    pub kind: StoreErrorKind,
    /// What happened, to which file or server, and what to do next.
    pub message: String,
}

impl StoreError {
    /// For whoever writes of its own accord what is [`CommitError::Unwritable`] and can do nothing else about it.
    pub fn unwritable(message: String) -> Self {
        Self { kind: StoreErrorKind::Corrupt, message }
    }
}

/// What is wrong with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// Another process holds it.
    Locked,
    /// No room left.
    Full,
    /// What is there is not what was written, or no longer of the type that it is read as.
    Corrupt,
    /// Written by a newer version of this program.
    Newer,
    /// More units or reads wait for it than it takes; units, for as long as it lets them.
    Busy,
    /// It does not have the index that was asked.
    Undeclared,
    /// It is closed, or its machine or disk does not answer.
    Unavailable,
}

impl StoreErrorKind {
    /// Whether it does not pass by itself: the same, asked again, is answered in the same way.
    pub fn is_lasting(self) -> bool {
        match self {
            Self::Corrupt | Self::Newer | Self::Undeclared => true,
            Self::Locked | Self::Full | Self::Busy | Self::Unavailable => false,
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let kind = if error.kind.is_lasting() { ErrorKind::Internal } else { ErrorKind::Unavailable };
        Self::new(kind, error.message)
    }
}

impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict(conflict) => Self::new(ErrorKind::Conflict, conflict.to_string()),
            CommitError::Late { .. } => Self::new(ErrorKind::Deadline, error.to_string()),
            CommitError::Unwritable(message) => Self::new(ErrorKind::Rejected, message).with_code("store.unwritable"),
            CommitError::Store(error) => error.into(),
        }
    }
}
