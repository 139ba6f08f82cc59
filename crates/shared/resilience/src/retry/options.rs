use kernel::Error;
use serde::{Deserialize, Serialize};

use crate::check::Check;

/// How often, and how long between. The wait doubles; a random part of up to as much again comes on top.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryOptions {
    /// Calls in all, the first one counted.
    pub attempts: u32,
    /// Milliseconds before the second call, without the random part.
    pub first_ms: u32,
    /// Milliseconds that no wait is longer than, with the random part.
    pub longest_ms: u32,
}

/// How much of all calls may be retries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryBudgetOptions {
    /// Retries for 100 successes.
    pub percent: u32,
    /// Retries each second that are there without a success.
    pub per_second: u32,
    /// Seconds after which a success is worth nothing any more and a retry is forgotten, 1 to 60.
    pub window_seconds: u32,
}

impl Default for RetryOptions {
    /// 3 calls; 50 milliseconds, at most 5 seconds.
    fn default() -> Self {
        Self { attempts: 3, first_ms: 50, longest_ms: 5_000 }
    }
}

impl Default for RetryBudgetOptions {
    /// A retry for 5 successes, and 10 each second, over 10 seconds.
    fn default() -> Self {
        Self { percent: 20, per_second: 10, window_seconds: 10 }
    }
}

impl RetryOptions {
    pub(super) fn check(&self) -> Result<(), Error> {
        let mut check = Check::default();
        check.require(self.attempts > 0, "/attempts", "must be 1 or more: the first call is one of them");
        check.require(self.first_ms > 0, "/first_ms", "must be 1 or more");
        let room = u64::from(self.longest_ms) >= 2 * u64::from(self.first_ms);
        check.require(room, "/longest_ms", "must be twice `first_ms` or more: the random part is part of it");
        check.finish()
    }
}

impl RetryBudgetOptions {
    pub(super) fn check(&self) -> Result<(), Error> {
        let mut check = Check::default();
        check.require((1..=100).contains(&self.percent), "/percent", "must be 1 to 100");
        check.require(self.per_second <= 1_000_000, "/per_second", "must be at most 1000000");
        check.require((1..=60).contains(&self.window_seconds), "/window_seconds", "must be 1 to 60");
        check.finish()
    }
}
