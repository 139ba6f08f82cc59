//! Publishing where nobody waits who could try again: timers, adapters, whatever is told of the world outside.

mod meters;
mod spool;

use std::{
    panic::AssertUnwindSafe,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use event_sourcing::{CommitError, Document, Expected, Origin, Receipt, Store, StoreError, StoreExt, Unit, Write};
use futures::FutureExt;
use kernel::{Clock, Context, CorrelationId, Error, ErrorKind, Ids, Json, panic_text};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Notify, watch},
    task::{JoinHandle, spawn_blocking},
    time::sleep,
};

pub use self::spool::{KeptEvent, SpoolError};
use self::{
    meters::Meters,
    spool::{Kept, Spool},
};
use crate::{InlineSubscribers, principals::part, subscription::unfit};

/// Publishes events, and keeps those that the store does not take now: they are published later, in their order, once each.
///
/// A commit whose answer was lost may have been carried out. So each unit of a publisher also puts a small document under the
/// id of its first event, which must not be there; a later unit of the publisher takes it away, when the answer has come.
pub struct Publisher {
    shared: Arc<Shared>,
    keeper: JoinHandle<()>,
}

/// How much a [`Publisher`] keeps, where, and how often it tries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublisherOptions {
    /// Its stable name: no other publisher on the store has it, not in another process either. Letters, digits, `-`, `_`,
    /// `.` and `:`.
    pub name: &'static str,
    /// Units that are kept at most.
    pub most: usize,
    /// Where they are kept, as lines of JSON; a folder that exists. Without a file, what is kept is lost with the process.
    pub file: Option<PathBuf>,
    /// Before the second try; it doubles from there.
    pub first: Duration,
    /// Between two tries, at most.
    pub longest: Duration,
}

impl PublisherOptions {
    /// 10,000 units in memory, tried again after 100 milliseconds to 30 seconds.
    pub fn new(name: &'static str) -> Self {
        let (first, longest) = (Duration::from_millis(100), Duration::from_secs(30));
        Self { name, most: 10_000, file: None, first, longest }
    }
}

/// What became of the events of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// They are in the log.
    Committed(Receipt),
    /// They will be.
    Kept,
}

/// The events of a unit are not published, and will not be.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The unit has other writes, or expects something of its streams, which cannot be made up for later.
    #[error("a publisher takes units of events that expect nothing: commit what also writes documents yourself")]
    NotOnlyEvents,
    /// The store does not take them now, as far as it is known, and no more can be kept.
    #[error("{kept} units wait for the store already, and no more are kept: publish again when it answers ({cause})")]
    Full {
        /// Units that are kept.
        kept: usize,
        /// Why the store takes nothing.
        cause: String,
    },
    /// The same, and they cannot be kept.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// They are wrong, or something that is no matter of time is wrong with the store.
    #[error(transparent)]
    Refused(#[from] Error),
}

impl From<PublishError> for Error {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Refused(error) => error,
            PublishError::NotOnlyEvents => Self::invalid(error.to_string()),
            PublishError::Full { .. } => {
                Self::new(ErrorKind::Unavailable, error.to_string()).with_code("event.spool_full")
            }
            PublishError::Spool(_) => Self::new(ErrorKind::Unavailable, error.to_string()),
        }
    }
}

/// How a publisher stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublisherStatus {
    /// Units that wait for the store.
    pub waiting: usize,
    /// Units that were kept since the process began.
    pub kept: u64,
    /// Of those, units that were refused when their turn came: each is a [`RefusedPublish`] in the store.
    pub refused: u64,
    /// What the last try ended with, while something waits.
    pub error: Option<String>,
    /// The file ended in the middle of a line when it was opened: the process had died while it kept something.
    pub torn: bool,
}

/// A unit that was kept and then refused for good, such as by an inline subscriber, stored under `publisher/event_id`; and a
/// scheduled event that was against the rules when it was due, under `time/event_id`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefusedPublish {
    /// Its events. Data that nests too deep for this document, which is so for what an earlier version has scheduled or kept, stands
    /// here as the text of its JSON.
    pub events: Vec<KeptEvent>,
    /// Why.
    pub error: Error,
}

impl Document for RefusedPublish {
    const COLLECTION: &'static str = "event_bus.refused_publishes";
}

impl RefusedPublish {
    /// The unit that somebody writes with it, in a form that a store takes.
    pub(crate) fn into_unit(mut self, unit: impl Fn(&Self) -> Unit) -> Unit {
        let whole = unit(&self);
        if whole.check().is_ok() {
            return whole;
        }
        for KeptEvent { event, .. } in &mut self.events {
            event.data = Json::of(event.data.text()).expect("text is JSON");
        }
        unit(&self)
    }
}

