//! What a subscriber is at, for whoever looks from another thread: a handler that holds its own lets nobody look from there.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use event_sourcing::{Excerpt, Position};
use kernel::{Envelope, Error};
use tokio::time::Instant;

use crate::{Failing, Overlong, Subscription, delivery::position};

/// What one subscriber is handling.
#[derive(Default)]
pub(crate) struct Watch {
    watched: Mutex<Watched>,
    waiting: AtomicUsize,
}

#[derive(Default)]
struct Watched {
    flights: BTreeMap<Position, Flight>,
    page: Option<Page>,
    /// What has failed and waits for its next try.
    failed: BTreeMap<Position, Failed>,
}

/// An event between two tries.
struct Failed {
    event: Arc<Envelope>,
    attempts: u32,
    error: String,
    next: Instant,
}

/// A handler that is running.
struct Flight {
    event: Arc<Envelope>,
    since: Instant,
    is_reported: bool,
}

/// Events that one handler goes through without a word. How long it is at one of them is for whoever looks to find out.
struct Page {
    events: Arc<Excerpt>,
    at: Arc<AtomicUsize>,
    first: usize,
    since: Instant,
    looked_at: Option<(usize, Flight)>,
}

/// It is being handled as long as this is there.
pub(crate) struct Watching<'a> {
    watch: &'a Watch,
    /// `None` for the page.
    flight: Option<Position>,
}

/// Something waits for a thread as long as this is there.
pub(crate) struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Watch {
    /// The handler of this event begins.
    pub fn event(&self, event: &Arc<Envelope>, since: Instant) -> Watching<'_> {
        let (at, mut watched) = (position(event), self.watched());
        watched.failed.remove(&at);
        watched.flights.insert(at, Flight { event: Arc::clone(event), since, is_reported: false });
        Watching { watch: self, flight: Some(at) }
    }

    /// The handler of these events begins with the one that `at` says, and tells there how far it is.
    pub fn page(&self, events: &Arc<Excerpt>, at: &Arc<AtomicUsize>, since: Instant) -> Watching<'_> {
        let (events, at, first) = (Arc::clone(events), Arc::clone(at), at.load(Ordering::Relaxed));
        self.watched().page = Some(Page { events, at, first, since, looked_at: None });
        Watching { watch: self, flight: None }
    }

    /// It has failed as often and is tried again after so long.
    pub fn fails(&self, event: &Arc<Envelope>, attempts: u32, error: &Error, wait: Duration) {
        let (error, next) = (error.to_string(), Instant::now() + wait);
        let failed = Failed { event: Arc::clone(event), attempts, error, next };
        self.watched().failed.insert(position(event), failed);
    }

    /// It is not tried again.
    pub fn ends(&self, event: Position) {
        self.watched().failed.remove(&event);
    }

    /// Nothing is known any more of what has failed, but for these.
    pub fn retain(&self, known: &BTreeSet<Position>) {
        self.watched().failed.retain(|position, _| known.contains(position));
    }

    /// How many wait for their next try, and the first of them in the order of the log.
    pub fn failing(&self, most: usize) -> (usize, Vec<Failing>) {
        let (now, watched) = (Instant::now(), self.watched());
        let failing = |failed: &Failed| Failing {
            event_id: failed.event.event_id,
            event_type: failed.event.event_type.to_string(),
            key: failed.event.metadata.key.clone(),
            position: position(&failed.event),
            attempts: failed.attempts,
            error: failed.error.clone(),
            next: failed.next.saturating_duration_since(now),
        };
        (watched.failed.len(), watched.failed.values().take(most).map(failing).collect())
    }

    /// One more waits for a thread to compute on, as long as this is there.
    pub fn waits(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(&self.waiting)
    }

    /// Events that wait for a thread.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Those that take longer than they may. The log hears of each once.
    pub fn overlong(&self, subscription: &Subscription, limit: Duration) -> Vec<Overlong> {
        let mut watched = self.watched();
        let Watched { flights, page, .. } = &mut *watched;
        let in_page = page.as_mut().and_then(Page::flight);
        flights.values_mut().chain(in_page).filter_map(|flight| flight.overlong(subscription, limit)).collect()
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        // No operation on it can stop half way.
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        let mut watched = self.watch.watched();
        match self.flight {
            Some(at) => drop(watched.flights.remove(&at)),
            None => watched.page = None,
        }
    }
}

impl Page {
    /// The one that is under way. Of one that was not the first it is only known since when somebody has seen it.
    fn flight(&mut self) -> Option<&mut Flight> {
        let here = self.at.load(Ordering::Relaxed);
        let event = self.events.get(here)?;
        if self.looked_at.as_ref().is_none_or(|(index, _)| *index != here) {
            let since = if here == self.first { self.since } else { Instant::now() };
            self.looked_at = Some((here, Flight { event: Arc::clone(event), since, is_reported: false }));
        }
        self.looked_at.as_mut().map(|(_, flight)| flight)
    }
}

impl Flight {
    fn overlong(&mut self, subscription: &Subscription, limit: Duration) -> Option<Overlong> {
        let age = self.since.elapsed();
        if age < limit {
            return None;
        }
        let Envelope { event_id, event_type, metadata, .. } = &*self.event;
        if !self.is_reported {
            self.is_reported = true;
            tracing::warn!(
                subscriber = subscription.name,
                module = subscription.module,
                %event_id,
                key = metadata.key,
                "the handler of `{event_type}` has not ended for {age:?}: later events of its key wait; let it wait with a \
                 timeout, or make it a `cpu` subscriber if it computes"
            );
        }
        let (event_type, key) = (event_type.to_string(), metadata.key.clone());
        Some(Overlong { event_id: *event_id, event_type, key, age })
    }
}
