use kernel::{Access, DatasetRef, Event, Permission, Request, RequestKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub const CHECK_QUALITY: Permission = Permission::new("data-quality:check");

/// Profile every column of a dataset and check it: inferred checks plus the declared ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckDataset {
    pub dataset: DatasetRef,
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
    #[serde(default)]
    pub severity: Severity,
    /// Share of rows that may fail before the check fails, 0 to 1.
    #[serde(default)]
    pub tolerance: f64,
    #[serde(flatten)]
    pub rule: Rule,
}

/// What must hold of every row. A null passes every rule but `not-null` and `unique` is over the values that are not null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "rule", rename_all = "kebab-case")]
pub enum Rule {
    NotNull {
        column: String,
    },
    Unique {
        column: String,
    },
    /// Bounds are inclusive; at least one is given.
    Range {
        column: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<f64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<f64>,
    },
    OneOf {
        column: String,
        values: Vec<String>,
    },
    /// A regular expression that the value's text must match somewhere.
    Matches {
        column: String,
        pattern: String,
    },
    /// A boolean SQL expression over the row's columns.
    Expression {
        expr: String,
    },
}

/// What a failed check means: `warn` is reported, `error` fails the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Warn,
    #[default]
    Error,
}

/// What was found in a dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QualityReport {
    pub dataset: DatasetRef,
    pub rows: u64,
    pub columns: Vec<ColumnProfile>,
    pub checks: Vec<CheckResult>,
    /// Mean over all checks of the share of rows that pass, 0 to 1.
    pub score: f64,
    pub verdict: Verdict,
}

/// `failed` if a check of severity `error` failed, `warned` if one of severity `warn` did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Passed,
    Warned,
    Failed,
}

/// One column, described over all rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ColumnProfile {
    pub name: String,
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    pub nulls: u64,
    /// Different values, nulls aside.
    pub distinct: u64,
    /// Smallest value as text: by number, by time or by bytes, as the type has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<String>,
    /// Present for integers and floats that are not all null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numeric: Option<NumericProfile>,
    /// Most frequent values, most frequent first; ties in the order of the values.
    pub top: Vec<ValueCount>,
}

/// What a column was read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    Integer,
    Float,
    Boolean,
    Date,
    Timestamp,
    Text,
    /// Every value is null.
    Null,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NumericProfile {
    pub min: f64,
    pub max: f64,
    pub mean: f64,
    /// Sample standard deviation (n - 1); 0 for a single value.
    pub std: f64,
    pub quantiles: Quantiles,
}

/// Linear interpolation between the closest ranks (Hyndman & Fan 1996, type 7).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Quantiles {
    pub p05: f64,
    pub p25: f64,
    pub p50: f64,
    pub p75: f64,
    pub p95: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ValueCount {
    pub value: String,
    pub count: u64,
}

/// What became of one check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckResult {
    pub name: String,
    pub kind: CheckKind,
    pub origin: CheckOrigin,
    /// None for a rule over several columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    pub severity: Severity,
    pub passed: bool,
    /// Rows that fail.
    pub failing: u64,
    /// The first of them: row numbers as `AnomalyReport` has them, the first data row is 1.
    pub failing_rows: Vec<u64>,
    /// What was found, in one sentence.
    pub finding: String,
}

/// What a check looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckKind {
    Type,
    Completeness,
    Range,
    Uniqueness,
    Membership,
    Pattern,
    Expression,
}

/// Who asked for a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckOrigin {
    Inferred,
    Declared,
}

/// A dataset was profiled and checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckCompleted {
    pub dataset: DatasetRef,
    pub rows: u64,
    pub score: f64,
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
