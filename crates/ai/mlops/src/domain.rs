//! What the registry knows and when a model is promoted. No I/O.

mod promotion;
mod registry;

pub(crate) use promotion::decide;
pub use registry::{Experiment, ModelLine, ModelVersion, version_key};
