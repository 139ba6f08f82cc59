//! Events handled one after another without a word to anybody in between.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use event_sourcing::{Excerpt, Unit};
use kernel::{Context, Envelope, Principal};
use tokio::time::Instant;

use crate::{
    InlineSubscribers, Subscription,
    delivery::caught,
    handler::{Fault, Handles},
    meters::Meters,
    principals::caused_by,
};

/// Users whose principals a subscriber keeps at most.
const USERS: usize = 1024;
/// Events after which others have a turn, as many as tokio gives the tasks that wait for it.
const TURN: u8 = 128;
/// Events after which the clock is read, also where no handler waits: to read it for each costs a twentieth of what the fastest take.
const TICK: u8 = 8;

/// Part of the log, which one handler goes through.
pub(crate) struct Stretch<'a> {
    pub subscription: &'a Subscription,
    pub events: &'a Excerpt,
    /// The event that is being handled; those before it are done and wrote nothing. Whoever polls looks at it.
    pub at: &'a AtomicUsize,
    /// How often it was polled: once more than before an event where the handler had to wait. Whoever polls counts.
    pub polls: &'a AtomicUsize,
    /// Not to begin with another event.
    pub hold: &'a AtomicBool,
    pub seat: &'a mut Seat,
    pub inline: &'a InlineSubscribers,
    pub meters: &'a Meters,
}

impl Stretch<'_> {
    /// Up to the end, the first event that wrote something, or the first that failed: `at` says which.
    pub async fn run<H: Handles>(self, handler: &H) -> Result<(), Fault> {
        let Self { subscription, events, at, polls, hold, seat, inline, meters } = self;
        seat.began = Instant::now();
        let mut seen = polls.load(Ordering::Relaxed);
        let mut next = at.load(Ordering::Relaxed);
        while let Some(event) = events.get(next).filter(|_| !hold.load(Ordering::Relaxed)) {
            if subscription.takes(event) {
                seat.take(subscription, event)?;
                let Seat { cx, unit, .. } = &mut *seat;
                let span = observability::delivery_span(subscription.module, subscription.name, &event.event_type, cx);
                let handling = handler.handle_one(cx, event, unit, None);
                // Where nobody looks at spans, to enter and to leave one costs more than many handlers.
                if span.is_disabled() {
                    handling.await?;
                } else {
                    caught(&span, handling).await?;
                }
                if !unit.is_empty() {
                    return caught(&span, async { inline.add_to(unit).await.map_err(Fault::Failed) }).await;
                }
                seat.handled += 1;
                seat.untimed += 1;
                seat.turn = seat.turn.wrapping_add(1);
                let polled = polls.load(Ordering::Relaxed);
                if polled != seen || seat.turn.is_multiple_of(TICK) {
                    seat.time(meters, polled != seen);
                    seen = polled;
                }
            }
            next += 1;
            at.store(next, Ordering::Relaxed);
            // Handlers that never wait must let others have the thread.
            if seat.turn == TURN {
                seat.turn = 0;
                seat.time(meters, false);
                tokio::task::yield_now().await;
                // What others have done meanwhile is nobody's time here.
                (seen, seat.began) = (polls.load(Ordering::Relaxed), Instant::now());
            }
        }
        seat.time(meters, false);
        Ok(())
    }
}

/// Context and unit of the event that is being handled. They go on to the next event as long as nothing was written.
pub(crate) struct Seat {
    pub cx: Context,
    pub unit: Unit,
    /// When the event that is being handled began, or one that is at most [`TICK`] before it and did not wait; the end of the stretch
    /// where it went through.
    pub began: Instant,
    user: String,
    /// Deliveries that wrote nothing, until somebody takes note of them.
    pub handled: usize,
    /// Those of them of which it is not known yet how long they took; none of them has waited.
    untimed: u32,
    /// What one took of those that were timed last.
    pace: Duration,
    /// Events since others had a turn.
    turn: u8,
    principals: HashMap<String, Arc<Principal>>,
}

impl Seat {
    pub fn new(unit: Unit) -> Self {
        Self {
            cx: unit.origin().context.clone(),
            unit,
            began: Instant::now(),
            user: String::new(),
            handled: 0,
            untimed: 0,
            pace: Duration::ZERO,
            turn: 0,
            principals: HashMap::new(),
        }
    }

    /// Reads the clock. Where the last one has waited, what is more than the others usually take is its time.
    fn time(&mut self, meters: &Meters, has_waited: bool) {
        let now = Instant::now();
        let took = now - std::mem::replace(&mut self.began, now);
        if has_waited && self.untimed > 0 {
            self.untimed -= 1;
            meters.took(took.saturating_sub(self.time_others(meters)));
        } else if self.untimed > 0 {
            self.pace = took / self.untimed;
            self.time_others(meters);
        }
    }

    /// Those that have not waited, at the usual pace; what they took together.
    pub fn time_others(&mut self, meters: &Meters) -> Duration {
        let others = std::mem::take(&mut self.untimed);
        meters.took_each(others, self.pace);
        self.pace * others
    }

    /// Makes room for this event.
    fn take(&mut self, subscription: &Subscription, event: &Envelope) -> Result<(), Fault> {
        if self.user != event.metadata.user_id || self.user.is_empty() {
            let principal = self.principal(subscription, event)?;
            self.user.clone_from(&event.metadata.user_id);
            self.cx = Context::new(principal, event.metadata.correlation_id);
            self.unit.origin_mut().context = self.cx.clone();
        }
        self.cx.follow(event);
        self.unit.origin_mut().context.follow(event);
        Ok(())
    }

    fn principal(&mut self, subscription: &Subscription, event: &Envelope) -> Result<Arc<Principal>, Fault> {
        if let Some(known) = self.principals.get(&event.metadata.user_id) {
            return Ok(Arc::clone(known));
        }
        let principal = caused_by(subscription, event)?;
        if self.principals.len() == USERS {
            self.principals.clear();
        }
        self.principals.insert(event.metadata.user_id.clone(), Arc::clone(&principal));
        Ok(principal)
    }

    /// What was written, and a new unit in its place.
    pub fn written(&mut self) -> Unit {
        let next = Unit::new(self.unit.origin().clone());
        std::mem::replace(&mut self.unit, next)
    }
}
