//! What the threads that read and the one that writes meet others at. In the crate's unit tests these are shuttle's, which tries out the orders in which they may get
//! there.

#[cfg(not(test))]
pub use {
    futures::executor::block_on,
    std::{
        sync::{Condvar, Mutex, MutexGuard, PoisonError},
        thread::{Builder, JoinHandle},
    },
};

#[cfg(test)]
pub use {
    shuttle::{
        future::block_on,
        sync::{Condvar, Mutex, MutexGuard},
        thread::{Builder, JoinHandle},
    },
    std::sync::PoisonError,
};
