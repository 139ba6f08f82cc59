//! The run, its start, its results, the ledger of trainings, and the catalogue of models.

mod catalogue;
mod experiments;
mod pipeline;
mod queries;
mod start;

pub use catalogue::{Catalogue, Listed, ModelLister};
pub use experiments::ExperimentLedger;
pub use pipeline::{Pipeline, PipelineState};
pub use queries::PipelineRuns;
pub use start::PipelineStarter;
