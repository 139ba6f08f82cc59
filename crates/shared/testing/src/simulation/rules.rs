//! What must hold after each commit.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use event_bus::{DeadLetter, Discarded};
use event_sourcing::{Document, LogQuery, Position, Store, Write};
use kernel::Envelope;

use super::{
    subscribers::{Heard, Page, Part},
    world::{World, lock},
};

/// Follows what is committed, and knows of each subscriber what it has completed.
pub(super) struct Rules {
    parts: &'static [Part],
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    log: Vec<Arc<Envelope>>,
    /// Position of each number.
    places: BTreeMap<u64, u64>,
    standings: BTreeMap<&'static str, Standing>,
    /// Words that a publisher has answered for, and what it has only kept, in which process.
    confirmed: BTreeSet<u64>,
    kept: BTreeMap<u64, String>,
}

/// Of one subscriber.
#[derive(Default)]
struct Standing {
    /// By place: a slot has its own.
    checkpoints: BTreeMap<String, u64>,
    /// Positions by key, in the order in which they were handled.
    effects: BTreeMap<String, Vec<u64>>,
    /// Keys of those that are parked, by position.
    letters: BTreeMap<u64, String>,
    /// Handled, with or without an effect, or given up.
    done: BTreeSet<u64>,
}

impl Rules {
    pub fn of(parts: &'static [Part]) -> Self {
        let standings = parts.iter().map(|part| (part.name, Standing::default())).collect();
        Self { parts, state: Mutex::new(State { standings, ..State::default() }) }
    }

    /// These words are in the log.
    pub fn confirmed(&self, numbers: &[u64]) {
        lock(&self.state).confirmed.extend(numbers);
    }

    /// These will be, unless this process ends before that.
    pub fn kept(&self, numbers: &[u64], process: &str) {
        lock(&self.state).kept.extend(numbers.iter().map(|number| (*number, process.to_owned())));
    }

    /// What it had kept in memory is nobody's promise any more.
    pub fn ended(&self, process: &str) {
        lock(&self.state).kept.retain(|_, of| of != process);
    }

    /// Handled, and nothing was to be written.
    pub fn looked_at(&self, part: &'static str, number: u64) {
        let mut state = lock(&self.state);
        let Some(place) = state.places.get(&number).copied() else { return };
        state.standings.entry(part).or_default().done.insert(place);
    }

    /// Looks at what was just written.
    pub async fn committed(&self, world: &World, writes: &[Write]) {
        let from = Position(lock(&self.state).log.len() as u64);
        let log = world.memory.log(LogQuery::after(from, usize::MAX)).await;
        let log = log.expect("the store in memory answers");
        let mut state = lock(&self.state);
        state.grow(log, world);
        // What a unit completes counts for its own checkpoint.
        writes.iter().for_each(|write| state.effect(write, world));
        writes.iter().for_each(|write| state.letter(write));
        for part in self.parts {
            state.parked_keys_hold(part.name, writes, world);
        }
        let redelivers = writes
            .iter()
            .any(|write| matches!(write, Write::Delete { collection, .. } if collection == DeadLetter::COLLECTION));
        for write in writes {
            let Write::Checkpoint { subscriber, position } = write else { continue };
            let is_of = |part: &&Part| part.places().any(|place| place == *subscriber);
            let Some(part) = self.parts.iter().find(is_of) else { continue };
            if redelivers {
                world.failed(format!("rule 2: `{subscriber}` moved its checkpoint with a dead letter"));
            }
            state.checkpoint(part, subscriber, position.0, world);
        }
    }

    /// Everything that a subscriber takes is handled, parked or given up.
    pub fn all_is_done(&self, world: &World) {
        let state = lock(&self.state);
        for part in self.parts {
            for place in part.places() {
                if let Some(position) = state.missing(part, &place, 0, state.log.len() as u64) {
                    world.failed(format!("rule 6: at rest, {position} is neither handled by `{place}` nor parked"));
                }
            }
        }
    }

    /// What a publisher has answered for is in the log.
    pub fn all_is_published(&self, world: &World) {
        let state = lock(&self.state);
        for number in state.confirmed.iter().chain(state.kept.keys()) {
            if !state.places.contains_key(number) {
                world.failed(format!("a publisher has answered for {number}, which is not in the log"));
            }
        }
    }
}

impl State {
    fn grow(&mut self, log: Vec<Arc<Envelope>>, world: &World) {
        for event in log {
            let expected = self.log.len() as u64 + 1;
            if event.metadata.position != Some(expected) {
                world.failed(format!("rule 1: {:?} came behind {}", event.metadata.position, expected - 1));
            }
            match Heard::of(&event) {
                Ok(heard) => {
                    if let Some(first) = self.places.insert(heard.number, expected) {
                        world.failed(format!("rule 5: {} was published at {first} and {expected}", heard.number));
                    }
                }
                Err(error) => world.failed(format!("the event at {expected} cannot be read: {error}")),
            }
            world.tell(format!("log {expected} {} {} {}", event.event_type, event.metadata.key, event.event_id));
            self.log.push(event);
        }
    }

