//! The state machine of a breaker. It knows no clock, no names and nobody who is told of its changes, so that it can be
//! compiled and run for itself.

use chrono::{DateTime, TimeDelta, Utc};

use super::window::{Outcome, Window};
use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering::Relaxed, PoisonError};

/// Whether calls pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// They pass, and their outcomes are looked at.
    Closed,
    /// None passes.
    Open,
    /// A few pass as probes; what becomes of them decides.
    HalfOpen,
}

/// Lets calls through or not by the outcomes of earlier ones.
///
/// A healthy target costs one load for each admission and one for each success: as long as no failure is left in a count
/// window, a success would push out another success, which changes nothing. The one word that is read has the generation,
/// which moves on with each change of state, and the countdown, the number of successes until the window has no failure
/// left. The generation is written under the lock only; the countdown goes down without it and up under it.
///
/// The word alone decides what a call may do, and all else is read under the lock: no ordering but `Relaxed` is needed.
pub struct Circuit {
    word: AtomicU64,
    inside: Mutex<Inside>,
    /// Where the countdown starts on a failure; none for a window that cannot do without its successes.
    countdown: Option<u32>,
    open_for: TimeDelta,
    probes: u32,
}

struct Inside {
    since: DateTime<Utc>,
    window: Window,
    /// Probes that may still start, and those that succeeded.
    free: u32,
    passed: u32,
}

/// The generation in which a call was admitted: its outcome counts in no later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token(u32);

/// Since when no call passes, and until when at the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    pub state: State,
    pub since: DateTime<Utc>,
    pub retry_at: DateTime<Utc>,
}

impl Circuit {
    pub fn new(window: Window, open_for: TimeDelta, probes: u32, now: DateTime<Utc>) -> Self {
        let countdown = match &window {
            Window::Count(window) => Some(window.calls()),
            Window::Rate(_) => None,
        };
        let inside = Mutex::new(Inside { since: now, window, free: 0, passed: 0 });
        Self { word: AtomicU64::new(word(Token::new(State::Closed), 0)), inside, countdown, open_for, probes }
    }

    /// `changed` is told of a change of state under the lock, so that it hears of them in their order. It must not come back.
    #[inline]
    pub fn admit(
        &self,
        now: impl FnOnce() -> DateTime<Utc>,
        changed: impl FnOnce(State, DateTime<Utc>),
    ) -> Result<Token, Refusal> {
        let (generation, _) = split(self.word.load(Relaxed));
        match generation.state() {
            State::Closed => Ok(generation),
            State::Open | State::HalfOpen => self.admit_a_probe(now, changed),
        }
    }

    /// Takes in how a call ended, or that it was given up, which says nothing about the target.
    #[inline]
    pub fn settle(
        &self,
        token: Token,
        outcome: Option<Outcome>,
        now: impl FnOnce() -> DateTime<Utc>,
        changed: impl FnOnce(State, DateTime<Utc>),
    ) {
        match (token.state(), outcome) {
            (State::Closed, None) => {}
            (State::Closed, Some(Outcome::Success)) if self.countdown.is_some() => self.count_down(token),
            _ => self.settle_inside(token, outcome, now, changed),
        }
    }

    /// What is, and until when it lasts. An open circuit stays open until somebody asks to be let through.
    pub fn status(&self) -> Refusal {
        let inside = self.lock();
        self.refusal(&inside)
    }

    #[inline]
    fn count_down(&self, token: Token) {
        let mut seen = self.word.load(Relaxed);
        while let (generation, 1..) = split(seen)
            && generation == token
        {
            match self.word.compare_exchange_weak(seen, seen - 1, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(other) => seen = other,
            }
        }
    }

