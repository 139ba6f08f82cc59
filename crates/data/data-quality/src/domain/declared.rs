use std::collections::BTreeSet;

use dataset::{Column, ColumnType, Dataset, DatasetError, Kind, Predicate};
use interfaces_data::{CheckKind, CheckOrigin, CheckResult, DeclaredCheck, Rule};
use kernel::FieldError;
use regex::Regex;

use super::{
    failures::{Failures, counted, named},
    rows::{self, Number},
};

/// A declared check that can be evaluated on the dataset it was prepared for.
#[derive(Debug)]
pub(crate) struct Declared {
    check: DeclaredCheck,
    test: Test,
}

#[derive(Debug)]
enum Test {
    NotNull,
    Unique,
    Range {
        min: f64,
        max: f64,
    },
    /// The values in the text that the column's values have.
    OneOf(BTreeSet<String>),
    Matches(Regex),
    Expression(Predicate),
}

/// Makes the checks ready for a dataset.
///
/// # Errors
/// Every field of every check that cannot be: columns that the dataset lacks, bounds that no value meets, patterns and
/// expressions that do not parse.
pub(crate) fn prepare(dataset: &Dataset, checks: Vec<DeclaredCheck>) -> Result<Vec<Declared>, Vec<FieldError>> {
    let mut refusals = Vec::new();
    let mut prepared = Vec::with_capacity(checks.len());
    for (index, check) in checks.into_iter().enumerate() {
        let mut refused = Refused { prefix: format!("/checks/{index}"), refusals: &mut refusals };
        refused.check_frame(&check);
        if let Some(test) = refused.test_of(dataset, &check.rule) {
            prepared.push(Declared { check, test });
        }
    }
    if refusals.is_empty() { Ok(prepared) } else { Err(refusals) }
}

/// Collects what is wrong with one check.
struct Refused<'r> {
    prefix: String,
    refusals: &'r mut Vec<FieldError>,
}

impl Refused<'_> {
    fn at(&mut self, field: &str, message: impl Into<String>) {
        self.refusals.push(FieldError { pointer: format!("{}/{field}", self.prefix), message: message.into() });
    }

    fn check_frame(&mut self, check: &DeclaredCheck) {
        if check.name.as_ref().is_some_and(|name| name.trim().is_empty()) {
            self.at("name", "an empty name: give the check one, or none at all to have one made");
        }
        if !(0.0..=1.0).contains(&check.tolerance) {
            self.at(
                "tolerance",
                format!("{} is no share: give that of the rows that may fail, 0 to 1", check.tolerance),
            );
        }
    }

    fn test_of(&mut self, dataset: &Dataset, rule: &Rule) -> Option<Test> {
        let column = match column_of(rule) {
            Some(name) => match dataset.column(name) {
                Ok(column) => Some(column),
                Err(error) => {
                    self.at("column", error.to_string());
                    None
                }
            },
            None => None,
        };
        match rule {
            Rule::NotNull { .. } => Some(Test::NotNull),
            Rule::Unique { .. } => Some(Test::Unique),
            Rule::Range { min, max, .. } => self.range(column, *min, *max),
            Rule::OneOf { values, .. } => self.one_of(column, values),
            Rule::Matches { pattern, .. } => self.matches(pattern),
            Rule::Expression { expr } => match dataset.predicate(expr) {
                Ok(predicate) => Some(Test::Expression(predicate)),
                Err(error) => {
                    self.at("expr", error.to_string());
                    None
                }
            },
        }
    }

    fn range(&mut self, column: Option<&Column>, min: Option<f64>, max: Option<f64>) -> Option<Test> {
        if let Some(column @ Column { name, column_type, .. }) = column
            && !column_type.is_numeric()
            && *column_type != ColumnType::Null
            && !holds_numbers(column)
        {
            self.at("column", format!("`{name}` was read as {column_type}: a range is for integers and floats"));
        }
        for (field, bound) in [("min", min), ("max", max)] {
            if bound.is_some_and(f64::is_nan) {
                self.at(field, "not a number: give a bound, or leave it out");
            }
        }
        let (min, max) = match (min, max) {
            (None, None) => {
                self.at("min", "neither `min` nor `max`: give at least one bound");
                return None;
            }
            (min, max) => (min.unwrap_or(f64::NEG_INFINITY), max.unwrap_or(f64::INFINITY)),
        };
        if min > max {
            self.at("min", format!("{min} is above `max`, {max}: no value lies between them"));
        }
        Some(Test::Range { min, max })
    }

    fn one_of(&mut self, column: Option<&Column>, values: &[String]) -> Option<Test> {
        if values.is_empty() {
            self.at("values", "an empty list: give the values that are allowed");
        }
        let Column { name, column_type, .. } = column?;
        let mut listed = BTreeSet::new();
        for (index, value) in values.iter().enumerate() {
            match column_type.canonical(value) {
                Some(text) => _ = listed.insert(text),
                // Of a column without values, all are in any list.
                None if *column_type == ColumnType::Null => {}
                None => self.at(
                    &format!("values/{index}"),
                    format!(
                        "`{value}` can be no value of `{name}`, which was read as {column_type}: correct or remove it"
                    ),
                ),
            }
        }
        Some(Test::OneOf(listed))
    }

    fn matches(&mut self, pattern: &str) -> Option<Test> {
        match Regex::new(pattern) {
            Ok(regex) => Some(Test::Matches(regex)),
            Err(error) => {
                self.at("pattern", format!("`{pattern}` is not a regular expression: {}", last_line(&error)));
                None
            }
        }
    }
}

