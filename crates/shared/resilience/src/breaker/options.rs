use kernel::Error;
use serde::{Deserialize, Serialize};

use crate::check::Check;

/// When breakers open, for how long, and what it takes to close them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakerOptions {
    /// Which outcomes are looked at, and how many failures among them are too many.
    pub window: WindowOptions,
    /// Milliseconds from opening to the first probe. Probes that say nothing for as long count as failed.
    pub open_ms: u32,
    /// Calls let through after that. The breaker closes when all have succeeded and opens again when one has failed.
    pub probes: u32,
    /// The most targets a registry keeps breakers for, and so the most values of the label `target`.
    pub targets: usize,
}

/// How many failures are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum WindowOptions {
    /// So many `failures` among the last `calls`, however long ago. The quicker of the two: a target without failures costs
    /// no write.
    Count {
        /// How many outcomes are looked at.
        calls: u32,
        /// How many failures among them are too many; as many as `calls` means in a row.
        failures: u32,
    },
    /// So many `percent` failures among the outcomes of the last `over_ms`, once there are `at_least` so many. Time goes by in
    /// tenths of the span: an outcome counts for 0.9 to 1.0 of it.
    Rate {
        /// Milliseconds looked back.
        over_ms: u32,
        /// Outcomes without which nothing is decided.
        at_least: u32,
        /// The share of failures that is too much, 1 to 100.
        percent: u32,
    },
}

impl Default for BreakerOptions {
    /// Half of 20 calls failed; 10 seconds; 3 probes; 256 targets.
    fn default() -> Self {
        let window = WindowOptions::Count { calls: 20, failures: 10 };
        Self { window, open_ms: 10_000, probes: 3, targets: 256 }
    }
}

impl BreakerOptions {
    pub(super) fn check(&self) -> Result<(), Error> {
        let mut check = Check::default();
        match self.window {
            WindowOptions::Count { calls, failures } => {
                let most = failures <= calls && failures <= MOST_FAILURES;
                check.require(calls > 0, "/window/count/calls", "must be 1 or more");
                check.require(failures > 0, "/window/count/failures", "must be 1 or more");
                check.require(most, "/window/count/failures", "must be at most `calls`, and at most 10000");
            }
            WindowOptions::Rate { over_ms, at_least, percent } => {
                check.require(over_ms >= 10, "/window/rate/over_ms", "must be 10 or more: it is divided into tenths");
                check.require(at_least > 0, "/window/rate/at_least", "must be 1 or more");
                check.require((1..=100).contains(&percent), "/window/rate/percent", "must be 1 to 100");
            }
        }
        check.require(self.open_ms > 0, "/open_ms", "must be 1 or more");
        check.require(self.probes > 0, "/probes", "must be 1 or more: without a probe an open breaker never closes");
        check.require(self.targets > 0, "/targets", "must be 1 or more");
        check.finish()
    }
}

/// Each is remembered for itself.
const MOST_FAILURES: u32 = 10_000;
