//! What the text and the page both say, in the words that they say it in.

use interfaces_ai::{ClassifierMetrics, ConfusionMatrix, RegistryStage, RegistryStatus, TrainingReport};
use interfaces_data::{CheckResult, ColumnProfile, ColumnType, Driver, QualityReport, Severity, ValueCount, Verdict};

use crate::report::{ModelSummary, RunReport, figures, outcome::Tone};

/// Row numbers named per failed check.
const NAMED_ROWS: usize = 5;

/// One column as a row of a table. What does not apply to its type is empty.
pub struct ColumnFacts {
    pub kind: &'static str,
    pub nulls: String,
    pub distinct: String,
    pub min: String,
    pub median: String,
    pub mean: String,
    pub max: String,
    /// The most frequent value with its share of the rows.
    pub top: String,
}

impl ColumnFacts {
    pub fn of(column: &ColumnProfile, rows: u64) -> Self {
        let numeric = column.numeric;
        let bound = |text: &Option<String>| {
            let text = text.as_deref().map(|text| value(column, text)).unwrap_or_default();
            figures::clipped(&text, 24)
        };
        Self {
            kind: type_name(column.column_type),
            nulls: figures::share(column.nulls, rows),
            distinct: figures::count(column.distinct),
            min: bound(&column.min),
            median: numeric.map(|n| figures::number(n.quantiles.p50)).unwrap_or_default(),
            mean: numeric.map(|n| figures::number(n.mean)).unwrap_or_default(),
            max: bound(&column.max),
            top: column.top.first().map(|top| frequent(column, top, rows)).unwrap_or_default(),
        }
    }
}

/// `UA (17.5%)`.
pub fn frequent(column: &ColumnProfile, top: &ValueCount, rows: u64) -> String {
    if top.count == 1 && rows > 1 {
        return "all different".into();
    }
    format!("{} ({})", figures::clipped(&value(column, &top.value), 20), figures::share(top.count, rows))
}

/// A value of a column, which the contract gives as text.
pub fn value(column: &ColumnProfile, text: &str) -> String {
    match column.column_type {
        ColumnType::Integer => figures::whole(text),
        ColumnType::Float => text.parse().map_or_else(|_| figures::visible(text), figures::number),
        ColumnType::Timestamp => short_timestamp(text),
        ColumnType::Boolean | ColumnType::Date | ColumnType::Text | ColumnType::Null => figures::visible(text),
    }
}

fn type_name(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Integer => "integer",
        ColumnType::Float => "float",
        ColumnType::Boolean => "boolean",
        ColumnType::Date => "date",
        ColumnType::Timestamp => "timestamp",
        ColumnType::Text => "text",
        ColumnType::Null => "null",
    }
}

/// `2013-01-01T10:00:00Z` as `2013-01-01 10:00`; what is below a minute stays if it is there.
fn short_timestamp(text: &str) -> String {
    let text = text.trim_end_matches('Z').replacen('T', " ", 1);
    let minutes = text.strip_suffix(":00").filter(|rest| rest.len() == "2013-01-01 10:00".len());
    minutes.unwrap_or(&text).to_owned()
}

/// The checks that did not pass, errors first.
pub fn failed_checks(quality: &QualityReport) -> Vec<&CheckResult> {
    let mut failed: Vec<&CheckResult> = quality.checks.iter().filter(|check| !check.passed).collect();
    failed.sort_by_key(|check| std::cmp::Reverse(check.severity));
    failed
}

pub fn passed_checks(quality: &QualityReport) -> String {
    let passed = figures::size(&quality.checks) - figures::size(&failed_checks(quality));
    format!("{} of {} passed", figures::count(passed), figures::plural(figures::size(&quality.checks), "check"))
}

/// `passed, score 0.9987 (minimum 0.5)`.
pub fn verdict(report: &RunReport, quality: &QualityReport) -> (String, Tone) {
    let minimum = report.options.min_score;
    let (verdict, tone) = match quality.verdict {
        Verdict::Failed => ("failed", Tone::Bad),
        Verdict::Passed | Verdict::Warned if quality.score < minimum => ("below the minimum", Tone::Bad),
        Verdict::Warned => ("passed with warnings", Tone::Warn),
        Verdict::Passed => ("passed", Tone::Good),
    };
    (format!("{verdict}, score {} (minimum {minimum})", figures::score(quality.score)), tone)
}

