//! The data modules on a large dataset, in CPU seconds of all threads.

use std::{
    fs,
    hint::black_box,
    path::{Path, PathBuf},
};

use anomaly_detection::Forest;
use dataset::{Dataset, identify};
use interfaces_data::ForestOptions;
use tokio::runtime::Runtime;

use crate::{
    case::{Case, Contender, Failure, Race, Setting},
    peer,
    row::Unit::Seconds,
    sample::{LARGE_ROWS, repeated_sample},
    usage::own_cpu_seconds,
};

pub fn cases(setting: &Setting) -> Vec<Case> {
    vec![isolation_forest(setting)]
}

/// CPU seconds of what `work` does.
fn cpu_of<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<f64, Failure> {
    let before = own_cpu_seconds()?;
    black_box(work()?);
    Ok(own_cpu_seconds()? - before)
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
        let subject: Contender = Box::new(move || {
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
    use super::*;

    #[test]
    fn values_are_written_row_by_row() {
        let bytes = row_by_row(&[vec![1.0, 2.0], vec![10.0, f64::NAN]]);
        let values: Vec<f64> = bytes.chunks(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect();
        assert_eq!(values[..3], [1.0, 10.0, 2.0]);
        assert!(values[3].is_nan());
    }
}
