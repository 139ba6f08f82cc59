#![expect(clippy::unwrap_used, reason = "tests")]

mod breaker;
mod breaker_model;
mod bulkhead;
mod cancellation;
mod fallback;
mod interleavings;
mod metrics;
mod options;
mod retry;
mod stack;
mod timeout;
mod world;

/// The sources of a breaker's state machine, with the locks of a scheduler that tries the interleavings.
#[path = "../../src/breaker"]
#[expect(dead_code, reason = "what is not about interleavings is tested from outside")]
mod machine {
    pub mod circuit;
    pub mod window;
}

mod sync {
    pub use shuttle::sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    };
    pub use std::sync::PoisonError;
}
