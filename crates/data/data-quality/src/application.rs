//! The answer to a request: from the reference of a dataset to its report.

mod counting;

use dataset::Dataset;
use event_sourcing::Unit;
use interfaces_data::{CheckCompleted, CheckDataset, DeclaredCheck, QualityReport};
use kernel::{Context, Error};
use request::Service;
use tokio::task;

use crate::domain::{self, Declared, ValueCounts};

/// Profiles and checks datasets.
#[derive(Debug, Default)]
pub struct Checker;

impl Checker {
    pub fn new() -> Self {
        Self
    }
}

impl Service<CheckDataset> for Checker {
    /// Declared checks are refused here and not in `validate`: most of what can be wrong with them only the data can tell, and
    /// whoever wrote them wants to hear everything at once.
    ///
    /// # Cancel safety
    /// Dropped, nothing happened; what computes on another thread is finished there and thrown away.
    async fn execute(&self, _cx: &Context, unit: &mut Unit, request: CheckDataset) -> Result<QualityReport, Error> {
        let dataset = Dataset::open(&request.dataset).await?;
        let declared = prepare(dataset.clone(), request.checks).await?;
        let counts = counting::value_counts(&dataset).await?;
        let report = computing(move || report(&dataset, &counts, declared)).await?;
        unit.publish(&CheckCompleted {
            dataset: report.dataset.clone(),
            rows: report.rows,
            score: report.score,
            verdict: report.verdict,
            failed_checks: report.checks.iter().filter(|check| !check.passed).map(|check| check.name.clone()).collect(),
        });
        Ok(report)
    }
}

async fn prepare(dataset: Dataset, checks: Vec<DeclaredCheck>) -> Result<Vec<Declared>, Error> {
    computing(move || domain::prepare(&dataset, checks).map_err(Error::invalid_fields)).await
}

fn report(dataset: &Dataset, counts: &[ValueCounts], declared: Vec<Declared>) -> Result<QualityReport, Error> {
    let columns = dataset.columns().iter().zip(counts);
    let columns: Vec<_> = columns.map(|(column, counts)| domain::profile(column, counts, dataset.rows())).collect();
    let mut checks = domain::infer(dataset, &columns);
    for declared in declared {
        checks.push(declared.evaluate(dataset)?);
    }
    let rows = dataset.rows() as u64;
    Ok(QualityReport {
        dataset: dataset.reference().clone(),
        rows,
        columns,
        score: domain::score(&checks, rows),
        verdict: domain::verdict(&checks),
        checks,
    })
}

/// Runs work that takes long where it holds up nobody.
async fn computing<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    let outcome = task::spawn_blocking(work).await;
    outcome.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))
}
