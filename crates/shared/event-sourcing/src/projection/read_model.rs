use std::{marker::PhantomData, sync::Arc, time::Duration};

use kernel::{Error, ErrorKind};
use tokio::time::{sleep, timeout};

use super::{
    definition::{Projected, Projection},
    record::{Halt, Progress, Record, collection_of, progress_key},
};
use crate::{
    EventQuery, Found, Index, IndexPlace, IndexQuery, LogQuery, Page, Position, Receipt, Store, StoreError,
    StoreErrorKind, StoreExt, StoredDocument, Wanted,
};

/// Between two looks at how far a projection is: at first, and at last.
const LOOKS: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(64)];

/// Reads what the projection `P` has written, of whichever generation is live.
///
/// It needs the store and nothing else, so that it reads beside a projection that runs elsewhere. What it gives is as old as the
/// projection is behind: [`wait_for`](Self::wait_for) is for whoever wants to see what they have just written.
pub struct ReadModel<P> {
    store: Arc<dyn Store>,
    projection: PhantomData<fn() -> P>,
}

/// What is waited for has not come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatchUpError {
    /// Not within the time.
    #[error(
        "projection `{projection}` is at {position}, and {wanted} was waited for in vain: see `borough projections list`"
    )]
    TimedOut {
        /// Its name.
        projection: &'static str,
        /// How far it was at the last look.
        position: Position,
        /// How far it was to be.
        wanted: Position,
    },
    /// It stands before an event that it cannot apply: it would be waited for in vain.
    #[error("projection `{projection}` has halted before {halt}")]
    Halted {
        /// Its name.
        projection: &'static str,
        /// Before which event, and why.
        halt: Halt,
    },
    /// Somebody has paused it.
    #[error("projection `{0}` is paused: go on with `borough projections resume {0}`")]
    Paused(&'static str),
    /// It does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<P: Projection> ReadModel<P> {
    /// Of the projection `P` on this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, projection: PhantomData }
    }

    /// A document as it is now. `None`: there is none, or the projection never ran.
    ///
    /// # Errors
    /// What the store says, and [`StoreErrorKind::Corrupt`] for a document that is no `D`: it may be of an earlier version of the
    /// projection, until the rebuild is live.
    ///
    /// # Cancel safety
    /// Only reads.
    pub async fn get<D: Projected<By = P>>(&self, key: &str) -> Result<Option<Found<D>>, StoreError> {
        let mut generation = self.live().await?;
        while let Some(number) = generation {
            let found = self.store.document(&collection_of(D::COLLECTION, number), key).await?;
            if let Some(document) = found {
                return decode(document).map(Some);
            }
            // It may be missing because its generation was retired meanwhile.
            // Mutant `leftovers_read`: a reader is given what is left of a generation while it is removed.
            generation = self.live().await?.filter(|live| *live != number && !cfg!(mutant = "leftovers_read"));
        }
        Ok(None)
    }

    /// At most `limit` documents in key order, from the first key after `after`; `None` is before all keys. A page is of one
    /// generation; the next page is of the one that is live then.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    ///
    /// # Cancel safety
    /// Only reads.
    pub async fn list<D: Projected<By = P>>(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Found<D>>, StoreError> {
        let mut generation = self.live().await?;
        loop {
            let Some(number) = generation else { return Ok(Vec::new()) };
            let page = self.store.documents(&collection_of(D::COLLECTION, number), after, limit).await?;
            // Some of it may have been removed already.
            generation = self.live().await?;
            if generation == Some(number) || cfg!(mutant = "leftovers_read") {
                return page.into_iter().map(decode).collect();
            }
        }
    }

    /// At most `limit` documents that one of [`Projection::INDEXES`] finds, by a value, `"open"`, or by a range of values, `5..=9`, as
    /// [`StoreExt::find`] does. A page is of one generation; the next page is of the one that is live then.
    ///
    /// # Errors
    /// As [`get`](Self::get), and [`StoreErrorKind::Undeclared`] if the index is none of the projection, or none yet of what readers
    /// see: a program that did not know it has written that.
    ///
    /// # Cancel safety
    /// Only reads.
    pub async fn find<D: Projected<By = P>>(
        &self,
        index: Index,
        wanted: impl Into<Wanted>,
        after: Option<&IndexPlace>,
        limit: usize,
    ) -> Result<Page<D>, StoreError> {
        if !P::INDEXES.contains(&(D::COLLECTION, index)) {
            return Err(undeclared::<D>(index, "is not declared: add it to `INDEXES` of its type"));
        }
        let wanted = wanted.into();
        let mut generation = self.live().await?;
        loop {
            let Some(number) = generation else { return Ok(Page { documents: Vec::new(), next: None }) };
            let collection = collection_of(D::COLLECTION, number).into();
            let query = IndexQuery { collection, index, wanted: wanted.clone(), after: after.cloned(), limit };
            let found = self.store.indexed(query).await;
            // Some of it, and the index, may have been removed already.
            generation = self.live().await?;
            if generation == Some(number) {
                return match found {
                    Err(error) if error.kind == StoreErrorKind::Undeclared => Err(undeclared::<D>(
                        index,
                        "is not there yet: start the program that has it, and wait for its rebuild",
                    )),
                    found => Page::of(found?, index, limit, decode),
                };
            }
        }
    }

    /// Everything up to here is in what readers see; 0 if it never ran. Events that it does not take may be behind that.
    ///
    /// # Errors
    /// The store does not answer.
    ///
    /// # Cancel safety
    /// Only reads.
    pub async fn position(&self) -> Result<Position, StoreError> {
        Ok(self.progress().await?.map_or(Position(0), |(_, progress)| progress.position))
    }

    /// Waits until what readers see has everything up to this position: whoever reads then sees what they have written.
    ///
    /// # Errors
    /// It does not come so far in time, or cannot.
    ///
    /// # Cancel safety
    /// Only waits; can be dropped and called again.
    pub async fn wait_for(&self, wanted: Position, within: Duration) -> Result<(), CatchUpError> {
        let mut position = Position(0);
        let waiting = async {
            let mut look = LOOKS[0];
            loop {
                if let Some((record, progress)) = self.progress().await? {
                    position = progress.position;
                    // Mutant `projection_waits_for_nothing`: whoever waits reads what was there before.
                    if self.has_come(position, wanted).await? || cfg!(mutant = "projection_waits_for_nothing") {
                        return Ok(());
                    }
                    if record.paused.is_some() {
                        return Err(CatchUpError::Paused(P::NAME));
                    }
                    if let Some(halt) = progress.halted {
                        return Err(CatchUpError::Halted { projection: P::NAME, halt });
                    }
                }
                sleep(look).await;
                look = (2 * look).min(LOOKS[1]);
            }
        };
        let waited = timeout(within, waiting).await;
        waited.unwrap_or(Err(CatchUpError::TimedOut { projection: P::NAME, position, wanted }))
    }

    /// Waits until what readers see has all that this commit has written. What came later does not matter: a projection that has
    /// halted behind it is waited for no more.
    ///
    /// # Errors
    /// As [`wait_for`](Self::wait_for).
    ///
    /// # Cancel safety
    /// As [`wait_for`](Self::wait_for).
    pub async fn wait_for_receipt(&self, receipt: &Receipt, within: Duration) -> Result<(), CatchUpError> {
        if receipt.events.is_empty() {
            return Ok(());
        }
        let wanted = match receipt.position {
            Some(position) => position,
            // The receipt has been given, so that its events are in the log: not behind its end.
            None => self.store.head().await?,
        };
        self.wait_for(wanted, within).await
    }

    /// The number of the live generation.
    async fn live(&self) -> Result<Option<u32>, StoreError> {
        Ok(self.store.get::<Record>(P::NAME).await?.map(|found| found.value.live.number))
    }

    async fn progress(&self) -> Result<Option<(Record, Progress)>, StoreError> {
        let mut before = None;
        loop {
            let Some(Found { value: record, .. }) = self.store.get::<Record>(P::NAME).await? else { return Ok(None) };
            match self.store.get::<Progress>(&progress_key(P::NAME, record.live.number)).await? {
                Some(found) => return Ok(Some((record, found.value))),
                None if before.as_ref() == Some(&record) => return Ok(None),
                // The generation may have been retired meanwhile.
                None => before = Some(record),
            }
        }
    }

    /// Whether there is nothing for the projection between the two: how far it is, is stored with the next thing it does.
    async fn has_come(&self, position: Position, wanted: Position) -> Result<bool, StoreError> {
        if position >= wanted {
            return Ok(true);
        }
        if self.store.head().await? < wanted {
            return Ok(false);
        }
        let taken: Vec<&str> = P::events().types().map(|taken| taken.name).collect();
        let matching = Some(EventQuery::of(&taken, &[]));
        let left = LogQuery { upto: Some(wanted), matching, ..LogQuery::after(position, 1) };
        Ok(self.store.log(left).await?.is_empty())
    }
}

