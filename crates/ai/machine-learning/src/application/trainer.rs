use std::sync::Arc;

use arrow::{
    array::{ArrayRef, ArrowPrimitiveType, AsArray},
    datatypes::{Date32Type, Float64Type, Int64Type, TimestampMicrosecondType},
};
use dataset::{ColumnType, Dataset};
use event_sourcing::{Blobs, Unit};
use interfaces_ai::{ModelTrained, TrainModel, TrainingReport};
use kernel::{Context, Error, FieldError, Fingerprint};
use request::Service;
use tokio::task;

use crate::domain::{ALGORITHM, Column, Plan, Trained, Values, train};

/// Trains models and stores their bytes.
pub struct Trainer {
    blobs: Arc<dyn Blobs>,
}

impl Trainer {
    pub fn new(blobs: Arc<dyn Blobs>) -> Self {
        Self { blobs }
    }
}

impl Service<TrainModel> for Trainer {
    /// The bytes are durable before the event names them. They are named by their digest and the same for the same request,
    /// so asking again puts the same bytes.
    ///
    /// # Cancel safety
    /// Dropped, nothing happened, but for bytes that nothing names; a training that has begun is finished on its thread and
    /// thrown away.
    async fn execute(&self, _cx: &Context, unit: &mut Unit, request: TrainModel) -> Result<TrainingReport, Error> {
        let dataset = Dataset::open(&request.dataset).await?;
        let training = task::spawn_blocking(move || {
            let trained = train_on(&dataset, &request)?;
            Ok::<_, Error>((trained.model.to_bytes(), trained, request))
        });
        let trained = training.await.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()));
        let (bytes, trained, request) = trained?;
        let model_bytes = bytes.len() as u64;
        let model = self.blobs.put(bytes).await?;
        let report = report(request, trained, model, model_bytes);
        unit.publish(&ModelTrained {
            dataset: report.dataset.clone(),
            algorithm: report.algorithm.clone(),
            target: report.target.clone(),
            model: report.model.clone(),
            accuracy: report.metrics.accuracy,
            auc: report.metrics.auc,
            baseline_accuracy: report.baseline.accuracy,
        });
        Ok(report)
    }

    fn validate(&self, request: &TrainModel) -> Result<(), Vec<FieldError>> {
        let mut fields = Vec::new();
        if request.target.trim().is_empty() {
            fields.push(refused("/target", "no condition: give one on the columns, such as `delay > 15`"));
        }
        if !TrainModel::FOLDS.contains(&request.folds) {
            let (least, most) = TrainModel::FOLDS.into_inner();
            fields.push(refused("/folds", format!("{} folds: choose from {least} to {most}", request.folds)));
        }
        if fields.is_empty() { Ok(()) } else { Err(fields) }
    }
}

fn refused(pointer: impl Into<String>, message: impl Into<String>) -> FieldError {
    FieldError { pointer: pointer.into(), message: message.into() }
}

fn report(request: TrainModel, trained: Trained, model: Fingerprint, model_bytes: u64) -> TrainingReport {
    let features = trained.model.features().iter().map(|feature| feature.name.clone());
    TrainingReport {
        dataset: request.dataset,
        algorithm: ALGORITHM.into(),
        target: request.target,
        features: features.collect(),
        rows: trained.rows as u64,
        folds: trained.folds,
        metrics: trained.metrics,
        baseline: trained.baseline,
        model,
        model_bytes,
    }
}

fn train_on(dataset: &Dataset, request: &TrainModel) -> Result<Trained, Error> {
    let (target, mut fields) = match dataset.predicate(&request.target) {
        Ok(target) => (Some(target), Vec::new()),
        Err(error) => (None, vec![refused("/target", error.to_string())]),
    };
    for (index, name) in request.exclude.iter().enumerate() {
        if let Err(error) = dataset.column(name) {
            fields.push(refused(format!("/exclude/{index}"), error.to_string()));
        }
    }
    let Some(target) = target.filter(|_| fields.is_empty()) else { return Err(Error::invalid_fields(fields)) };
    let labels: Vec<Option<bool>> = dataset.evaluate(&target)?.iter().collect();
    let withheld = |name: &String| target.columns().contains(name) || request.exclude.contains(name);
    let columns = dataset.columns().iter().filter(|column| !withheld(&column.name));
    let columns: Vec<Column> = columns.filter_map(|column| read(dataset, column)).collect();
    let plan = Plan { target: &request.target, folds: request.folds, seed: request.seed };
    Ok(train(&columns, &labels, plan)?)
}

/// None for a column that has no values at all.
fn read(dataset: &Dataset, column: &dataset::Column) -> Option<Column> {
    let values = match column.column_type {
        ColumnType::Integer => numbers(dataset, column, |array| floats::<Int64Type>(array, |value| value as f64)),
        ColumnType::Float => numbers(dataset, column, |array| floats::<Float64Type>(array, |value| value)),
        ColumnType::Date => numbers(dataset, column, |array| floats::<Date32Type>(array, f64::from)),
        ColumnType::Timestamp => {
            numbers(dataset, column, |array| floats::<TimestampMicrosecondType>(array, |micros| micros as f64 / 1e6))
        }
        ColumnType::Boolean => numbers(dataset, column, |array| {
            let values = array.as_boolean().iter();
            values.map(|value| value.map_or(f64::NAN, |value| f64::from(u8::from(value)))).collect()
        }),
        ColumnType::Text => Values::Texts(dataset.categories(&column.name)?),
        ColumnType::Null => return None,
    };
    Some(Column { name: column.name.clone(), column_type: column.column_type, values })
}

fn numbers(dataset: &Dataset, column: &dataset::Column, of: impl Fn(&ArrayRef) -> Vec<f64>) -> Values {
    let arrays = dataset.arrays(&column.name).into_iter().flatten();
    Values::Numbers(arrays.flat_map(of).collect())
}

fn floats<T: ArrowPrimitiveType>(array: &ArrayRef, float: impl Fn(T::Native) -> f64) -> Vec<f64> {
    let values = array.as_primitive::<T>().iter();
    values.map(|value| value.map_or(f64::NAN, &float)).collect()
}
