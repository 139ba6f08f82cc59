//! x
#![warn(missing_docs)]

mod breaker;
mod bulkhead;
mod check;
mod fallback;
mod meters;
mod retry;
mod sync;
mod timeout;

pub use breaker::{
    Breaker, BreakerCall, BreakerChange, BreakerOptions, BreakerState, BreakerStatus, Breakers, Outcome, Permit,
    Rejected, WindowOptions, WithBreaker,
};
pub use bulkhead::{Bulkhead, BulkheadOptions, Slot, WithBulkhead};
pub use fallback::{Fallback, FallbackCall, FallbackOptions, WithFallback};
pub use retry::{Attempts, GiveUp, Retry, RetryBudget, RetryBudgetOptions, RetryOptions};
pub use timeout::{Timeout, TimeoutCall, TimeoutOptions, WithTimeout};
