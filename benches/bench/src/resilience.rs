//! The breaker beside breakers of others, as a value and as a layer, and a retry that has nothing to do.

use std::{future::poll_fn, hint::black_box, sync::Arc, time::Instant};

use kernel::{Error, ErrorKind, SystemClock};
use resilience::{
    Breaker, BreakerOptions, BreakerState, Breakers, Outcome, Retry, RetryBudget, RetryBudgetOptions, RetryOptions,
    WindowOptions,
};
use tokio::runtime::{Builder, Runtime};
use tower::{Layer, Service};

use crate::{
    case::{Case, Contender, Failure, Race, Setting, per_loop, per_op, per_op_on_threads},
    peer,
    row::Unit::NanosPerOp,
};

/// Samples take 20 milliseconds each, so there can be many.
const RUNS: usize = 21;

/// As the contenders that can.
const COUNT: WindowOptions = WindowOptions::Count { calls: 100, failures: 50 };
const RATE: WindowOptions = WindowOptions::Rate { over_ms: 10_000, at_least: 100, percent: 50 };

pub fn cases(setting: &Setting) -> Vec<Case> {
    let beside = |name, reference, question, subject| beside_a_peer(name, reference, question, setting, subject);
    let cases = [
        beside("resilience/breaker", "recloser", "call", || {
            let breaker = breaker(COUNT)?;
            Ok(per_op(move || call(&breaker, succeed)))
        }),
        beside("resilience/breaker@2-threads", "recloser", "call@2-threads", || {
            let breaker = breaker(COUNT)?;
            Ok(per_op_on_threads(2, move || call(&breaker, succeed)))
        }),
        beside("resilience/breaker@a-16th-fails", "recloser", "sixteen", || {
            let breaker = breaker(COUNT)?;
            Ok(per_op(move || sixteen(&breaker)))
        }),
        beside("resilience/breaker@a-16th-fails-2-threads", "recloser", "sixteen@2-threads", || {
            let breaker = breaker(COUNT)?;
            Ok(per_op_on_threads(2, move || sixteen(&breaker)))
        }),
        beside("resilience/breaker@rate-window", "failsafe", "call", || {
            let breaker = breaker(RATE)?;
            Ok(per_op(move || call(&breaker, succeed)))
        }),
        beside("resilience/breaker@rate-window-2-threads", "failsafe", "call@2-threads", || {
            let breaker = breaker(RATE)?;
            Ok(per_op_on_threads(2, move || call(&breaker, succeed)))
        }),
        beside("resilience/breaker-layer", "tower-resilience", "call", layer),
        beside("resilience/retry", "backon", "call", retry),
    ];
    cases.into_iter().map(|case| case.runs(RUNS)).collect()
}

/// A case of which the reference is in `benches/peers/resilience`; alone when that was not built.
fn beside_a_peer(
    name: &'static str,
    reference: &'static str,
    question: &'static str,
    setting: &Setting,
    subject: fn() -> Result<Contender, Failure>,
) -> Case {
    let peer = setting.peers.get("resilience").cloned();
    Case::new(name, NanosPerOp, peer.is_some().then_some(reference), move |_| {
        let subject = subject()?;
        Ok(match peer {
            Some(program) => Race::between(subject, peer::contender(&program, [reference], question)?),
            None => Race::alone(subject),
        })
    })
}

/// A closed one.
///
/// # Panics
/// If it does not guard anything, which would be quick and worthless.
fn breaker(window: WindowOptions) -> Result<Breaker, Failure> {
    let options = BreakerOptions { window, ..BreakerOptions::default() };
    let breakers = Breakers::try_new(options, Arc::new(SystemClock))?;
    let failing = breakers.of("failing")?;
    for _ in 0..100 {
        call(&failing, fail).ok();
    }
    assert_eq!(failing.status().state, BreakerState::Open, "it opens");
    Ok(breakers.of("measured")?)
}

#[inline(never)]
fn succeed() -> Result<u64, ()> {
    black_box(Ok(1))
}

#[inline(never)]
fn fail() -> Result<u64, ()> {
    black_box(Err(()))
}

/// As the contenders do it: asks, calls, says how it ended.
#[inline]
fn call(breaker: &Breaker, op: impl FnOnce() -> Result<u64, ()>) -> Result<u64, ()> {
    let permit = breaker.admit().map_err(|_| ())?;
    let result = op();
    permit.record(if result.is_ok() { Outcome::Success } else { Outcome::Failure });
    result
}

fn sixteen(breaker: &Breaker) {
    for _ in 0..15 {
        black_box(call(breaker, succeed)).ok();
    }
    black_box(call(breaker, fail)).ok();
}

fn layer() -> Result<Contender, Failure> {
    let mut service = breaker(COUNT)?.layer(tower::service_fn(|_: u64| async { answer() }));
    let runtime = runtime()?;
    Ok(per_loop(move |times| {
        let start = Instant::now();
        runtime.block_on(async {
            for _ in 0..times {
                poll_fn(|cx| Service::<u64>::poll_ready(&mut service, cx)).await.ok();
                black_box(service.call(1).await).ok();
            }
        });
        start.elapsed()
    }))
}

fn retry() -> Result<Contender, Failure> {
    let budget = RetryBudget::try_new(&RetryBudgetOptions::default())?;
    let retry = Retry::try_new("measured", &RetryOptions::default(), budget, 42)?;
    let runtime = runtime()?;
    Ok(per_loop(move |times| {
        let start = Instant::now();
        runtime.block_on(async {
            for _ in 0..times {
                black_box(retry.run(|| async { answer() }).await).ok();
            }
        });
        start.elapsed()
    }))
}

fn answer() -> Result<u64, Error> {
    succeed().map_err(|()| Error::new(ErrorKind::Unavailable, "not now"))
}

fn runtime() -> Result<Runtime, Failure> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_guards_its_calls() {
        let mut contenders = [layer().unwrap(), retry().unwrap()];
        assert!(contenders.iter_mut().all(|contender| contender.sample().unwrap() > 0.0));
        for window in [COUNT, RATE] {
            let breaker = breaker(window).unwrap();
            sixteen(&breaker);
            assert_eq!(breaker.status().state, BreakerState::Closed);
        }
    }
}
