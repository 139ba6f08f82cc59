//! The data modules on a large dataset, in CPU seconds of all threads.

use std::{
    fs,
    hint::black_box,
    path::{Path, PathBuf},
    sync::Arc,
};

use anomaly_detection::Forest;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::prelude::{CsvReadOptions, SessionContext};
use dataset::{Dataset, identify};
use event_sourcing::{MemoryBlobs, MemoryStore};
use interfaces_data::{CHECK_QUALITY, CheckDataset, DeclaredCheck, ForestOptions};
use kernel::{Context, CorrelationId, Ids, SystemClock, SystemIds};
use module::{Infrastructure, Options, assemble};
use request::Requests;
use serde::Deserialize;
use tokio::runtime::Runtime;

use crate::{
    case::{Case, Contender, Failure, Race, Setting},
    peer,
    principal::principal,
    row::Unit::Seconds,
    sample::{LARGE_ROWS, repeated_sample},
    usage::own_cpu_time,
};

pub fn cases(setting: &Setting) -> Vec<Case> {
    vec![profile(), isolation_forest(setting)]
}

/// CPU seconds of what `work` does.
fn cpu_of<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<f64, Failure> {
    let before = own_cpu_time()?;
    black_box(work()?);
    Ok((own_cpu_time()? - before).as_secs_f64())
}

/// The quality check as the job asks for it, profile and declared checks, beside the aggregates that DataFusion computes of the
/// same file with its own reader.
fn profile() -> Case {
    Case::new("data/profile", Seconds, Some("datafusion-aggregates"), |setting| {
        let path = repeated_sample(setting, LARGE_ROWS)?;
        Ok(Race::between(check(&path)?, aggregates(&path)?))
    })
}

fn check(path: &Path) -> Result<Contender, Failure> {
    #[derive(Deserialize)]
    struct Sidecar {
        check: Vec<DeclaredCheck>,
    }
    let sidecar: Sidecar = toml::from_str(&fs::read_to_string(path.with_extension("toml"))?)?;
    let runtime = Runtime::new()?;
    let requests = runtime.block_on(data_quality_alone())?;
    let dataset = runtime.block_on(identify(path))?;
    let cx = Context::new(principal(&[CHECK_QUALITY.name()])?, CorrelationId::new(SystemIds.next()));
    Ok(Contender::sampled(move || {
        let request = CheckDataset { dataset: dataset.clone(), checks: sidecar.check.clone() };
        cpu_of(|| match runtime.block_on(requests.ask(&cx, request)) {
            Ok(report) if report.rows == LARGE_ROWS as u64 => Ok(report),
            Ok(report) => Err(format!("{} rows were checked, not {LARGE_ROWS}", report.rows).into()),
            Err(error) => Err(error.to_string().into()),
        })
    }))
}

/// One module on a store in memory: what is measured is its work.
async fn data_quality_alone() -> Result<Requests, Failure> {
    let infrastructure = Infrastructure {
        store: Arc::new(MemoryStore::default()),
        blobs: Arc::new(MemoryBlobs::default()),
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
    };
    let grants = [("bench".to_owned(), [CHECK_QUALITY.name().to_owned()].into())].into();
    let options = Options { grants, ..Options::default() };
    Ok(assemble(vec![data_quality::module()], infrastructure, options).await?.answering().requests)
}

fn aggregates(path: &Path) -> Result<Contender, Failure> {
    let (runtime, path) = (Runtime::new()?, path.display().to_string());
    let query = runtime.block_on(async {
        let file = SessionContext::new().read_csv(&path, CsvReadOptions::new()).await?;
        Ok::<_, Failure>(aggregates_of(&Arc::new(file.schema().as_arrow().clone())))
    })?;
    Ok(Contender::sampled(move || {
        cpu_of(|| {
            runtime.block_on(async {
                let session = SessionContext::new();
                session.register_csv("file", &path, CsvReadOptions::new()).await?;
                Ok(session.sql(&query).await?.collect().await?)
            })
        })
    }))
}

