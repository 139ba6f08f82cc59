//! Trying again: what may succeed later, after a wait with jitter, within a budget.

mod budget;
mod layer;
mod options;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use kernel::Error;
use metrics::Counter;

use crate::meters::Meters;

pub use self::{
    budget::RetryBudget,
    options::{RetryBudgetOptions, RetryOptions},
};

/// Tries calls to one target again; clones are handles of the same one.
///
/// As a [`tower::Layer`] it makes a [`tower::retry::Retry`] of a service whose requests can be cloned. A command that is tried
/// again is carried out twice unless it has an idempotency key.
#[derive(Clone)]
pub struct Retry {
    retries: fn(&Error) -> bool,
    inner: Arc<Inner>,
}

struct Inner {
    waits: ExponentialBuilder,
    longest: Duration,
    budget: RetryBudget,
    /// Of the jitter; each call that fails takes the next one.
    seed: AtomicU64,
    retried: Counter,
    out_of_attempts: Counter,
    out_of_budget: Counter,
}

/// The attempts of one call. A clone is about another call of which none has been made.
pub struct Attempts {
    retry: Retry,
    waits: Option<ExponentialBackoff>,
}

/// Why there is no further attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GiveUp {
    /// The same call would fail in the same way.
    Permanent,
    /// The error says that it is no use before more time than the longest wait has passed.
    Later,
    /// All attempts are used.
    Attempts,
    /// Too much of what is done is retries already.
    Budget,
}

impl Retry {
    /// For one target. The seed decides the jitter; in production it differs between processes.
    ///
    /// Attempts multiply where what is tried again tries again itself; all of them should take from one `budget`.
    ///
    /// # Errors
    /// All options that are wrong.
    pub fn try_new(
        target: impl Into<Arc<str>>,
        options: &RetryOptions,
        budget: RetryBudget,
        seed: u64,
    ) -> Result<Self, Error> {
        options.check()?;
        let target = target.into();
        let longest = Duration::from_millis(options.longest_ms.into());
        let waits = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(options.first_ms.into()))
            // The jitter comes on top: up to as much again.
            .with_max_delay(longest / 2)
            .with_max_times(options.attempts as usize - 1)
            .with_jitter();
        let meters = Meters::of(&target);
        let (retried, out_of_attempts, out_of_budget) =
            (meters.retries(), meters.given_up("attempts"), meters.given_up("budget"));
        let seed = AtomicU64::new(seed);
        let inner = Arc::new(Inner { waits, longest, budget, seed, retried, out_of_attempts, out_of_budget });
        Ok(Self { retries: |error| error.kind.is_transient(), inner })
    }

    /// Tries again after the errors that this says, instead of those that are [transient](kernel::ErrorKind::is_transient).
    #[must_use]
    pub fn on(self, retries: fn(&Error) -> bool) -> Self {
        Self { retries, ..self }
    }

    /// For a call that its caller makes and repeats.
    pub fn attempts(&self) -> Attempts {
        Attempts { retry: self.clone(), waits: None }
    }

    /// Calls until it succeeds or there is no further attempt; then it is the last error.
    ///
    /// # Cancel safety
    /// As the call; between two calls nothing is lost.
    pub async fn run<T, F: Future<Output = Result<T, Error>>>(&self, mut call: impl FnMut() -> F) -> Result<T, Error> {
        let mut attempts = self.attempts();
        loop {
            let error = match call().await {
                Ok(answer) => {
                    attempts.succeeded();
                    return Ok(answer);
                }
                Err(error) => error,
            };
            match attempts.after(&error) {
                Ok(wait) => tokio::time::sleep(wait).await,
                Err(_) => return Err(error),
            }
        }
    }
}

impl Attempts {
    /// How long to wait before the next attempt after this error, which comes on top of what the error itself says. It is
    /// taken from the budget: who asks makes it.
    pub fn after(&mut self, error: &Error) -> Result<Duration, GiveUp> {
        let next = self.next(error);
        let Inner { retried, out_of_attempts, out_of_budget, .. } = &*self.retry.inner;
        match next {
            Ok(_) => retried.increment(1),
            Err(GiveUp::Permanent | GiveUp::Later) => {}
            Err(GiveUp::Attempts) => out_of_attempts.increment(1),
            Err(GiveUp::Budget) => out_of_budget.increment(1),
        }
        next
    }

    /// Puts into the budget what a success is worth.
    pub fn succeeded(&self) {
        self.retry.inner.budget.deposit();
    }

    fn next(&mut self, error: &Error) -> Result<Duration, GiveUp> {
        if !(self.retry.retries)(error) {
            return Err(GiveUp::Permanent);
        }
        let Inner { waits, longest, budget, seed, .. } = &*self.retry.inner;
        let not_before = error.retry_after.unwrap_or_default();
        if not_before > *longest {
            return Err(GiveUp::Later);
        }
        let waits =
            self.waits.get_or_insert_with(|| waits.with_jitter_seed(seed.fetch_add(1, Ordering::Relaxed)).build());
        let wait = waits.next().ok_or(GiveUp::Attempts)?;
        if budget.withdraw() { Ok((not_before + wait).min(*longest)) } else { Err(GiveUp::Budget) }
    }
}

impl Clone for Attempts {
    fn clone(&self) -> Self {
        self.retry.attempts()
    }
}

impl fmt::Debug for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { waits, budget, .. } = &*self.inner;
        f.debug_struct("Retry").field("waits", waits).field("budget", budget).finish_non_exhaustive()
    }
}
