//! Contracts of the AI domain: what may be asked of `machine-learning` and `mlops`, and what they publish.
#![warn(missing_docs)]

mod contracts;
mod machine_learning;
mod mlops;

pub use contracts::contracts;
pub use machine_learning::{
    ClassifierMetrics, ConfusionMatrix, DISCARD_MODEL, DiscardModel, Discarded, ModelTrained, TRAIN_MODEL, TrainModel,
    TrainingReport,
};
pub use mlops::{
    AnomalyStage, GetPipelineRun, ListModels, ListedModel, ModelPromoted, ModelRegistered, ModelStage, PipelineFailed,
    PipelineOptions, PipelineRun, PipelineStarted, READ_PIPELINE, RUN_PIPELINE, RegistryStage, RegistryStatus,
    StageStatus, StartPipeline,
};
