//! How far a subscriber has come.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::{DateTime, Utc};
use event_sourcing::{Document, Expected, Position, Unit};
use serde::{Deserialize, Serialize};

/// An event beyond the checkpoint that is done, stored as `subscriber/position`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {}

impl Document for Mark {
    const COLLECTION: &'static str = "event_bus.inbox";
}

/// Positions that a checkpoint may be behind as long as nothing was written: to pass them again costs a read.
pub(crate) const LAZY: u64 = 256;
/// The same where no event was of interest.
const FOREIGN: u64 = 4096;

/// Events that are marked together.
const MARKS: usize = 256;

/// The completed prefix of the log, and what is done beyond it.
///
/// Deliveries of different keys end in any order, and their units are committed side by side. A checkpoint may only name the
/// end of the *contiguous* completed prefix, or a crash loses what it passed. So a delivery's unit moves the checkpoint only
/// if its event is the first one that is not done; any other unit puts a [`Mark`] for its event instead, which a restart skips.
/// Checkpoints never go back, though nobody orders the commits: there is one first event that is not done, it stays the first
/// until its commit has been answered, and only then is there another that may move the checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Progress {
    /// What the store has.
    pub stored: Position,
    /// The log is read up to here.
    pub read: Position,
    /// Taken in and not passed yet, in order.
    outstanding: VecDeque<Outstanding>,
    /// What the store has beyond its checkpoint.
    marks: BTreeSet<u64>,
    /// What it does not have, since nothing was to be written.
    idle: Idle,
    /// As far as there are more of these, whose keys nobody has looked at.
    nameless: Position,
    /// Whether an event was done since the checkpoint was stored.
    dirty: bool,
}

/// Events beyond the stored checkpoint that were done without an effect. They may come again; but not behind what comes after
/// them of their key, so the unit of the next one of their key marks them too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Idle {
    keys: BTreeMap<u64, String>,
    positions: BTreeMap<String, Vec<u64>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Outstanding {
    position: u64,
    happened: DateTime<Utc>,
    done: bool,
}

/// How a unit says that its event is done.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// It is the first that was not: the checkpoint goes to the end of the completed prefix, and passes these marks.
    Checkpoint { to: Position, passed: Vec<u64> },
    /// Others before it are not done. It is marked, and with it those of its key before it that were done without an effect.
    Mark { of: Position, before: Vec<u64> },
}

impl Progress {
    /// What the store has now, and what it does not need to have: an event that was done without an effect does not come again because
    /// the commit of another one has failed.
    pub fn recovered(self, stored: Position, marks: BTreeSet<u64>) -> Self {
        let read = self.position().max(stored);
        let Self { mut idle, nameless, .. } = self;
        idle.pass(stored);
        Self { stored, read, outstanding: VecDeque::new(), marks, idle, nameless, dirty: read > stored }
    }

    /// Everything up to here is done or of no interest.
    pub fn position(&self) -> Position {
        self.outstanding.front().map_or(self.read, |first| Position(first.position - 1))
    }

    /// Events that are waiting or being handled, or done behind one that is.
    pub fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    /// When the first of them happened.
    pub fn oldest(&self) -> Option<DateTime<Utc>> {
        self.outstanding.front().map(|first| first.happened)
    }

    /// Whether it was done before it was read.
    pub fn is_marked(&self, position: Position) -> bool {
        self.marks.contains(&position.0) || self.idle.keys.contains_key(&position.0)
    }

    pub fn has_marks(&self) -> bool {
        !self.marks.is_empty() || self.idle.keys.last_key_value().is_some_and(|(last, _)| *last > self.read.0)
    }

    /// Takes an event in, which is the last one that was read.
    pub fn admit(&mut self, position: Position, happened: DateTime<Utc>) {
        debug_assert!(position > self.read, "the log is read forwards");
        self.outstanding.push_back(Outstanding { position: position.0, happened, done: false });
        self.read = position;
    }

    /// Passes events that are done or of no interest, up to here.
    pub fn pass(&mut self, position: Position, dirty: bool) {
        self.read = self.read.max(position);
        if dirty {
            self.dirty = true;
            self.nameless = position;
        }
    }

    /// Whether the checkpoint is to be stored before anything is done beside other events: nothing else could say that what it passes
    /// is done.
    pub fn is_due(&self) -> bool {
        self.nameless > self.stored
    }

