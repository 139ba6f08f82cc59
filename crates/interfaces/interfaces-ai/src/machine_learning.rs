use kernel::{Access, DatasetRef, Event, Fingerprint, Permission, Request, RequestKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub const TRAIN_MODEL: Permission = Permission::new("machine-learning:train");
pub const DISCARD_MODEL: Permission = Permission::new("machine-learning:discard");

/// Train a binary classifier and cross-validate it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrainModel {
    pub dataset: DatasetRef,
    /// A boolean SQL expression over the row's columns: `arrival > 15`. Rows where it is null are left out.
    pub target: String,
    /// Columns that must not be features because they give the answer away. Columns named in the target never are.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Cross-validation folds, at least 2; stratified by class.
    pub folds: u32,
    /// The same seed over the same bytes gives the same folds and the same model.
    pub seed: u64,
}

impl Request for TrainModel {
    type Response = TrainingReport;
    const NAME: &'static str = "machine-learning.train";
    const KIND: RequestKind = RequestKind::Command;
    const ACCESS: Access = Access::Requires(TRAIN_MODEL);

    fn subject(&self) -> Option<String> {
        Some(self.dataset.url.clone())
    }
}

/// How the model did. Metrics are of out-of-fold predictions, pooled over all folds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrainingReport {
    pub dataset: DatasetRef,
    pub algorithm: String,
    pub target: String,
    pub features: Vec<String>,
    /// Rows with a known target.
    pub rows: u64,
    /// Names the folds: equal texts mean that the same rows were held out together.
    pub folds: String,
    pub metrics: ClassifierMetrics,
    /// The classifier that always answers the more frequent class, over the same folds.
    pub baseline: ClassifierMetrics,
    /// Digest of the model's bytes, by which the blob store has them.
    pub model: Fingerprint,
    pub model_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClassifierMetrics {
    pub accuracy: f64,
    /// Area under the ROC curve; 0.5 for a classifier that gives every row the same score.
    pub auc: f64,
    pub confusion: ConfusionMatrix,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfusionMatrix {
    pub true_positive: u64,
    pub false_positive: u64,
    pub true_negative: u64,
    pub false_negative: u64,
}

/// A model was trained and its bytes are stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelTrained {
    pub dataset: DatasetRef,
    pub algorithm: String,
    pub target: String,
    pub model: Fingerprint,
    pub accuracy: f64,
    pub auc: f64,
    pub baseline_accuracy: f64,
}

impl Event for ModelTrained {
    const NAME: &'static str = "machine_learning.model_trained";

    fn key(&self) -> String {
        self.dataset.fingerprint.to_string()
    }
}

/// Remove a model's bytes. The caller knows that nothing names them any more; bytes already gone are fine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DiscardModel {
    pub model: Fingerprint,
}

impl Request for DiscardModel {
    type Response = Discarded;
    const NAME: &'static str = "machine-learning.discard";
    const KIND: RequestKind = RequestKind::Command;
    const ACCESS: Access = Access::Requires(DISCARD_MODEL);

    fn subject(&self) -> Option<String> {
        Some(self.model.to_string())
    }
}

/// Whether there were bytes to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Discarded {
    pub removed: bool,
}
