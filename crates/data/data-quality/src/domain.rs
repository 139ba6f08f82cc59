//! Profiles, checks and the verdict: pure functions of a dataset in memory.

mod declared;
mod failures;
mod inference;
mod profile;
mod rows;
mod statistics;
mod verdict;

pub(crate) use declared::{Declared, prepare};
pub(crate) use inference::infer;
pub(crate) use profile::{ValueCounts, profile};
pub(crate) use verdict::{score, verdict};
