use std::sync::Arc;

use arrow::{
    array::{ArrayRef, ArrowPrimitiveType, BooleanBuilder, NullArray, PrimitiveBuilder, StringViewBuilder},
    datatypes::{Date32Type, Float64Type, Int64Type, TimestampMicrosecondType},
};

use super::records::Field;
use crate::{
    ColumnType, Kind, Mixed,
    cell::{Cell, DAY},
};

/// The values of one column, in the narrowest type that all values so far have.
#[derive(Default)]
pub(super) struct Values {
    tally: Tally,
    store: Store,
}

impl Values {
    /// Appends the fields of some rows; `before` rows came earlier.
    pub(super) fn read<'f>(&mut self, text: &str, fields: impl Iterator<Item = &'f Field>, before: u64) {
        for (field, row) in fields.zip(before + 1..) {
            let value = field.text(text);
            let cell = Cell::read(&value);
            self.tally.count(cell, row);
            self.store.push(cell, &value);
        }
    }

    /// If the column has to be read again, as text: the same column, ready for that.
    pub(super) fn restart_as_text(&mut self) -> Option<&mut Self> {
        let Store::Lost = self.store else { return None };
        *self = Self { tally: Tally::default(), store: Store::Text(StringViewBuilder::new()) };
        Some(self)
    }

    pub(super) fn finish(mut self) -> (ColumnType, Option<Mixed>, ArrayRef) {
        let (column_type, array): (_, ArrayRef) = match &mut self.store {
            Store::Nulls(rows) => (ColumnType::Null, Arc::new(NullArray::new(*rows))),
            Store::Integers(values) => (ColumnType::Integer, Arc::new(values.finish())),
            Store::Floats(values) => (ColumnType::Float, Arc::new(values.finish())),
            Store::Booleans(values) => (ColumnType::Boolean, Arc::new(values.finish())),
            Store::Dates(values) => (ColumnType::Date, Arc::new(values.finish())),
            Store::Timestamps(values) => (ColumnType::Timestamp, Arc::new(values.finish())),
            Store::Text(values) => (ColumnType::Text, Arc::new(values.finish())),
            Store::Lost => unreachable!("a column that was lost has been read again as text"),
        };
        (column_type, self.tally.mixed(), array)
    }
}

enum Store {
    /// Only nulls so far.
    Nulls(usize),
    Integers(PrimitiveBuilder<Int64Type>),
    Floats(PrimitiveBuilder<Float64Type>),
    Booleans(BooleanBuilder),
    Dates(PrimitiveBuilder<Date32Type>),
    Timestamps(PrimitiveBuilder<TimestampMicrosecondType>),
    Text(StringViewBuilder),
    /// Text, as turned out after values had been stored as something else.
    Lost,
}

impl Default for Store {
    fn default() -> Self {
        Self::Nulls(0)
    }
}

impl Store {
    fn push(&mut self, cell: Cell, text: &str) {
        match (&mut *self, cell) {
            (Self::Lost, _) => {}
            (Self::Nulls(rows), Cell::Null) => *rows += 1,
            (Self::Nulls(rows), _) => {
                *self = Self::starting_with(cell, *rows);
                self.push(cell, text);
            }
            (Self::Integers(values), Cell::Integer(value)) => values.append_value(value),
            (Self::Integers(values), Cell::Null) => values.append_null(),
            (Self::Integers(values), Cell::Float(_)) => {
                *self = Self::Floats(converted(values, |value| value as f64));
                self.push(cell, text);
            }
            (Self::Floats(values), Cell::Float(value)) => values.append_value(value),
            (Self::Floats(values), Cell::Integer(value)) => values.append_value(value as f64),
            (Self::Floats(values), Cell::Null) => values.append_null(),
            (Self::Booleans(values), Cell::Boolean(value)) => values.append_value(value),
            (Self::Booleans(values), Cell::Null) => values.append_null(),
            (Self::Dates(values), Cell::Date(days)) => values.append_value(days),
            (Self::Dates(values), Cell::Null) => values.append_null(),
            (Self::Dates(values), Cell::Timestamp(_)) => {
                *self = Self::Timestamps(converted(values, midnight));
                self.push(cell, text);
            }
            (Self::Timestamps(values), Cell::Timestamp(micros)) => values.append_value(micros),
            (Self::Timestamps(values), Cell::Date(days)) => values.append_value(midnight(days)),
            (Self::Timestamps(values), Cell::Null) => values.append_null(),
            (Self::Text(values), Cell::Null) => values.append_null(),
            (Self::Text(values), _) => values.append_value(text),
            (
                Self::Integers(_) | Self::Floats(_) | Self::Booleans(_) | Self::Dates(_) | Self::Timestamps(_),
                Cell::Integer(_)
                | Cell::Float(_)
                | Cell::Code
                | Cell::Boolean(_)
                | Cell::Date(_)
                | Cell::Timestamp(_)
                | Cell::Text,
            ) => *self = Self::Lost,
        }
    }

