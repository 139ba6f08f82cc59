//! Which columns a model learns from, how it is trained, and what its metrics are. Pure and synchronous: the same columns,
//! labels, folds and seed give the same bytes and the same metrics, on any number of threads.

mod evaluation;
mod features;
mod folds;
mod model;
mod training;

pub use features::{Column, Feature, Values};
pub use model::{ALGORITHM, Model, ModelError, Parameters};
pub use training::{Plan, Trained, train};
