//! Services of the other packages' contracts that answer as they are told to, and publish as the real ones do.

use std::sync::Arc;

use event_sourcing::{Blobs, Unit};
use interfaces_ai::{
    ClassifierMetrics, ConfusionMatrix, DiscardModel, Discarded, ModelTrained, PipelineOptions, TrainModel,
    TrainingReport,
};
use interfaces_data::{
    AnomalyReport, CheckCompleted, CheckDataset, CheckKind, CheckOrigin, CheckResult, DetectAnomalies,
    DetectionCompleted, QualityReport, Severity, Verdict,
};
use kernel::{Context, DatasetFormat, DatasetRef, Error, Fingerprint};
use request::{Service, ServiceTable};

/// How the neighbours find the dataset and the model.
#[derive(Clone)]
pub struct Neighbours {
    pub score: f64,
    pub verdict: Verdict,
    pub auc: f64,
    pub blobs: Arc<dyn Blobs>,
}

impl Neighbours {
    pub fn content(blobs: Arc<dyn Blobs>) -> Self {
        Self { score: 0.9, verdict: Verdict::Passed, auc: 0.8, blobs }
    }

    pub fn serve(&self, table: &mut ServiceTable) {
        table.serve::<CheckDataset>("data-quality", self.clone());
        table.serve::<DetectAnomalies>("anomaly-detection", self.clone());
        table.serve::<TrainModel>("machine-learning", self.clone());
        table.serve::<DiscardModel>("machine-learning", self.clone());
    }
}

pub const PERMISSIONS: &[&str] = &[
    "data-quality:check",
    "anomaly-detection:detect",
    "machine-learning:train",
    "machine-learning:discard",
    "mlops:run",
    "mlops:read",
];

pub fn dataset(bytes: &str) -> DatasetRef {
    DatasetRef {
        url: "file:///data.csv".into(),
        format: DatasetFormat::Csv,
        fingerprint: Fingerprint::of(bytes.as_bytes()),
    }
}

pub fn options(target: Option<&str>) -> PipelineOptions {
    PipelineOptions {
        model_name: "late".into(),
        target: target.map(Into::into),
        exclude: Vec::new(),
        checks: Vec::new(),
        min_score: 0.5,
        top_anomalies: 3,
        folds: 5,
        seed: 1,
    }
}

fn metrics(auc: f64) -> ClassifierMetrics {
    let confusion = ConfusionMatrix { true_positive: 1, false_positive: 1, true_negative: 1, false_negative: 1 };
    ClassifierMetrics { accuracy: 0.5, auc, confusion }
}

impl Service<CheckDataset> for Neighbours {
    async fn execute(&self, _: &Context, unit: &mut Unit, request: CheckDataset) -> Result<QualityReport, Error> {
        let failed = self.verdict == Verdict::Failed;
        let check = CheckResult {
            name: "no nulls".into(),
            kind: CheckKind::Completeness,
            origin: CheckOrigin::Declared,
            column: None,
            severity: Severity::Error,
            passed: !failed,
            failing: u64::from(failed) * 7,
            failing_rows: Vec::new(),
            finding: "told so".into(),
        };
        let (dataset, score, verdict) = (request.dataset, self.score, self.verdict);
        unit.publish(&CheckCompleted { dataset: dataset.clone(), rows: 10, score, verdict, failed_checks: Vec::new() });
        Ok(QualityReport { dataset, rows: 10, columns: Vec::new(), checks: vec![check], score, verdict })
    }
}

impl Service<DetectAnomalies> for Neighbours {
    async fn execute(&self, _: &Context, unit: &mut Unit, request: DetectAnomalies) -> Result<AnomalyReport, Error> {
        let DetectAnomalies { dataset, forest, .. } = request;
        unit.publish(&DetectionCompleted { dataset: dataset.clone(), rows: 10, anomalies: 0, highest_score: 0.0 });
        Ok(AnomalyReport { dataset, rows: 10, columns: Vec::new(), forest, anomalies: Vec::new() })
    }
}

impl Service<TrainModel> for Neighbours {
    async fn execute(&self, _: &Context, unit: &mut Unit, request: TrainModel) -> Result<TrainingReport, Error> {
        let model = self.blobs.put(format!("model with AUC {}", self.auc).into_bytes()).await?;
        unit.publish(&ModelTrained {
            dataset: request.dataset.clone(),
            algorithm: "told".into(),
            target: request.target.clone(),
            model: model.clone(),
            accuracy: 0.5,
            auc: self.auc,
            baseline_accuracy: 0.5,
        });
        Ok(TrainingReport {
            dataset: request.dataset,
            algorithm: "told".into(),
            target: request.target,
            features: Vec::new(),
            rows: 10,
            folds: format!("{} folds", request.folds),
            metrics: metrics(self.auc),
            baseline: metrics(0.5),
            model,
            model_bytes: 10,
        })
    }
}

impl Service<DiscardModel> for Neighbours {
    async fn execute(&self, _: &Context, _: &mut Unit, request: DiscardModel) -> Result<Discarded, Error> {
        Ok(Discarded { removed: self.blobs.remove(&request.model).await? })
    }
}
