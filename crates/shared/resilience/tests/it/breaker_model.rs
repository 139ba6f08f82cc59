//! Random calls, ends and waits against a model that keeps everything that happened and counts it anew each time.

use std::sync::Arc;

use chrono::TimeDelta;
use kernel::ManualClock;
use proptest::{
    collection,
    prelude::*,
    sample::Index,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner},
};
use resilience::{Breaker, BreakerOptions, BreakerState, Breakers, Outcome, Permit, WindowOptions};

use BreakerState::{Closed, HalfOpen, Open};

#[derive(Debug, Clone)]
enum Step {
    Call,
    /// One of the calls that run; without an outcome it is cancelled.
    End(Index, Option<Outcome>),
    Wait(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![4 => Just(Some(Outcome::Failure)), 4 => Just(Some(Outcome::Success)), 1 => Just(None)];
    prop_oneof![
        4 => Just(Step::Call),
        4 => (any::<Index>(), outcome).prop_map(|(call, outcome)| Step::End(call, outcome)),
        2 => prop_oneof![0_u32..4, 0_u32..60].prop_map(Step::Wait),
    ]
}

fn options() -> impl Strategy<Value = BreakerOptions> {
    let count = (1_u32..6).prop_flat_map(|calls| (Just(calls), 1..=calls));
    let count = count.prop_map(|(calls, failures)| WindowOptions::Count { calls, failures });
    let rate = (10_u32..60, 1_u32..5, 1_u32..=100);
    let rate = rate.prop_map(|(over_ms, at_least, percent)| WindowOptions::Rate { over_ms, at_least, percent });
    (prop_oneof![count, rate], 1_u32..40, 1_u32..4).prop_map(|(window, open_ms, probes)| BreakerOptions {
        window,
        open_ms,
        probes,
        targets: 1,
    })
}

// ---- the naive side

struct Model {
    options: BreakerOptions,
    now: i64,
    /// Each state that it had, and since when.
    states: Vec<(BreakerState, i64)>,
    calls: Vec<Called>,
}

struct Called {
    /// Number of the state in which it was let through.
    within: usize,
    /// The order of the ends, when it was, how.
    end: Option<(usize, i64, Option<Outcome>)>,
}

impl Model {
    fn state(&self) -> BreakerState {
        self.states.last().unwrap().0
    }

    /// The calls of the present state.
    fn present(&self) -> impl Iterator<Item = &Called> {
        self.calls.iter().filter(|call| call.within == self.states.len())
    }

    /// Those of them that have come to an outcome, in the order of that, and when.
    fn outcomes(&self) -> Vec<(i64, Outcome)> {
        let mut ends: Vec<_> = self.present().filter_map(|call| call.end).collect();
        ends.sort_by_key(|end| end.0);
        ends.into_iter().filter_map(|(_, at, outcome)| Some((at, outcome?))).collect()
    }

    fn free_probes(&self) -> usize {
        let taken = self.present().filter(|call| !matches!(call.end, Some((_, _, None)))).count();
        self.options.probes as usize - taken
    }

    fn call(&mut self) -> bool {
        let over = self.now - self.states.last().unwrap().1 >= i64::from(self.options.open_ms);
        match self.state() {
            Open if over => self.states.push((HalfOpen, self.now)),
            HalfOpen if over && self.free_probes() == 0 => self.states.push((Open, self.now)),
            Closed | Open | HalfOpen => {}
        }
        let passes = match self.state() {
            Closed => true,
            Open => false,
            HalfOpen => self.free_probes() > 0,
        };
        if passes {
            self.calls.push(Called { within: self.states.len(), end: None });
        }
        passes
    }

    fn end(&mut self, call: usize, outcome: Option<Outcome>) {
        let order = self.calls.iter().filter(|call| call.end.is_some()).count();
        self.calls[call].end = Some((order, self.now, outcome));
        if self.calls[call].within != self.states.len() {
            return;
        }
        let failed = outcome == Some(Outcome::Failure);
        let next = match self.state() {
            Closed => (failed && self.too_many()).then_some(Open),
            HalfOpen if failed => Some(Open),
            HalfOpen => (self.outcomes().len() == self.options.probes as usize).then_some(Closed),
            Open => None,
        };
        self.states.extend(next.map(|state| (state, self.now)));
    }

