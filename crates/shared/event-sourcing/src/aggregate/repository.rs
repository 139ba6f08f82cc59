use std::{num::NonZeroU32, sync::Arc};

use chrono::{DateTime, Utc};
use kernel::{Envelope, Error, ErrorKind, EventId};

use super::{
    Aggregate, EventSet, LoadError, Loaded, SnapshotPolicy, Snapshotted,
    snapshot::{Keeper, Start, Unused},
};
use crate::{CommitError, Completion, Conflict, Expected, Origin, Receipt, Store, StoreError, StreamQuery, Unit};

/// Events read from the stream at once.
const PAGE: usize = 512;

/// Where the aggregates of one type are found: their state is made of the events of their streams, and what they decide goes
/// into the unit of whoever asked.
pub struct Repository<A: Aggregate> {
    store: Arc<dyn Store>,
    keeper: Option<Keeper<A>>,
}

/// Up to where a stream is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// With the event of this version and those before it; 0 is before the first.
    Version(u64),
    /// With the events up to the first that has a later time stamp. Stamps are those of the clocks of the processes that wrote;
    /// where one was behind, an event may come after one with a later stamp.
    Time(DateTime<Utc>),
}

impl<A: Aggregate> Repository<A> {
    /// Of this store, without snapshots.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, keeper: None }
    }

    /// Reads snapshots, and writes them by this policy, into the unit of their events.
    #[must_use]
    pub fn with_snapshots(mut self, policy: SnapshotPolicy<A>) -> Self
    where
        A: Snapshotted,
    {
        self.keeper = Some(Keeper::new(policy));
        self
    }

    /// As it is now. One of which nothing has happened is [new](Loaded::is_new), and no error.
    ///
    /// # Errors
    /// The store does not answer, or an event of the stream cannot be read. A snapshot that cannot is only a longer way.
    ///
    /// # Cancel safety
    /// Only reads.
    pub async fn load(&self, id: &A::Id) -> Result<Loaded<A>, LoadError> {
        self.until(id, None).await
    }

    /// As it was. Saved, it conflicts, unless nothing has come since.
    ///
    /// # Errors
    /// As [`load`](Self::load), and [`LoadError::Absent`] for a version that is not there yet.
    ///
    /// # Cancel safety
    /// Only reads.
    pub async fn as_of(&self, id: &A::Id, moment: Moment) -> Result<Loaded<A>, LoadError> {
        let loaded = self.until(id, Some(moment)).await?;
        match moment {
            Moment::Version(version) if loaded.version < version => {
                Err(LoadError::Absent { stream: A::stream(id), version, last: loaded.version })
            }
            Moment::Version(_) | Moment::Time(_) => Ok(loaded),
        }
    }

    /// Whether anything has happened of it.
    ///
    /// # Errors
    /// What the store says.
    ///
    /// # Cancel safety
    /// Only reads.
    pub async fn exists(&self, id: &A::Id) -> Result<bool, StoreError> {
        Ok(!self.store.stream(&A::stream(id), StreamQuery::after(0, 1)).await?.is_empty())
    }

    /// Adds events to a unit, and a snapshot if it is time for one. The unit commits if nobody else has added any since the
    /// aggregate was loaded, and conflicts otherwise.
    ///
    /// What was loaded goes on with them, for further commands in the same unit. Where the unit is not committed, load again:
    /// saved as it is, it conflicts.
    ///
    /// # Panics
    /// As [`Unit::append`].
    pub fn save(&self, loaded: &mut Loaded<A>, events: impl IntoIterator<Item = A::Event>, unit: &mut Unit) {
        let stream = A::stream(&loaded.id);
        let mut last = None;
        for event in events {
            let expected = match loaded.version {
                // Mutant `saved_unguarded`: two who have loaded the same both write.
                _ if cfg!(mutant = "saved_unguarded") => Expected::Any,
                0 => Expected::Absent,
                version => Expected::Exact(version),
            };
            last = Some(event.append(unit, &stream, expected));
            loaded.apply(event);
        }
        if let (Some(keeper), Some(event_id)) = (&self.keeper, last) {
            keeper.keep(loaded, event_id, unit);
        }
    }

    /// Loads, runs the command and commits its events in a unit of their own, and does so again where somebody else was faster,
    /// at most so many times in all. For whoever has no unit: jobs and programs. A service writes into the one it is given, and
    /// its caller is told of the conflict.
    ///
    /// The command may run several times, each time on the state as it is then, and each unit is completed before its commit as
    /// those of services are: what inline subscribers add is there with the events, or neither is. Without events nothing is
    /// committed.
    ///
    /// # Errors
    /// The command's own, or that of the completion, which end it; what keeps from loading or committing; the last conflict.
    ///
    /// # Cancel safety
    /// Dropped, all events of one run of the command are there, or none.
    pub async fn retrying<I, E>(
        &self,
        limit: NonZeroU32,
        id: &A::Id,
        origin: &Origin,
        completion: &impl Completion,
        command: impl Fn(&A) -> Result<I, E>,
    ) -> Result<(Loaded<A>, Receipt), RetryingError<E>>
    where
        I: IntoIterator<Item = A::Event>,
    {
        let mut tries = 0;
        loop {
            tries += 1;
            let mut loaded = self.load(id).await?;
            let mut unit = Unit::new(origin.clone());
            let events = command(&loaded).map_err(RetryingError::Refused)?;
            self.save(&mut loaded, events, &mut unit);
            if unit.is_empty() {
                return Ok((loaded, Receipt::default()));
            }
            completion.complete(&mut unit).await.map_err(RetryingError::Incomplete)?;
            match self.store.commit(unit).await {
                Ok(receipt) => return Ok((loaded, receipt)),
                Err(CommitError::Conflict(conflict)) if tries >= limit.get() => {
                    return Err(RetryingError::Conflict { tries, conflict });
                }
                Err(CommitError::Conflict(conflict)) => tracing::debug!(tries, "tried again: {conflict}"),
                Err(refused @ CommitError::Unwritable(_)) => return Err(RetryingError::Incomplete(refused.into())),
                Err(late @ CommitError::Late { .. }) => return Err(RetryingError::Late(late.into())),
                Err(CommitError::Store(error)) => return Err(LoadError::Store(error).into()),
            }
        }
    }

    async fn until(&self, id: &A::Id, moment: Option<Moment>) -> Result<Loaded<A>, LoadError> {
        let most = match moment {
            None => Some(u64::MAX),
            Some(Moment::Version(version)) => Some(version),
            // Which events are in a snapshot is known by their number alone.
            Some(Moment::Time(_)) => None,
        };
        if let (Some(keeper), Some(most)) = (&self.keeper, most)
            && let Some(start) = keeper.latest(&*self.store, id, most).await?
        {
            match self.from(id, start, moment).await? {
                Some(loaded) => return Ok(loaded),
                None => keeper.unused(&id.to_string(), Unused::Events),
            }
        }
        let mut loaded = Loaded::fresh(id.clone());
        self.replay(&mut loaded, None, moment).await?;
        Ok(loaded)
    }

    /// From a snapshot on, if its last event is where it says.
    async fn from(
        &self,
        id: &A::Id,
        Start { state, version, event_id }: Start<A>,
        moment: Option<Moment>,
    ) -> Result<Option<Loaded<A>>, LoadError> {
        let mut loaded = Loaded { id: id.clone(), state, version, snapshot: version };
        // Mutant `snapshot_stale`: what has come after a snapshot is not looked at.
        if cfg!(mutant = "snapshot_stale") {
            return Ok(Some(loaded));
        }
        Ok(self.replay(&mut loaded, Some(event_id), moment).await?.then_some(loaded))
    }

    /// Applies what comes after. With a `last` the event before that is read too, and if it is another one, nothing is done.
    async fn replay(
        &self,
        loaded: &mut Loaded<A>,
        mut last: Option<EventId>,
        moment: Option<Moment>,
    ) -> Result<bool, LoadError> {
        let stream = A::stream(&loaded.id);
        let mut seen = loaded.version - u64::from(last.is_some());
        loop {
            let page = self.store.stream(&stream, StreamQuery::after(seen, PAGE)).await?;
            let is_last = page.len() < PAGE;
            seen += page.len() as u64;
            let mut events = page.iter();
            // Mutant `snapshot_of_any_event`: a snapshot of something else is gone on from.
            let is_it = |event: &Envelope, id| event.event_id == id || cfg!(mutant = "snapshot_of_any_event");
            if let Some(id) = last.take()
                && !events.next().is_some_and(|event| is_it(event, id))
            {
                return Ok(false);
            }
            for event in events {
                if moment.is_some_and(|moment| moment.is_before(loaded.version + 1, event)) {
                    return Ok(true);
                }
                loaded.apply(read::<A>(&stream, loaded.version + 1, event)?);
            }
            if is_last {
                return Ok(true);
            }
        }
    }
}

