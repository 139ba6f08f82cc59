#![expect(clippy::unwrap_used, reason = "tests")]

mod columns;
mod csv;
mod identify;
mod parquet;
mod predicate;
mod properties;

use std::{fmt::Write, path::Path};

use arrow::array::Array;
use dataset::{Dataset, DatasetError, identify, value_text};
use tempfile::TempDir;

/// Writes a file and opens it.
async fn open(name: &str, bytes: impl AsRef<[u8]>) -> Result<Dataset, DatasetError> {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    Dataset::open(&identify(&path).await?).await
}

async fn csv(text: impl AsRef<[u8]>) -> Dataset {
    open("data.csv", text).await.unwrap()
}

/// One line per column: name, type, what is mixed in it, values.
fn render(dataset: &Dataset) -> String {
    let mut text = String::new();
    for column in dataset.columns() {
        write!(text, "{}: {}", column.name, column.column_type).unwrap();
        if let Some(mixed) = &column.mixed {
            let counts: Vec<String> = mixed.counts.iter().map(|(kind, count)| kind.counted(*count)).collect();
            write!(text, " ({}, from row {})", counts.join(" and "), mixed.first_row).unwrap();
        }
        let values = values(dataset, &column.name).into_iter().map(|value| value.unwrap_or_else(|| "∅".into()));
        writeln!(text, " = {}", values.collect::<Vec<_>>().join(" | ")).unwrap();
    }
    text
}

fn values(dataset: &Dataset, column: &str) -> Vec<Option<String>> {
    let arrays = dataset.arrays(column).unwrap();
    arrays.flat_map(|array| (0..array.len()).map(move |row| value_text(array, row))).collect()
}

/// An error as the caller sees it: its kind, its message with the directory left out, and what is only logged.
fn shown(error: DatasetError, directory: Option<&Path>) -> String {
    let error = kernel::Error::from(error);
    let mut text = format!("{:?}: {}", error.kind, error.message);
    if let Some(detail) = error.detail {
        write!(text, " [{detail}]").unwrap();
    }
    // `/tmp/.tmpAbC/data.csv`
    match directory {
        Some(directory) => text.replace(&directory.display().to_string(), "<dir>"),
        None => match (text.find("`/"), text.find("/data.")) {
            (Some(start), Some(end)) => format!("{}{}", &text[..=start], &text[end + 1..]),
            _ => text,
        },
    }
}
