//! What a store and those who follow its log meet at. In the crate's unit tests these are shuttle's, which tries out the orders
//! in which they may get there.

#[cfg(not(test))]
pub use std::sync::{
    Arc, Mutex, PoisonError, RwLock,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

#[cfg(test)]
pub use {
    shuttle::sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    std::sync::PoisonError,
};
