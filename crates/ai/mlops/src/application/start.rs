use event_sourcing::Unit;
use interfaces_ai::{PipelineStarted, StartPipeline, TrainModel};
use kernel::{Context, Error, FieldError};
use request::Service;
use saga::SagaEngine;

use crate::application::{Pipeline, PipelineState};

/// Begins runs: the journal is in the command's own unit.
pub struct PipelineStarter {
    pipeline: Pipeline,
}

impl PipelineStarter {
    pub fn new(pipeline: Pipeline) -> Self {
        Self { pipeline }
    }
}

impl Service<StartPipeline> for PipelineStarter {
    async fn execute(&self, cx: &Context, unit: &mut Unit, request: StartPipeline) -> Result<PipelineStarted, Error> {
        let state = PipelineState::new(request.dataset, request.options);
        let id = SagaEngine::begin(&self.pipeline, cx, &state, unit)?;
        Ok(PipelineStarted { saga_id: id.0 })
    }

    fn validate(&self, request: &StartPipeline) -> Result<(), Vec<FieldError>> {
        let options = &request.options;
        let mut refused = Vec::new();
        let mut refuse = |pointer: &str, message: String| {
            refused.push(FieldError { pointer: format!("/options/{pointer}"), message });
        };
        if options.model_name.trim().is_empty() {
            refuse("model_name", "no name: give the model one".into());
        }
        if !(0.0..=1.0).contains(&options.min_score) {
            refuse("min_score", format!("{} is no score: choose one from 0 to 1", options.min_score));
        }
        if !TrainModel::FOLDS.contains(&options.folds) {
            let (least, most) = TrainModel::FOLDS.into_inner();
            refuse("folds", format!("{} folds: choose from {least} to {most}", options.folds));
        }
        if options.top_anomalies == 0 {
            refuse("top_anomalies", "0 anomalies: ask for at least 1".into());
        }
        if refused.is_empty() { Ok(()) } else { Err(refused) }
    }
}
