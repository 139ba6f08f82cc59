//! The run, its start, its results, and the ledger of trainings.

mod experiments;
mod pipeline;
mod queries;
mod start;

pub use experiments::ExperimentLedger;
pub use pipeline::{Pipeline, PipelineState};
pub use queries::PipelineRuns;
pub use start::PipelineStarter;
