//! What a call to something that may fail goes through: breaker, retry, timeout, bulkhead, fallback.
//!
//! Each is a value with a plain method and, the same value, a [`tower::Layer`] for services whose error is [`kernel::Error`].
//! Each is made from a struct of options, is about one *target* (a module, a host) and names it in its errors and metrics.
//!
//! ```
//! use std::sync::Arc;
//!
//! use kernel::{Error, SystemClock};
//! use resilience::*;
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Error> {
//! let breakers = Breakers::try_new(BreakerOptions::default(), Arc::new(SystemClock))?;
//! let budget = RetryBudget::try_new(&RetryBudgetOptions::default())?;
//! let seed = 42; // another one in each process
//! let remembered = |name: String, _| async move { Ok(format!("{name} as she was")) };
//!
//! let find = ServiceBuilder::new() // outermost first
//!     .layer(Fallback::try_new("users", FallbackOptions::default(), remembered)?)
//!     .layer(Retry::try_new("users", &RetryOptions::default(), budget, seed)?)
//!     .layer(Bulkhead::try_new("users", BulkheadOptions::default())?)
//!     .layer(breakers.of("users")?)
//!     .layer(Timeout::try_new("users", &TimeoutOptions::default())?)
//!     .service(tower::service_fn(|name: String| async move { Ok::<_, Error>(format!("{name} as she is")) }));
//! assert_eq!(find.oneshot("ada".into()).await?, "ada as she is");
//!
//! // Without tower:
//! let users = breakers.of("users")?;
//! let permit = users.admit()?;
//! let answer: Result<(), Error> = Ok(()); // of the call
//! permit.record(Outcome::of(&answer));
//! # Ok(())
//! # }
//! ```
//!
//! The order above is the one to start from. The timeout is inside of the breaker: a call that hangs is then a failure,
//! whereas one that its caller drops says nothing. The bulkhead is outside of the breaker: who waits has no permit, and a full
//! queue is no failure of the target. Retries are outside of both, so that each attempt is looked at.
//!
//! Waits come from tokio's timers, moments from [`kernel::Clock`], jitter from a seed.
//!
//! # Libraries, and why not others
//!
//! | for | taken | passed over |
//! | --- | --- | --- |
//! | breaker | none | recloser, failsafe, tower-resilience |
//! | retry | [`tower::retry`] with its budget, backon for the waits | tower's `ExponentialBackoff`, tokio-retry, backon's loop |
//! | timeout | [`tokio::time::timeout`] | tower's layer |
//! | bulkhead | two tokio semaphores | tower's `ConcurrencyLimit` and `LoadShed`, tower-resilience |
//!
//! *Breaker.* In recloser and failsafe any number of calls pass as probes, and an outcome counts in whatever state finds it.
//! tower-resilience limits its probes, but one that never ends keeps it half open for good, it has no admission without its
//! layer, and its window of time keeps every call. All of them read the machine's clock themselves. Ours counts successes
//! down instead of storing outcomes, so that a target without failures costs two loads and no write. Nanoseconds of a call
//! around a function that does nothing, as `cargo xtask bench --peers resilience` shows them, and instructions as callgrind:
//!
//! | | 1 thread | 2 threads | a 16th fails | instructions |
//! | --- | --- | --- | --- | --- |
//! | by count | 3 | 5 | 12 | 36 |
//! | recloser 1.4 | 18 | 47 to 230 | 18 | 128 |
//! | by rate | 78 | 138 to 216 | | 429 |
//! | failsafe 1.3 | 92 | 197 to 346 | | 375 |
//! | as a layer | 47 | | | |
//! | tower-resilience 0.13, a layer | 263 | | | |
//!
//! *Retry.* All requests that go through one of tower's `ExponentialBackoff`s have the same jitter, for it clones its
//! generator, and none at the longest wait. backon's waits are different in each call and take a seed; its loop, as
//! tokio-retry, has no budget. With the budget a call that succeeds at once takes 60 ns, with backon's loop 24: to pay in what
//! a success is worth takes a lock and a look at the clock.
//!
//! *Timeout, bulkhead.* The errors of tower's layers are `Box<dyn Error>`, which the next layer would have to take apart again.
//! Its limit of concurrency queues without a bound, or with `LoadShed` not at all.
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
