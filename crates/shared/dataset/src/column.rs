use std::fmt;

use arrow::{
    array::{Array, AsArray},
    datatypes::{DataType, Date32Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType},
};
use chrono::{DateTime, NaiveDate, SecondsFormat};

use crate::{
    Kind,
    cell::{Cell, DAY},
};

/// One column of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// As the header of the file has it, in CSV without the blanks around it. No two columns share one.
    pub name: String,
    /// Of all of its values that are not null.
    pub column_type: ColumnType,
    /// Set when the values were of several kinds, and the column was therefore read as text. CSV only: Parquet declares types.
    pub mixed: Option<Mixed>,
}

/// What a column was read as. Found over all rows, never from a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// Arrow `Int64`.
    Integer,
    /// Arrow `Float64`; finite, no negative zero. Integers among floats are floats; decimals are too.
    Float,
    /// Arrow `Boolean`; in CSV `true` and `false`, in any letter case.
    Boolean,
    /// Arrow `Date32`.
    Date,
    /// Arrow `Timestamp(Microsecond, None)`, in UTC. A time without an offset is taken as UTC; a date among timestamps is its
    /// midnight.
    Timestamp,
    /// Arrow `Utf8View`.
    Text,
    /// Arrow `Null`: no row has a value.
    Null,
}

impl ColumnType {
    /// Integers and floats.
    pub fn is_numeric(self) -> bool {
        matches!(self, Self::Integer | Self::Float)
    }

    /// The text that [`value_text`] has for the value that `text` spells in a column of this type: `1.50` is `1.5` among floats.
    /// `None` if no such column holds it: `abc` among integers, or a null.
    pub fn canonical(self, text: &str) -> Option<String> {
        Some(match (self, Cell::read(text)) {
            (_, Cell::Null) | (Self::Null, _) => return None,
            (Self::Text, _) => text.to_owned(),
            (Self::Integer, Cell::Integer(value)) => value.to_string(),
            (Self::Float, Cell::Integer(value)) => float_text(value as f64),
            (Self::Float, Cell::Float(value)) => float_text(value),
            (Self::Boolean, Cell::Boolean(value)) => value.to_string(),
            (Self::Date, Cell::Date(days)) => date_text(days),
            (Self::Timestamp, Cell::Date(days)) => timestamp_text(i64::from(days) * DAY),
            (Self::Timestamp, Cell::Timestamp(micros)) => timestamp_text(micros),
            (Self::Integer | Self::Float | Self::Boolean | Self::Date | Self::Timestamp, _) => return None,
        })
    }

    /// The one Arrow type that columns of this type have.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Integer => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Text => DataType::Utf8View,
            Self::Null => DataType::Null,
        }
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Integer => "integer",
            Self::Float => "float",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::Text => "text",
            Self::Null => "null",
        })
    }
}

/// The kinds of value in a column of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mixed {
    /// At least two, the most frequent first; of equally frequent ones, the one that comes first in the file.
    pub counts: Vec<(Kind, u64)>,
    /// The first row whose value is not of the most frequent kind; the first data row is 1.
    pub first_row: u64,
    /// There are identifiers such as `007` and no fractions: integers are identifiers too, and count as text.
    pub(crate) integers_are_text: bool,
}

impl Mixed {
    /// The most frequent kind; values of all others are the minority.
    pub fn majority(&self) -> Kind {
        self.counts[0].0
    }

    /// How many values are not of the most frequent kind.
    pub fn minority(&self) -> u64 {
        self.counts[1..].iter().map(|(_, count)| count).sum()
    }

    /// Whether a value of the column is not of the most frequent kind. A null is of none.
    pub fn is_minority(&self, value: &str) -> bool {
        let kind = match Kind::of(value) {
            Some(Kind::Number) if self.integers_are_text => Some(Kind::Text),
            kind => kind,
        };
        kind.is_some_and(|kind| kind != self.majority())
    }
}

/// A value as text; `None` for a null. Floats keep a point (`517.0`), timestamps are RFC 3339 in UTC.
///
/// # Panics
/// If `row` is out of bounds or the array has no type of [`ColumnType::data_type`].
pub fn value_text(array: &dyn Array, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    Some(match array.data_type() {
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float64 => float_text(array.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Date32 => date_text(array.as_primitive::<Date32Type>().value(row)),
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            timestamp_text(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        DataType::Utf8View => array.as_string_view().value(row).to_owned(),
        DataType::Null => return None,
        other => panic!("no column of a dataset has the type {other}"),
    })
}

fn float_text(value: f64) -> String {
    format!("{value:?}")
}

/// Dates that the calendar cannot hold (Parquet stores any number) show as their number.
fn date_text(days: i32) -> String {
    NaiveDate::from_epoch_days(days).map_or_else(|| days.to_string(), |date| date.to_string())
}

fn timestamp_text(micros: i64) -> String {
    let time = DateTime::from_timestamp_micros(micros);
    time.map_or_else(|| micros.to_string(), |time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}
