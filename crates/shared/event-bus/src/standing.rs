use std::{pin::pin, sync::PoisonError, time::Duration};

use chrono::{DateTime, Utc};
use event_sourcing::Position;
use kernel::EventId;
use tokio::sync::Notify;

use crate::{
    DeliveryClass, Lease,
    control::Orders,
    sync::{Mutex, MutexGuard},
};

/// How one subscriber stands.
#[derive(Debug, Clone, PartialEq)]
pub struct SubscriberStatus {
    /// The stable name of its subscription.
    pub name: &'static str,
    /// The module that subscribes.
    pub module: &'static str,
    /// Wire name of the events that it takes.
    pub event_type: &'static str,
    /// What it can rely on.
    pub class: DeliveryClass,
    /// Everything up to here is handled, parked, or of another type. May be ahead of the stored checkpoint.
    pub position: Position,
    /// Where the log ended when it was asked. What lies between counts events of every type.
    pub head: Position,
    /// Events in memory that are not being handled.
    pub queued: usize,
    /// Events that are being handled.
    pub in_flight: usize,
    /// How long ago the oldest event happened that it is not through with. Of one that has not read on, that is the next in the
    /// log that it will be given; where that is not among the next 4,096 of all, none.
    pub oldest: Option<Duration>,
    /// Keys of which an event is among the dead letters.
    pub parked_keys: usize,
    /// Takes no events until it is resumed.
    pub paused: bool,
    /// Why it takes no events until it is resumed or the program starts again.
    pub halted: Option<String>,
    /// What the store has against its going on just now: it looks again every second.
    pub trouble: Option<String>,
    /// Events that a full mailbox did not take or forgot.
    pub dropped: u64,
    /// Handlers that do not end.
    pub overlong: Vec<Overlong>,
    /// Events that have failed and wait for their next try; of a batch, its first.
    pub retrying: usize,
    /// The first of those in the order of the log, 16 at most.
    pub failing: Vec<Failing>,
    /// Who works on which part of its keys. Of those on which this process does not, the store tells how far they are; what is in
    /// memory is not known of them.
    pub slots: Vec<SlotStatus>,
}

/// One part of the keys of a subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotStatus {
    /// Which, from 0.
    pub index: u32,
    /// Whether this process works on it.
    pub here: bool,
    /// Everything of it up to here is handled or parked. `None` where others work on it.
    pub position: Option<Position>,
    /// Who holds it, as of the latest look. `None` where nobody does, and in a bus that is no node.
    pub lease: Option<Lease>,
}

/// A handler that has not ended for longer than the bus's options allow. It is not stopped: nobody knows what it has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlong {
    /// What it handles.
    pub event_id: EventId,
    /// Wire name of that.
    pub event_type: String,
    /// Key of that, whose later events wait.
    pub key: String,
    /// Since when; the age grows from report to report.
    pub age: Duration,
}

/// An event that has failed and is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// What it is.
    pub event_id: EventId,
    /// Wire name of that.
    pub event_type: String,
    /// Key of that, whose later events wait.
    pub key: String,
    /// Where it is in the log.
    pub position: Position,
    /// Tries so far.
    pub attempts: u32,
    /// What the latest of them failed with.
    pub error: String,
    /// Until the next one; zero where it only waits for its turn, or until its subscriber is resumed.
    pub next: Duration,
}

/// What a follower tells of itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    pub position: Position,
    pub queued: usize,
    pub in_flight: usize,
    /// When the oldest event happened that is not done.
    pub oldest: Option<DateTime<Utc>>,
    pub parked_keys: usize,
    pub paused: bool,
    pub halted: Option<String>,
    /// What the store had against it.
    pub trouble: Option<String>,
    pub dropped: u64,
    /// How many times it has been told to go on, as far as it has heard.
    pub resumed: u64,
    /// How many times others have changed its dead letters, as far as it has heard.
    pub letters: u64,
    /// Whether it tries letters again that nothing holds back.
    pub redelivers: bool,
    /// It begins with nothing more.
    pub leaving: bool,
    /// Its task has panicked.
    pub is_dead: bool,
    /// Nobody works on it.
    pub ended: bool,
}

impl Standing {
    /// Somebody works on it from now on.
    pub fn begins(&mut self) {
        self.ended = false;
        self.is_dead = false;
    }

    /// Whether it will do nothing more about what is in the log up to here, and about its letters. What it says of a pause counts as
    /// long as it has not been told otherwise. One whose task has panicked is through with nothing.
    pub fn is_through(&self, head: Position, orders: Orders) -> bool {
        let is_held = (self.paused && orders.paused) || self.halted.is_some();
        let is_done = self.position >= head && !self.redelivers && self.letters == orders.letters;
        !self.is_dead && (is_done || self.ended || (is_held && self.resumed == orders.resumed))
    }
}

/// Where one follower writes how it stands, and others read it.
#[derive(Default)]
pub(crate) struct Slate {
    standing: Mutex<Standing>,
    changed: Notify,
}

impl Slate {
    pub fn read(&self) -> MutexGuard<'_, Standing> {
        // Fields are set one by one, and none of it can panic.
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn write(&self, change: impl FnOnce(&mut Standing)) {
        change(&mut self.read());
        self.changed.notify_waiters();
    }

    pub async fn wait_for(&self, is_so: impl Fn(&Standing) -> bool) {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if is_so(&self.read()) {
                return;
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use shuttle::{check_random, future::block_on, thread};

    use super::*;

    /// Two wait for what one writes. Nobody is left waiting, which shuttle would find.
    #[test]
    fn whoever_waits_sees_what_is_written() {
        check_random(
            || {
                let slate = Arc::new(Slate::default());
                let wait = |slate: Arc<Slate>, head| {
                    thread::spawn(move || block_on(slate.wait_for(|standing| standing.position >= Position(head))))
                };
                let waiting = [wait(Arc::clone(&slate), 1), wait(Arc::clone(&slate), 3)];
                let writing = thread::spawn(move || {
                    (1..=3).for_each(|head| slate.write(|standing| standing.position = Position(head)));
                });
                waiting.into_iter().chain([writing]).for_each(|thread| thread.join().unwrap());
            },
            2000,
        );
    }
}