    fn too_many(&self) -> bool {
        let outcomes = self.outcomes();
        let failures = |of: &[(i64, Outcome)]| of.iter().filter(|end| end.1 == Outcome::Failure).count();
        match self.options.window {
            WindowOptions::Count { calls, failures: too_many } => {
                let last = &outcomes[outcomes.len().saturating_sub(calls as usize)..];
                failures(last) >= too_many as usize
            }
            WindowOptions::Rate { over_ms, at_least, percent } => {
                let tenth = |at: i64| at / i64::from(over_ms.div_ceil(10));
                let last = outcomes.into_iter().filter(|end| tenth(end.0) + 10 > tenth(self.now));
                let last: Vec<_> = last.collect();
                let share = 100.0 * failures(&last) as f64 / last.len() as f64;
                last.len() >= at_least as usize && share >= f64::from(percent)
            }
        }
    }
}

// ---- the real side, whole or with something wrong

/// What is done to the options, and to a cancelled call.
type Wrong = fn(&mut BreakerOptions);
type Cancel = fn(Permit<Breaker>);

fn agree(expected: BreakerOptions, real: BreakerOptions, cancel: Cancel, steps: &[Step]) -> Result<(), TestCaseError> {
    let clock = Arc::new(ManualClock::default());
    let breakers = Breakers::try_new(real, Arc::clone(&clock) as _).unwrap();
    let mut changes = breakers.changes();
    let breaker = breakers.of("target").unwrap();
    let mut running: Vec<(usize, Permit<Breaker>)> = Vec::new();
    let mut model = Model { options: expected, now: 0, states: vec![(Closed, 0)], calls: Vec::new() };
    for step in steps {
        match step {
            Step::Call => {
                let permit = breaker.admit_owned();
                prop_assert_eq!(permit.is_ok(), model.call());
                running.extend(permit.ok().map(|permit| (model.calls.len() - 1, permit)));
            }
            Step::End(..) if running.is_empty() => {}
            Step::End(index, outcome) => {
                let (call, permit) = running.swap_remove(index.index(running.len()));
                match *outcome {
                    Some(outcome) => permit.record(outcome),
                    None => cancel(permit),
                }
                model.end(call, *outcome);
            }
            Step::Wait(ms) => {
                clock.advance(TimeDelta::milliseconds(i64::from(*ms)));
                model.now += i64::from(*ms);
            }
        }
        prop_assert_eq!(breaker.status().state, model.state());
    }
    let heard = std::iter::from_fn(|| changes.try_recv().ok());
    let heard: Vec<_> = heard.map(|change| (change.state, change.at.timestamp_millis())).collect();
    prop_assert_eq!(&heard, &model.states[1..]);
    Ok(())
}

proptest! {
    #![proptest_config(Config { cases: 2_000, failure_persistence: None, ..Config::default() })]
    #[test]
    fn a_breaker_does_what_the_model_does(options in options(), steps in collection::vec(step(), 1..80)) {
        agree(options.clone(), options, drop, &steps)?;
    }
}

/// Whether the same comparison finds what is wrong.
fn found(wrong: Wrong, cancel: Cancel) -> bool {
    let config = Config { cases: 2_000, failure_persistence: None, max_shrink_iters: 0, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let run = runner.run(&(options(), collection::vec(step(), 1..80)), |(options, steps)| {
        let mut real = options.clone();
        wrong(&mut real);
        agree(options, real, cancel, &steps)
    });
    run.is_err()
}

#[test]
fn the_model_finds_breakers_that_are_wrong() {
    let wrong: [(&str, Wrong); 8] = [
        ("window longer", |o| {
            if let WindowOptions::Count { calls, .. } = &mut o.window {
                *calls += 1
            }
        }),
        ("failures more", |o| {
            if let WindowOptions::Count { calls, failures } = &mut o.window
                && failures < calls
            {
                *failures += 1
            }
        }),
        ("failures fewer", |o| {
            if let WindowOptions::Count { failures: failures @ 2.., .. } = &mut o.window {
                *failures -= 1
            }
        }),
        ("span longer", |o| {
            if let WindowOptions::Rate { over_ms, .. } = &mut o.window {
                *over_ms += 10
            }
        }),
        ("decides later", |o| {
            if let WindowOptions::Rate { at_least, .. } = &mut o.window {
                *at_least += 1
            }
        }),
        ("share greater", |o| {
            if let WindowOptions::Rate { percent: percent @ ..100, .. } = &mut o.window {
                *percent += 1
            }
        }),
        ("open longer", |o| o.open_ms += 1),
        ("a probe more", |o| o.probes += 1),
    ];
    for (what, wrong) in wrong {
        assert!(found(wrong, drop), "{what}");
    }
    let cancels: [(&str, Cancel); 3] = [
        ("a probe leaks", std::mem::forget),
        ("cancelled is success", |permit| permit.record(Outcome::Success)),
        ("cancelled is failure", |permit| permit.record(Outcome::Failure)),
    ];
    for (what, cancel) in cancels {
        assert!(found(|_| {}, cancel), "{what}");
    }
    assert!(!found(|_| {}, drop), "and nothing where nothing is wrong");
}