/// Count, smallest and largest of every column, mean and deviation where it has numbers.
fn aggregates_of(schema: &SchemaRef) -> String {
    let aggregates = schema.fields().iter().flat_map(|field| {
        let numeric = matches!(field.data_type(), DataType::Int64 | DataType::Float64);
        let functions: &[&str] =
            if numeric { &["count", "min", "max", "avg", "stddev"] } else { &["count", "min", "max"] };
        functions.iter().map(|function| format!("{function}(\"{}\")", field.name()))
    });
    format!("SELECT {} FROM file", aggregates.collect::<Vec<_>>().join(", "))
}

/// How many columns the forest is grown over.
const COLUMNS: usize = 8;

/// Fit and score with the values already in memory, beside scikit-learn with the same ones.
fn isolation_forest(setting: &Setting) -> Case {
    let python = setting.peers.get("scikit-learn").cloned();
    let reference = python.is_some().then_some("scikit-learn");
    Case::new("data/isolation-forest", Seconds, reference, move |setting| {
        let columns = numeric_columns(&repeated_sample(setting, LARGE_ROWS)?)?;
        let reference = python.map(|python| scikit_learn(&python, setting, &columns)).transpose()?;
        let subject = Contender::sampled(move || {
            let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
            cpu_of(|| Ok(Forest::grow(&columns, ForestOptions::default()).scores()))
        });
        Ok(Race { subject, reference })
    })
}

/// The first numeric columns that are not constant; a null is NaN.
fn numeric_columns(path: &Path) -> Result<Vec<Vec<f64>>, Failure> {
    let dataset = Runtime::new()?.block_on(async { Dataset::open(&identify(path).await?).await })?;
    let varies = |values: &[f64]| values.iter().any(|value| *value != values[0]);
    let columns = dataset.numeric().into_iter().map(|column| column.values).filter(|values| varies(values));
    let columns: Vec<_> = columns.take(COLUMNS).collect();
    if columns.len() == COLUMNS {
        Ok(columns)
    } else {
        Err(format!("{} has only {} numeric columns that vary", path.display(), columns.len()).into())
    }
}

fn scikit_learn(python: &Path, setting: &Setting, columns: &[Vec<f64>]) -> Result<Contender, Failure> {
    let rows = fs::canonicalize(&setting.scratch)?.join("isolation-forest.f64");
    fs::write(&rows, row_by_row(columns))?;
    let script = setting.workspace.join("benches/peers/scikit-learn/isolation_forest.py");
    let args: [PathBuf; 3] = [script, rows, columns.len().to_string().into()];
    peer::contender(python, args, "fit and score")
}

/// Little-endian doubles, as the script reads them.
fn row_by_row(columns: &[Vec<f64>]) -> Vec<u8> {
    let rows = 0..columns[0].len();
    rows.flat_map(|row| columns.iter().flat_map(move |column| column[row].to_le_bytes())).collect()
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{Field, Schema};

    use super::*;

    #[test]
    fn text_has_no_mean() {
        let fields = [("n", DataType::Int64), ("t", DataType::Utf8)].map(|(name, kind)| Field::new(name, kind, true));
        let schema = Arc::new(Schema::new(fields.to_vec()));
        let expected = "SELECT count(\"n\"), min(\"n\"), max(\"n\"), avg(\"n\"), stddev(\"n\"), count(\"t\"), min(\"t\"), max(\"t\") FROM file";
        assert_eq!(aggregates_of(&schema), expected);
    }

    #[test]
    fn values_are_written_row_by_row() {
        let bytes = row_by_row(&[vec![1.0, 2.0], vec![10.0, f64::NAN]]);
        let values: Vec<f64> = bytes.chunks(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect();
        assert_eq!(values[..3], [1.0, 10.0, 2.0]);
        assert!(values[3].is_nan());
    }
}
