//! One event at one subscriber: what is called, and what is written down.

use std::{
    any::Any,
    collections::HashSet,
    future::poll_fn,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use event_sourcing::{
    CommitError, Document, EventRules, Expected, Origin, Position, Receipt, Store, StoreError, StoreErrorKind,
    StoreExt, Unit, Unreadable,
};
use futures::FutureExt;
use kernel::{CausationId, Clock, Context, CorrelationId, Envelope, Error, ErrorKind, Ids, panic_text};
use resilience::{GiveUp, Retry};
use tokio::time::Instant;
use tracing::Span;
use uuid::Uuid;

use crate::{
    DeadLetter, DeliveryOutcome, DeliveryRecord, InlineSubscribers, OnUnknown, RetryPolicy, Subscription,
    handler::{BatchHandler, Fault, Handler, Thread, Threads},
    lease::fence::Fence,
    mailbox::Waiting,
    meters::Meters,
    principals::{caused_by, itself},
    progress::{Mark, key},
    redelivery::Desk,
    watch::Watch,
};

/// Documents read from the store at once.
const PAGE: usize = 256;

/// What all deliveries to one subscriber have in common.
pub(crate) struct Delivery {
    pub subscription: Subscription,
    /// What its checkpoint and its marks are stored under.
    pub place: String,
    /// The store, or what of it is let through.
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub policy: RetryPolicy,
    pub retry: Retry,
    pub inline: InlineSubscribers,
    pub threads: Threads,
    pub meters: Meters,
    /// Whether to keep a [`DeliveryRecord`].
    pub records: bool,
    /// What is being handled.
    pub watch: Arc<Watch>,
    /// Where it is asked to try dead letters again.
    pub desk: Desk,
    /// Letters that cannot be read, of which it was told.
    pub unreadable: Mutex<HashSet<String>>,
    /// Nobody waits for it any more, and another one may be at work in its place.
    pub abandoned: Arc<AtomicBool>,
    /// Where others may take its place.
    pub fence: Option<Arc<Fence>>,
}

/// A try that has ended, before anything of it is committed.
pub(crate) struct Tried {
    pub waiting: Waiting,
    /// Empty where it failed.
    pub unit: Unit,
    pub result: Result<(), Fault>,
    pub took: Duration,
}

/// What follows from a fault.
pub(crate) enum Verdict {
    Retry(Duration),
    Park(Error),
    Skip(Error),
    Halt(Error),
}

/// What the store has against the unit: another try of the same may end alike. Where it could not take any unit just now, that is the
/// error.
pub(crate) fn refusal(error: CommitError) -> Result<Error, StoreError> {
    match error {
        // Mutant `damage_goes_round`: what writes upon a damaged document is handled again and again, and nothing else.
        CommitError::Store(error) if !error.kind.is_lasting() || cfg!(mutant = "damage_goes_round") => Err(error),
        refused => Ok(refused.into()),
    }
}

impl Delivery {
    /// Calls the handler, and the inline subscribers of what it publishes.
    ///
    /// # Cancel safety
    /// Dropped, nothing of it is left.
    pub async fn attempt(self: Arc<Self>, handler: Arc<dyn Handler>, mut waiting: Waiting) -> Tried {
        waiting.attempts += 1;
        let thread = if handler.computes() {
            let _waiting = self.watch.waits();
            self.threads.one_for(&*handler).await
        } else {
            None
        };
        let start = Instant::now();
        let _watching = self.watch.event(&waiting.event, start);
        let (unit, result) = self.call(&*handler, &waiting.event, thread).await;
        Tried { waiting, unit, result, took: start.elapsed() }
    }

    /// As [`attempt`](Self::attempt), of several events at once: with a unit for all of them, and the time that it took.
    ///
    /// # Cancel safety
    /// Dropped, nothing of it is left.
    pub async fn attempt_batch(
        &self,
        handler: &dyn BatchHandler,
        events: &[Arc<Envelope>],
    ) -> (Result<Unit, Fault>, Duration) {
        let start = Instant::now();
        let _watching = self.watch.event(&events[0], start);
        // Of several pieces of work the one goes on in which something was set off already, by this module above all: that is where a
        // circle would be.
        let caused = || events.iter().rev().filter(|event| event.metadata.causation_id.is_some());
        let own = caused().find(|event| event.source_module == self.subscription.module);
        let cause = own.or_else(|| caused().next()).unwrap_or(&events[events.len() - 1]);
        let mut unit = self.own_unit(cause);
        let cx = unit.origin().context.clone();
        let Subscription { module, name, .. } = self.subscription;
        let span = observability::delivery_span(module, name, &events[0].event_type, &cx);
        let handling = async {
            handler.batch(&cx, events, &mut unit).await?;
            self.inline.add_to(&mut unit).await.map_err(Fault::Failed)
        };
        let handled = caught(&span, handling).await;
        (handled.map(|()| unit), start.elapsed())
    }

    async fn call(
        &self,
        handler: &dyn Handler,
        event: &Arc<Envelope>,
        thread: Option<Thread>,
    ) -> (Unit, Result<(), Fault>) {
        let principal = match caused_by(&self.subscription, event) {
            Ok(principal) => principal,
            Err(fault) => return (self.own_unit(event), Err(fault)),
        };
        let cx = Context::new(principal, event.metadata.correlation_id).caused_by(event);
        let mut unit = self.unit(cx.clone());
        let Subscription { module, name, .. } = self.subscription;
        let span = observability::delivery_span(module, name, &event.event_type, &cx);
        let handling = async {
            handler.one(&cx, event, &mut unit, thread).await?;
            self.inline.add_to(&mut unit).await.map_err(Fault::Failed)
        };
        match caught(&span, handling).await {
            Ok(()) => (unit, Ok(())),
            Err(fault) => (self.own_unit(event), Err(fault)),
        }
    }

    /// Commits what it has done, unless it was abandoned: a handler that holds its thread comes back late.
    ///
    /// # Cancel safety
    /// As [`Store::commit`].
    pub async fn commit(&self, unit: Unit) -> Result<Receipt, CommitError> {
        // Mutant `abandoned_commits`: what nobody waited for has its effect beside the one that took its place.
        if self.abandoned.load(Ordering::SeqCst) && !cfg!(mutant = "abandoned_commits") {
            let message = format!("subscriber `{}` was stopped before its handler ended", self.subscription.name);
            return Err(StoreError { kind: StoreErrorKind::Unavailable, message }.into());
        }
        self.store.commit(unit).await
    }

    /// Whether it is tried again, and when.
    pub fn verdict(&self, waiting: &mut Waiting, fault: Fault) -> Verdict {
        let event = &waiting.event;
        let (subscriber, attempt) = (self.subscription.name, waiting.attempts);
        self.meters.failed.increment(1);
        let error = match fault {
            Fault::Unreadable(error) => {
                let error = error.shortened();
                tracing::warn!(subscriber, event_id = %event.event_id, "cannot be read: {error}");
                return match self.subscription.on_unknown {
                    OnUnknown::Park => Verdict::Park(error),
                    OnUnknown::Skip => Verdict::Skip(error),
                    OnUnknown::Halt => Verdict::Halt(error),
                };
            }
            Fault::Failed(error) => error.shortened(),
        };
        let detail = error.detail.as_deref();
        tracing::warn!(subscriber, event_id = %event.event_id, attempt, detail, "{error}");
        if attempt >= self.policy.attempts || EventRules::refused(&error) {
            return Verdict::Park(error);
        }
        self.meters.retries.increment(1);
        let waits = waiting.waits.get_or_insert_with(|| self.retry.attempts());
        let wait = match waits.after(&error) {
            Ok(wait) => wait,
            // Its own attempts are counted above. Out of budget, or told to come back much later, it goes slowly.
            Err(GiveUp::Budget | GiveUp::Later | GiveUp::Attempts | GiveUp::Permanent) => self.policy.longest_wait(),
        };
        if waiting.failures.len() == DeliveryRecord::FAILURES {
            waiting.failures.remove(0);
        }
        self.watch.fails(&waiting.event, attempt, &error, wait);
        waiting.failures.push(error);
        Verdict::Retry(wait)
    }

    /// What parks the event, but for the step of the checkpoint.
    pub fn parking(&self, waiting: &Waiting, error: Error, took: Duration) -> Unit {
        let Waiting { event, attempts, .. } = waiting;
        self.watch.ends(position(event));
        tracing::error!(
            subscriber = self.subscription.name,
            event_id = %event.event_id,
            key = event.metadata.key,
            "parked after {attempts} attempts: {error}"
        );
        let subscriber = self.subscription.name.to_owned();
        let key = key(&subscriber, position(event));
        let letter = DeadLetter { subscriber, event: Envelope::clone(event), error, attempts: *attempts };
        letter.into_unit(|letter| {
            let mut unit = self.own_unit(event);
            self.record(&mut unit, waiting, took, DeliveryOutcome::Parked, Some(&letter.error));
            unit.put(key.as_str(), letter, Expected::Any);
            unit
        })
    }

    /// The event of a letter, whole.
    pub async fn event_of(&self, letter: &DeadLetter) -> Result<Arc<Envelope>, StoreError> {
        if letter.has_no_data() {
            let page = self.store.excerpt(Position(position(&letter.event).0 - 1), 1).await?;
            if let Some(event) = page.iter().next() {
                return Ok(Arc::clone(event));
            }
        }
        Ok(Arc::new(letter.event.clone()))
    }

    /// Adds the record of a delivery to its unit.
    pub fn record(
        &self,
        unit: &mut Unit,
        waiting: &Waiting,
        took: Duration,
        outcome: DeliveryOutcome,
        error: Option<&Error>,
    ) {
        if !self.records {
            return;
        }
        let event = &waiting.event;
        let cause = Some(CausationId::new(event.event_id.uuid()));
        let set_off = unit.events().filter(|published| published.metadata.causation_id == cause);
        let record = DeliveryRecord {
            subscriber: self.subscription.name.into(),
            module: self.subscription.module.into(),
            event_id: event.event_id,
            event_type: event.event_type.clone().into_owned(),
            correlation_id: event.metadata.correlation_id,
            position: position(event),
            attempts: waiting.attempts,
            started: self.before(took),
            seconds: took.as_secs_f64(),
            outcome,
            events: set_off.map(|published| published.event_id).take(DeliveryRecord::EVENTS).collect(),
            failures: waiting.failures.clone(),
            error: error.cloned(),
        };
        unit.put(record.key(), &record, Expected::Any);
    }

    /// What the tries so far failed with, as the record of them has it.
    pub async fn failures(&self, event: Position) -> Result<Vec<Error>, StoreError> {
        let record = DeliveryRecord::one(&*self.store, event, self.subscription.name).await?;
        let Some(DeliveryRecord { mut failures, error, .. }) = record.map(|found| found.value) else {
            return Ok(Vec::new());
        };
        failures.extend(error);
        failures.drain(..failures.len().saturating_sub(DeliveryRecord::FAILURES));
        Ok(failures)
    }

    fn before(&self, took: Duration) -> DateTime<Utc> {
        self.clock.now() - took
    }

    pub fn behind() -> Error {
        Error::new(ErrorKind::Rejected, "an earlier event of this key is parked")
    }

    /// For what the bus itself writes about an event, also about one that names nobody.
    pub fn own_unit(&self, event: &Envelope) -> Unit {
        self.unit(Context::new(itself(&self.subscription), event.metadata.correlation_id).caused_by(event))
    }

    /// For what the bus itself writes about no event in particular, and what has no correlation for want of events.
    pub fn bare_unit(&self) -> Unit {
        self.unit(Context::new(itself(&self.subscription), CorrelationId::new(Uuid::nil())))
    }

    fn unit(&self, context: Context) -> Unit {
        let (clock, ids) = (Arc::clone(&self.clock), Arc::clone(&self.ids));
        Unit::new(Origin { module: self.subscription.module, context, clock, ids })
    }

    /// The events beyond the checkpoint that are done.
    pub async fn marks(&self) -> Result<Vec<u64>, StoreError> {
        let mut marks = Vec::new();
        self.each::<Mark>(&self.place, |position, _| marks.extend(position.parse::<u64>())).await?;
        Ok(marks)
    }

    /// The dead letters of its keys. They are stored under the name of the subscriber, whatever the slot: who lists, retries or
    /// discards them need not know about slots.
    pub async fn letters(&self, mut see: impl FnMut(&str, DeadLetter) + Send) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            after = self.letters_after(after, &mut see).await?;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// A page of them, as [`page`](Self::page).
    pub async fn letters_after(
        &self,
        after: Option<String>,
        mut see: impl FnMut(&str, DeadLetter) + Send,
    ) -> Result<Option<String>, StoreError> {
        let Subscription { name, slot, .. } = self.subscription;
        let see = |position: &str, letter: Result<DeadLetter, Unreadable>| match letter {
            Ok(letter) if slot.has(&letter.event.metadata.key) => see(position, letter),
            Ok(_) => {}
            // Of what key it is nobody knows; to stop for it would hold up all of them.
            Err(unreadable) => {
                let mut told = self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
                if told.insert(unreadable.key.clone()) {
                    tracing::warn!(subscriber = name, "a dead letter is passed over: {unreadable}");
                }
            }
        };
        self.page(name, after, see).await
    }

    /// Whether somebody else works in its place.
    pub fn is_lost(&self) -> bool {
        self.fence.as_ref().is_some_and(|fence| fence.is_lost())
    }

    /// All documents of one collection whose keys begin with this name.
    async fn each<D: Document>(
        &self,
        name: &str,
        mut see: impl FnMut(&str, Result<D, Unreadable>) + Send,
    ) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            after = self.page(name, after, &mut see).await?;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// A page of them, from the first after this key on. The key to go on from; at their end, none.
    async fn page<D: Document>(
        &self,
        name: &str,
        after: Option<String>,
        mut see: impl FnMut(&str, Result<D, Unreadable>) + Send,
    ) -> Result<Option<String>, StoreError> {
        let prefix = format!("{name}/");
        let page = self.store.list_each::<D>(Some(after.as_ref().unwrap_or(&prefix)), PAGE).await?;
        let is_last = page.len() < PAGE;
        let mut last = None;
        for found in page {
            let (key, value) = match found {
                Ok(found) => (found.key, Ok(found.value)),
                Err(unreadable) => (unreadable.key.clone(), Err(unreadable)),
            };
            let Some(rest) = key.strip_prefix(&prefix) else { return Ok(None) };
            see(rest, value);
            last = Some(key);
        }
        Ok(last.filter(|_| !is_last))
    }
}

pub(crate) fn position(envelope: &Envelope) -> Position {
    Position(envelope.metadata.position.expect("an event read from the log has its position"))
}

/// A handler in its span, which hears of what that fails or panics with.
pub(crate) async fn caught(span: &Span, handling: impl Future<Output = Result<(), Fault>>) -> Result<(), Fault> {
    // `Instrumented` would have a span of its own, and enter it to be dropped as well.
    let mut handling = pin!(AssertUnwindSafe(handling).catch_unwind());
    let handled = poll_fn(|cx| span.in_scope(|| handling.as_mut().poll(cx))).await;
    let handled = handled.unwrap_or_else(|panic| Err(Fault::Failed(panicked(panic))));
    if let Err(Fault::Failed(error) | Fault::Unreadable(error)) = &handled {
        // Mutant `failure_untold`: a trace does not show which deliveries have failed.
        if !cfg!(mutant = "failure_untold") {
            span.in_scope(|| observability::failed(error.code()));
        }
    }
    handled
}

pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> Error {
    Error::internal("the subscriber panicked").with_detail(panic_text(panic))
}
