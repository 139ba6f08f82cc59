#![expect(clippy::unwrap_used, reason = "tests")]

mod inference;
mod module;
mod profile;
mod rules;
mod sample;

use std::fmt::Write as _;

use data_quality::Checker;
use event_sourcing::Unit;
use interfaces_data::{CheckDataset, CheckOrigin, CheckResult, DeclaredCheck, QualityReport, Rule, Severity};
use kernel::{DatasetRef, Error};
use request::Service;
use tempfile::TempDir;

/// What the service makes of a file.
async fn check_file(name: &str, bytes: &[u8], checks: Vec<DeclaredCheck>) -> Result<QualityReport, Error> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    check_dataset(dataset::identify(&path).await.unwrap(), checks).await
}

async fn check_dataset(dataset: DatasetRef, checks: Vec<DeclaredCheck>) -> Result<QualityReport, Error> {
    let mut unit = Unit::new(testing::origin("data-quality"));
    Checker::new().execute(&testing::context(&[]), &mut unit, CheckDataset { dataset, checks }).await
}

async fn check_csv(text: &str, checks: Vec<DeclaredCheck>) -> Result<QualityReport, Error> {
    check_file("data.csv", text.as_bytes(), checks).await
}

fn declared(rule: Rule) -> DeclaredCheck {
    DeclaredCheck { name: None, severity: Severity::Error, tolerance: 0.0, rule }
}

/// One line per check: whether it passed, its severity, name, kind, column, finding, rows.
fn render(checks: &[CheckResult], origin: CheckOrigin) -> String {
    let mut text = String::new();
    for check in checks.iter().filter(|check| check.origin == origin) {
        let mark = match (check.passed, check.severity) {
            (true, _) => "ok",
            (false, Severity::Warn) => "WARN",
            (false, Severity::Error) => "ERROR",
        };
        let column = check.column.as_deref().unwrap_or("-");
        write!(text, "{mark} {:?}({column}) {}: {}", check.kind, check.name, check.finding).unwrap();
        if check.failing > 0 {
            write!(text, " [{}: {:?}]", check.failing, check.failing_rows).unwrap();
        }
        text.push('\n');
    }
    text
}
