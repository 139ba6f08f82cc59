use std::{collections::BTreeSet, fmt, num::NonZero, path::Path, path::PathBuf, sync::Arc, thread};

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions},
    datatypes::{Field, Float64Type, Int64Type, Schema, SchemaRef},
};
use datafusion::{catalog::TableProvider, datasource::MemTable};
use kernel::{DatasetFormat, DatasetRef};

use crate::{Categories, Column, ColumnType, DatasetError, csv, parquet, source};

/// A dataset in memory: typed columns, all rows, in the order of the file. Cheap to clone.
#[derive(Clone)]
pub struct Dataset {
    reference: DatasetRef,
    path: PathBuf,
    columns: Arc<[Column]>,
    schema: SchemaRef,
    batches: Arc<[RecordBatch]>,
    rows: usize,
}

/// A column of integers or floats, as floats.
#[derive(Debug, Clone, PartialEq)]
pub struct NumericColumn {
    /// As [`Column::name`] has it.
    pub name: String,
    /// One per row; a null is NaN. Integers beyond 2^53 are rounded.
    pub values: Vec<f64>,
}

/// What a reader makes of a file.
pub(crate) struct Table {
    pub(crate) columns: Vec<Column>,
    /// One per column, each of the type that its column says, all of the same length.
    pub(crate) arrays: Vec<ArrayRef>,
    pub(crate) rows: usize,
}

/// Rows of a batch: what the engine works on at a time.
const BATCH: usize = 8192;

impl Dataset {
    /// Reads the whole dataset.
    ///
    /// # Errors
    /// Bytes that are no longer those that the reference names, and every way in which they can be malformed: see
    /// [`DatasetError`].
    ///
    /// # Cancel safety
    /// Dropped, the file is still read to its end on a blocking thread; nothing else happens.
    pub async fn open(reference: &DatasetRef) -> Result<Self, DatasetError> {
        let reference = reference.clone();
        blocking(move || {
            let (path, bytes) = source::read(&reference)?;
            let table = match reference.format {
                DatasetFormat::Csv => csv::read(&path, &bytes)?,
                DatasetFormat::Parquet => parquet::read(&path, bytes)?,
            };
            Ok(Self::new(reference, path, table))
        })
        .await
    }

    fn new(reference: DatasetRef, path: PathBuf, table: Table) -> Self {
        let fields = table.columns.iter().map(|column| Field::new(&column.name, column.column_type.data_type(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let options = RecordBatchOptions::new().with_row_count(Some(table.rows));
        let whole = RecordBatch::try_new_with_options(schema.clone(), table.arrays, &options)
            .expect("readers make arrays of equal length, of the types that their columns say");
        let starts = (0..table.rows).step_by(BATCH);
        Self {
            reference,
            path,
            columns: table.columns.into(),
            schema,
            batches: starts.map(|start| whole.slice(start, BATCH.min(table.rows - start))).collect(),
            rows: table.rows,
        }
    }

    /// What was opened: where it is, how it is written, which bytes it has.
    pub fn reference(&self) -> &DatasetRef {
        &self.reference
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// At least one.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// In the order of the file; at least one, no two of one name.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// # Errors
    /// [`DatasetError::UnknownColumn`], naming the closest one.
    pub fn column(&self, name: &str) -> Result<&Column, DatasetError> {
        self.columns.iter().find(|column| column.name == name).ok_or_else(|| self.unknown_column(name, false))
    }

    pub(crate) fn unknown_column(&self, name: &str, in_quotes: bool) -> DatasetError {
        let folded = name.to_lowercase();
        let likeness = |column: &&Column| strsim::jaro_winkler(&folded, &column.name.to_lowercase());
        let closest = self.columns.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        DatasetError::UnknownColumn {
            name: name.into(),
            in_quotes,
            closest: closest.filter(|column| likeness(column) >= 0.8).map(|column| column.name.clone()),
            columns: self.columns.iter().map(|column| column.name.clone()).collect(),
        }
    }

    /// Every column is nullable and of its [`ColumnType::data_type`].
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The rows in order. All batches but the last have the same number of rows.
    pub fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    /// One column as arrays, one per batch; `None` if there is no column of this name.
    pub fn arrays(&self, name: &str) -> Option<impl ExactSizeIterator<Item = &ArrayRef>> {
        let index = self.schema.index_of(name).ok()?;
        Some(self.batches.iter().map(move |batch| batch.column(index)))
    }

    /// For queries with DataFusion: one partition per core. The order of rows is kept within a partition only.
    pub fn table(&self) -> Arc<dyn TableProvider> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let share = self.batches.len().div_ceil(cores).max(1);
        let partitions = self.batches.chunks(share).map(<[RecordBatch]>::to_vec).collect();
        Arc::new(MemTable::try_new(self.schema.clone(), partitions).expect("all batches have the dataset's schema"))
    }

    /// The integer and float columns, as floats.
    pub fn numeric(&self) -> Vec<NumericColumn> {
        let numeric = self.columns.iter().filter(|column| column.column_type.is_numeric());
        numeric.map(|column| self.as_numbers(column)).collect()
    }

    fn as_numbers(&self, column: &Column) -> NumericColumn {
        let mut values = Vec::with_capacity(self.rows);
        for array in self.arrays(&column.name).expect("the column is one of this dataset") {
            match column.column_type {
                ColumnType::Integer => values.extend(
                    array.as_primitive::<Int64Type>().iter().map(|value| value.map_or(f64::NAN, |value| value as f64)),
                ),
                _ => values.extend(array.as_primitive::<Float64Type>().iter().map(|value| value.unwrap_or(f64::NAN))),
            }
        }
        NumericColumn { name: column.name.clone(), values }
    }

    /// A column as numbered categories; a column of any type will do. `None` if there is no column of this name.
    ///
    /// # Panics
    /// If the column has more than 2^32 different values.
    pub fn categories(&self, name: &str) -> Option<Categories> {
        Some(Categories::of(self.arrays(name)?.map(|array| array as &dyn Array)))
    }
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dataset")
            .field("url", &self.reference.url)
            .field("rows", &self.rows)
            .field("columns", &self.columns)
            .finish_non_exhaustive()
    }
}

/// Columns are found by name, so each has one and no two share one.
pub(crate) fn check_names(path: &Path, names: &[String]) -> Result<(), DatasetError> {
    let unnamed = names.iter().zip(1..).filter(|(name, _)| name.is_empty());
    let positions: Vec<usize> = unnamed.map(|(_, position)| position).collect();
    if !positions.is_empty() {
        return Err(DatasetError::UnnamedColumns { path: path.into(), positions });
    }
    let mut seen = BTreeSet::new();
    let twice: BTreeSet<&String> = names.iter().filter(|name| !seen.insert(*name)).collect();
    if twice.is_empty() {
        return Ok(());
    }
    Err(DatasetError::DuplicateColumns { path: path.into(), names: twice.into_iter().cloned().collect() })
}

/// Runs work that reads files or computes for long where it holds up nobody.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DatasetError> + Send + 'static,
) -> Result<T, DatasetError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}