    /// How the unit of this event of a key, which has not been done, says that it is.
    pub fn step(&self, position: Position, key: &str) -> Step {
        let is_first = self.outstanding.front().is_none_or(|first| first.position == position.0);
        // Mutant `checkpoint_of_any_event`: an event that is done moves the checkpoint past earlier ones that are not.
        if is_first || cfg!(mutant = "checkpoint_of_any_event") {
            self.through(position)
        } else {
            Step::Mark { of: position, before: self.idle.of(key) }
        }
    }

    /// As [`step`](Self::step), of all events up to this one together.
    pub fn through(&self, last: Position) -> Step {
        let rest = self.outstanding.iter().skip_while(|event| event.position <= last.0);
        let next = rest.into_iter().find(|event| !event.done);
        let to = next.map_or(self.read.max(last), |next| Position(next.position - 1));
        Step::Checkpoint { to, passed: self.marks.range(..=to.0).copied().collect() }
    }

    /// Whether the step can wait, if the unit has nothing else to say: events that had no effect may come again.
    pub fn can_wait(&self, step: &Step) -> bool {
        match step {
            Step::Checkpoint { to, .. } => to.0 - self.stored.0 < LAZY,
            Step::Mark { .. } => true,
        }
    }

    /// Whether the checkpoint should be stored though nothing was written.
    pub fn is_late(&self) -> bool {
        let behind = self.position().0 - self.stored.0;
        (self.dirty && behind >= LAZY) || behind >= FOREIGN
    }

    /// The checkpoint that the store should have when there is nothing else to do. Only asked while nothing is being committed.
    pub fn flush(&self) -> Option<Step> {
        let to = self.position();
        // A mark may have come to the store after the checkpoint had passed it.
        let is_passed = self.marks.first().is_some_and(|mark| *mark <= to.0);
        let due = (self.dirty && to > self.stored) || to.0 - self.stored.0 >= FOREIGN || is_passed;
        due.then(|| Step::Checkpoint { to, passed: self.marks.range(..=to.0).copied().collect() })
    }

    /// Marks what only memory knows to be done behind an event that is not; of many events, the first.
    pub fn unmarked(&self) -> Option<Step> {
        let unmarked = self.idle.keys.range(self.position().0 + 1..).map(|(position, _)| *position);
        let mut before: Vec<u64> = unmarked.take(MARKS).collect();
        // Mutant `unmarked_at_the_stop`: what was done without an effect, behind an event that is not done, is done again by the next.
        let last = before.pop().filter(|_| !cfg!(mutant = "unmarked_at_the_stop"));
        last.map(|last| Step::Mark { of: Position(last), before })
    }

    /// Whether there may be so many of these that it should not wait for a second to be over.
    pub fn has_many_unmarked(&self) -> bool {
        self.idle.keys.len() as u64 >= 2 * LAZY
    }

    /// The events are done, and the step is in the store.
    pub fn stepped(&mut self, step: &Step) {
        match step {
            Step::Checkpoint { to, passed } => {
                self.stored = *to;
                // What was done beyond it meanwhile is marked, and passed when there is time.
                self.dirty = self.position() > *to;
                for mark in passed {
                    self.marks.remove(mark);
                }
                self.idle.pass(*to);
            }
            Step::Mark { of, before } => {
                for position in before.iter().copied().chain([of.0]) {
                    self.marks.insert(position);
                    self.idle.forget(position);
                }
            }
        }
    }

    /// The event is done, and the store does not hear of it.
    pub fn idle(&mut self, position: Position, key: &str) {
        self.idle.add(position, key);
        self.done(position);
    }

    /// The event is done.
    pub fn done(&mut self, position: Position) {
        self.dirty = true;
        if let Ok(index) = self.outstanding.binary_search_by_key(&position.0, |event| event.position) {
            self.outstanding[index].done = true;
        }
        while self.outstanding.front().is_some_and(|first| first.done) {
            self.outstanding.pop_front();
        }
    }
}

impl Idle {
    fn add(&mut self, position: Position, key: &str) {
        self.keys.insert(position.0, key.to_owned());
        self.positions.entry(key.to_owned()).or_default().push(position.0);
    }

    fn of(&self, key: &str) -> Vec<u64> {
        // Mutant `idle_again`: what was done without an effect is done again after what came behind it.
        if cfg!(mutant = "idle_again") { Vec::new() } else { self.positions.get(key).cloned().unwrap_or_default() }
    }

    fn forget(&mut self, position: u64) {
        let Some(key) = self.keys.remove(&position) else { return };
        let Some(positions) = self.positions.get_mut(&key) else { return };
        positions.retain(|of_key| *of_key != position);
        if positions.is_empty() {
            self.positions.remove(&key);
        }
    }