    #[cold]
    fn admit_a_probe(
        &self,
        now: impl FnOnce() -> DateTime<Utc>,
        changed: impl FnOnce(State, DateTime<Utc>),
    ) -> Result<Token, Refusal> {
        let mut inside = self.lock();
        let now = now();
        // The clock was set back: the wait starts anew and does not grow by that.
        inside.since = inside.since.min(now);
        let over = now - inside.since >= self.open_for;
        match self.generation().state() {
            State::Closed => return Ok(self.generation()),
            State::Open if over => self.enter(State::HalfOpen, &mut inside, now, changed),
            // Whoever has the probes will not say any more: that is an answer too.
            State::HalfOpen if over && inside.free == 0 => self.enter(State::Open, &mut inside, now, changed),
            State::Open | State::HalfOpen => {}
        }
        if self.generation().state() == State::HalfOpen && inside.free > 0 {
            inside.free -= 1;
            return Ok(self.generation());
        }
        Err(self.refusal(&inside))
    }

    fn settle_inside(
        &self,
        token: Token,
        outcome: Option<Outcome>,
        now: impl FnOnce() -> DateTime<Utc>,
        changed: impl FnOnce(State, DateTime<Utc>),
    ) {
        let mut inside = self.lock();
        // Mutant `late_outcomes_count`: calls that were let through in an earlier state open or close the circuit.
        if self.generation() != token && !cfg!(mutant = "late_outcomes_count") {
            return;
        }
        let next = match (token.state(), outcome) {
            (State::Closed, Some(outcome)) => self.too_many(token, outcome, &mut inside.window, now),
            (State::HalfOpen, None) => {
                // Mutant `cancelled_probes_are_lost`: a probe that was given up is never let through again.
                inside.free += u32::from(!cfg!(mutant = "cancelled_probes_are_lost"));
                None
            }
            (State::HalfOpen, Some(Outcome::Success)) => {
                inside.passed += 1;
                (inside.passed == self.probes).then(|| (State::Closed, now()))
            }
            (State::HalfOpen, Some(Outcome::Failure)) => Some((State::Open, now())),
            (State::Closed, None) | (State::Open, _) => None,
        };
        if let Some((state, now)) = next {
            self.enter(state, &mut inside, now, changed);
        }
    }

    fn too_many(
        &self,
        token: Token,
        outcome: Outcome,
        window: &mut Window,
        now: impl FnOnce() -> DateTime<Utc>,
    ) -> Option<(State, DateTime<Utc>)> {
        match (window, outcome) {
            (Window::Rate(window), outcome) => {
                let now = now();
                window.record(outcome, now).then_some((State::Open, now))
            }
            (Window::Count(window), Outcome::Failure) => {
                let (_, left) = split(self.word.swap(word(token, window.calls()), Relaxed));
                window.fail(window.calls() - left).then(|| (State::Open, now()))
            }
            (Window::Count(_), Outcome::Success) => None,
        }
    }

    fn enter(&self, state: State, inside: &mut Inside, now: DateTime<Utc>, changed: impl FnOnce(State, DateTime<Utc>)) {
        inside.since = now;
        inside.window.clear();
        inside.free = self.probes;
        inside.passed = 0;
        self.word.store(word(self.generation().next(state), 0), Relaxed);
        changed(state, now);
    }

    fn refusal(&self, inside: &Inside) -> Refusal {
        Refusal { state: self.generation().state(), since: inside.since, retry_at: inside.since + self.open_for }
    }

    /// Does not change while the lock is held.
    fn generation(&self) -> Token {
        split(self.word.load(Relaxed)).0
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        // Only the clock could panic here, and what it would leave behind is a state that calls can go on from.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state stands in the two lowest bits. They come round after 2^30 changes of state, for which no call waits.
impl Token {
    fn new(state: State) -> Self {
        Self(state as u32)
    }

    fn next(self, state: State) -> Self {
        Self((self.0 | 3).wrapping_add(1) | state as u32)
    }

    #[inline]
    fn state(self) -> State {
        match self.0 & 3 {
            0 => State::Closed,
            1 => State::Open,
            _ => State::HalfOpen,
        }
    }
}

fn word(generation: Token, countdown: u32) -> u64 {
    u64::from(generation.0) << 32 | u64::from(countdown)
}

#[inline]
fn split(word: u64) -> (Token, u32) {
    (Token((word >> 32) as u32), word as u32)
}
