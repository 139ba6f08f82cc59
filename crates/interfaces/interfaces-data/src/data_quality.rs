use kernel::{Access, DatasetRef, Event, Permission, Request, RequestKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What [`CheckDataset`] requires.
pub const CHECK_QUALITY: Permission = Permission::new("data-quality:check");

/// Profile every column of a dataset and check it: inferred checks plus the declared ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckDataset {
    /// What to check. It is refused if its bytes no longer have this fingerprint.
    pub dataset: DatasetRef,
    /// Beside the inferred ones; none where absent. Refused as a whole if one of them cannot be asked of this dataset.
    #[serde(default)]
    pub checks: Vec<DeclaredCheck>,
}

impl Request for CheckDataset {
    type Response = QualityReport;
    const NAME: &'static str = "data-quality.check";
    const KIND: RequestKind = RequestKind::Command;
    const ACCESS: Access = Access::Requires(CHECK_QUALITY);

    fn subject(&self) -> Option<String> {
        Some(self.dataset.url.clone())
    }
}

/// A check that somebody wrote down, as `[[check]]` in a sidecar or checks file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeclaredCheck {
    /// Shown in the report; made from the rule and the column when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it means that the check fails; `error` where absent.
    #[serde(default)]
    pub severity: Severity,
    /// Share of rows that may fail before the check fails, 0 to 1; 0 where absent.
    #[serde(default)]
    pub tolerance: f64,
    /// What must hold. Its fields stand beside those of the check.
    #[serde(flatten)]
    pub rule: Rule,
}

/// What must hold of every row. A null passes every rule but `not-null` and `unique` is over the values that are not null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "rule", rename_all = "kebab-case")]
pub enum Rule {
    /// There is a value.
    NotNull {
        /// Any column, as the dataset names it.
        column: String,
    },
    /// No other row has the same value.
    Unique {
        /// Any column, as the dataset names it.
        column: String,
    },
    /// Bounds are inclusive; at least one is given.
    Range {
        /// A column of integers or floats. One that was read as text will do if it holds numbers: all else in it fails.
        column: String,
        /// Smallest value that passes; no bound where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<f64>,
        /// Largest value that passes; no bound where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<f64>,
    },
    /// The value stands in a list.
    OneOf {
        /// Any column, as the dataset names it.
        column: String,
        /// At least one, in a spelling that the column's type knows: among floats `1.50` is 1.5.
        values: Vec<String>,
    },
    /// A regular expression that the value's text must match somewhere.
    Matches {
        /// Any column, as the dataset names it; numbers and dates are looked at as text.
        column: String,
        /// In the syntax of the crate `regex`; `^` and `$` hold it to the whole text.
        pattern: String,
    },
    /// A boolean SQL expression over the row's columns.
    Expression {
        /// Such as `age >= 18 OR country = 'PT'`. A row fails where it is false, and passes where it is null.
        expr: String,
    },
}

/// What a failed check means: `warn` is reported, `error` fails the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// To be looked at: the verdict is `warned`, unless something worse failed.
    Warn,
    /// Not to be worked with: the verdict is `failed`, and the quality gate of a pipeline closes.
    #[default]
    Error,
}

/// What was found in a dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QualityReport {
    /// What was checked, as the request named it.
    pub dataset: DatasetRef,
    /// Data rows of the dataset, at least 1.
    pub rows: u64,
    /// Every column, in the order of the dataset.
    pub columns: Vec<ColumnProfile>,
    /// The inferred ones, column by column; after them the declared ones, in the order of the request.
    pub checks: Vec<CheckResult>,
    /// Mean over all checks of the share of rows that pass, 0 to 1; 1 without checks.
    pub score: f64,
    /// What the failed checks come to.
    pub verdict: Verdict,
}

/// `failed` if a check of severity `error` failed, `warned` if one of severity `warn` did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// No check failed.
    Passed,
    /// Of the failed checks the worst is of severity `warn`.
    Warned,
    /// A check of severity `error` failed.
    Failed,
}