    /// The checkpoint has passed them.
    fn pass(&mut self, to: Position) {
        while let Some(first) = self.keys.first_key_value().map(|(first, _)| *first).filter(|first| *first <= to.0) {
            self.forget(first);
        }
    }
}

impl Step {
    /// Makes it a part of the unit.
    pub fn write(&self, subscriber: &str, unit: &mut Unit) {
        match self {
            Self::Checkpoint { to, passed } => {
                // Mutant `no_checkpoint`: after a crash nobody knows how far a subscriber has come.
                if !cfg!(mutant = "no_checkpoint") {
                    unit.checkpoint(subscriber, *to);
                }
                for mark in passed {
                    unit.delete::<Mark>(key(subscriber, Position(*mark)), Expected::Any);
                }
            }
            // Mutant `no_mark`: nobody knows after a crash what was done beyond the checkpoint, so it is done twice.
            Self::Mark { .. } if cfg!(mutant = "no_mark") => {}
            Self::Mark { of, before } => {
                for position in before.iter().copied().map(Position).chain([*of]) {
                    unit.put(key(subscriber, position), &Mark {}, Expected::Any);
                }
            }
        }
    }
}

/// What belongs to one subscriber and one event, in the order of the log.
pub(crate) fn key(subscriber: &str, position: Position) -> String {
    format!("{subscriber}/{:020}", position.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(admitted: &[u64]) -> Progress {
        let mut progress = Progress::default();
        admitted.iter().for_each(|position| progress.admit(Position(*position), DateTime::UNIX_EPOCH));
        progress
    }

    fn checkpoint(to: u64, passed: &[u64]) -> Step {
        Step::Checkpoint { to: Position(to), passed: passed.to_vec() }
    }

    fn mark(of: u64, before: &[u64]) -> Step {
        Step::Mark { of: Position(of), before: before.to_vec() }
    }

    fn finish(progress: &mut Progress, position: u64) -> Step {
        let step = progress.step(Position(position), "k");
        progress.done(Position(position));
        progress.stepped(&step);
        step
    }

    #[test]
    fn only_the_first_moves_the_checkpoint_and_over_all_that_is_done() {
        let mut progress = progress(&[1, 3, 4, 7]);
        assert_eq!(finish(&mut progress, 4), mark(4, &[]));
        assert_eq!(finish(&mut progress, 3), mark(3, &[]));
        assert_eq!(finish(&mut progress, 1), checkpoint(6, &[3, 4]));
        assert_eq!(progress.position(), Position(6));
        assert_eq!(finish(&mut progress, 7), checkpoint(7, &[]));
        assert!(progress.flush().is_none() && progress.outstanding() == 0 && !progress.has_marks());
    }

    /// The first of all is being committed: what is done meanwhile cannot be passed by it.
    #[test]
    fn what_ends_during_a_commit_is_marked() {
        let mut progress = progress(&[1, 2]);
        let first = progress.step(Position(1), "k");
        assert_eq!(finish(&mut progress, 2), mark(2, &[]));
        progress.done(Position(1));
        progress.stepped(&first);
        assert_eq!((first, progress.stored, progress.position()), (checkpoint(1, &[]), Position(1), Position(2)));
        assert_eq!(progress.flush(), Some(checkpoint(2, &[2])), "the mark is passed when there is time");
        progress.pass(Position(9), true);
        assert_eq!(progress.flush(), Some(checkpoint(9, &[2])));
    }

    #[test]
    fn what_was_done_without_an_effect_is_marked_with_the_next_of_its_key() {
        let mut progress = progress(&[1, 2, 3, 4, 5, 6, 7]);
        for (position, key) in [(2, "k"), (3, "other"), (4, "k")] {
            progress.idle(Position(position), key);
        }
        assert_eq!(finish(&mut progress, 5), mark(5, &[2, 4]));
        assert_eq!(finish(&mut progress, 6), mark(6, &[]), "once");
        assert_eq!(finish(&mut progress, 1), checkpoint(6, &[2, 4, 5, 6]));
        assert_eq!(progress.idle, Idle::default(), "the other one was passed");
    }

    /// It is passed, and the store does not have that yet.
    #[test]
    fn what_a_checkpoint_has_not_passed_in_the_store_is_marked() {
        let mut progress = progress(&[1, 2, 3]);
        progress.idle(Position(1), "k");
        assert_eq!((progress.position(), progress.stored), (Position(1), Position(0)));
        assert_eq!(finish(&mut progress, 3), mark(3, &[1]));
    }
}
