//! What is in a dataset, and what is wrong with it: a profile of every column, checks that the data itself suggests, and the
//! checks that somebody declared.
//!
//! [`Checker`] answers [`CheckDataset`](interfaces_data::CheckDataset); [`module()`] offers it to the others. What is
//! inferred, and within which bounds, stands in `domain/inference.rs`.

mod domain;

mod application;

mod api;

pub use api::module;
pub use application::Checker;
