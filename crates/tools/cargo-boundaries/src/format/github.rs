//! Workflow commands of GitHub Actions. A host shows about ten annotations of a step: what is new and fails stands first.

use std::fmt::Write;
use std::path::Path;

use crate::report::{CheckError, Finding, Report, Severity, Violation};
use crate::source::Site;
use crate::text::in_one_line;

pub(super) fn report(report: &Report) -> String {
    let mut out = String::new();
    let folder = folder(&report.root);
    let of = |severity| report.fresh().filter(move |violation| violation.severity == severity);
    for violation in of(Severity::Error) {
        annotate_violation(&mut out, "error", &folder, violation);
    }
    for stale in &report.stale {
        annotate_finding(&mut out, &folder, stale);
    }
    for violation in of(Severity::Warning) {
        annotate_violation(&mut out, "warning", &folder, violation);
    }
    out + &no_commands(&report.text())
}

pub(super) fn error(error: &CheckError) -> String {
    let mut out = String::new();
    let folder = error.workspace.as_ref().map(|workspace| folder(&workspace.0)).unwrap_or_default();
    for finding in &error.errors {
        annotate_finding(&mut out, &folder, finding);
    }
    out + &no_commands(&error.text())
}

/// The text for people, of which the host obeys nothing: it has lines of sources and names of files, that whoever opens a
/// pull request chooses. What ends the part cannot stand in it, being its hash.
fn no_commands(text: &str) -> String {
    let text = anstream::adapter::strip_str(text).to_string();
    let end = blake3::hash(text.as_bytes()).to_hex();
    format!("::stop-commands::{end}\n{text}::{end}::\n")
}

/// What stands in one cell of a table.
fn cell(text: &str) -> String {
    in_one_line(text).replace('|', "\\|")
}

/// A page of Markdown for `$GITHUB_STEP_SUMMARY`.
pub(crate) fn step_summary(report: &Report) -> String {
    let text = anstream::adapter::strip_str(&report.text()).to_string();
    let total = text.lines().last().unwrap_or_default();
    let mut out = format!("### Boundaries\n\n{total}\n");
    if report.fresh().next().is_some() {
        out.push_str("\n| | rule | what | where | what to do |\n| --- | --- | --- | --- | --- |\n");
    }
    for violation in report.fresh() {
        let Violation { severity, rule, message, site, help, .. } = violation;
        let mark = if *severity == Severity::Error { "❌" } else { "⚠️" };
        let (message, help, rule) = (cell(message), cell(help), rule.name());
        let row = format!("| {mark} | `{rule}` | {message} | {}:{} | {help} |", cell(&site.file), site.line);
        out.push_str(&(row + "\n"));
    }
    for stale in &report.stale {
        out.push_str(&format!("\n- {}: {}\n", stale.message, stale.help));
    }
    out
}

/// The same for a check that could not be carried out.
pub(crate) fn step_error(error: &CheckError) -> String {
    let mut out = format!("### Boundaries\n\n{error}\n\n| | what | where | what to do |\n| --- | --- | --- | --- |\n");
    for Finding { cause, message, site, help } in &error.errors {
        let place = site.as_ref().map(|site| format!("{}:{}", cell(&site.file), site.line)).unwrap_or_default();
        let row = format!("| `{}` | {} | {place} | {} |\n", cause.name(), cell(message), cell(help));
        out.push_str(&row);
    }
    out
}

/// Annotations are placed relative to the checkout, sites relative to the workspace's root.
fn folder(root: &Path) -> String {
    let checkout = std::env::var_os("GITHUB_WORKSPACE").map(std::path::PathBuf::from);
    let inside =
        checkout.and_then(|checkout| root.strip_prefix(checkout).ok().map(|inside| inside.display().to_string()));
    inside.filter(|inside| !inside.is_empty()).map(|inside| inside + "/").unwrap_or_default()
}

fn annotate_violation(out: &mut String, level: &str, folder: &str, violation: &Violation) {
    let Violation { rule, message, site, code, why, help, .. } = violation;
    let code = code.as_ref().map(|code| format!("named in {}:{}\n", code.site.file, code.site.line));
    let text = format!("{message}: {why}\n{}{help}", code.unwrap_or_default());
    annotate(out, level, folder, Some(site), rule.name(), &text);
}

fn annotate_finding(out: &mut String, folder: &str, finding: &Finding) {
    let Finding { cause, message, site, help } = finding;
    annotate(out, "error", folder, site.as_ref(), cause.name(), &format!("{message}\n{help}"));
}

fn annotate(out: &mut String, level: &str, folder: &str, site: Option<&Site>, code: &str, message: &str) {
    let place = site.map(|site| {
        let Site { file, line, column, end_column, .. } = site;
        format!("file={},line={line},col={column},endColumn={},", property(&format!("{folder}{file}")), end_column - 1)
    });
    let (place, title) = (place.unwrap_or_default(), property(&format!("boundaries: {code}")));
    writeln!(out, "::{level} {place}title={title}::{}", data(message)).expect("a string accepts every write");
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
