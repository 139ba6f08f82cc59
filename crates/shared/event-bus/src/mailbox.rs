//! What a subscriber has taken from the log and not begun.
//!
//! A mailbox is owned by the one task that follows the log for its subscriber: nothing is shared between threads, so there is
//! no interleaving for a model checker to explore. Its properties are tested against random histories instead.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use kernel::{Envelope, Priority};
use resilience::Attempts;

/// Dequeues after which a ready key is taken whatever its priority.
const OVERDUE: u64 = 64;

/// Lanes of events, one for each key.
///
/// A key is *ready* when it has events and none of them is being handled. The ready key with the most urgent next event is
/// taken; among equals, the one that has been ready longest. One that has seen 64 others taken is taken before any that became
/// ready after it, so nobody waits for more than 64 dequeues and as many as there were ready keys before it.
#[derive(Default)]
pub(crate) struct Mailbox {
    lanes: HashMap<Arc<str>, Lane>,
    /// By priority, each in the order in which they became ready.
    ready: [VecDeque<Ready>; 4],
    dequeues: u64,
    len: usize,
}

#[derive(Default)]
struct Lane {
    events: VecDeque<Waiting>,
    /// Whether one of them has been taken and not come to its end.
    held: bool,
}

struct Ready {
    key: Arc<str>,
    /// How many had been taken when it became ready.
    since: u64,
}

/// An event, and what has been tried.
pub(crate) struct Waiting {
    pub event: Arc<Envelope>,
    pub attempts: u32,
    /// Between the tries, once one has failed.
    pub waits: Option<Attempts>,
}

impl From<Arc<Envelope>> for Waiting {
    fn from(event: Arc<Envelope>) -> Self {
        Self { event, attempts: 0, waits: None }
    }
}

impl Mailbox {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Behind the others of its key.
    pub fn push(&mut self, event: Arc<Envelope>) {
        let key: Arc<str> = match self.lanes.get_key_value(event.metadata.key.as_str()) {
            Some((key, _)) => Arc::clone(key),
            None => event.metadata.key.as_str().into(),
        };
        let priority = event.metadata.priority;
        let lane = self.lanes.entry(Arc::clone(&key)).or_default();
        lane.events.push_back(event.into());
        self.len += 1;
        if lane.events.len() == 1 && !lane.held {
            self.becomes_ready(key, priority);
        }
    }

    /// Holds a key whose event was taken before it came here.
    pub fn hold(&mut self, key: &str) {
        self.lanes.entry(key.into()).or_default().held = true;
    }

    /// The next event of the next key, which is held until it is [released](Self::release) or the event is
    /// [put back](Self::put_back).
    pub fn take(&mut self) -> Option<Waiting> {
        let priority = self.overdue().or_else(|| (0..4).rev().find(|priority| !self.ready[*priority].is_empty()))?;
        let Ready { key, .. } = self.ready[priority].pop_front()?;
        self.dequeues += 1;
        self.len -= 1;
        let lane = self.lanes.get_mut(&key).expect("a ready key has a lane");
        // Mutant `key_not_held`: two events of one key are handled at a time.
        lane.held = !cfg!(mutant = "key_not_held");
        let event = lane.events.pop_front().expect("a ready lane has an event");
        if !lane.held
            && let Some(next) = lane.events.front()
        {
            let priority = next.event.metadata.priority;
            self.becomes_ready(key, priority);
        }
        Some(event)
    }

    /// The key's event has come to its end: its next one is ready.
    pub fn release(&mut self, key: &str) {
        let Some((key, lane)) = self.lanes.get_key_value(key) else { return };
        let key = Arc::clone(key);
        match lane.events.front().map(|next| next.event.metadata.priority) {
            None => _ = self.lanes.remove(&key),
            Some(priority) => {
                if let Some(lane) = self.lanes.get_mut(&key) {
                    lane.held = false;
                }
                self.becomes_ready(key, priority);
            }
        }
    }

    /// The event is to be taken again, before the others of its key.
    pub fn put_back(&mut self, waiting: Waiting) {
        let key: Arc<str> = waiting.event.metadata.key.as_str().into();
        let lane = self.lanes.entry(Arc::clone(&key)).or_default();
        lane.held = false;
        let priority = waiting.event.metadata.priority;
        lane.events.push_front(waiting);
        self.len += 1;
        self.becomes_ready(key, priority);
    }

    /// All of it, for whoever will read it from the log again.
    pub fn clear(&mut self) {
        *self = Self { dequeues: self.dequeues, ..Self::default() };
    }

    fn becomes_ready(&mut self, key: Arc<str>, priority: Priority) {
        let since = self.dequeues;
        self.ready[priority as usize].push_back(Ready { key, since });
    }

    /// The priority whose next key has waited too long, and longest.
    fn overdue(&self) -> Option<usize> {
        // Mutant `low_starves`: keys of low priority wait as long as there are urgent ones.
        if cfg!(mutant = "low_starves") {
            return None;
        }
        let waits = |(priority, ready): (usize, &VecDeque<Ready>)| Some((ready.front()?.since, priority));
        let (since, priority) = self.ready.iter().enumerate().filter_map(waits).min()?;
        (self.dequeues - since >= OVERDUE).then_some(priority)
    }
}
