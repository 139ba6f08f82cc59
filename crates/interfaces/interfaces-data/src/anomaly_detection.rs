use kernel::{Access, DatasetRef, Event, Permission, Priority, Request, RequestKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What [`DetectAnomalies`] requires.
pub const DETECT_ANOMALIES: Permission = Permission::new("anomaly-detection:detect");

/// Find the rows of a dataset that are easiest to isolate, over its numeric columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DetectAnomalies {
    /// What to search. It is refused if its bytes no longer have this fingerprint.
    pub dataset: DatasetRef,
    /// How the isolation forest is grown; 100 trees of 256 samples with seed 42 where absent.
    #[serde(default)]
    pub forest: ForestOptions,
    /// How many rows to name, at least 1.
    pub top: u32,
}

impl Request for DetectAnomalies {
    type Response = AnomalyReport;
    const NAME: &'static str = "anomaly-detection.detect";
    const KIND: RequestKind = RequestKind::Command;
    const ACCESS: Access = Access::Requires(DETECT_ANOMALIES);

    fn subject(&self) -> Option<String> {
        Some(self.dataset.url.clone())
    }
}

/// Liu, Ting & Zhou 2008: their defaults are 100 trees of 256 samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ForestOptions {
    /// 1 to 10,000. More of them make scores steadier and take longer.
    pub trees: u32,
    /// Rows per tree, at least 2, and in all trees together at most 16,777,216. Of fewer rows every tree has all.
    pub samples: u32,
    /// The same seed over the same bytes gives the same report.
    pub seed: u64,
}

impl Default for ForestOptions {
    fn default() -> Self {
        Self { trees: 100, samples: 256, seed: 42 }
    }
}

/// The most anomalous rows, highest score first; equal scores in row order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnomalyReport {
    /// What was searched, as the request named it.
    pub dataset: DatasetRef,
    /// Data rows of the dataset, at least 1.
    pub rows: u64,
    /// The numeric columns that were looked at. Empty: the dataset has none, and there are no anomalies.
    pub columns: Vec<String>,
    /// How the forest was grown, as the request asked for it.
    pub forest: ForestOptions,
    /// At most as many as were asked for, and only rows that are easier to isolate than the average one, with scores above
    /// 0.5. May be empty.
    pub anomalies: Vec<Anomaly>,
}

/// A row that is easier to tell from all others than the average one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Anomaly {
    /// The first data row is 1.
    pub row: u64,
    /// Anomaly score of the paper, 0 to 1; 0.5 is unremarkable.
    pub score: f64,
    /// The columns that isolated the row, at most 3, most important first.
    pub drivers: Vec<Driver>,
}

/// A column that had a part in isolating a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Driver {
    /// As the dataset names it.
    pub column: String,
    /// The row's value; absent when null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Share of the isolation that this column did, 0 to 1.
    pub share: f64,
}

/// A dataset was searched for anomalies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DetectionCompleted {
    /// What was searched.
    pub dataset: DatasetRef,
    /// Data rows of the dataset.
    pub rows: u64,
    /// Rows named.
    pub anomalies: u64,
    /// Score of the first of them, above 0.5 and at most 1; 0 if no row was named.
    pub highest_score: f64,
}

impl Event for DetectionCompleted {
    const NAME: &'static str = "anomaly_detection.detection_completed";
    // What was found may have to be acted on.
    const PRIORITY: Priority = Priority::High;

    fn key(&self) -> String {
        self.dataset.fingerprint.to_string()
    }
}
