//! Train a binary classifier on a dataset and say how good it is: gradient boosted trees, cross-validated, against the
//! classifier that knows nothing.
//!
//! [`Trainer`] answers [`TrainModel`](interfaces_ai::TrainModel), [`Discarder`] answers
//! [`DiscardModel`](interfaces_ai::DiscardModel); [`module()`] offers both to the others. [`Model`] reads the bytes that were
//! stored.

mod domain;

mod application;

mod api;

pub use api::module;
pub use application::{Discarder, Trainer};
pub use domain::{Column, Feature, Model, ModelError, Parameters, Values};
