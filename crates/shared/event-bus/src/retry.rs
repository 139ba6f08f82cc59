use std::time::Duration;

use kernel::Error;
use metrics::{NoopRecorder, with_local_recorder};
use resilience::{Retry, RetryBudget, RetryBudgetOptions, RetryOptions};

/// How often a failing delivery is tried and how long between. The wait doubles from `first`; a random part of up to as much
/// again comes on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries in all, 1 or more.
    pub attempts: u32,
    /// After the first failure, without the random part.
    pub first: Duration,
    /// However many failures there were, with the random part; twice `first` or more. More than seven weeks are seven weeks.
    pub longest: Duration,
    /// Retries for 100 deliveries that succeed; 1 to 100. Out of them, each next try waits for `longest`.
    pub budget_percent: u32,
    /// Retries each second that there are without a success.
    pub budget_per_second: u32,
}

impl Default for RetryPolicy {
    /// 5 tries, 50 milliseconds to 5 seconds; a retry for 5 successes and 10 each second.
    fn default() -> Self {
        Self {
            attempts: 5,
            first: Duration::from_millis(50),
            longest: Duration::from_secs(5),
            budget_percent: 20,
            budget_per_second: 10,
        }
    }
}

impl RetryPolicy {
    /// What of it is out of range.
    pub(crate) fn fault(&self) -> Option<Error> {
        // Nobody will retry anything by it, so nothing of it is to be counted.
        with_local_recorder(&NoopRecorder, || self.of("", 0)).err()
    }

    /// Every subscriber has a budget of its own: one that fails must not use up what the others have.
    pub(crate) fn of(&self, subscriber: &'static str, seed: u64) -> Result<Retry, Error> {
        let budget = RetryBudgetOptions {
            percent: self.budget_percent,
            per_second: self.budget_per_second,
            ..RetryBudgetOptions::default()
        };
        let options = RetryOptions {
            attempts: self.attempts,
            first_ms: milliseconds(self.first),
            longest_ms: milliseconds(self.longest),
        };
        let retry = Retry::try_new(subscriber, &options, RetryBudget::try_new(&budget)?, seed)?;
        // Whatever failed may succeed later: what the handler waits for, or a repair, may have come.
        Ok(retry.on(|_| true))
    }

    /// How long is waited where nothing else says how long.
    pub(crate) fn longest_wait(&self) -> Duration {
        Duration::from_millis(milliseconds(self.longest).into())
    }
}

/// Seven weeks at most.
fn milliseconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}
