//! What those who read meet at. In the crate's unit tests these are shuttle's, which tries out the orders in which they may get
//! there.

#[cfg(not(test))]
pub use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread::{Builder, JoinHandle},
};

#[cfg(test)]
pub use {
    shuttle::{
        sync::{Condvar, Mutex, MutexGuard},
        thread::{Builder, JoinHandle},
    },
    std::sync::PoisonError,
};
