//! What threads meet at. In the crate's unit tests these are shuttle's, which tries out the orders in which they may
//! get there; see `interleavings`.

#[cfg(test)]
pub mod simulated;

#[cfg(not(test))]
pub use {
    once_cell::sync::OnceCell,
    std::{
        sync::{Mutex, MutexGuard},
        thread_local,
    },
};

#[cfg(test)]
pub use {
    shuttle::{
        sync::{Mutex, MutexGuard},
        thread_local,
    },
    simulated::OnceCell,
};