impl Moment {
    fn is_before(self, version: u64, event: &Envelope) -> bool {
        match self {
            Self::Version(last) => last < version,
            Self::Time(time) => time < event.timestamp,
        }
    }
}

fn read<A: Aggregate>(stream: &str, version: u64, event: &Envelope) -> Result<A::Event, LoadError> {
    match A::Event::decode(event) {
        Some(Ok(event)) => Ok(event),
        Some(Err(why)) => Err(LoadError::Undecodable { stream: stream.to_owned(), version, why }),
        None => Err(LoadError::Foreign {
            stream: stream.to_owned(),
            version,
            event_type: event.event_type.clone().into_owned(),
            known: A::Event::NAMES,
        }),
    }
}

/// Nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum RetryingError<E> {
    /// The command says no.
    #[error("{0}")]
    Refused(E),
    /// The aggregate could not be loaded, or the store not do its work.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// An inline subscriber has failed, or the events may not be published, or no store will ever take them.
    #[error(transparent)]
    Incomplete(Error),
    /// The deadline of the work had passed.
    #[error(transparent)]
    Late(Error),
    /// Somebody else was faster each time.
    #[error("tried {tries} times, and somebody else was faster each time: {conflict}")]
    Conflict {
        /// How often.
        tries: u32,
        /// The last one.
        conflict: Conflict,
    },
}

impl<E: Into<Error>> From<RetryingError<E>> for Error {
    fn from(error: RetryingError<E>) -> Self {
        match error {
            RetryingError::Refused(error) => error.into(),
            RetryingError::Load(error) => error.into(),
            RetryingError::Incomplete(error) | RetryingError::Late(error) => error,
            RetryingError::Conflict { tries, conflict } => Self::new(
                ErrorKind::Conflict,
                format!("tried {tries} times, and somebody else was faster each time: {conflict}"),
            ),
        }
    }
}