/// The parser draws the pattern with a mark below it; what is wrong stands in the last line.
fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or(&text).trim();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// Whether the column would be numeric but for some values: those are what a range is to find.
fn holds_numbers(column: &Column) -> bool {
    column.mixed.as_ref().is_some_and(|mixed| mixed.counts.iter().any(|(kind, _)| *kind == Kind::Number))
}

fn column_of(rule: &Rule) -> Option<&str> {
    match rule {
        Rule::NotNull { column }
        | Rule::Unique { column }
        | Rule::Range { column, .. }
        | Rule::OneOf { column, .. }
        | Rule::Matches { column, .. } => Some(column),
        Rule::Expression { .. } => None,
    }
}

impl Declared {
    /// Looks at every row of the dataset that the check was prepared for.
    ///
    /// # Errors
    /// An expression that cannot be computed for one of the rows.
    pub(crate) fn evaluate(self, dataset: &Dataset) -> Result<CheckResult, DatasetError> {
        let column = column_of(&self.check.rule).map(str::to_owned);
        let (failures, finding) = self.test.failures(dataset, column.as_deref().unwrap_or_default())?;
        let one_column = |names: &[String]| match names {
            [name] => Some(name.clone()),
            _ => None,
        };
        Ok(CheckResult {
            name: self.check.name.unwrap_or_else(|| default_name(&self.check.rule)),
            kind: self.test.kind(),
            origin: CheckOrigin::Declared,
            column: match &self.test {
                Test::Expression(predicate) => one_column(predicate.columns()),
                _ => column,
            },
            severity: self.check.severity,
            passed: failures.are_within(self.check.tolerance, dataset.rows()),
            failing: failures.count,
            failing_rows: failures.rows,
            finding,
        })
    }
}

impl Test {
    fn kind(&self) -> CheckKind {
        match self {
            Self::NotNull => CheckKind::Completeness,
            Self::Unique => CheckKind::Uniqueness,
            Self::Range { .. } => CheckKind::Range,
            Self::OneOf(_) => CheckKind::Membership,
            Self::Matches(_) => CheckKind::Pattern,
            Self::Expression(_) => CheckKind::Expression,
        }
    }

    /// The rows that fail, and a sentence on them.
    fn failures(&self, dataset: &Dataset, column: &str) -> Result<(Failures, String), DatasetError> {
        let (failures, values) = match self {
            Self::NotNull => (rows::nulls(dataset, column), Vec::new()),
            Self::Unique => rows::repeated(dataset, column),
            Self::Range { min, max } => {
                let outside = |value: Number| value.is_below(*min) || value.is_above(*max);
                if dataset.column(column)?.column_type.is_numeric() {
                    (rows::numbers(dataset, column, outside), Vec::new())
                } else {
                    // Numbers among text: what is no number is in no range.
                    rows::values(dataset, column, |value| Number::spelled(value).is_none_or(outside))
                }
            }
            Self::OneOf(listed) => rows::values(dataset, column, |value| !listed.contains(value)),
            Self::Matches(regex) => rows::values(dataset, column, |value| !regex.is_match(value)),
            Self::Expression(predicate) => {
                let holds = dataset.evaluate(predicate)?;
                (Failures::of(holds.iter().map(|holds| holds == Some(false))), Vec::new())
            }
        };
        let finding = if failures.count == 0 { self.holds().into() } else { self.finding(failures.count, &values) };
        Ok((failures, finding))
    }

    fn holds(&self) -> &'static str {
        match self {
            Self::NotNull => "every row has a value",
            Self::Unique => "no two rows share a value",
            Self::Range { .. } => "all values lie within the range",
            Self::OneOf(_) => "all values are in the list",
            Self::Matches(_) => "all values match",
            Self::Expression(_) => "no row contradicts it",
        }
    }

    fn finding(&self, failing: u64, values: &[String]) -> String {
        let failing = counted(failing, "row");
        match self {
            Self::NotNull => format!("{failing} without a value"),
            Self::Unique => format!("{failing} with a value that another row has too: {}", named(values)),
            Self::Range { min, max } if values.is_empty() => {
                format!("{failing} with a value outside {}", interval(*min, *max))
            }
            Self::Range { min, max } => {
                format!("{failing} with a value outside {}: {}", interval(*min, *max), named(values))
            }
            Self::OneOf(_) => format!("{failing} with a value that is not in the list: {}", named(values)),
            Self::Matches(regex) => format!("{failing} with a value that does not match `{regex}`: {}", named(values)),
            Self::Expression(predicate) => format!("{failing} for which `{}` is false", predicate.text()),
        }
    }
}

/// The name of a check that was given none.
fn default_name(rule: &Rule) -> String {
    match rule {
        Rule::NotNull { column } => format!("{column} is not null"),
        Rule::Unique { column } => format!("{column} is unique"),
        Rule::Range { column, min, max } => {
            let (min, max) = (min.unwrap_or(f64::NEG_INFINITY), max.unwrap_or(f64::INFINITY));
            format!("{column} is within {}", interval(min, max))
        }
        Rule::OneOf { column, values } => format!("{column} is one of {}", named(values)),
        Rule::Matches { column, pattern } => format!("{column} matches `{pattern}`"),
        Rule::Expression { expr } => expr.clone(),
    }
}

fn interval(min: f64, max: f64) -> String {
    match (min.is_finite(), max.is_finite()) {
        (true, true) => format!("{min} to {max}"),
        (true, false) => format!("{min} and more"),
        (false, true) => format!("{max} and less"),
        (false, false) => "all numbers".into(),
    }
}
