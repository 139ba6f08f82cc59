//! rustc's JSON diagnostics, one a line, as `rust-analyzer.check.overrideCommand` reads them: squiggles in every editor.

use serde_json::{Value, json};

use crate::report::{CheckError, Finding, Report, Severity, State, Violation};
use crate::source::Site;

pub(super) fn report(report: &Report) -> String {
    let violations = report.violations.iter().map(of_violation);
    lines(violations.chain(report.stale.iter().map(|stale| of_finding(stale, Some(&report.anchor)))))
}

pub(super) fn error(error: &CheckError) -> String {
    let anchor = error.workspace.as_ref().map(|workspace| &workspace.1);
    lines(error.errors.iter().map(|finding| of_finding(finding, anchor)))
}

fn lines(diagnostics: impl Iterator<Item = Value>) -> String {
    diagnostics.map(|diagnostic| diagnostic.to_string() + "\n").collect()
}

fn of_violation(violation: &Violation) -> Value {
    let level = match (violation.state, violation.severity) {
        (State::Known, _) => "note",
        (State::New, Severity::Warning) => "warning",
        (State::New, Severity::Error) => "error",
    };
    let code = violation.code.iter().map(|code| span(&code.site, false, &code.in_words()));
    let rule = span(&violation.rule_site, false, &violation.why);
    let spans = [span(&violation.site, true, &violation.what)].into_iter().chain(code).chain([rule]).collect();
    let notes = violation.notes.iter().map(|note| ("note", note.as_str()));
    let children: Vec<_> = notes.chain([("help", violation.help.as_str())]).collect();
    diagnostic(level, violation.rule.name(), &violation.message, spans, &children)
}

/// rust-analyzer shows nothing in files that it does not know, as the rules, the baseline and a root manifest without a
/// package: what is wrong there is shown at the `anchor`, and the place beside it.
fn of_finding(finding: &Finding, anchor: Option<&Site>) -> Value {
    let known = |site: &Site| site.file.ends_with(".rs") || site.file.ends_with("/Cargo.toml");
    let spans = match (&finding.site, anchor) {
        (Some(site), Some(anchor)) if !known(site) => vec![span(anchor, true, ""), span(site, false, &finding.message)],
        (None, Some(anchor)) => vec![span(anchor, true, "")],
        (site, _) => site.iter().map(|site| span(site, true, "")).collect(),
    };
    diagnostic("error", finding.cause.name(), &finding.message, spans, &[("help", &finding.help)])
}

fn diagnostic(level: &str, code: &str, message: &str, spans: Vec<Value>, children: &[(&str, &str)]) -> Value {
    let child = |(level, message): &(&str, &str)| json!({ "message": message, "code": null, "level": level, "spans": [], "children": [], "rendered": null });
    let children_in_words: Vec<_> = children.iter().map(|(level, message)| format!("{level}: {message}\n")).collect();
    json!({
        "$message_type": "diagnostic",
        "message": message,
        "code": { "code": format!("boundaries::{code}"), "explanation": null },
        "level": level,
        "spans": spans,
        "children": children.iter().map(child).collect::<Vec<_>>(),
        "rendered": format!("{level}[{code}]: {message}\n{}", children_in_words.concat()),
    })
}

fn span(site: &Site, primary: bool, label: &str) -> Value {
    let Site { file, line, column, end_column, text, bytes } = site;
    json!({
        "file_name": file,
        "byte_start": bytes.start,
        "byte_end": bytes.end,
        "line_start": line,
        "line_end": line,
        "column_start": column,
        "column_end": end_column,
        "is_primary": primary,
        "text": [{ "text": text, "highlight_start": column, "highlight_end": end_column }],
        "label": label,
        "suggested_replacement": null,
        "suggestion_applicability": null,
        "expansion": null,
    })
}
