use std::time::Duration;

use event_sourcing::{Excerpt, Position, Readable, StoreError, StoreExt};
use kernel::Priority;
use tokio::time::Instant;

use super::PAGE;
use crate::delivery::{Delivery, position};

/// How long more urgent events may be overlooked.
pub(super) const GLANCE: Duration = Duration::from_millis(10);

/// What comes behind a page whose events are handled one after another: something more urgent need not wait for its end. Handlers
/// that are through with the page before a glance is due pay nothing for it.
pub(super) struct Outlook {
    priority: Priority,
    /// Everything up to here was looked at.
    seen: Position,
    /// Events that the mailbox would hold beyond that.
    room: usize,
    due: Instant,
    /// There is something more urgent.
    pub is_overtaken: bool,
}

impl Outlook {
    /// `None` for events of one type: they are all as urgent.
    pub fn behind(page: &Excerpt, delivery: &Delivery) -> Option<Self> {
        let last = page.last().filter(|_| delivery.subscription.is_wildcard())?;
        let room = delivery.subscription.mailbox.saturating_sub(page.len());
        let (priority, seen) = (last.metadata.priority, position(last));
        Some(Self { priority, seen, room, due: Instant::now() + GLANCE, is_overtaken: false })
    }

    /// When to look again, if there is anything to look for.
    pub fn due(&self) -> Option<Instant> {
        (!self.is_overtaken && self.room > 0).then_some(self.due)
    }

    /// Looks at what it has not seen yet.
    pub async fn look(&mut self, delivery: &Delivery) -> Result<(), StoreError> {
        // A store that does not answer is asked as rarely as one that does.
        self.due = Instant::now() + GLANCE;
        let Readable { events: page, damage } = delivery.store.readable(self.seen, PAGE.min(self.room)).await?;
        self.seen = page.last().map_or(self.seen, |last| position(last));
        let mut wanted = page.iter().filter(|event| delivery.subscription.takes(event));
        self.is_overtaken = wanted.any(|event| event.metadata.priority > self.priority);
        // What comes behind a damaged event is not handled before it.
        self.room = if damage.is_some() { 0 } else { self.room - page.len() };
        Ok(())
    }
}
