//! The model registry and the durable run from a dataset to a registered model.
//!
//! The run reaches the other packages by requests of their contracts only: quality, anomalies, training. Registry and
//! promotion are this package's own.

mod api;
mod application;
mod domain;

pub use api::module;
pub use application::{Catalogue, Listed, Pipeline, PipelineState};
pub use domain::{Experiment, ModelLine, ModelVersion};