    /// The store for the first value after some nulls.
    fn starting_with(cell: Cell, nulls: usize) -> Self {
        match cell {
            Cell::Null => Self::Nulls(nulls),
            Cell::Integer(_) => Self::Integers(after_nulls(nulls)),
            Cell::Float(_) => Self::Floats(after_nulls(nulls)),
            Cell::Boolean(_) => {
                let mut values = BooleanBuilder::new();
                values.append_nulls(nulls);
                Self::Booleans(values)
            }
            Cell::Date(_) => Self::Dates(after_nulls(nulls)),
            Cell::Timestamp(_) => Self::Timestamps(after_nulls(nulls)),
            Cell::Code | Cell::Text => {
                let mut values = StringViewBuilder::new();
                (0..nulls).for_each(|_| values.append_null());
                Self::Text(values)
            }
        }
    }
}

fn after_nulls<T: ArrowPrimitiveType>(nulls: usize) -> PrimitiveBuilder<T> {
    let mut values = PrimitiveBuilder::new();
    values.append_nulls(nulls);
    values
}

fn midnight(days: i32) -> i64 {
    i64::from(days) * DAY
}

/// The same values and nulls in a wider type.
fn converted<T: ArrowPrimitiveType, W: ArrowPrimitiveType>(
    values: &mut PrimitiveBuilder<T>,
    widen: impl Fn(T::Native) -> W::Native,
) -> PrimitiveBuilder<W> {
    let mut wide = PrimitiveBuilder::with_capacity(values.capacity());
    values.finish().iter().for_each(|value| wide.append_option(value.map(&widen)));
    wide
}

/// One identifier such as `007` among so many integers makes the integers of its column identifiers.
const IDENTIFIERS: u64 = 20;

/// How many values of each sort a column holds.
#[derive(Default)]
struct Tally {
    integers: Sort,
    floats: Sort,
    codes: Sort,
    booleans: Sort,
    dates: Sort,
    texts: Sort,
}

#[derive(Default, Clone, Copy)]
struct Sort {
    count: u64,
    /// The row of the first one, from 1; 0 if there is none.
    first: u64,
}

impl Tally {
    fn count(&mut self, cell: Cell, row: u64) {
        let sort = match cell {
            Cell::Null => return,
            Cell::Integer(_) => &mut self.integers,
            Cell::Float(_) => &mut self.floats,
            Cell::Code => &mut self.codes,
            Cell::Boolean(_) => &mut self.booleans,
            Cell::Date(_) | Cell::Timestamp(_) => &mut self.dates,
            Cell::Text => &mut self.texts,
        };
        sort.count += 1;
        if sort.count == 1 {
            sort.first = row;
        }
    }

    /// What kinds there are, if more than one. Among identifiers such as `007`, integers are identifiers too; a few such among
    /// many integers are not what the column is made of.
    fn mixed(&self) -> Option<Mixed> {
        let integers_are_text =
            self.codes.count * IDENTIFIERS >= self.integers.count && self.codes.count > 0 && self.floats.count == 0;
        let (numbers, codes) = if integers_are_text {
            (Sort::default(), self.codes.and(self.integers))
        } else {
            (self.integers.and(self.floats), self.codes)
        };
        let mut kinds = vec![
            (Kind::Number, numbers),
            (Kind::Boolean, self.booleans),
            (Kind::Date, self.dates),
            (Kind::Text, self.texts.and(codes)),
        ];
        kinds.retain(|(_, sort)| sort.count > 0);
        kinds.sort_by_key(|(_, sort)| (std::cmp::Reverse(sort.count), sort.first));
        let first_row = kinds.iter().skip(1).map(|(_, sort)| sort.first).min()?;
        Some(Mixed {
            counts: kinds.into_iter().map(|(kind, sort)| (kind, sort.count)).collect(),
            first_row,
            integers_are_text,
        })
    }
}

impl Sort {
    fn and(self, other: Self) -> Self {
        let firsts = [self.first, other.first].into_iter().filter(|row| *row > 0);
        Self { count: self.count + other.count, first: firsts.min().unwrap_or(0) }
    }
}
