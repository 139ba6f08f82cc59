//! Contracts of the data domain: what may be asked of `data-quality` and `anomaly-detection`, and what they publish.
#![warn(missing_docs)]

mod anomaly_detection;
mod contracts;
mod data_quality;

pub use anomaly_detection::{
    Anomaly, AnomalyReport, DETECT_ANOMALIES, DetectAnomalies, DetectionCompleted, Driver, ForestOptions,
};
pub use contracts::contracts;
pub use data_quality::{
    CHECK_QUALITY, CheckCompleted, CheckDataset, CheckKind, CheckOrigin, CheckResult, ColumnProfile, ColumnType,
    DeclaredCheck, NumericProfile, QualityReport, Quantiles, Rule, Severity, ValueCount, Verdict,
};