/// There as long as it is not known here whether the unit was committed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Attempted {}

impl Document for Attempted {
    const COLLECTION: &'static str = "event_bus.attempted_publishes";
}

struct Shared {
    options: PublisherOptions,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    inline: InlineSubscribers,
    spool: Arc<Mutex<Spool>>,
    /// Documents of units whose answer has come.
    known: Mutex<Vec<String>>,
    wake: Notify,
    meters: Meters,
    status: watch::Sender<PublisherStatus>,
}

enum Failure {
    /// Worth another try.
    Passing(Error),
    /// What an inline subscriber expects is not so, or it does not end: worth a few.
    Conflict(Error),
    Final(Error),
}

/// Tries of a kept unit whose inline subscribers expect something else in vain, or do not end, before it is set aside: others wait
/// behind it.
const CONFLICTS: u32 = 8;

impl Publisher {
    /// Takes up what an earlier process has kept.
    ///
    /// # Errors
    /// A name that cannot be; a file that cannot be read, or was damaged elsewhere than at its end. The store need not answer.
    ///
    /// # Cancel safety
    /// Dropped, nothing happened.
    pub async fn open(
        options: PublisherOptions,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        inline: InlineSubscribers,
    ) -> Result<Self, SpoolError> {
        if let Some(problem) = unfit(options.name) {
            return Err(SpoolError::Name { name: options.name, problem });
        }
        let spool = Spool::open(options.file.clone())?;
        let status = PublisherStatus { waiting: spool.len(), torn: spool.was_torn(), ..PublisherStatus::default() };
        if status.torn {
            tracing::warn!(
                publisher = options.name,
                "the spool ended in the middle of a line, which was never promised"
            );
        }
        let (spool, known, wake) = (Arc::new(Mutex::new(spool)), Mutex::default(), Notify::new());
        let status = watch::Sender::new(status);
        let meters = Meters::new(options.name);
        let shared = Arc::new(Shared { options, store, clock, ids, inline, spool, known, wake, meters, status });
        shared.count_waiting();
        match shared.left_behind().await {
            Ok(left) => shared.known().extend(left),
            // They stay until a process starts that can read them.
            Err(error) => {
                tracing::debug!(publisher = shared.options.name, "earlier attempts are not looked at: {error}")
            }
        }
        let keeper = tokio::spawn(keep_trying(Arc::clone(&shared)));
        Ok(Self { shared, keeper })
    }

    /// Publishes the events of the unit, now or later. Events of one caller who waits for each answer keep their order.
    ///
    /// # Errors
    /// See [`PublishError`]: then they are not published, now or later; but where they could not be kept, the store may have carried
    /// out what it did not answer.
    ///
    /// # Cancel safety
    /// Dropped, they are published, kept or neither; never twice, never a part of them.
    pub async fn publish(&self, unit: Unit) -> Result<Published, PublishError> {
        unit.check().map_err(Error::from)?;
        let Some(kept) = Kept::of(self.shared.options.name, unit)? else {
            return Ok(Published::Committed(Receipt::default()));
        };
        let cause = if self.shared.spool().len() > 0 {
            "others wait before them".to_owned()
        } else {
            match self.shared.submit(&kept).await {
                Ok(receipt) => {
                    self.shared.known().push(kept.id);
                    return Ok(Published::Committed(receipt));
                }
                Err(Failure::Final(error)) => return Err(error.into()),
                Err(Failure::Passing(error) | Failure::Conflict(error)) => error.message,
            }
        };
        let shared = Arc::clone(&self.shared);
        if shared.options.file.is_none() {
            return shared.keep(kept, cause).map(|()| Published::Kept);
        }
        // It is kept as a whole, whoever waits for that.
        let kept = spawn_blocking(move || shared.keep(kept, cause)).await;
        kept.unwrap_or_else(|_| Err(SpoolError::Stopped.into())).map(|()| Published::Kept)
    }

    /// An empty unit for [`publish`](Self::publish): a piece of work of its own, which the module does in its own name.
    pub fn work_of(&self, module: &'static str) -> Unit {
        let Shared { clock, ids, .. } = &*self.shared;
        let context = Context::new(part(&format!("module:{module}")), CorrelationId::new(ids.next()));
        Unit::new(Origin { module, context, clock: Arc::clone(clock), ids: Arc::clone(ids) })
    }

    /// How it stands now.
    pub fn status(&self) -> PublisherStatus {
        self.shared.status.borrow().clone()
    }

