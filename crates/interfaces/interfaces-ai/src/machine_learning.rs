use std::ops::RangeInclusive;

use kernel::{Access, DatasetRef, Event, Fingerprint, Permission, Request, RequestKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What [`TrainModel`] requires.
pub const TRAIN_MODEL: Permission = Permission::new("machine-learning:train");
/// What [`DiscardModel`] requires.
pub const DISCARD_MODEL: Permission = Permission::new("machine-learning:discard");

/// Train a binary classifier and cross-validate it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrainModel {
    /// What to learn from. It is refused if its bytes no longer have this fingerprint.
    pub dataset: DatasetRef,
    /// A boolean SQL expression over the row's columns: `arrival > 15`. Rows where it is null are left out.
    pub target: String,
    /// Columns that must not be features because they give the answer away. Columns named in the target never are.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Cross-validation folds, 2 to 50; stratified by class.
    pub folds: u32,
    /// The same seed over the same bytes gives the same folds and the same model.
    pub seed: u64,
}

impl TrainModel {
    /// Every fold trains a model: beyond this they only take longer.
    pub const FOLDS: RangeInclusive<u32> = 2..=50;
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
    /// What was learnt from, as the request named it.
    pub dataset: DatasetRef,
    /// In words: `gradient boosted trees`.
    pub algorithm: String,
    /// The condition that the model predicts, as the request has it.
    pub target: String,
    /// The columns that were learnt from, in the order of the dataset: all but those that are excluded, named in the target,
    /// the same in all rows, or text of too many values.
    pub features: Vec<String>,
    /// Rows with a known target.
    pub rows: u64,
    /// Names the folds: equal texts mean that the same rows were held out together.
    pub folds: String,
    /// Of predictions for rows that the predicting model had not seen.
    pub metrics: ClassifierMetrics,
    /// The classifier that always answers the more frequent class, over the same folds.
    pub baseline: ClassifierMetrics,
    /// Digest of the model's bytes, by which the blob store has them.
    pub model: Fingerprint,
    /// How many bytes the stored model has.
    pub model_bytes: u64,
}

/// How well a binary classifier tells rows where the target is true from those where it is false.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClassifierMetrics {
    /// Share of rows that are predicted right, 0 to 1; a row is predicted true from a probability of 0.5 on.
    pub accuracy: f64,
    /// Area under the ROC curve (Hanley & McNeil 1982), 0 to 1; 0.5 for a classifier that gives every row the same score.
    pub auc: f64,
    /// Rows by what they are and what they are predicted to be.
    pub confusion: ConfusionMatrix,
}

/// Rows by what they are and what they are predicted to be; the four add up to all rows with a known target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfusionMatrix {
    /// The target is true, and predicted true.
    pub true_positive: u64,
    /// The target is false, and predicted true.
    pub false_positive: u64,
    /// The target is false, and predicted false.
    pub true_negative: u64,
    /// The target is true, and predicted false.
    pub false_negative: u64,
}

/// A model was trained and its bytes are stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelTrained {
    /// What was learnt from.
    pub dataset: DatasetRef,
    /// In words: `gradient boosted trees`.
    pub algorithm: String,
    /// The condition that the model predicts.
    pub target: String,
    /// Digest of the model's bytes, by which the blob store has them.
    pub model: Fingerprint,
    /// Share of rows that are predicted right by a model that had not seen them, 0 to 1.
    pub accuracy: f64,
    /// Area under the ROC curve over the same predictions, 0 to 1; 0.5 is chance.
    pub auc: f64,
    /// Accuracy of always answering the more frequent class, over the same folds, 0 to 1.
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
    /// Digest of its bytes, as `TrainingReport` has it.
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
    /// False if there were none.
    pub removed: bool,
}
