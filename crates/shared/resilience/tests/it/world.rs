use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::Poll,
    time::Duration,
};

use chrono::TimeDelta;
use kernel::{Error, ErrorKind, ManualClock};
use resilience::{
    Breaker, BreakerOptions, Breakers, Outcome, Retry, RetryBudget, RetryBudgetOptions, RetryOptions, WindowOptions,
};

/// Breakers on a clock that stands.
pub fn breakers(options: BreakerOptions) -> (Breakers, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::default());
    (Breakers::try_new(options, Arc::clone(&clock) as _).unwrap(), clock)
}

/// `failures` of the last `calls`; a second; so many probes.
pub fn count(calls: u32, failures: u32, probes: u32) -> BreakerOptions {
    BreakerOptions { window: WindowOptions::Count { calls, failures }, open_ms: 1_000, probes, targets: 4 }
}

/// A breaker whose next call is its first probe.
pub fn due_for_a_probe(probes: u32) -> (Breaker, Arc<ManualClock>) {
    let (breakers, clock) = breakers(count(1, 1, probes));
    let breaker = breakers.of("users").unwrap();
    breaker.admit().unwrap().record(Outcome::Failure);
    clock.advance(TimeDelta::seconds(1));
    (breaker, clock)
}

/// With a budget that nothing exhausts.
pub fn retry(attempts: u32) -> Retry {
    let options = RetryOptions { attempts, first_ms: 10, longest_ms: 100 };
    let budget = RetryBudgetOptions { per_second: 1_000, ..RetryBudgetOptions::default() };
    Retry::try_new("users", &options, RetryBudget::try_new(&budget).unwrap(), 7).unwrap()
}

pub fn error(kind: ErrorKind) -> Error {
    Error::new(kind, format!("{kind:?}"))
}

/// Answers how often it was called, or fails in the way that it is told.
#[derive(Clone, Default)]
pub struct Users {
    pub calls: Arc<AtomicU32>,
    pub fails: Option<ErrorKind>,
    pub takes: Duration,
}

impl Users {
    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    pub async fn ask(&self) -> Result<u32, Error> {
        let calls = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if !self.takes.is_zero() {
            tokio::time::sleep(self.takes).await;
        }
        self.fails.map_or(Ok(calls), |kind| Err(error(kind)))
    }
}

/// Polls once, whoever may be waiting for it.
pub async fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}
