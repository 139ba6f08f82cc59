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

/// Of so many dequeues one may be of a key that is not the most urgent, because it has waited for longer than that.
const OVERDUE: u64 = 64;

/// Lanes of events, one for each key.
///
/// A key is *ready* when it has events and none of them is being handled. The ready key with the most urgent next event is
/// taken; among equals, the one that has been ready longest. One in 64 dequeues may be of the key that has been ready longest of
/// all, if that has seen 64 others taken: so nobody waits for more than 64 dequeues for each key that was ready before it, and 64
/// for itself, while all that is urgent waits for one of them at most.
#[derive(Default)]
pub(crate) struct Mailbox {
    lanes: HashMap<Arc<str>, Lane>,
    /// By priority, each in the order in which they became ready.
    ready: [VecDeque<Ready>; 4],
    dequeues: u64,
    /// Before which of them the next key that is overdue may not be taken.
    patience: u64,
    became_ready: u64,
    len: usize,
    /// Those of them that wait for one of their key that was taken.
    behind: usize,
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

    /// Events that wait for nothing but their turn. Those behind one that has been taken and not come to its end are left out, or a
    /// key that stands still would soon be all that there is.
    pub fn free(&self) -> usize {
        self.len - self.behind
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
        self.behind += usize::from(lane.held);
        if lane.events.len() == 1 && !lane.held {
            self.becomes_ready(key, priority);
        }
    }

    /// Holds a key whose event was taken before it came here.
    pub fn hold(&mut self, key: &str) {
        let lane = self.lanes.entry(key.into()).or_default();
        if !lane.held {
            lane.held = true;
            self.behind += lane.events.len();
        }
    }

    /// The next event of the next key, which is held until it is [released](Self::release) or the event is
    /// [put back](Self::put_back).
    pub fn take(&mut self) -> Option<Waiting> {
        let urgent = (0..4).rev().find(|priority| !self.ready[*priority].is_empty())?;
        let priority = self.overdue().unwrap_or(urgent);
        let Ready { key, .. } = self.ready[priority].pop_front()?;
        self.dequeues += 1;
        self.len -= 1;
        let lane = self.lanes.get_mut(&key).expect("a ready key has a lane");
        // Mutant `key_not_held`: two events of one key are handled at a time.
        lane.held = !cfg!(mutant = "key_not_held");
        let event = lane.events.pop_front().expect("a ready lane has an event");
        self.behind += if lane.held { lane.events.len() } else { 0 };
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
                    self.behind -= lane.let_go();
                }
                self.becomes_ready(key, priority);
            }
        }
    }

    /// The event is to be taken again, before the others of its key.
    pub fn put_back(&mut self, waiting: Waiting) {
        let key: Arc<str> = waiting.event.metadata.key.as_str().into();
        let lane = self.lanes.entry(Arc::clone(&key)).or_default();
        self.behind -= lane.let_go();
        let priority = waiting.event.metadata.priority;
        lane.events.push_front(waiting);
        self.len += 1;
        self.becomes_ready(key, priority);
    }

    /// All of it, for whoever will read it from the log again.
    pub fn clear(&mut self) {
        *self = Self { dequeues: self.dequeues, patience: self.patience, ..Self::default() };
    }

    fn becomes_ready(&mut self, key: Arc<str>, priority: Priority) {
        let since = self.dequeues;
        let order = self.became_ready;
        self.became_ready += 1;
        self.ready[priority as usize].push_back(Ready { key, since, order });
    }

    /// The priority whose next key has waited longest and too long, if it is its turn.
    fn overdue(&mut self) -> Option<usize> {
        // Mutant `low_starves`: keys of low priority wait as long as there are urgent ones.
        if cfg!(mutant = "low_starves") || self.dequeues < self.patience {
            return None;
        }
        let waits = |(priority, ready): (usize, &VecDeque<Ready>)| {
            ready.front().map(|first| (first.order, first.since, priority))
        };
        let (_, since, priority) = self.ready.iter().enumerate().filter_map(waits).min()?;
        if self.dequeues - since < OVERDUE {
            return None;
        }
        // Mutant `overdue_in_a_row`: behind many keys that have waited for long nothing is urgent any more.
        if !cfg!(mutant = "overdue_in_a_row") {
            self.patience = self.dequeues + OVERDUE;
        }
        Some(priority)
    }
}

impl Lane {
    /// Its next event is ready. How many waited for that.
    fn let_go(&mut self) -> usize {
        if std::mem::take(&mut self.held) { self.events.len() } else { 0 }
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
        /// When a key was last taken though another one was more urgent.
        exception: Option<u64>,
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
            assert!(waited <= OVERDUE * (before + 1), "{key} saw {waited} others taken, {before} were ready before it");
            let (position, priority) = self.waiting.get_mut(&key).unwrap().pop_front().unwrap();
            assert_eq!(taken.event.metadata.position, Some(position), "the first of its key");
            if let Some(other) = self.ready.keys().find(|other| self.waiting[*other][0].1 > priority) {
                let last = self.exception.replace(self.dequeues);
                let is_rare = last.is_none_or(|last| self.dequeues - last >= OVERDUE);
                assert!(waited >= OVERDUE && is_rare, "{other} was more urgent than {key}");
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
                let waiting = |is_free: &dyn Fn(&str) -> bool| {
                    model.waiting.iter().filter(|(key, _)| is_free(key)).map(|(_, events)| events.len()).sum::<usize>()
                };
                let is_held = |key: &str| model.held.iter().any(|held| held.event.metadata.key == key);
                assert_eq!((mailbox.len(), mailbox.free()), (waiting(&|_| true), waiting(&|key| !is_held(key))));
            }
        }
    }
}
