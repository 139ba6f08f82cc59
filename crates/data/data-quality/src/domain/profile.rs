use std::cmp::Reverse;

use arrow::{
    array::{Array, ArrayRef, AsArray, Int64Array, make_comparator},
    compute::SortOptions,
    datatypes::{DataType, Float64Type, Int64Type},
};
use dataset::{Column, value_text};
use interfaces_data::{ColumnProfile, ColumnType, ValueCount};

use super::statistics;

/// The different values of a column, in any order and each with how often it occurs. A null counts as one of them.
#[derive(Debug, Clone)]
pub(crate) struct ValueCounts {
    pub values: ArrayRef,
    pub counts: Int64Array,
}

/// Most frequent values that are named.
const TOP: usize = 5;

/// Describes a column of `rows` rows. `counts` of a column without values may be empty: what is not counted is null.
pub(crate) fn profile(column: &Column, counts: &ValueCounts, rows: usize) -> ColumnProfile {
    let values = &counts.values;
    let count = |at: usize| counts.counts.value(at) as u64;
    let nulls = values.logical_nulls();
    let mut present: Vec<usize> =
        (0..values.len()).filter(|at| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*at))).collect();

    let order =
        make_comparator(values, values, SortOptions::default()).expect("columns have types that can be compared");
    let text = |at: &usize| clipped(value_text(values, *at).expect("nulls were left out"));
    let min = present.iter().min_by(|a, b| order(**a, **b)).map(text);
    let max = present.iter().max_by(|a, b| order(**a, **b)).map(text);
    let occurrences: u64 = present.iter().map(|at| count(*at)).sum();
    let distinct = present.len() as u64;
    let numeric = numbers(values, &present, count);

    let by_frequency = |a: &usize, b: &usize| Reverse(count(*a)).cmp(&Reverse(count(*b))).then_with(|| order(*a, *b));
    if present.len() > TOP {
        present.select_nth_unstable_by(TOP, by_frequency);
        present.truncate(TOP);
    }
    present.sort_unstable_by(by_frequency);

    ColumnProfile {
        name: column.name.clone(),
        column_type: column_type(column.column_type),
        nulls: rows as u64 - occurrences,
        distinct,
        min,
        max,
        numeric: numeric.and_then(|numbers| statistics::describe(&numbers)),
        top: present.iter().map(|at| ValueCount { value: text(at), count: count(*at) }).collect(),
    }
}

/// Long values are cut: a profile describes the data, it does not carry it.
fn clipped(mut text: String) -> String {
    const LENGTH: usize = 200;
    if let Some((end, _)) = text.char_indices().nth(LENGTH) {
        text.truncate(end);
        text.push_str("...");
    }
    text
}

/// The numbers of a numeric column with their counts, ascending; integers that differ only beyond 2^53 stay apart.
fn numbers(values: &dyn Array, present: &[usize], count: impl Fn(usize) -> u64) -> Option<Vec<(f64, u64)>> {
    let mut numbers: Vec<(f64, u64)> = match values.data_type() {
        DataType::Int64 => {
            let values = values.as_primitive::<Int64Type>();
            present.iter().map(|at| (values.value(*at) as f64, count(*at))).collect()
        }
        DataType::Float64 => {
            let values = values.as_primitive::<Float64Type>();
            present.iter().map(|at| (values.value(*at), count(*at))).collect()
        }
        _ => return None,
    };
    numbers.sort_unstable_by(|(a, _), (b, _)| a.total_cmp(b));
    Some(numbers)
}

fn column_type(column_type: dataset::ColumnType) -> ColumnType {
    match column_type {
        dataset::ColumnType::Integer => ColumnType::Integer,
        dataset::ColumnType::Float => ColumnType::Float,
        dataset::ColumnType::Boolean => ColumnType::Boolean,
        dataset::ColumnType::Date => ColumnType::Date,
        dataset::ColumnType::Timestamp => ColumnType::Timestamp,
        dataset::ColumnType::Text => ColumnType::Text,
        dataset::ColumnType::Null => ColumnType::Null,
    }
}
