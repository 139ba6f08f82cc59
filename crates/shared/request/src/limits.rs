use std::time::Duration;

use resilience::{BreakerOptions, BulkheadOptions};

/// How much a request may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of JSON of a request that is called by name.
    pub payload: usize,
    /// When to ask again for what is not available now.
    pub retry_after: Duration,
    /// Of each request.
    pub bulkhead: BulkheadOptions,
    /// Of each request; `targets` does not matter.
    pub breaker: BreakerOptions,
    /// What a service may take. Not to have answered by then, to a caller who waited that long, counts as its failure; that a
    /// caller gave it less says nothing about it. Nothing is cut here: that is what callers' deadlines are for.
    pub patience: Duration,
    /// A service that holds its thread for longer is named in the log; debug builds only.
    pub blocking: Duration,
}

impl Default for Limits {
    /// 1 MiB, 5 s, 30 s, 100 ms; the defaults of bulkheads and breakers.
    fn default() -> Self {
        Self {
            payload: 1 << 20,
            retry_after: Duration::from_secs(5),
            bulkhead: BulkheadOptions::default(),
            breaker: BreakerOptions::default(),
            patience: Duration::from_secs(30),
            blocking: Duration::from_millis(100),
        }
    }
}
