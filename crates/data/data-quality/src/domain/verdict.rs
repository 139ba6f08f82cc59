use interfaces_data::{CheckResult, Severity, Verdict};

/// Mean over all checks of the share of rows that pass; 1 if there are no checks. There is at least one row.
pub(crate) fn score(checks: &[CheckResult], rows: u64) -> f64 {
    if checks.is_empty() {
        return 1.0;
    }
    let failing: u64 = checks.iter().map(|check| check.failing).sum();
    1.0 - failing as f64 / (rows as f64 * checks.len() as f64)
}

/// The worst severity among the checks that did not pass decides.
pub(crate) fn verdict(checks: &[CheckResult]) -> Verdict {
    match checks.iter().filter(|check| !check.passed).map(|check| check.severity).max() {
        None => Verdict::Passed,
        Some(Severity::Warn) => Verdict::Warned,
        Some(Severity::Error) => Verdict::Failed,
    }
}

#[cfg(test)]
mod tests {
    use interfaces_data::{CheckKind, CheckOrigin};

    use super::*;

    fn check(severity: Severity, passed: bool, failing: u64) -> CheckResult {
        CheckResult {
            name: "a check".into(),
            kind: CheckKind::Range,
            origin: CheckOrigin::Declared,
            column: None,
            severity,
            passed,
            failing,
            failing_rows: Vec::new(),
            finding: "a finding".into(),
        }
    }

    #[test]
    fn the_score_is_the_mean_share_of_rows_that_pass() {
        assert_eq!(score(&[], 10), 1.0);
        assert_eq!(score(&[check(Severity::Error, true, 0)], 10), 1.0);
        assert_eq!(score(&[check(Severity::Error, true, 0), check(Severity::Warn, false, 5)], 10), 0.75);
        assert_eq!(score(&[check(Severity::Error, false, 10)], 10), 0.0);
    }

    #[test]
    fn the_worst_failure_decides() {
        let (warn, error) = (Severity::Warn, Severity::Error);
        assert_eq!(verdict(&[]), Verdict::Passed);
        assert_eq!(verdict(&[check(error, true, 3), check(warn, true, 0)]), Verdict::Passed);
        assert_eq!(verdict(&[check(error, true, 0), check(warn, false, 1)]), Verdict::Warned);
        assert_eq!(verdict(&[check(error, false, 1), check(warn, false, 1)]), Verdict::Failed);
    }
}
