//! What a subscriber has taken from the log and not begun.
//!
//! A mailbox is owned by the one task that follows the log for its subscriber: nothing is shared between threads, so there is
//! no interleaving for a model checker to explore. Its properties are tested against random histories instead.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use kernel::{Envelope, Error, Priority};
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
    became_ready: u64,
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
    /// Its place among all that ever became ready.
    order: u64,
}

/// An event, and what has been tried.
pub(crate) struct Waiting {
    pub event: Arc<Envelope>,
    pub attempts: u32,
    /// Between the tries, once one has failed.
    pub waits: Option<Attempts>,
    /// What the tries before failed with, the latest of them.
    pub failures: Vec<Error>,
}

impl From<Arc<Envelope>> for Waiting {
    fn from(event: Arc<Envelope>) -> Self {
        Self { event, attempts: 0, waits: None, failures: Vec::new() }
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
        let order = self.became_ready;
        self.became_ready += 1;
        self.ready[priority as usize].push_back(Ready { key, since, order });
    }

    /// The priority whose next key has waited too long, and longest.
    fn overdue(&self) -> Option<usize> {
        // Mutant `low_starves`: keys of low priority wait as long as there are urgent ones.
        if cfg!(mutant = "low_starves") {
            return None;
        }
        let waits = |(priority, ready): (usize, &VecDeque<Ready>)| {
            ready.front().map(|first| (first.order, first.since, priority))
        };
        let (_, since, priority) = self.ready.iter().enumerate().filter_map(waits).min()?;
        (self.dequeues - since >= OVERDUE).then_some(priority)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::DateTime;
    use kernel::{CorrelationId, EventId, Json, Metadata};
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn event(n: u64, key: u8, priority: usize) -> Arc<Envelope> {
        let priority = [Priority::Low, Priority::Normal, Priority::High, Priority::Critical][priority];
        Arc::new(Envelope {
            event_id: EventId::new(Uuid::from_u128(n.into())),
            timestamp: DateTime::UNIX_EPOCH,
            source_module: "test".into(),
            event_type: "test.happened".into(),
            data: Json::of(&()).unwrap(),
            metadata: Metadata {
                correlation_id: CorrelationId::new(Uuid::nil()),
                causation_id: None,
                user_id: "tester".into(),
                schema_version: 1,
                key: format!("key {key}"),
                priority,
                position: Some(n),
            },
        })
    }

    /// What is to be true of every history, told by one who writes everything down.
    #[derive(Default)]
    struct Model {
        /// Of each key, positions and priorities in order.
        waiting: BTreeMap<String, VecDeque<(u64, Priority)>>,
        held: Vec<Waiting>,
        dequeues: u64,
        /// When each key became ready: how many had been taken, and how many were ready before it.
        ready: BTreeMap<String, (u64, u64)>,
    }

    impl Model {
        fn becomes_ready(&mut self, key: &str) {
            let before = self.ready.len() as u64;
            self.ready.insert(key.into(), (self.dequeues, before));
        }

        fn push(&mut self, event: &Envelope) {
            let key = &event.metadata.key;
            let waiting = self.waiting.entry(key.clone()).or_default();
            waiting.push_back((event.metadata.position.unwrap(), event.metadata.priority));
            let is_held = self.held.iter().any(|held| held.event.metadata.key == *key);
            if waiting.len() == 1 && !is_held {
                self.becomes_ready(key);
            }
        }

        fn take(&mut self, taken: Option<Waiting>) {
            let Some(taken) = taken else {
                assert!(self.ready.is_empty(), "somebody is ready");
                return;
            };
            let key = taken.event.metadata.key.clone();
            let (since, before) = self.ready.remove(&key).expect("only a key that is ready is taken");
            let waited = self.dequeues - since;
            assert!(waited <= OVERDUE + before, "{key} saw {waited} others taken, {before} were ready before it");
            let (position, priority) = self.waiting.get_mut(&key).unwrap().pop_front().unwrap();
            assert_eq!(taken.event.metadata.position, Some(position), "the first of its key");
            let is_overdue = waited >= OVERDUE;
            for other in self.ready.keys() {
                assert!(is_overdue || self.waiting[other][0].1 <= priority, "{other} was more urgent than {key}");
            }
            self.dequeues += 1;
            self.held.push(taken);
        }

        fn end(&mut self, index: usize) -> Waiting {
            let index = index % self.held.len();
            self.held.swap_remove(index)
        }
    }

    proptest! {
        #[test]
        fn a_mailbox_keeps_order_priority_and_bound(
            steps in prop::collection::vec((0_u8..8, 0_u8..30, 0_usize..4), 0..600),
            urgent in 0_usize..4,
        ) {
            let (mut mailbox, mut model) = (Mailbox::default(), Model::default());
            for (n, (step, key, priority)) in (1..).zip(steps) {
                match step {
                    // Mostly urgent ones: somebody is always before the others.
                    0..=3 => {
                        let event = event(n, key, if n % 5 == 0 { priority } else { urgent });
                        model.push(&event);
                        mailbox.push(event);
                    }
                    4 | 5 => model.take(mailbox.take()),
                    6 if !model.held.is_empty() => {
                        let ended = model.end(usize::from(key));
                        let key = &ended.event.metadata.key;
                        mailbox.release(key);
                        if !model.waiting[key].is_empty() {
                            model.becomes_ready(key);
                        }
                    }
                    7 if !model.held.is_empty() => {
                        let again = model.end(usize::from(key));
                        let Metadata { key, position, priority, .. } = &again.event.metadata;
                        model.waiting.get_mut(key).unwrap().push_front((position.unwrap(), *priority));
                        model.becomes_ready(key);
                        mailbox.put_back(again);
                    }
                    _ => {}
                }
                assert_eq!(mailbox.len(), model.waiting.values().map(VecDeque::len).sum::<usize>());
            }
        }
    }
}
