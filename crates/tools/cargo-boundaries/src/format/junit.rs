//! JUnit's XML: a failed test for each violation, a skipped one for each that the baseline excuses, and a test that passed
//! for each rule that nothing breaks.

use std::fmt::Write;

use crate::report::{CheckError, Code, Report, Rule, Severity, State, Violation};

pub(super) fn report(report: &Report) -> String {
    let (mut cases, mut failures, mut skipped) = (Vec::new(), 0, 0);
    for violation in &report.violations {
        let name = name(violation);
        let verdict = match (violation.state, violation.severity) {
            (State::Known, _) => {
                skipped += 1;
                element("skipped", &violation.message, "")
            }
            (State::New, Severity::Warning) => format!("<system-out>{}</system-out>", escaped(&body(violation))),
            (State::New, Severity::Error) => {
                failures += 1;
                element("failure", &violation.message, &body(violation))
            }
        };
        cases.push(case(violation.rule.name(), &name, &verdict));
    }
    for stale in &report.stale {
        failures += 1;
        let line = stale.site.as_ref().map_or(0, |site| site.line);
        let verdict = element("failure", &stale.message, &stale.help);
        cases.push(case(stale.cause.name(), &format!("line {line}"), &verdict));
    }
    let broken = |rule: &Rule| report.violations.iter().any(|violation| violation.rule == *rule);
    cases.extend(Rule::ALL.iter().filter(|rule| !broken(rule)).map(|rule| case(rule.name(), "all crates", "")));
    document(&cases, &format!("failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\""))
}

pub(super) fn error(error: &CheckError) -> String {
    let cases = error.errors.iter().enumerate().map(|(index, finding)| {
        let place = finding.site.as_ref().map(|site| format!("{}:{}", site.file, site.line));
        let name = place.unwrap_or_else(|| format!("problem {}", index + 1));
        case(finding.cause.name(), &name, &element("error", &finding.message, &finding.help))
    });
    let cases: Vec<_> = cases.collect();
    document(&cases, &format!("failures=\"0\" errors=\"{}\" skipped=\"0\"", cases.len()))
}

fn name(violation: &Violation) -> String {
    let from = &violation.from.dir;
    match (&violation.to, violation.kind) {
        (Some(to), Some(kind)) => {
            let by = violation.by.map(|by| format!(", by {}", by.name())).unwrap_or_default();
            format!("{from} -> {to} ({}{by})", kind.name())
        }
        _ => from.clone(),
    }
}

fn body(violation: &Violation) -> String {
    let Violation { site, rule_site, what, code, why, help, notes, .. } = violation;
    let mut body = format!("{}:{}: {what}\n{}:{}: {why}\n", site.file, site.line, rule_site.file, rule_site.line);
    if let Some(Code { site, .. }) = code {
        writeln!(body, "{}:{}: {}", site.file, site.line, site.text.trim()).expect("a string accepts every write");
    }
    for note in notes.iter().chain([help]) {
        writeln!(body, "{note}").expect("a string accepts every write");
    }
    body
}

fn document(cases: &[String], totals: &str) -> String {
    let tests = cases.len();
    let suite = format!("<testsuite name=\"boundaries\" tests=\"{tests}\" {totals}>\n{}</testsuite>", cases.concat());
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n{suite}\n</testsuites>\n")
}

fn case(class: &str, name: &str, verdict: &str) -> String {
    let start = format!("  <testcase classname=\"boundaries.{class}\" name=\"{}\"", escaped(name));
    if verdict.is_empty() { start + "/>\n" } else { format!("{start}>{verdict}</testcase>\n") }
}

fn element(name: &str, message: &str, body: &str) -> String {
    format!("<{name} message=\"{}\">{}</{name}>", escaped(message), escaped(body))
}

/// For text and attributes; what XML cannot carry at all becomes a question mark.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(char),
            control if control.is_control() => out.push('?'),
            other => out.push(other),
        }
    }
    out
}
