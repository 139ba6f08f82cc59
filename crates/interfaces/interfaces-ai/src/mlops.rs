use interfaces_data::{Anomaly, DeclaredCheck, QualityReport};
use kernel::{Access, DatasetRef, Error, Event, Fingerprint, Permission, Priority, Request, RequestKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{ClassifierMetrics, TrainingReport};

/// What [`StartPipeline`] requires.
pub const RUN_PIPELINE: Permission = Permission::new("mlops:run");
/// What [`GetPipelineRun`] requires.
pub const READ_PIPELINE: Permission = Permission::new("mlops:read");

/// Start the durable run: quality, anomalies, model, registry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StartPipeline {
    /// What every step of the run works on. A step fails if its bytes no longer have this fingerprint.
    pub dataset: DatasetRef,
    /// What is done with it, and what is asked of it.
    pub options: PipelineOptions,
}

/// What a run is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PipelineOptions {
    /// Name of the registry entry that a trained model becomes a version of; not blank.
    pub model_name: String,
    /// What a model is to predict, as in `TrainModel`. Without a target no model is trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Columns that must not be features because they give the answer away; none where absent.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Beside the inferred ones; none where absent.
    #[serde(default)]
    pub checks: Vec<DeclaredCheck>,
    /// The quality gate, 0 to 1. A failed check of severity `error` fails the gate at any score.
    pub min_score: f64,
    /// Anomalies to name, at least 1.
    pub top_anomalies: u32,
    /// Cross-validation folds, 2 to 50; stratified by class.
    pub folds: u32,
    /// Of the isolation forest and of the training: the same seed over the same bytes gives the same results.
    pub seed: u64,
}

impl Request for StartPipeline {
    type Response = PipelineStarted;
    const NAME: &'static str = "mlops.start-pipeline";
    const KIND: RequestKind = RequestKind::Command;
    const ACCESS: Access = Access::Requires(RUN_PIPELINE);

    fn subject(&self) -> Option<String> {
        Some(self.options.model_name.clone())
    }
}

/// The run is in the store, its steps still to be done: `GetPipelineRun` tells what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PipelineStarted {
    /// Identity of the run, for `GetPipelineRun` and `borough sagas`.
    pub saga_id: Uuid,
}

/// What a run has come to so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetPipelineRun {
    /// Identity of the run, as it was given when it was started.
    pub saga_id: Uuid,
}

impl Request for GetPipelineRun {
    type Response = PipelineRun;
    const NAME: &'static str = "mlops.get-pipeline-run";
    const KIND: RequestKind = RequestKind::Query;
    const ACCESS: Access = Access::Requires(READ_PIPELINE);
}

/// The results of a run. A stage that was not reached is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PipelineRun {
    /// Identity of the run.
    pub saga_id: Uuid,
    /// What the run works on.
    pub dataset: DatasetRef,
    /// What the run was asked to do.
    pub options: PipelineOptions,
    /// Absent before step `check-quality` is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<QualityReport>,
    /// Absent before step `detect-anomalies` is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anomalies: Option<AnomalyStage>,
    /// Absent before step `train-model` is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelStage>,
    /// Absent before step `register-model` is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<RegistryStage>,
    /// Why the run failed; absent if it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Error>,
}

/// What the search for anomalies came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnomalyStage {
    /// The numeric columns that were looked at; empty if the dataset has none.
    pub columns: Vec<String>,
    /// At most as many as were asked for, highest score first; only rows with a score above 0.5.
    pub anomalies: Vec<Anomaly>,
}

/// Whether there is a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StageStatus {
    /// It was trained, and its bytes are stored.
    Trained,
    /// No target was given.
    Skipped,
}

/// What the training came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelStage {
    /// Whether there is a model: `reason` or `report` says more.
    pub status: StageStatus,
    /// Why it was skipped; absent if it was trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How the model did; absent if it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<TrainingReport>,
}

/// What the registry did with the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RegistryStatus {
    /// A new version, and the champion from now on.
    Promoted,
    /// A new version beside the champion.
    Registered,
    /// No model was trained.
    Skipped,
}

/// What became of the model in the registry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RegistryStage {
    /// What was done with it.
    pub status: RegistryStatus,
    /// Name of the registry entry.
    pub model_name: String,
    /// Number of the new version, counted from 1 within the name; absent if it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Why it was promoted, was not, or was skipped.
    pub reason: String,
    /// The champion that it was compared with; absent if there was none or it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub champion: Option<u64>,
    /// Digest of the new version's bytes; absent if it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Fingerprint>,
}

/// A model became a version in the registry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelRegistered {
    /// Name of the registry entry.
    pub model_name: String,
    /// Counted from 1 within the name.
    pub version: u64,
    /// Digest of the model's bytes, by which the blob store has them.
    pub model: Fingerprint,
    /// What it was trained on.
    pub dataset: DatasetRef,
    /// Of predictions for rows that the predicting model had not seen.
    pub metrics: ClassifierMetrics,
}

impl Event for ModelRegistered {
    const NAME: &'static str = "mlops.model_registered";

    fn key(&self) -> String {
        self.model_name.clone()
    }
}

/// List what the registry has, by name, a hundred names at a time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ListModels {
    /// Only names behind this one: the last of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl Request for ListModels {
    type Response = Vec<ListedModel>;
    const NAME: &'static str = "mlops.list-models";
    const KIND: RequestKind = RequestKind::Query;
    const ACCESS: Access = Access::Requires(READ_PIPELINE);
}

/// All versions of one name in a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ListedModel {
    /// Name of the registry entry.
    pub model_name: String,
    /// How many versions were registered.
    pub versions: u64,
    /// The version that was registered last.
    pub latest: u64,
    /// What that is of predictions for rows that it had not seen: the share that is right, 0 to 1.
    pub latest_accuracy: f64,
    /// The version that predictions come from; absent if none was promoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub champion: Option<u64>,
}

/// A version became the champion of its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelPromoted {
    /// Name of the registry entry.
    pub model_name: String,
    /// The version that is the champion from now on.
    pub version: u64,
    /// Digest of its bytes, by which the blob store has them: what whoever predicts with the champion loads.
    pub model: Fingerprint,
    /// The version that was it before; absent if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<u64>,
    /// What it was compared with, and by how much it is better, in one sentence.
    pub reason: String,
}

impl Event for ModelPromoted {
    const NAME: &'static str = "mlops.model_promoted";
    // Until it is heard, predictions come from the champion before.
    const PRIORITY: Priority = Priority::High;

    fn key(&self) -> String {
        self.model_name.clone()
    }
}

/// A run was stopped, and what it had done is undone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PipelineFailed {
    /// Identity of the run.
    pub saga_id: Uuid,
    /// Name of the registry entry that gets no new version.
    pub model_name: String,
    /// What the run worked on.
    pub dataset: DatasetRef,
    /// Why it was stopped, in one sentence: the message of the error that ended it.
    pub reason: String,
}

impl Event for PipelineFailed {
    const NAME: &'static str = "mlops.pipeline_failed";
    // Somebody has to look at it.
    const PRIORITY: Priority = Priority::High;

    fn key(&self) -> String {
        self.dataset.fingerprint.to_string()
    }
}
