//! What the state machine of a breaker locks and counts with. Its concurrency tests compile the same sources with shuttle's in
//! this place.

pub(crate) use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};
