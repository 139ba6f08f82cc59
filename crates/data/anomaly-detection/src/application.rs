//! The answer to a request: from the reference of a dataset to its named anomalies.

use dataset::{Dataset, NumericColumn};
use event_sourcing::Unit;
use interfaces_data::{Anomaly, AnomalyReport, DetectAnomalies, DetectionCompleted, Driver};
use kernel::{Context, Error, FieldError};
use request::Service;
use tokio::task;

use crate::domain::{Forest, Scored, Share};

/// Finds the anomalies of a dataset.
#[derive(Debug, Default)]
pub struct Detector;

/// Drivers that are named per anomaly: what a person takes in at a glance.
const NAMED_DRIVERS: usize = 3;

/// Trees beyond this only repeat each other: the paper's path lengths converge well before 100.
const MAX_TREES: u32 = 10_000;

/// Samples of all trees together: a forest of that many takes up to 640 MiB.
const MAX_SAMPLES_IN_ALL: u64 = 1 << 24;

impl Detector {
    pub fn new() -> Self {
        Self
    }
}

impl Service<DetectAnomalies> for Detector {
    /// Rows that are no easier to isolate than the average are not named, so there may be fewer than were asked for. A dataset
    /// without numeric columns has none.
    ///
    /// # Cancel safety
    /// Dropped, nothing happened; a forest that is growing is finished on its thread and thrown away.
    async fn execute(&self, _cx: &Context, unit: &mut Unit, request: DetectAnomalies) -> Result<AnomalyReport, Error> {
        let dataset = Dataset::open(&request.dataset).await?;
        let (rows, columns) = (dataset.rows() as u64, dataset.numeric());
        drop(dataset);
        let found = task::spawn_blocking(move || report(request, rows, &columns)).await;
        let report = found.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()));
        unit.publish(&DetectionCompleted {
            dataset: report.dataset.clone(),
            rows: report.rows,
            anomalies: report.anomalies.len() as u64,
            highest_score: report.anomalies.first().map_or(0.0, |anomaly| anomaly.score),
        });
        Ok(report)
    }

    fn validate(&self, request: &DetectAnomalies) -> Result<(), Vec<FieldError>> {
        let forest = request.forest;
        let in_all = u64::from(forest.trees) * u64::from(forest.samples);
        let refusals = [
            (request.top < 1, "/top", "0 anomalies: ask for at least 1".to_owned()),
            (
                !(1..=MAX_TREES).contains(&forest.trees),
                "/forest/trees",
                format!("{} trees: choose from 1 to {MAX_TREES}", forest.trees),
            ),
            (forest.samples < 2, "/forest/samples", format!("{} samples a tree: give at least 2", forest.samples)),
            (
                in_all > MAX_SAMPLES_IN_ALL,
                "/forest/samples",
                format!("{in_all} samples in all trees: at most {MAX_SAMPLES_IN_ALL} fit"),
            ),
        ];
        let refused = refusals.into_iter().filter(|(refused, ..)| *refused);
        let fields: Vec<FieldError> =
            refused.map(|(_, pointer, message)| FieldError { pointer: pointer.into(), message }).collect();
        if fields.is_empty() { Ok(()) } else { Err(fields) }
    }
}

fn report(request: DetectAnomalies, rows: u64, columns: &[NumericColumn]) -> AnomalyReport {
    let values: Vec<&[f64]> = columns.iter().map(|column| column.values.as_slice()).collect();
    let forest = Forest::grow(&values, request.forest);
    let driver = |row: usize, Share { column, share }: Share| {
        // A column in which the row is null has no share.
        let NumericColumn { name, values } = &columns[column];
        Driver { column: name.clone(), value: Some(values[row]), share }
    };
    let anomaly = |Scored { row, score }: Scored| {
        let shares = forest.drivers(row).into_iter().take(NAMED_DRIVERS);
        Anomaly { row: row as u64 + 1, score, drivers: shares.map(|share| driver(row, share)).collect() }
    };
    let anomalies = forest.most_anomalous(request.top as usize).into_iter().map(anomaly).collect();
    AnomalyReport {
        dataset: request.dataset,
        rows,
        columns: columns.iter().map(|column| column.name.clone()).collect(),
        forest: request.forest,
        anomalies,
    }
}
