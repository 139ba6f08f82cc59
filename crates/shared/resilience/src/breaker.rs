//! A circuit breaker: a target that keeps failing is left alone for a while, then tried with a few probes.

mod circuit;
mod layer;
mod options;
mod registry;
mod window;

use std::{borrow::Borrow, fmt, sync::Arc, thread, time::Duration};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use kernel::{Clock, Error, ErrorKind};
use metrics::Counter;
use tokio::sync::broadcast;

pub use self::{
    circuit::State as BreakerState,
    layer::{BreakerCall, WithBreaker},
    options::{BreakerOptions, WindowOptions},
    registry::Breakers,
    window::Outcome,
};
use self::{
    circuit::{Circuit, Refusal, Token},
    window::{CountWindow, RateWindow, Window},
};
use crate::meters::Meters;

/// The breaker of one target; clones are handles of the same one. [`Breakers::of`] gives it.
///
/// As a [`tower::Layer`] it guards a service.
#[derive(Clone)]
pub struct Breaker(Arc<Inner>);

struct Inner {
    circuit: Circuit,
    target: Arc<str>,
    clock: Arc<dyn Clock>,
    changes: broadcast::Sender<BreakerChange>,
    /// By [`BreakerState`].
    changed: [Counter; 3],
    rejected: Counter,
}

/// A breaker has changed its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerChange {
    /// Whose breaker.
    pub target: Arc<str>,
    /// The state that it has now.
    pub state: BreakerState,
    /// When that began.
    pub at: DateTime<Utc>,
}

/// How a breaker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerStatus {
    /// Whose breaker.
    pub target: Arc<str>,
    /// An open breaker stays open until the next call that asks for admission, though its time may be over.
    pub state: BreakerState,
    /// When that began.
    pub since: DateTime<Utc>,
    /// When a call may pass at the latest; none while they all do.
    pub retry_at: Option<DateTime<Utc>>,
}

/// A call was not let through. As an [`Error`] it is [`ErrorKind::Unavailable`] with the code `resilience.open`, and says after
/// which time to try again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Rejected {
    /// What was not called.
    pub target: Arc<str>,
    /// Open, or half open with all probes under way.
    pub state: BreakerState,
    /// When that began.
    pub since: DateTime<Utc>,
    /// When a call may pass at the latest.
    pub retry_at: DateTime<Utc>,
    /// The time from now until then.
    pub retry_after: Duration,
}

/// A call that was let through, and says how it ended.
///
/// Dropped without an outcome it was cancelled: that says nothing about the target and counts for nothing, and the place of a
/// probe is free again. Dropped by a panic it has failed. An outcome that comes after the breaker has changed its state is
/// about the past and does not count.
#[must_use = "dropping it means that the call was cancelled"]
pub struct Permit<B: Borrow<Breaker>> {
    breaker: B,
    token: Token,
    outcome: Option<Outcome>,
}

impl Breaker {
    fn new(
        target: Arc<str>,
        options: &BreakerOptions,
        clock: Arc<dyn Clock>,
        changes: broadcast::Sender<BreakerChange>,
    ) -> Self {
        let window = match options.window {
            WindowOptions::Count { calls, failures } => Window::Count(CountWindow::new(calls, failures)),
            WindowOptions::Rate { over_ms, at_least, percent } => {
                Window::Rate(RateWindow::new(over_ms, at_least, percent))
            }
        };
        let open_for = TimeDelta::milliseconds(i64::from(options.open_ms));
        let circuit = Circuit::new(window, open_for, options.probes, clock.now());
        let meters = Meters::of(&target);
        let changed = ["closed", "open", "half_open"].map(|to| meters.changes(to));
        let rejected = meters.rejected("breaker");
        Self(Arc::new(Inner { circuit, target, clock, changes, changed, rejected }))
    }

    /// What it guards.
    pub fn target(&self) -> &str {
        &self.0.target
    }

    /// Lets a call through, or says when to try again.
    #[inline]
    pub fn admit(&self) -> Result<Permit<&Self>, Rejected> {
        let token = self.token()?;
        Ok(Permit { breaker: self, token, outcome: None })
    }

    /// As [`Breaker::admit`], for what must own its permit.
    pub fn admit_owned(&self) -> Result<Permit<Self>, Rejected> {
        let token = self.token()?;
        Ok(Permit { breaker: self.clone(), token, outcome: None })
    }

    /// Makes a call if one is let through, and takes its outcome from the result.
    ///
    /// # Cancel safety
    /// As the call; see [`Permit`].
    pub async fn run<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let permit = self.admit()?;
        let result = call.await;
        permit.record(Outcome::of(&result));
        result
    }

    /// How it is.
    pub fn status(&self) -> BreakerStatus {
        let Refusal { state, since, retry_at } = self.0.circuit.status();
        let retry_at = (state != BreakerState::Closed).then_some(retry_at);
        BreakerStatus { target: Arc::clone(&self.0.target), state, since, retry_at }
    }

    #[inline]
    fn token(&self) -> Result<Token, Rejected> {
        let Inner { circuit, clock, .. } = &*self.0;
        circuit.admit(|| clock.now(), |state, at| self.announce(state, at)).map_err(|refusal| self.rejected(refusal))
    }

    #[inline]
    fn settle(&self, token: Token, outcome: Option<Outcome>) {
        let Inner { circuit, clock, .. } = &*self.0;
        circuit.settle(token, outcome, || clock.now(), |state, at| self.announce(state, at));
    }

    fn announce(&self, state: BreakerState, at: DateTime<Utc>) {
        self.0.changed[state as usize].increment(1);
        // Nobody has to listen.
        let _ = self.0.changes.send(BreakerChange { target: Arc::clone(&self.0.target), state, at });
    }

    #[cold]
    fn rejected(&self, Refusal { state, since, retry_at }: Refusal) -> Rejected {
        self.0.rejected.increment(1);
        let retry_after = (retry_at - self.0.clock.now()).to_std().unwrap_or_default();
        Rejected { target: Arc::clone(&self.0.target), state, since, retry_at, retry_after }
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status().fmt(f)
    }
}

impl<B: Borrow<Breaker>> Permit<B> {
    /// Says how the call ended.
    #[inline]
    pub fn record(mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
    }
}

impl<B: Borrow<Breaker>> Drop for Permit<B> {
    #[inline]
    fn drop(&mut self) {
        let outcome = self.outcome.or_else(|| thread::panicking().then_some(Outcome::Failure));
        self.breaker.borrow().settle(self.token, outcome);
    }
}

impl<B: Borrow<Breaker>> fmt::Debug for Permit<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("target", &self.breaker.borrow().target()).finish_non_exhaustive()
    }
}

impl Outcome {
    /// What a result says about the target: an error that the caller has to mend is no failure of it.
    pub fn of<T>(result: &Result<T, Error>) -> Self {
        match result {
            Err(error) if !error.kind.is_of_the_caller() => Self::Failure,
            Ok(_) | Err(_) => Self::Success,
        }
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [since, retry_at] = [self.since, self.retry_at].map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true));
        let why = match self.state {
            BreakerState::HalfOpen => "is being tried with a few calls",
            BreakerState::Open | BreakerState::Closed => "failed too often and is not called",
        };
        write!(f, "`{}` {why} since {since}: try again at {retry_at}", self.target)
    }
}

impl From<Rejected> for Error {
    fn from(rejected: Rejected) -> Self {
        Self::new(ErrorKind::Unavailable, rejected.to_string())
            .with_code("resilience.open")
            .with_retry_after(rejected.retry_after)
    }
}
