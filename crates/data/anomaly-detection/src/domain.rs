//! The isolation forest: which rows are easiest to tell from all others, and which columns do it.
//!
//! After F. T. Liu, K. M. Ting, Z.-H. Zhou, *Isolation Forest*, ICDM 2008. Pure and synchronous: the seed is the only source
//! of randomness, and the work is shared among threads without any effect on the result.
//!
//! # Nulls
//! That a value is missing is a finding of data quality, not a reason to call a row strange. So null follows a split like a
//! row drawn from those that have a value: to a child with the probability of that child's share of them, drawn once per
//! split. Its path is then as long, on average, as that of a row with an ordinary value. Always taking the larger child would
//! hide anomalies with a null elsewhere; tossing a coin, as is common, would put every row with a null near the top, because
//! half of its splits send it to the few. For the same reason a split's column is drawn by how many of the node's rows have a
//! value in it; without nulls that is the paper's uniform choice.

mod blocks;
mod forest;
mod random;
mod tree;

pub use forest::{Forest, Scored, Share};
