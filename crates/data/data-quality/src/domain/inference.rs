//! The checks that a dataset suggests itself. All are warnings: the data alone cannot say what is wrong with it, only what is
//! unusual.
//!
//! | check | of which columns | a row fails that | passes while |
//! | --- | --- | --- | --- |
//! | type | those read as text because their values are of several kinds | holds a value of a rarer kind | never |
//! | completeness | all | holds no value | at most [`ORDINARY`] of the rows fail |
//! | range | integers and floats of which the middle half differs | lies beyond Tukey's outer fences | at most [`ORDINARY`] of the rows fail |
//! | uniqueness | integers and text of which at least [`NEARLY_UNIQUE`] of the values are different, but not all | shares its value | never |
//!
//! The outer fences are three times the interquartile range below the first and above the third quartile (Tukey 1977). The
//! quantities of this world have long tails, so that values beyond the fences are a finding only where they are many.

use dataset::{Dataset, Mixed};
use interfaces_data::{CheckKind, CheckOrigin, CheckResult, ColumnProfile, ColumnType, NumericProfile, Severity};

use super::{
    failures::{Failures, counted, named},
    rows,
};

/// Share of rows without a value, or with one beyond the fences, that is taken as ordinary.
const ORDINARY: f64 = 0.05;

/// Share of different values from which on a column is taken for a key that should have no two alike.
const NEARLY_UNIQUE: f64 = 0.98;

/// Interquartile ranges from the quartiles to the outer fences.
const FENCE: f64 = 3.0;

/// All inferred checks, column by column.
pub(crate) fn infer(dataset: &Dataset, profiles: &[ColumnProfile]) -> Vec<CheckResult> {
    let columns = dataset.columns().iter().zip(profiles);
    let checks = columns.flat_map(|(column, profile)| {
        [
            column.mixed.as_ref().map(|mixed| one_kind(dataset, profile, mixed)),
            Some(complete(dataset, profile)),
            profile.numeric.as_ref().and_then(|numbers| within_fences(dataset, profile, numbers)),
            nearly_unique(dataset, profile),
        ]
    });
    checks.flatten().collect()
}

fn one_kind(dataset: &Dataset, profile: &ColumnProfile, mixed: &Mixed) -> CheckResult {
    let name = &profile.name;
    let (failures, values) = rows::values(dataset, name, |value| mixed.is_minority(value));
    let kinds: Vec<String> = mixed.counts.iter().map(|(kind, count)| kind.counted(*count)).collect();
    let (last, others) = kinds.split_last().expect("a mixed column has at least two kinds");
    let finding = format!(
        "read as text because it holds {} and {last}; the rarer ones, from row {} on: {}",
        others.join(", "),
        mixed.first_row,
        named(values),
    );
    inferred(profile, CheckKind::Type, format!("{name} holds values of one kind"), false, failures, finding)
}

fn complete(dataset: &Dataset, profile: &ColumnProfile) -> CheckResult {
    let rows = dataset.rows() as u64;
    let failures = if profile.nulls == 0 { Failures::default() } else { rows::nulls(dataset, &profile.name) };
    let finding = match failures.count {
        0 => "every row has a value".into(),
        nulls if nulls == rows => "no row has a value".into(),
        nulls => {
            format!("{nulls} of {} {}", counted(rows, "row"), if nulls == 1 { "has no value" } else { "have no value" })
        }
    };
    let passed = failures.are_within(ORDINARY, dataset.rows());
    inferred(profile, CheckKind::Completeness, format!("{} is complete", profile.name), passed, failures, finding)
}

/// None where the fences would fall together: the middle half of the values is one value, and every other one an outlier.
fn within_fences(dataset: &Dataset, profile: &ColumnProfile, numbers: &NumericProfile) -> Option<CheckResult> {
    let (first, third) = (numbers.quantiles.p25, numbers.quantiles.p75);
    let (low, high) = (first - FENCE * (third - first), third + FENCE * (third - first));
    if first == third || !low.is_finite() || !high.is_finite() {
        return None;
    }
    let failures = if low <= numbers.min && numbers.max <= high {
        Failures::default()
    } else {
        rows::numbers(dataset, &profile.name, |value| value.is_below(low) || value.is_above(high))
    };
    let finding = match failures.count {
        0 => format!("all values lie within {} to {}", figure(low), figure(high)),
        outside => format!(
            "{} beyond {} to {}, of values from {} to {}",
            if outside == 1 { "1 value lies".into() } else { format!("{outside} values lie") },
            figure(low),
            figure(high),
            numbers.min,
            numbers.max
        ),
    };
    let passed = failures.are_within(ORDINARY, dataset.rows());
    Some(inferred(profile, CheckKind::Range, format!("{} has few outliers", profile.name), passed, failures, finding))
}

/// A computed number in six digits, for people.
fn figure(value: f64) -> String {
    let scientific = format!("{value:.5e}");
    let rounded: f64 = scientific.parse().expect("a formatted float is a float");
    if rounded == 0.0 || (1e-4..1e15).contains(&rounded.abs()) { rounded.to_string() } else { format!("{rounded:e}") }
}

fn nearly_unique(dataset: &Dataset, profile: &ColumnProfile) -> Option<CheckResult> {
    let values = dataset.rows() as u64 - profile.nulls;
    let may_be_key = matches!(profile.column_type, ColumnType::Integer | ColumnType::Text);
    if !may_be_key || profile.distinct == values || (profile.distinct as f64) < NEARLY_UNIQUE * values as f64 {
        return None;
    }
    let (failures, values) = rows::repeated(dataset, &profile.name);
    let finding = format!("{} share a value with another: {}", counted(failures.count, "row"), named(values));
    Some(inferred(profile, CheckKind::Uniqueness, format!("{} is unique", profile.name), false, failures, finding))
}

fn inferred(
    profile: &ColumnProfile,
    kind: CheckKind,
    name: String,
    passed: bool,
    failures: Failures,
    finding: String,
) -> CheckResult {
    CheckResult {
        name,
        kind,
        origin: CheckOrigin::Inferred,
        column: Some(profile.name.clone()),
        severity: Severity::Warn,
        passed,
        failing: failures.count,
        failing_rows: failures.rows,
        finding,
    }
}
