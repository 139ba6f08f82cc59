//! The state machine of a breaker under a scheduler that chooses who goes on: all ways where they are few, many random ones
//! where they are not.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use shuttle::{
    check_dfs, check_random,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    thread,
};

use crate::machine::{
    circuit::{Circuit, State, Token},
    window::{CountWindow, Outcome, Window},
};

const WAYS: usize = 1_000;

/// A circuit at a point in time, with those who are told of its changes.
struct Line {
    circuit: Circuit,
    now: Mutex<DateTime<Utc>>,
    changes: Mutex<Vec<State>>,
}

impl Line {
    fn closed(calls: u32, failures: u32, probes: u32) -> Arc<Self> {
        let now = DateTime::UNIX_EPOCH;
        let circuit = Circuit::new(Window::Count(CountWindow::new(calls, failures)), SECOND, probes, now);
        Arc::new(Self { circuit, now: Mutex::new(now), changes: Mutex::default() })
    }

    /// The next call is the first probe.
    fn due(probes: u32) -> Arc<Self> {
        let line = Self::closed(1, 1, probes);
        line.settle(line.admit().unwrap(), Some(Outcome::Failure));
        line.wait();
        line.changes.lock().unwrap().clear();
        line
    }

    fn wait(&self) {
        *self.now.lock().unwrap() += SECOND;
    }

    fn admit(&self) -> Option<Token> {
        self.circuit.admit(|| *self.now.lock().unwrap(), |state, _| self.changes.lock().unwrap().push(state)).ok()
    }

    fn settle(&self, token: Token, outcome: Option<Outcome>) {
        let changed = |state, _| self.changes.lock().unwrap().push(state);
        self.circuit.settle(token, outcome, || *self.now.lock().unwrap(), changed);
    }

    fn call(&self, outcome: Outcome) -> bool {
        let token = self.admit();
        token.is_some_and(|token| {
            self.settle(token, Some(outcome));
            true
        })
    }

    fn changes(&self) -> Vec<State> {
        self.changes.lock().unwrap().clone()
    }
}

const SECOND: TimeDelta = TimeDelta::seconds(1);

fn at_once<T: Send + 'static>(line: &Arc<Line>, threads: usize, each: fn(&Line, usize) -> T) -> Vec<T> {
    let start = |n| {
        let line = Arc::clone(line);
        thread::spawn(move || each(&line, n))
    };
    let running: Vec<_> = (0..threads).map(start).collect();
    running.into_iter().map(|thread| thread.join().unwrap()).collect()
}

#[test]
fn exactly_so_many_probes_pass() {
    let probes_of_four = || {
        let line = Line::due(2);
        let passed = at_once(&line, 4, |line, _| line.admit().is_some());
        assert_eq!(passed.iter().filter(|passed| **passed).count(), 2);
        assert_eq!(line.changes(), [State::HalfOpen]);
    };
    check_random(probes_of_four, WAYS);
    check_dfs(
        || {
            let line = Line::due(1);
            let passed = at_once(&line, 2, |line, _| line.admit().is_some());
            assert_ne!(passed[0], passed[1]);
        },
        None,
    );
}

#[test]
fn cancelled_probes_come_back_all_of_them_and_once() {
    check_random(
        || {
            let line = Line::due(2);
            let (under_way, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
            let cancel = |_: usize| {
                let (line, under_way, most) = (Arc::clone(&line), Arc::clone(&under_way), Arc::clone(&most));
                thread::spawn(move || {
                    if let Some(token) = line.admit() {
                        most.fetch_max(under_way.fetch_add(1, SeqCst) + 1, SeqCst);
                        under_way.fetch_sub(1, SeqCst);
                        line.settle(token, None);
                    }
                })
            };
            let running: Vec<_> = (0..4).map(cancel).collect();
            running.into_iter().for_each(|thread| thread.join().unwrap());
            assert!(most.load(SeqCst) <= 2);
            let passes: Vec<_> = (0..3).map(|_| line.admit().is_some()).collect();
            assert_eq!(passes, [true, true, false]);
        },
        WAYS,
    );
}

#[test]
fn the_probes_decide_once() {
    check_random(
        || {
            let line = Line::due(2);
            at_once(&line, 3, |line, _| line.call(Outcome::Success));
            assert_eq!(line.changes(), [State::HalfOpen, State::Closed]);
        },
        WAYS,
    );
    check_random(
        || {
            let line = Line::due(3);
            let outcomes = |n| [Outcome::Success, Outcome::Failure, Outcome::Failure][n];
            let tokens: Vec<_> = (0..3).map(|_| line.admit().unwrap()).collect();
            let end = |(n, token)| {
                let line = Arc::clone(&line);
                thread::spawn(move || line.settle(token, Some(outcomes(n))))
            };
            let running: Vec<_> = tokens.into_iter().enumerate().map(end).collect();
            running.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!(line.changes(), [State::HalfOpen, State::Open]);
        },
        WAYS,
    );
}

#[test]
fn failures_at_once_open_once() {
    check_random(
        || {
            let line = Line::closed(9, 2, 1);
            at_once(&line, 3, |line, _| line.call(Outcome::Failure));
            assert_eq!(line.changes(), [State::Open]);
        },
        WAYS,
    );
}

/// A failure, then successes at once, then a failure: together in a window of four unless three or more lie between.
#[test]
fn successes_at_once_are_all_counted() {
    fn opens_after<const SUCCESSES: usize>() -> bool {
        let line = Line::closed(4, 2, 1);
        line.call(Outcome::Failure);
        at_once(&line, SUCCESSES, |line, _| line.call(Outcome::Success));
        line.call(Outcome::Failure);
        line.changes() == [State::Open]
    }
    check_dfs(|| assert!(opens_after::<2>()), None);
    check_random(|| assert!(!opens_after::<3>()), WAYS);
}

/// In whatever order a failure and a success come, neither is lost: a window of four has three failures after one more, and
/// has not when another success comes before that.
#[test]
fn a_failure_amid_successes_is_counted_and_they_are() {
    fn opens_after(then: &[Outcome]) -> bool {
        let line = Line::closed(4, 3, 1);
        line.call(Outcome::Failure);
        at_once(&line, 2, |line, n| line.call([Outcome::Failure, Outcome::Success][n]));
        assert_eq!(line.changes(), []);
        then.iter().for_each(|outcome| assert!(line.call(*outcome)));
        line.changes() == [State::Open]
    }
    check_dfs(|| assert!(opens_after(&[Outcome::Failure])), None);
    check_dfs(|| assert!(!opens_after(&[Outcome::Success, Outcome::Failure])), None);
}

#[test]
fn an_outcome_of_the_past_does_not_count() {
    check_random(
        || {
            let line = Line::closed(1, 1, 1);
            let late = line.admit().unwrap();
            line.call(Outcome::Failure);
            line.wait();
            let other = {
                let line = Arc::clone(&line);
                thread::spawn(move || line.settle(late, Some(Outcome::Failure)))
            };
            assert!(line.call(Outcome::Success));
            other.join().unwrap();
            assert_eq!(line.changes(), [State::Open, State::HalfOpen, State::Closed]);
        },
        WAYS,
    );
}
