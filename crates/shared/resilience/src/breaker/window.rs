use std::collections::VecDeque;

use chrono::{DateTime, Utc};

/// How a call to a target ended, as far as the target is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The target did its work; a refusal of what the caller sent is a success.
    Success,
    /// The target did not.
    Failure,
}

/// What is remembered of the outcomes while calls pass. Both kinds say "too many" on a failure only.
pub enum Window {
    Count(CountWindow),
    Rate(RateWindow),
}

impl Window {
    pub fn clear(&mut self) {
        match self {
            Self::Count(window) => window.places.clear(),
            Self::Rate(window) => window.slots.clear(),
        }
    }
}

/// The places of the failures among the last `calls` outcomes. Successes are not stored, only how many lay between.
pub struct CountWindow {
    calls: u32,
    failures: usize,
    /// Ascending, the newest one last.
    places: VecDeque<u64>,
    last: u64,
}

impl CountWindow {
    pub fn new(calls: u32, failures: u32) -> Self {
        let failures = failures as usize;
        Self { calls, failures, places: VecDeque::with_capacity(failures), last: 0 }
    }

    pub fn calls(&self) -> u32 {
        self.calls
    }

    /// Takes in a failure that came so many successes after the one before; `calls` stands for that many or more. Whether
    /// these are too many failures.
    pub fn fail(&mut self, successes_between: u32) -> bool {
        self.last += u64::from(successes_between) + 1;
        while self.places.front().is_some_and(|place| self.last - place >= u64::from(self.calls)) {
            self.places.pop_front();
        }
        self.places.push_back(self.last);
        self.places.len() >= self.failures
    }
}

/// The outcomes of the last tenths of a span of time.
pub struct RateWindow {
    slot_ms: i64,
    at_least: u32,
    percent: u32,
    /// Ascending by tick, one for each tick that had an outcome.
    slots: VecDeque<Slot>,
}

struct Slot {
    tick: i64,
    calls: u64,
    failures: u64,
}

/// A window forgets in steps of a slot.
const SLOTS: i64 = 10;

impl RateWindow {
    pub fn new(over_ms: u32, at_least: u32, percent: u32) -> Self {
        Self { slot_ms: i64::from(over_ms.div_ceil(10)), at_least, percent, slots: VecDeque::new() }
    }

    /// Takes in an outcome. Whether these are too many failures.
    pub fn record(&mut self, outcome: Outcome, now: DateTime<Utc>) -> bool {
        let tick = now.timestamp_millis().div_euclid(self.slot_ms);
        while self.slots.front().is_some_and(|slot| slot.tick <= tick - SLOTS) {
            self.slots.pop_front();
        }
        // The clock was set back: what lies ahead of it would stay for as long as it was set back by.
        while self.slots.back().is_some_and(|slot| slot.tick > tick) {
            self.slots.pop_back();
        }
        if self.slots.back().is_none_or(|slot| slot.tick < tick) {
            self.slots.push_back(Slot { tick, calls: 0, failures: 0 });
        }
        let newest = self.slots.back_mut().expect("the slot of this tick was pushed if it was not there");
        newest.calls += 1;
        if outcome == Outcome::Success {
            return false;
        }
        newest.failures += 1;
        let calls: u64 = self.slots.iter().map(|slot| slot.calls).sum();
        let failures: u64 = self.slots.iter().map(|slot| slot.failures).sum();
        calls >= u64::from(self.at_least) && failures * 100 >= calls * u64::from(self.percent)
    }
}
