//! What stands beside a dataset: target, excluded columns, declared checks.

use std::path::{Path, PathBuf};

use interfaces_data::{DeclaredCheck, Rule, Severity};
use serde::Deserialize;

use crate::origins::Source;

/// A sidecar (`flights.toml` beside `flights.csv`) or a file of checks.
#[derive(Debug, Default, PartialEq)]
pub struct Sidecar {
    pub target: Option<String>,
    pub exclude: Option<Vec<String>>,
    pub model_name: Option<String>,
    pub min_score: Option<f64>,
    pub checks: Vec<DeclaredCheck>,
    /// None if there is no such file.
    pub source: Option<Source>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    target: Option<String>,
    exclude: Option<Vec<String>>,
    model_name: Option<String>,
    min_score: Option<f64>,
    #[serde(default)]
    check: Vec<toml::Spanned<CheckEntry>>,
}

/// One `[[check]]`: flat, so that an unknown key is an error wherever it stands.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckEntry {
    rule: String,
    name: Option<String>,
    severity: Option<Severity>,
    tolerance: Option<f64>,
    column: Option<String>,
    min: Option<f64>,
    max: Option<f64>,
    values: Option<Vec<toml::Value>>,
    pattern: Option<String>,
    expr: Option<String>,
}

const TOP_KEYS: [&str; 5] = ["target", "exclude", "model_name", "min_score", "check"];
const CHECK_KEYS: [&str; 10] =
    ["rule", "name", "severity", "tolerance", "column", "min", "max", "values", "pattern", "expr"];
const RULES: [&str; 6] = ["not-null", "unique", "range", "one-of", "matches", "expression"];

/// A sidecar that cannot be used: file, line, column, what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SidecarError {
    #[error("{}: cannot be read ({reason}): check the path", .file.display())]
    Unreadable { file: PathBuf, reason: String },
    #[error("{}:{line}:{column}: {message}", .file.display())]
    Wrong { file: PathBuf, line: usize, column: usize, message: String },
}

impl Sidecar {
    /// The sidecar of a dataset; empty if there is none.
    pub fn beside(dataset: &Path) -> Result<Self, SidecarError> {
        let file = dataset.with_extension("toml");
        match std::fs::read_to_string(&file) {
            Ok(text) => Self::parse(&file, &text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(SidecarError::Unreadable { file, reason: error.to_string() }),
        }
    }

    /// A file that was named for its checks; nothing else may stand in it but what a sidecar may have.
    pub fn with_checks(file: &Path) -> Result<Self, SidecarError> {
        let text = std::fs::read_to_string(file)
            .map_err(|error| SidecarError::Unreadable { file: file.into(), reason: error.to_string() })?;
        let sidecar = Self::parse(file, &text)?;
        if sidecar.checks.is_empty() {
            let message = "no [[check]] here: declare at least one, or leave --checks out".into();
            return Err(SidecarError::Wrong { file: file.into(), line: 1, column: 1, message });
        }
        Ok(sidecar)
    }

    fn parse(file: &Path, text: &str) -> Result<Self, SidecarError> {
        let wrong = |at: usize, message: String| {
            let (line, column) = line_and_column(text, at);
            SidecarError::Wrong { file: file.into(), line, column, message }
        };
        let parsed: File =
            toml::from_str(text).map_err(|e| wrong(e.span().map_or(0, |s| s.start), with_hint(e.message())))?;
        let checks = parsed
            .check
            .iter()
            .map(|entry| declared(entry.get_ref()).map_err(|message| wrong(entry.span().start, message)));
        let checks = checks.collect::<Result<_, _>>()?;
        let File { target, exclude, model_name, min_score, .. } = parsed;
        let source = Some(Source { file: file.into(), text: text.into() });
        Ok(Self { target, exclude, model_name, min_score, checks, source })
    }
}

fn declared(entry: &CheckEntry) -> Result<DeclaredCheck, String> {
    let tolerance = entry.tolerance.unwrap_or(0.0);
    if !(0.0..1.0).contains(&tolerance) {
        return Err(format!("tolerance {tolerance} is not a share: choose one from 0 to below 1"));
    }
    let column = || entry.column.clone().ok_or_else(|| format!("rule `{}` needs `column`", entry.rule));
    let (rule, used): (Rule, &[&str]) = match entry.rule.as_str() {
        "not-null" => (Rule::NotNull { column: column()? }, &["column"]),
        "unique" => (Rule::Unique { column: column()? }, &["column"]),
        "range" => {
            if entry.min.is_none() && entry.max.is_none() {
                return Err("rule `range` needs `min`, `max` or both".into());
            }
            (Rule::Range { column: column()?, min: entry.min, max: entry.max }, &["column", "min", "max"])
        }
        "one-of" => {
            let values = entry.values.as_ref().ok_or("rule `one-of` needs `values`")?;
            let values = values.iter().map(plain).collect::<Result<_, _>>()?;
            (Rule::OneOf { column: column()?, values }, &["column", "values"])
        }
        "matches" => {
            let pattern = entry.pattern.clone().ok_or("rule `matches` needs `pattern`")?;
            (Rule::Matches { column: column()?, pattern }, &["column", "pattern"])
        }
        "expression" => {
            (Rule::Expression { expr: entry.expr.clone().ok_or("rule `expression` needs `expr`")? }, &["expr"])
        }
        other => {
            let hint = closest(other, &RULES).map(|rule| format!(", did you mean `{rule}`?")).unwrap_or_default();
            return Err(format!("unknown rule `{other}`{hint} (rules: {})", RULES.join(", ")));
        }
    };
    let given = [
        ("column", entry.column.is_some()),
        ("min", entry.min.is_some()),
        ("max", entry.max.is_some()),
        ("values", entry.values.is_some()),
        ("pattern", entry.pattern.is_some()),
        ("expr", entry.expr.is_some()),
    ];
    if let Some((key, _)) = given.iter().find(|(key, given)| *given && !used.contains(key)) {
        return Err(format!("rule `{}` has no `{key}`: it takes {}", entry.rule, used.join(", ")));
    }
    Ok(DeclaredCheck { name: entry.name.clone(), severity: entry.severity.unwrap_or_default(), tolerance, rule })
}

fn plain(value: &toml::Value) -> Result<String, String> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Boolean(_) | toml::Value::Datetime(_) => {
            Ok(value.to_string())
        }
        toml::Value::Array(_) | toml::Value::Table(_) => Err("`values` takes texts, numbers and booleans".into()),
    }
}

/// serde says which key is unknown; the closest known one is for us to say.
fn with_hint(message: &str) -> String {
    let unknown = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
    let known: Vec<&str> =
        TOP_KEYS.iter().chain(&CHECK_KEYS).copied().filter(|k| message.contains(&format!("`{k}`"))).collect();
    let hint = unknown.and_then(|key| closest(key, &known));
    let message = message.replace('\n', " ");
    hint.map_or_else(|| message.clone(), |hint| format!("{message}; did you mean `{hint}`?"))
}

fn closest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let scored = known.iter().map(|k| (strsim::jaro_winkler(word, k), *k));
    scored.filter(|(score, _)| *score > 0.7).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, k)| k)
}

/// Both from 1; the column in characters.
pub fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at.min(text.len())];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}
