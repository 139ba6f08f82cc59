use interfaces_data::{Anomaly, DeclaredCheck, QualityReport};
use kernel::{Access, DatasetRef, Error, Event, Fingerprint, Permission, Request, RequestKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{ClassifierMetrics, TrainingReport};

pub const RUN_PIPELINE: Permission = Permission::new("mlops:run");
pub const READ_PIPELINE: Permission = Permission::new("mlops:read");

/// Start the durable run: quality, anomalies, model, registry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StartPipeline {
    pub dataset: DatasetRef,
    pub options: PipelineOptions,
}

/// What a run is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PipelineOptions {
    /// Name of the registry entry that a trained model becomes a version of.
    pub model_name: String,
    /// Without a target no model is trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    #[serde(default)]
    pub exclude: Vec<String>,
    #[serde(default)]
    pub checks: Vec<DeclaredCheck>,
    /// The quality gate, 0 to 1. A failed check of severity `error` fails the gate at any score.
    pub min_score: f64,
    /// Anomalies to name.
    pub top_anomalies: u32,
    pub folds: u32,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PipelineStarted {
    pub saga_id: Uuid,
}

/// What a run has come to so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetPipelineRun {
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
    pub saga_id: Uuid,
    pub dataset: DatasetRef,
    pub options: PipelineOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<QualityReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anomalies: Option<AnomalyStage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelStage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<RegistryStage>,
    /// Why the run failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Error>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnomalyStage {
    pub columns: Vec<String>,
    pub anomalies: Vec<Anomaly>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StageStatus {
    Trained,
    Skipped,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelStage {
    pub status: StageStatus,
    /// Why it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<TrainingReport>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RegistryStatus {
    /// A new version, and the champion from now on.
    Promoted,
    /// A new version beside the champion.
    Registered,
    Skipped,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RegistryStage {
    pub status: RegistryStatus,
    pub model_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Why it was promoted, was not, or was skipped.
    pub reason: String,
    /// The champion that it was compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub champion: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Fingerprint>,
}

/// A model became a version in the registry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelRegistered {
    pub model_name: String,
    pub version: u64,
    pub model: Fingerprint,
    pub dataset: DatasetRef,
    pub metrics: ClassifierMetrics,
}

impl Event for ModelRegistered {
    const NAME: &'static str = "mlops.model_registered";

    fn key(&self) -> String {
        self.model_name.clone()
    }
}

/// A version became the champion of its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelPromoted {
    pub model_name: String,
    pub version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<u64>,
    pub reason: String,
}

impl Event for ModelPromoted {
    const NAME: &'static str = "mlops.model_promoted";

    fn key(&self) -> String {
        self.model_name.clone()
    }
}

/// A run was stopped, and what it had done is undone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PipelineFailed {
    pub saga_id: Uuid,
    pub dataset: DatasetRef,
    pub reason: String,
}

impl Event for PipelineFailed {
    const NAME: &'static str = "mlops.pipeline_failed";

    fn key(&self) -> String {
        self.dataset.fingerprint.to_string()
    }
}