fn decode<D: Projected>(stored: StoredDocument) -> Result<Found<D>, StoreError> {
    let StoredDocument { key, body, revision, .. } = stored;
    match body.read() {
        Ok(value) => Ok(Found { key, value, revision }),
        Err(error) => Err(StoreError {
            kind: StoreErrorKind::Corrupt,
            message: format!(
                "document `{key}` of `{}` cannot be read: {error}: wait until projection `{}` is rebuilt, or raise its version",
                D::COLLECTION,
                D::By::NAME
            ),
        }),
    }
}

fn undeclared<D: Projected>(index: Index, what: &str) -> StoreError {
    let (index, collection, projection) = (index.name(), D::COLLECTION, D::By::NAME);
    let message = format!("index `{index}` of `{collection}`, of projection `{projection}`, {what}");
    StoreError { kind: StoreErrorKind::Undeclared, message }
}

impl<P> Clone for ReadModel<P> {
    fn clone(&self) -> Self {
        Self { store: Arc::clone(&self.store), projection: PhantomData }
    }
}

impl From<CatchUpError> for Error {
    fn from(error: CatchUpError) -> Self {
        let (kind, code) = match &error {
            CatchUpError::TimedOut { .. } => (ErrorKind::Deadline, "projection.behind"),
            CatchUpError::Halted { .. } => (ErrorKind::Unavailable, "projection.halted"),
            CatchUpError::Paused(_) => (ErrorKind::Unavailable, "projection.paused"),
            CatchUpError::Store(error) => return error.clone().into(),
        };
        Self::new(kind, error.to_string()).with_code(code)
    }
}