    /// What a subscriber's page has more than before.
    fn effect(&mut self, write: &Write, world: &World) {
        let Write::Put { collection, key: place, body, .. } = write else { return };
        if collection != Page::COLLECTION {
            return;
        }
        let Some((name, key)) = place.split_once('/') else { return };
        let Some(standing) = self.standings.get_mut(name) else { return };
        let page: Page = body.read().expect("this is how pages are written");
        let effects = standing.effects.entry(key.to_owned()).or_default();
        let positions: Vec<u64> =
            page.numbers.iter().map(|number| self.places.get(number).copied().unwrap_or_default()).collect();
        if !positions.starts_with(effects) {
            world.failed(format!("rule 5: `{name}` has lost an effect on {key}: {positions:?} after {effects:?}"));
        }
        for position in &positions[effects.len().min(positions.len())..] {
            if effects.contains(position) {
                world.failed(format!("rule 5: `{name}` has handled {position} twice"));
            } else if effects.last().is_some_and(|last| last > position) {
                world.failed(format!("order: `{name}` has handled {position} of {key} after a later one"));
            }
            effects.push(*position);
            standing.done.insert(*position);
        }
    }

    fn letter(&mut self, write: &Write) {
        match write {
            Write::Put { collection, key, body, .. } if collection == DeadLetter::COLLECTION => {
                let letter: DeadLetter = body.read().expect("this is how letters are written");
                let Some((standing, position)) = self.place(key) else { return };
                standing.letters.insert(position, letter.event.metadata.key);
                standing.done.insert(position);
            }
            Write::Delete { collection, key, .. } if collection == DeadLetter::COLLECTION => {
                let Some((standing, position)) = self.place(key) else { return };
                standing.letters.remove(&position);
            }
            _ => {}
        }
    }

    /// Of a letter, by its key.
    fn place(&mut self, key: &str) -> Option<(&mut Standing, u64)> {
        let (name, position) = key.split_once('/')?;
        Some((self.standings.get_mut(name)?, position.parse().ok()?))
    }

    /// Nothing was handled behind what is parked of the same key.
    fn parked_keys_hold(&self, name: &str, writes: &[Write], world: &World) {
        let Some(standing) = self.standings.get(name) else { return };
        for write in writes {
            let Write::Put { collection, key: place, .. } = write else { continue };
            if collection != Page::COLLECTION {
                continue;
            }
            let Some(key) = place.strip_prefix(name).and_then(|rest| rest.strip_prefix('/')) else { continue };
            let last = standing.effects.get(key).and_then(|effects| effects.last()).copied().unwrap_or_default();
            let mut letters = standing.letters.iter().filter(|(position, of)| **position < last && *of == key);
            if let Some((parked, _)) = letters.next() {
                world.failed(format!("rule 6: `{name}` has handled {last} of {key}, while {parked} is parked"));
            }
        }
    }

    fn checkpoint(&mut self, part: &'static Part, place: &str, to: u64, world: &World) {
        let head = self.log.len() as u64;
        let checkpoints = self.standings.get(part.name).map(|standing| &standing.checkpoints);
        let before = checkpoints.and_then(|all| all.get(place)).copied().unwrap_or_default();
        if to > head {
            world.failed(format!("rule 2: the checkpoint of `{place}` is {to}, and the log ends at {head}"));
        }
        if to < before {
            world.failed(format!("rule 2: the checkpoint of `{place}` went back from {before} to {to}"));
        }
        if let Some(position) = self.missing(part, place, before, to.min(head)) {
            world.failed(format!("rule 2: the checkpoint of `{place}` is {to}, and {position} is not completed"));
        }
        self.standings.entry(part.name).or_default().checkpoints.insert(place.to_owned(), to);
    }

    /// The first position behind `from` and up to `to` that the subscriber takes at this place and has not completed.
    fn missing(&self, part: &Part, place: &str, from: u64, to: u64) -> Option<u64> {
        let done = &self.standings.get(part.name)?.done;
        let is_taken = |position: &u64| part.takes_at(place, &self.log[*position as usize - 1]);
        (from + 1..=to).find(|position| is_taken(position) && !done.contains(position))
    }
}

/// Whether a letter was given up, from where it is stored.
pub(super) async fn is_discarded(world: &World, part: &Part, position: u64) -> bool {
    let key = format!("{}/{position:020}", part.name);
    let found = world.memory.document(Discarded::COLLECTION, &key).await;
    found.expect("the store in memory answers").is_some()
}
