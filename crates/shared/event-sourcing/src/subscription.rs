use std::{fmt, sync::Arc, time::Duration};

use kernel::Envelope;
use tokio::time::sleep;

use crate::{Appended, EventQuery, LogQuery, Position, Store, StoreError, readable::beyond};

/// The slow look beside the wake-ups, which tell of this process only.
const POLL: Duration = Duration::from_secs(1);
/// Events of a page, unless it is said otherwise.
const PAGE: usize = 256;

/// Follows the log from a position on: in pages until it has caught up, then as soon as something is appended.
///
/// It keeps no place of its own in the store. Whoever resumes starts another one at the position of the last page that was
/// handled.
///
/// ```
/// # use std::sync::Arc;
/// # use event_sourcing::{EventQuery, Position, Store, StoreError, Subscription};
/// # async fn example(store: Arc<dyn Store>) -> Result<(), StoreError> {
/// let mut orders = Subscription::new(store, Some(EventQuery::of(&["orders.placed"], &[])), Position(0));
/// loop {
///     for order in orders.next().await?.events { /* .. */ }
/// }
/// # }
/// ```
pub struct Subscription {
    store: Arc<dyn Store>,
    matching: Option<EventQuery>,
    page: usize,
    position: Position,
    appended: Appended,
}

/// What has happened since the page before.
#[derive(Debug, Clone, PartialEq)]
pub struct LogPage {
    /// In the order of the log; one at least.
    pub events: Vec<Arc<Envelope>>,
    /// How far the log was read for it: beyond the last of the events, where those behind it do not match.
    pub position: Position,
}

impl Subscription {
    /// To all events behind a position, or to those that match.
    pub fn new(store: Arc<dyn Store>, matching: Option<EventQuery>, after: Position) -> Self {
        let appended = store.appended();
        Self { store, matching, page: PAGE, position: after, appended }
    }

    /// At most so many events in a page: 256, unless it is said otherwise.
    ///
    /// # Panics
    /// If it is 0.
    #[must_use]
    pub fn in_pages_of(mut self, events: usize) -> Self {
        assert!(events > 0, "a page without events never ends");
        self.page = events;
        self
    }

    /// How far the log was read: everything up to here that matches was handed out. It goes on also while nothing matches.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The next events; waits until there are some.
    ///
    /// # Errors
    /// What the store says; Corrupt where the log ends before the position, as after a store was restored from an older copy. The next
    /// call goes on from the same position.
    ///
    /// # Cancel safety
    /// Dropped, it has handed out nothing: the next call answers with the same events.
    pub async fn next(&mut self) -> Result<LogPage, StoreError> {
        loop {
            self.appended.look();
            // What is appended from here on is for the next look, so a page that is not full has all there is up to the head.
            let head = self.store.head().await?;
            if let Some(damage) = beyond(head, self.position) {
                return Err(damage.error);
            }
            if head > self.position {
                let matching = self.matching.clone();
                let query = LogQuery { upto: Some(head), matching, ..LogQuery::after(self.position, self.page) };
                let events = self.store.log(query).await?;
                let last = events.last().and_then(|event| event.metadata.position);
                // Mutant `page_skipped`: behind a page that is full, what was there already is never read.
                let is_all = events.len() < self.page || cfg!(mutant = "page_skipped");
                self.position = last.filter(|_| !is_all).map_or(head, Position);
                if !events.is_empty() {
                    return Ok(LogPage { events, position: self.position });
                }
            }
            tokio::select! {
                _ = self.appended.changed() => {}
                () = sleep(POLL) => {}
            }
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { matching, page, position, .. } = self;
        let mut shown = f.debug_struct("Subscription");
        shown.field("matching", matching).field("page", page).field("position", position).finish_non_exhaustive()
    }
}