/// One column, described over all rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ColumnProfile {
    /// As the dataset names it.
    pub name: String,
    /// What all of its values were read as: found over all rows, never from a sample.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// Rows without a value, 0 to all. The spellings `NA`, `N/A`, `n/a`, `NaN`, `nan`, `null` and `NULL` stand for none.
    pub nulls: u64,
    /// Different values, nulls aside.
    pub distinct: u64,
    /// Smallest value as text: by number, by time or by bytes, as the type has it, cut after 200
    /// characters. Absent if every value is null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<String>,
    /// Largest value as text, ordered and cut as `min` is. Absent if every value is null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<String>,
    /// Present for integers and floats that are not all null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numeric: Option<NumericProfile>,
    /// Most frequent values, at most 5, most frequent first; ties in the order of the values.
    pub top: Vec<ValueCount>,
}

/// What a column was read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// Whole numbers that fit 64 bits with a sign.
    Integer,
    /// Finite numbers of 64 bits. Integers are floats where they stand among floats.
    Float,
    /// `true` and `false`, in any letter case.
    Boolean,
    /// Days without a time, in ISO 8601: `2026-11-21`.
    Date,
    /// Moments to the microsecond, in UTC.
    Timestamp,
    /// Everything else, and columns with values of several kinds.
    Text,
    /// Every value is null.
    Null,
}

/// A numeric column, described over the rows that have a value; in the unit of the column.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NumericProfile {
    /// Smallest value; an integer beyond 2^53 is rounded.
    pub min: f64,
    /// Largest value; an integer beyond 2^53 is rounded.
    pub max: f64,
    /// Arithmetic mean, added up with the rounding errors kept aside (Neumaier 1974).
    pub mean: f64,
    /// Sample standard deviation (n - 1); 0 for a single value.
    pub std: f64,
    /// Values that a given part of all lies below.
    pub quantiles: Quantiles,
}

/// Linear interpolation between the closest ranks (Hyndman & Fan 1996, type 7).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Quantiles {
    /// 5 % of the values lie below.
    pub p05: f64,
    /// First quartile: 25 % of the values lie below.
    pub p25: f64,
    /// Median: half of the values lie below.
    pub p50: f64,
    /// Third quartile: 75 % of the values lie below.
    pub p75: f64,
    /// 95 % of the values lie below.
    pub p95: f64,
}

/// A value of a column, and how often it occurs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ValueCount {
    /// As text, cut after 200 characters.
    pub value: String,
    /// Rows that have it, at least 1.
    pub count: u64,
}

/// What became of one check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckResult {
    /// As declared, or made from rule and column.
    pub name: String,
    /// What it looks at.
    pub kind: CheckKind,
    /// Whether somebody wrote it down or the data suggested it.
    pub origin: CheckOrigin,
    /// None for a rule over several columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// What its failing means; inferred checks are of severity `warn`.
    pub severity: Severity,
    /// Whether no larger share of the rows fails than the check tolerates.
    pub passed: bool,
    /// Rows that fail.
    pub failing: u64,
    /// The first 20 of them: row numbers as `AnomalyReport` has them, the first data row is 1.
    pub failing_rows: Vec<u64>,
    /// What was found, in one sentence.
    pub finding: String,
}

/// What a check looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckKind {
    /// Values of one kind. Inferred where a column was read as text because it holds several.
    Type,
    /// There is a value: rule `not-null`. The inferred one lets up to 5 % of the rows be without.
    Completeness,
    /// Bounds: rule `range`. The inferred ones are Tukey's outer fences (1977), 3 interquartile ranges from the quartiles;
    /// up to 5 % of the rows may lie beyond.
    Range,
    /// No value occurs twice: rule `unique`. Inferred where at least 98 % of the values are different, but not all.
    Uniqueness,
    /// Values of a list: rule `one-of`.
    Membership,
    /// A regular expression: rule `matches`.
    Pattern,
    /// A condition on the row: rule `expression`.
    Expression,
}

/// Who asked for a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckOrigin {
    /// The data suggested it.
    Inferred,
    /// It stood in the request.
    Declared,
}

/// A dataset was profiled and checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckCompleted {
    /// What was checked.
    pub dataset: DatasetRef,
    /// Data rows of the dataset.
    pub rows: u64,
    /// Mean over all checks of the share of rows that pass, 0 to 1.
    pub score: f64,
    /// What the failed checks come to.
    pub verdict: Verdict,
    /// Names of the checks that failed.
    pub failed_checks: Vec<String>,
}

impl Event for CheckCompleted {
    const NAME: &'static str = "data_quality.check_completed";

    fn key(&self) -> String {
        self.dataset.fingerprint.to_string()
    }
}
