//! The report of a run: one document, shown as JSON, as text for a terminal, and as a page. Pure: nothing here reads or writes.

mod facts;
pub mod figures;
pub mod html;
mod outcome;
pub mod terminal;

use chrono::{DateTime, SubsecRound, Utc};
use interfaces_ai::{
    ModelStage, PipelineOptions, PipelineRun, RegistryStage, RegistryStatus, StageStatus, TrainingReport,
};
use interfaces_data::{Anomaly, QualityReport};
use kernel::{CorrelationId, DatasetRef, Envelope, Error};
use saga::{SagaRecord, SagaState, StepRecord, StepState};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use uuid::Uuid;

/// Everything that a run came to: what `borough run --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RunReport {
    pub saga: SagaSummary,
    /// The very bytes that were looked at.
    pub dataset: DatasetRef,
    /// What the run was asked to do.
    pub options: PipelineOptions,
    /// Every column's profile, and what became of every check. Absent if the run did not come to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<QualityReport>,
    /// The most anomalous rows, highest score first.
    pub anomalies: Vec<Anomaly>,
    /// The numeric columns that were searched for anomalies. Absent if the run did not come to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anomaly_columns: Option<Vec<String>>,
    pub model: ModelSummary,
    /// Which version the model became, and whether it is the champion.
    pub registry: RegistryStage,
    /// What the run published, in the order of the log.
    pub events: Vec<Envelope>,
    pub saved: Saved,
    /// Why the run was stopped, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Error>,
}

/// The run itself: one saga and its steps.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SagaSummary {
    pub id: Uuid,
    /// Name of the saga, `module.name`.
    pub saga: String,
    #[schemars(schema_with = "saga_states")]
    pub state: SagaState,
    /// Ties together all events of the run.
    pub correlation_id: CorrelationId,
    pub started_at: DateTime<Utc>,
    /// Absent while there is something left to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
    /// In the order in which they run.
    pub steps: Vec<StepSummary>,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StepSummary {
    pub name: String,
    #[schemars(schema_with = "step_states")]
    pub state: StepState,
    /// From its first start to its end, all attempts included; absent for a step that has not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}

/// What became of the model: `status`, and all of the training report if one was trained.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ModelSummary {
    pub status: StageStatus,
    /// Why it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(flatten)]
    pub training: Option<TrainingReport>,
}

/// Where the results are: paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Saved {
    /// The store: events, runs, registry.
    pub store: String,
    /// Folder of the models' bytes, each file named by its digest.
    pub models: String,
    /// The page that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
}

impl RunReport {
    pub fn new(run: PipelineRun, saga: SagaSummary, events: Vec<Envelope>, saved: Saved) -> Self {
        let (anomaly_columns, anomalies) = run.anomalies.map(|stage| (stage.columns, stage.anomalies)).unzip();
        let unreached = || "the run did not come to it".to_owned();
        let model = ModelStage { status: StageStatus::Skipped, reason: Some(unreached()), report: None };
        let registry = RegistryStage {
            status: RegistryStatus::Skipped,
            model_name: run.options.model_name.clone(),
            version: None,
            reason: unreached(),
            champion: None,
            model: None,
        };
        Self {
            saga,
            dataset: run.dataset,
            options: run.options,
            quality: run.quality,
            anomalies: anomalies.unwrap_or_default(),
            anomaly_columns,
            model: run.model.unwrap_or(model).into(),
            registry: run.registry.unwrap_or(registry),
            events,
            saved,
            failure: run.failure,
        }
    }
}

impl From<&SagaRecord> for SagaSummary {
    fn from(record: &SagaRecord) -> Self {
        Self {
            id: record.id.0,
            saga: record.saga.clone(),
            state: record.state,
            correlation_id: record.correlation_id,
            started_at: record.started_at.trunc_subsecs(3),
            ended_at: record.has_ended().then(|| record.updated_at.trunc_subsecs(3)),
            steps: record.steps.iter().map(StepSummary::from).collect(),
        }
    }
}

impl From<&StepRecord> for StepSummary {
    fn from(step: &StepRecord) -> Self {
        let duration = step.ended_at.zip(step.started_at).map(|(end, start)| end - start);
        Self {
            name: step.name.clone(),
            state: step.state,
            // A clock that was set back in between makes no time of it.
            duration_ms: duration.map(|time| u64::try_from(time.num_milliseconds()).unwrap_or(0)),
            error: step.error.clone(),
        }
    }
}

impl From<ModelStage> for ModelSummary {
    fn from(stage: ModelStage) -> Self {
        Self { status: stage.status, reason: stage.reason, training: stage.report }
    }
}

fn saga_states(_: &mut SchemaGenerator) -> Schema {
    use SagaState::{Compensated, Compensating, Completed, Running, Stuck, Waiting};
    let states = [Running, Waiting, Compensating, Completed, Compensated, Stuck];
    json_schema!({ "type": "string", "enum": states.map(SagaState::name) })
}

fn step_states(_: &mut SchemaGenerator) -> Schema {
    use StepState::{Done, Failed, Pending, Started, Undone};
    let states = [Pending, Started, Done, Failed, Undone];
    json_schema!({ "type": "string", "enum": states.map(StepState::name) })
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
