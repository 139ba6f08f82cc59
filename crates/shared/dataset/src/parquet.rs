//! Parquet, brought to the same few types as CSV.
//!
//! | file | dataset |
//! | --- | --- |
//! | integers of any width | integer; text if unsigned values do not fit 64 bits with a sign |
//! | floats, decimals | float; NaN and the infinities are null, negative zero is zero |
//! | strings of any encoding | text; the spellings in [`NULLS`](crate::NULLS) are null |
//! | dates, timestamps of any unit and zone | date; timestamp in microseconds, UTC |
//! | times of day | text |
//! | bytes, durations, lists, structs, maps | refused, all such columns at once |
//! | any type without a value | null |

use std::{
    error::Error,
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::Arc,
};

use arrow::{
    array::{Array, ArrayRef, AsArray, NullArray, StringViewArray},
    compute::{cast, concat, max},
    datatypes::{DataType, Float64Type, TimeUnit, TimestampMicrosecondType, UInt64Type},
    error::ArrowError,
};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::{Column, ColumnType, DatasetError, cell::Cell, reader, reader::Table};

/// Reads a whole file.
pub(crate) fn read(path: &Path, bytes: Vec<u8>) -> Result<Table, DatasetError> {
    // The library panics on some damaged metadata. Nothing outlives the call that a panic could leave half done.
    panic::catch_unwind(AssertUnwindSafe(|| read_table(path, bytes))).unwrap_or_else(|_| {
        Err(DatasetError::Parquet { path: path.into(), source: "the metadata contradicts itself".into() })
    })
}

fn read_table(path: &Path, bytes: Vec<u8>) -> Result<Table, DatasetError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).map_err(|error| broken(path, error))?;
    let schema = builder.schema().clone();
    let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    if names.is_empty() {
        return Err(DatasetError::Empty { path: path.into() });
    }
    reader::check_names(path, &names)?;
    let unsupported = schema.fields().iter().filter(|field| column_type(field.data_type()).is_none());
    let unsupported: Vec<_> = unsupported.map(|field| (field.name().clone(), field.data_type().to_string())).collect();
    if !unsupported.is_empty() {
        return Err(DatasetError::UnsupportedColumns { path: path.into(), columns: unsupported });
    }

    let mut chunks: Vec<Vec<ArrayRef>> = vec![Vec::new(); names.len()];
    for batch in builder.build().map_err(|error| broken(path, error))? {
        let batch = batch.map_err(|error| broken(path, error))?;
        for (chunks, array) in chunks.iter_mut().zip(batch.columns()) {
            chunks.push(array.clone());
        }
    }
    let rows = chunks[0].iter().map(Array::len).sum();
    if rows == 0 {
        return Err(DatasetError::NoRows { path: path.into() });
    }

    let mut table = Table { columns: Vec::with_capacity(names.len()), arrays: Vec::with_capacity(names.len()), rows };
    for (name, chunks) in names.into_iter().zip(chunks) {
        let (column_type, array) = normalised(&chunks).map_err(|error| broken(path, error))?;
        table.columns.push(Column { name, column_type, mixed: None });
        table.arrays.push(array);
    }
    Ok(table)
}

fn broken(path: &Path, error: impl Error + Send + Sync + 'static) -> DatasetError {
    DatasetError::Parquet { path: path.into(), source: Box::new(error) }
}

/// What a column of this type is read as, its values permitting; `None` if no table can be made of it.
fn column_type(declared: &DataType) -> Option<ColumnType> {
    Some(match declared {
        DataType::Null => ColumnType::Null,
        DataType::Boolean => ColumnType::Boolean,
        integer if integer.is_integer() => ColumnType::Integer,
        number if number.is_numeric() => ColumnType::Float,
        DataType::Date32 | DataType::Date64 => ColumnType::Date,
        DataType::Timestamp(..) => ColumnType::Timestamp,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Time32(_) | DataType::Time64(_) => {
            ColumnType::Text
        }
        DataType::Dictionary(_, values) => return column_type(values),
        _ => return None,
    })
}

/// One column in the type of the dataset.
fn normalised(chunks: &[ArrayRef]) -> Result<(ColumnType, ArrayRef), ArrowError> {
    let chunks: Vec<&dyn Array> = chunks.iter().map(|chunk| chunk.as_ref()).collect();
    let mut array = concat(&chunks)?;
    if let DataType::Dictionary(_, values) = array.data_type() {
        array = cast(&array, values)?;
    }
    let mut column_type = column_type(array.data_type()).expect("other columns have been refused");
    let too_large = |values: &_| max(values).is_some_and(|largest| i64::try_from(largest).is_err());
    if array.as_primitive_opt::<UInt64Type>().is_some_and(too_large) {
        column_type = ColumnType::Text;
    }

    let array: ArrayRef = match column_type {
        ColumnType::Integer | ColumnType::Boolean | ColumnType::Date | ColumnType::Null => {
            cast(&array, &column_type.data_type())?
        }
        ColumnType::Float => {
            let floats = cast(&array, &DataType::Float64)?;
            let finite = |value: f64| value.is_finite().then_some(value + 0.0);
            Arc::new(floats.as_primitive::<Float64Type>().unary_opt::<_, Float64Type>(finite))
        }
        ColumnType::Timestamp => {
            // A zone tells how to show an instant; what is stored is UTC already.
            let DataType::Timestamp(_, zone) = array.data_type() else { unreachable!("it is read as a timestamp") };
            let micros = cast(&array, &DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))?;
            Arc::new(micros.as_primitive::<TimestampMicrosecondType>().clone().with_timezone_opt(None::<Arc<str>>))
        }
        ColumnType::Text => {
            let texts = cast(&array, &DataType::Utf8View)?;
            let texts = texts.as_string_view().iter().map(|text| text.filter(|text| Cell::read(text) != Cell::Null));
            Arc::new(texts.collect::<StringViewArray>())
        }
    };
    Ok(if array.null_count() == array.len() {
        (ColumnType::Null, Arc::new(NullArray::new(array.len())))
    } else {
        (column_type, array)
    })
}
