use chrono::{DateTime, Utc};
use event_sourcing::Document;
use interfaces_ai::{ClassifierMetrics, ModelTrained, TrainingReport};
use interfaces_data::QualityReport;
use kernel::{DatasetRef, Fingerprint};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// All versions of one name, and which of them is the champion.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelLine {
    /// The highest version given out.
    pub latest: u64,
    pub champion: Option<u64>,
}

impl Document for ModelLine {
    const COLLECTION: &'static str = "mlops.models";
}

/// A registered model: which bytes, how good, on which data of which quality.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelVersion {
    pub model_name: String,
    pub version: u64,
    pub saga_id: Uuid,
    pub registered_at: DateTime<Utc>,
    pub training: TrainingReport,
    pub quality: QualityReport,
}

impl Document for ModelVersion {
    const COLLECTION: &'static str = "mlops.versions";
}

/// Key of a version: sorts by number within its name.
pub fn version_key(model_name: &str, version: u64) -> String {
    format!("{model_name}/{version:010}")
}

/// A model that was trained, registered or not: the ledger that promotion does not look at and people do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Experiment {
    pub model: Fingerprint,
    pub dataset: DatasetRef,
    pub algorithm: String,
    pub target: String,
    pub accuracy: f64,
    pub auc: f64,
    /// How often this very model came out of a training.
    pub times: u64,
}

impl Document for Experiment {
    const COLLECTION: &'static str = "mlops.experiments";
}

impl Experiment {
    /// The entry after one more training of the same model.
    pub fn after(event: &ModelTrained, earlier: Option<&Self>) -> Self {
        Self {
            model: event.model.clone(),
            dataset: event.dataset.clone(),
            algorithm: event.algorithm.clone(),
            target: event.target.clone(),
            accuracy: event.accuracy,
            auc: event.auc,
            times: earlier.map_or(0, |e| e.times) + 1,
        }
    }
}

impl ModelVersion {
    pub fn metrics(&self) -> ClassifierMetrics {
        self.training.metrics
    }
}