pub fn check_tone(check: &CheckResult) -> Tone {
    match check.severity {
        _ if check.passed => Tone::Good,
        Severity::Warn => Tone::Warn,
        Severity::Error => Tone::Bad,
    }
}

/// What was found, and where to look.
pub fn finding(check: &CheckResult) -> String {
    let finding = figures::visible(&check.finding);
    let named: Vec<String> = check.failing_rows.iter().take(NAMED_ROWS).map(u64::to_string).collect();
    match named.as_slice() {
        [] => finding,
        [row] if check.failing == 1 => format!("{finding} (row {row})"),
        rows if check.failing > figures::size(rows) => format!("{finding} (rows {}…)", rows.join(", ")),
        rows => format!("{finding} (rows {})", rows.join(", ")),
    }
}

/// What was looked through for anomalies; `None` if that stage was not reached.
pub fn search(report: &RunReport) -> Option<String> {
    let columns = report.anomaly_columns.as_ref()?;
    if columns.is_empty() {
        return Some("no numeric columns to look at".into());
    }
    let columns = figures::plural(figures::size(columns), "numeric column");
    let rows = report.quality.as_ref().map(|quality| figures::plural(quality.rows, "row"));
    let rows = rows.unwrap_or_else(|| "all rows".into());
    Some(match report.anomalies.len() {
        0 => format!("none named, of {rows} over {columns}"),
        1 => format!("the most unusual of {rows} over {columns}"),
        number => format!("the {number} most unusual of {rows} over {columns}"),
    })
}

/// `delay 853 (41%)`: the row's value, and its share of what makes the row unusual.
pub fn driver(driver: &Driver) -> String {
    let name = figures::clipped(&figures::visible(&driver.column), 30);
    let value = driver.value.map_or_else(|| "missing".into(), figures::number);
    format!("{name} {value} ({:.0}%)", driver.share * 100.0)
}

/// What was trained for which target, or why nothing was.
pub fn model(model: &ModelSummary) -> String {
    match (&model.training, &model.reason) {
        (Some(training), _) => {
            let target = figures::clipped(&figures::visible(&training.target), 40);
            format!("{} for {target}", figures::visible(&training.algorithm))
        }
        (None, Some(reason)) => format!("skipped: {}", figures::visible(reason)),
        (None, None) => "skipped".into(),
    }
}

/// One metric of the model beside the same of the baseline.
pub struct Comparison {
    pub metric: &'static str,
    pub model: String,
    pub baseline: String,
    pub difference: String,
    pub tone: Tone,
}

pub fn comparisons(training: &TrainingReport) -> [Comparison; 2] {
    let compared =
        |metric, value: fn(&ClassifierMetrics) -> f64, shown: fn(f64) -> String, difference: fn(f64) -> String| {
            let (model, baseline) = (value(&training.metrics), value(&training.baseline));
            Comparison {
                metric,
                model: shown(model),
                baseline: shown(baseline),
                difference: difference(model - baseline),
                tone: if model > baseline { Tone::Good } else { Tone::Warn },
            }
        };
    [
        compared("accuracy", |m| m.accuracy, |v| format!("{:.2}%", v * 100.0), |d| format!("{:+.2} points", d * 100.0)),
        compared("AUC", |m| m.auc, figures::score, |d| format!("{d:+.4}")),
    ]
}

/// One class of a confusion matrix: how its rows were predicted.
pub struct ActualClass {
    pub name: &'static str,
    /// As true, as false.
    pub predicted: [Predicted; 2],
}

pub struct Predicted {
    pub rows: u64,
    /// Of the rows that are in truth of the class.
    pub share: f64,
    pub right: bool,
}

impl Predicted {
    pub fn count(&self) -> String {
        figures::count(self.rows)
    }

