use interfaces_ai::{
    DiscardModel, GetPipelineRun, ListModels, ModelPromoted, ModelRegistered, ModelTrained, PipelineFailed,
    StartPipeline, TrainModel,
};
use interfaces_data::{CheckDataset, DetectAnomalies};
use module::Module;

use crate::{
    application::{Catalogue, ExperimentLedger, ModelLister, Pipeline, PipelineRuns, PipelineStarter},
    domain::{Experiment, ModelLine, ModelVersion},
};

/// What this package offers and needs.
pub fn module() -> Module {
    Module::new("mlops", "the durable run from a dataset to a registered model, and the model registry")
        .provides(|c| {
            c.singleton(Pipeline::new)
                .singleton(|pipeline: std::sync::Arc<Pipeline>| PipelineStarter::new((*pipeline).clone()))
                .singleton(PipelineRuns::new)
                .singleton(ModelLister::new)
                .singleton(ExperimentLedger::new);
        })
        .serves::<StartPipeline, PipelineStarter>()
        .serves::<GetPipelineRun, PipelineRuns>()
        .serves::<ListModels, ModelLister>()
        .asks::<CheckDataset>()
        .asks::<DetectAnomalies>()
        .asks::<TrainModel>()
        .asks::<DiscardModel>()
        .publishes::<ModelRegistered>()
        .publishes::<ModelPromoted>()
        .publishes::<PipelineFailed>()
        .subscribes::<ModelTrained, ExperimentLedger>("mlops.experiments")
        .projects::<Catalogue>()
        .runs::<Pipeline>()
        .keeps::<ModelLine>()
        .keeps::<ModelVersion>()
        .keeps::<Experiment>()
}
