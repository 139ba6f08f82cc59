//! The isolation forest: which rows are easiest to tell from all others, and which columns do it.
//!
//! After F. T. Liu, K. M. Ting, Z.-H. Zhou, *Isolation Forest*, ICDM 2008. Pure and synchronous; the only randomness is
//! the seed, and the work is shared among threads without any effect on the result.

mod blocks;
mod drivers;
mod forest;
mod random;
mod tree;

pub use forest::{Forest, Share};