    pub fn percent(&self) -> String {
        figures::percent(self.share)
    }
}

pub fn classes(confusion: &ConfusionMatrix) -> [ActualClass; 2] {
    let class = |name, as_true: u64, as_false: u64, truth: bool| {
        let predicted = |rows, right| Predicted { rows, share: figures::ratio(rows, as_true + as_false), right };
        ActualClass { name, predicted: [predicted(as_true, truth), predicted(as_false, !truth)] }
    };
    [
        class("true", confusion.true_positive, confusion.false_negative, true),
        class("false", confusion.false_positive, confusion.true_negative, false),
    ]
}

/// What a model was made from, as label and text.
pub fn training(training: &TrainingReport) -> Vec<(&'static str, String)> {
    let features = training.features.iter().map(|name| figures::visible(name)).collect::<Vec<_>>();
    vec![
        ("features", format!("{}: {}", figures::plural(figures::size(&features), "column"), listed(&features))),
        ("rows", format!("{} with a known target", figures::count(training.rows))),
        ("folds", figures::visible(&training.folds)),
        ("model", format!("sha256 {}, {}", training.model.short(), figures::bytes(training.model_bytes))),
    ]
}

/// As many names as three lines have room for; the rest is a number.
fn listed(names: &[String]) -> String {
    let mut room = 200_usize;
    let shown = names.iter().take_while(|name| {
        room = room.saturating_sub(name.chars().count() + 2);
        room > 0
    });
    let shown: Vec<&str> = shown.map(String::as_str).collect();
    match names.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// `flights v3, promoted`, and whether that is good, if there is a version.
pub fn version(registry: &RegistryStage) -> (String, Option<Tone>) {
    let name = figures::clipped(&figures::visible(&registry.model_name), 40);
    let version = registry.version.map(|version| format!("{name} v{version}")).unwrap_or(name);
    match registry.status {
        RegistryStatus::Promoted => (format!("{version}, promoted"), Some(Tone::Good)),
        RegistryStatus::Registered => (format!("{version}, not promoted"), Some(Tone::Warn)),
        RegistryStatus::Skipped => (format!("skipped: {}", figures::visible(&registry.reason)), None),
    }
}

/// Why, and who is the champion now, as label and text.
pub fn registry(registry: &RegistryStage) -> Vec<(&'static str, String)> {
    if registry.status == RegistryStatus::Skipped {
        return Vec::new();
    }
    let mut facts = vec![("why", figures::visible(&registry.reason))];
    let champion = match (registry.status, registry.champion, registry.version) {
        (RegistryStatus::Promoted, Some(before), Some(now)) => Some(format!("v{now}, before v{before}")),
        (RegistryStatus::Promoted, None, Some(now)) => Some(format!("v{now}, the first")),
        (RegistryStatus::Registered, Some(before), _) => Some(format!("still v{before}")),
        (RegistryStatus::Registered, None, _) => Some("none".into()),
        (RegistryStatus::Promoted, _, None) | (RegistryStatus::Skipped, ..) => None,
    };
    facts.extend(champion.map(|champion| ("champion", champion)));
    facts
}

/// What the dataset is, in a few words.
pub fn dataset(report: &RunReport) -> String {
    let size = report.quality.as_ref().map(|quality| {
        let columns = figures::plural(figures::size(&quality.columns), "column");
        format!("{}, {columns}, ", figures::plural(quality.rows, "row"))
    });
    let dataset = &report.dataset;
    format!("{}{}, sha256 {}", size.unwrap_or_default(), dataset.format, dataset.fingerprint.short())
}

/// Where the results are, as label and text.
pub fn saved(report: &RunReport) -> Vec<(&'static str, String)> {
    let saved = &report.saved;
    let mut facts = vec![("store", figures::visible(&saved.store))];
    // A run that was undone has taken its model back.
    facts.extend(report.registry.version.map(|_| ("models", figures::visible(&saved.models))));
    facts.extend(saved.report.as_deref().map(|page| ("page", figures::visible(page))));
    facts
}
