//! What a follower and those who ask something of it meet at. In the crate's unit tests this is shuttle's, which tries out the
//! orders in which they may get there.

#[cfg(test)]
pub use shuttle::sync::{Mutex, MutexGuard};
#[cfg(not(test))]
pub use std::sync::{Mutex, MutexGuard};