    /// Waits until nothing is kept.
    ///
    /// # Cancel safety
    /// Only waits.
    pub async fn drained(&self) {
        // It cannot be closed while this publisher is there.
        let mut status = self.shared.status.subscribe();
        let _closed = status.wait_for(|status| status.waiting == 0).await;
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Kept {
    /// `None` where there are no events.
    fn of(publisher: &str, unit: Unit) -> Result<Option<Self>, PublishError> {
        let events = unit.into_writes().into_iter().map(|write| match write {
            Write::Append { stream, expected: Expected::Any, envelope: event, tags } => {
                Some(KeptEvent { stream, event: Arc::unwrap_or_clone(event), tags })
            }
            _ => None,
        });
        let events = events.collect::<Option<Vec<_>>>().ok_or(PublishError::NotOnlyEvents)?;
        Ok(events.first().map(|first| format!("{publisher}/{}", first.event.event_id)).map(|id| Self { id, events }))
    }
}

impl Shared {
    fn keep(&self, kept: Kept, cause: String) -> Result<(), PublishError> {
        let mut spool = self.spool();
        if spool.len() >= self.options.most {
            return Err(PublishError::Full { kept: spool.len(), cause });
        }
        // What nobody could write down when it is refused is refused now.
        let error = Error::new(ErrorKind::Rejected, cause.as_str());
        self.refusal(&kept, error).check().map_err(Error::from)?;
        tracing::warn!(publisher = self.options.name, unit = kept.id, "kept, to be published later: {cause}");
        spool.keep(kept)?;
        drop(spool);
        self.status.send_modify(|status| {
            status.kept += 1;
            status.error.get_or_insert(cause);
        });
        self.meters.kept.increment(1);
        self.count_waiting();
        self.wake.notify_one();
        Ok(())
    }

    /// Commits the events unless they are committed already.
    async fn submit(&self, Kept { id, events }: &Kept) -> Result<Receipt, Failure> {
        let correlation = events[0].event.metadata.correlation_id;
        let mut unit = self.unit(correlation);
        for KeptEvent { stream, event, tags } in events {
            unit.take_up(stream.as_str(), event.clone(), tags.clone());
        }
        self.inline.add_in_time(&mut unit).await.map_err(Failure::of)?;
        // Mutant `published_twice`: an event whose commit was not answered, and carried out, is published again.
        if !cfg!(mutant = "published_twice") {
            unit.put(id.as_str(), &Attempted {}, Expected::Absent);
        }
        let known = self.known().clone();
        for id in &known {
            unit.delete::<Attempted>(id.as_str(), Expected::Any);
        }
        let answer = self.store.commit(unit).await;
        if answer.is_ok() {
            self.known().retain(|id| !known.contains(id));
        }
        match answer {
            Ok(receipt) => Ok(receipt),
            Err(CommitError::Store(error)) => Err(Failure::of_store(error)),
            Err(refused @ CommitError::Unwritable(_)) => Err(Failure::Final(refused.into())),
            Err(refused) => match self.store.get::<Attempted>(id).await {
                Ok(Some(_)) => Ok(Receipt::default()),
                Ok(None) => Err(Failure::Conflict(refused.into())),
                Err(error) => Err(Failure::of_store(error)),
            },
        }
    }

    /// Writes down what nobody will publish.
    async fn set_aside(&self, kept: &Kept, error: Error) -> Result<(), StoreError> {
        let (publisher, unit, detail) = (self.options.name, &kept.id, error.detail.as_deref());
        tracing::error!(publisher, unit, detail, "refused: {error}");
        match self.store.commit(self.refusal(kept, error)).await {
            Err(CommitError::Store(error)) => Err(error),
            Err(CommitError::Unwritable(message)) => Err(StoreError::unwritable(message)),
            Ok(_) | Err(CommitError::Conflict(_) | CommitError::Late { .. }) => Ok(()),
        }
    }

    fn refusal(&self, Kept { id, events }: &Kept, error: Error) -> Unit {
        RefusedPublish { events: events.clone(), error: error.shortened() }.into_unit(|refused| {
            let mut unit = self.unit(events[0].event.metadata.correlation_id);
            unit.put(id.as_str(), refused, Expected::Any);
            unit
        })
    }

    /// The first one waits no more.
    async fn forget(self: &Arc<Self>, id: String) {
        let done = id.clone();
        let forgotten = if self.options.file.is_none() {
            Ok(self.spool().done(&done))
        } else {
            let spool = Arc::clone(&self.spool);
            spawn_blocking(move || lock(&spool).done(&done)).await
        };
        match forgotten {
            // Where the file still has it, its document says in the next process that it was published.
            Ok(Err(error)) => tracing::warn!(publisher = self.options.name, "{error}"),
            Ok(Ok(())) => self.known().push(id),
            Err(_) => {}
        }
        self.status.send_modify(|status| status.error = None);
        self.count_waiting();
    }

    fn count_waiting(&self) {
        // Counted where it is written: whoever counted before must not write it after.
        self.status.send_modify(|status| {
            status.waiting = self.spool().len();
            self.meters.waiting.set(status.waiting as f64);
        });
    }

    /// What earlier processes have left behind, but for the units that are kept. To be asked before anything is published.
    async fn left_behind(&self) -> Result<Vec<String>, StoreError> {
        let prefix = format!("{}/", self.options.name);
        let (mut left, mut after) = (Vec::new(), prefix.clone());
        loop {
            let page = self.store.list::<Attempted>(Some(&after), 256).await?;
            let ours = page.iter().map(|found| &found.key).take_while(|key| key.starts_with(&prefix));
            let before = after.clone();
            ours.for_each(|key| after.clone_from(key));
            if after == before {
                return Ok(left);
            }
            let spool = self.spool();
            let ours = page.into_iter().map(|found| found.key).take_while(|key| key.starts_with(&prefix));
            left.extend(ours.filter(|key| !spool.has(key)));
        }
    }

    fn unit(&self, correlation: CorrelationId) -> Unit {
        let context = Context::new(part(&format!("publisher:{}", self.options.name)), correlation);
        let (clock, ids) = (Arc::clone(&self.clock), Arc::clone(&self.ids));
        Unit::new(Origin { module: self.options.name, context, clock, ids })
    }

    fn spool(&self) -> MutexGuard<'_, Spool> {
        lock(&self.spool)
    }

    fn known(&self) -> MutexGuard<'_, Vec<String>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A spool is whole between any two of its lines.
fn lock(spool: &Mutex<Spool>) -> MutexGuard<'_, Spool> {
    spool.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Failure {
    fn of_store(error: StoreError) -> Self {
        if error.kind.is_lasting() { Self::Final(error.into()) } else { Self::Passing(error.into()) }
    }

    fn of(error: Error) -> Self {
        match error.kind {
            _ if error.code() == InlineSubscribers::OVERLONG_CODE => Self::Conflict(error),
            kind if kind.is_transient() => Self::Passing(error),
            _ => Self::Final(error),
        }
    }
}

/// The one task that publishes what is kept, first things first.
async fn keep_trying(shared: Arc<Shared>) {
    let (mut wait, mut conflicts) = (shared.options.first, 0);
    loop {
        let first = shared.spool().first().cloned();
        let Some(kept) = first else {
            shared.wake.notified().await;
            continue;
        };
        shared.meters.retried.increment(1);
        // A port that panics is one that fails.
        let ended = AssertUnwindSafe(shared.submit(&kept)).catch_unwind().await;
        let ended = ended.unwrap_or_else(|panic| Err(Failure::Passing(Error::internal(panic_text(panic)))));
        conflicts += u32::from(matches!(ended, Err(Failure::Conflict(_))));
        let error = match ended {
            Ok(_) => None,
            Err(Failure::Passing(error)) => Some(error.message),
            Err(Failure::Conflict(error)) if conflicts < CONFLICTS => Some(error.message),
            Err(Failure::Conflict(error) | Failure::Final(error)) => match shared.set_aside(&kept, error).await {
                Ok(()) => {
                    shared.status.send_modify(|status| status.refused += 1);
                    shared.meters.refused.increment(1);
                    None
                }
                Err(error) => Some(error.message),
            },
        };
        match error {
            None => {
                shared.forget(kept.id).await;
                (wait, conflicts) = (shared.options.first, 0);
            }
            Some(error) => {
                tracing::debug!(publisher = shared.options.name, "kept on: {error}");
                shared.status.send_modify(|status| status.error = Some(error));
                sleep(wait).await;
                wait = (wait * 2).min(shared.options.longest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use event_sourcing::StoreErrorKind;

    use super::*;

    #[test]
    fn what_may_be_otherwise_later_is_tried_again() {
        use StoreErrorKind::{Corrupt, Full, Locked, Newer, Unavailable};
        for (kind, passing) in [(Locked, true), (Full, true), (Unavailable, true), (Corrupt, false), (Newer, false)] {
            let failure = Failure::of_store(StoreError { kind, message: String::new() });
            assert_eq!(matches!(failure, Failure::Passing(_)), passing, "{kind:?}");
        }
    }
}
