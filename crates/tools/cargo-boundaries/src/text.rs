//! Reports for people, in the manner of rustc: what, where, why, what instead.

use std::borrow::Cow;
use std::fmt::{self, Write};

use anstyle::{AnsiColor, Style};

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;

use crate::report::{CheckError, Finding, Report, Severity, Summary, Unseen, Violation};
use crate::source::Site;

const ERROR: Style = AnsiColor::BrightRed.on_default().bold();
const WARNING: Style = AnsiColor::BrightYellow.on_default().bold();
const BLUE: Style = AnsiColor::BrightBlue.on_default().bold();
const STRONG: Style = Style::new().bold();

impl Report {
    /// The report for people, with ANSI styles; strip them where they are not wanted.
    pub fn text(&self) -> String {
        written(|out| {
            let fresh: Vec<_> = self.fresh().collect();
            for of_crate in fresh.chunk_by(|a, b| a.from == b.from) {
                let from = &of_crate[0].from;
                let errors = of_crate.iter().filter(|violation| violation.severity == Severity::Error).count();
                let count = in_words(errors, of_crate.len() - errors);
                writeln!(out, "{STRONG}{}{STRONG:#} (layer `{}`): {count}\n", from.dir, from.layer)?;
                for violation in of_crate {
                    write_violation(out, violation)?;
                }
            }
            for stale in &self.stale {
                write_finding(out, stale)?;
            }
            write_summary(out, self)
        })
    }

    /// The JSON Schema of [`Self::json`] and [`CheckError::json`].
    pub fn schema() -> String {
        let settings = SchemaSettings::draft2020_12().for_serialize();
        json(&settings.into_generator().into_root_schema_for::<Document>())
    }

    /// The report as one JSON document.
    pub fn json(&self) -> String {
        json(self)
    }
}

impl CheckError {
    /// The findings for people, with ANSI styles; strip them where they are not wanted.
    pub fn text(&self) -> String {
        written(|out| {
            for finding in &self.errors {
                write_finding(out, finding)?;
            }
            writeln!(out, "{ERROR}{self}{ERROR:#}")
        })
    }

    /// The findings as one JSON document.
    pub fn json(&self) -> String {
        json(self)
    }
}

/// What `--format json` writes: a report to standard output, or errors to standard error.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "Report of cargo boundaries")]
#[expect(dead_code, reason = "it stands for its schema")]
enum Document {
    Report(Box<Report>),
    CheckError(CheckError),
}

pub(crate) fn json(value: &impl Serialize) -> String {
    let json = serde_json::to_string_pretty(value);
    json.expect("every key is a string and no value's serialisation can fail") + "\n"
}

fn written(write: impl FnOnce(&mut String) -> fmt::Result) -> String {
    let mut text = String::new();
    write(&mut text).expect("a string accepts every write");
    text
}

fn write_violation(out: &mut String, violation: &Violation) -> fmt::Result {
    let code = violation.code.as_ref();
    let sites: Vec<_> =
        [&violation.site, &violation.rule_site].into_iter().chain(code.map(|code| &code.site)).collect();
    let margin = margin(&sites);
    let (style, level) = match violation.severity {
        Severity::Error => (ERROR, "error"),
        Severity::Warning => (WARNING, "warning"),
    };
    write_title(out, style, level, violation.rule.name(), &violation.message)?;
    write_site(out, margin, "-->", &violation.site, style, &violation.what)?;
    writeln!(out, "{:margin$} {BLUE}|{BLUE:#}", "")?;
    if let Some(code) = code {
        write_site(out, margin, ":::", &code.site, BLUE, &code.in_words())?;
        writeln!(out, "{:margin$} {BLUE}|{BLUE:#}", "")?;
    }
    write_site(out, margin, ":::", &violation.rule_site, BLUE, &violation.why)?;
    for note in &violation.notes {
        write_note(out, margin, "note", note)?;
    }
    write_note(out, margin, "help", &violation.help)?;
    writeln!(out)
}

fn write_finding(out: &mut String, finding: &Finding) -> fmt::Result {
    let margin = margin(finding.site.as_slice().iter().collect::<Vec<_>>().as_slice());
    write_title(out, ERROR, "error", finding.cause.name(), &finding.message)?;
    if let Some(site) = &finding.site {
        write_site(out, margin, "-->", site, ERROR, "")?;
    }
    write_note(out, margin, "help", &finding.help)?;
    writeln!(out)
}

fn write_title(out: &mut String, style: Style, level: &str, code: &str, message: &str) -> fmt::Result {
    writeln!(out, "{style}{level}[{code}]{style:#}{STRONG}: {message}{STRONG:#}")
}

/// The width of the line numbers.
fn margin(sites: &[&Site]) -> usize {
    sites.iter().map(|site| site.line.to_string().len()).max().unwrap_or(1)
}

fn write_site(out: &mut String, margin: usize, arrow: &str, site: &Site, style: Style, label: &str) -> fmt::Result {
    let Site { file, line, column, end_column, text, .. } = site;
    // A tab is one column for an editor and any number of them for a terminal, which obeys other such characters.
    let (text, file) = (text.replace(char::is_control, " "), in_one_line(file));
    let (indent, marks) = (column - 1, "^".repeat(end_column - column));
    writeln!(out, "{:margin$}{BLUE}{arrow}{BLUE:#} {file}:{line}:{column}", "")?;
    writeln!(out, "{:margin$} {BLUE}|{BLUE:#}", "")?;
    writeln!(out, "{BLUE}{line:>margin$} |{BLUE:#} {text}")?;
    let marked = format!("{marks} {label}");
    writeln!(out, "{:margin$} {BLUE}|{BLUE:#} {:indent$}{style}{}{style:#}", "", "", marked.trim_end())
}

/// A file may be called anything; what its name begins a line with is no line of the report.
pub(crate) fn in_one_line(name: &str) -> Cow<'_, str> {
    let escaped = |text: char| text.is_control().then(|| text.escape_default().to_string());
    match name.contains(char::is_control) {
        true => name.chars().map(|one| escaped(one).unwrap_or_else(|| one.into())).collect::<String>().into(),
        false => name.into(),
    }
}

fn write_note(out: &mut String, margin: usize, kind: &str, text: &str) -> fmt::Result {
    writeln!(out, "{:margin$} {BLUE}={BLUE:#} {STRONG}{kind}{STRONG:#}: {text}", "")
}

fn write_summary(out: &mut String, report: &Report) -> fmt::Result {
    let Summary { crates, edges, external, files, exceptions, baseline, baseline_change, warnings, violations, .. } =
        report.summary;
    let (crates, edges) = (counted(crates, "crate"), counted(edges, "edge"));
    write!(out, "checked {crates}, {edges}")?;
    match external {
        1 => write!(out, ", 1 external dependency")?,
        many => write!(out, ", {many} external dependencies")?,
    }
    if files > 0 {
        write!(out, ", {}", counted(files, "file"))?;
    }
    if exceptions > 0 {
        write!(out, ", {}", counted(exceptions, "exception"))?;
    }
    match baseline {
        0 if baseline_change.is_none_or(|change| change == 0) => {}
        0 => write!(out, ", an empty baseline")?,
        1 => write!(out, ", a baseline of 1 entry")?,
        many => write!(out, ", a baseline of {many} entries")?,
    }
    match baseline_change.filter(|change| baseline > 0 || *change != 0) {
        None => {}
        Some(0) => write!(out, " (as at the merge base)")?,
        Some(change) => write!(out, " ({change:+} since the merge base)")?,
    }
    let stale = report.stale.len();
    let mut parts = Vec::new();
    if violations + warnings > 0 {
        let style = if violations > 0 { ERROR } else { WARNING };
        parts.push(format!("{style}{}{style:#}", in_words(violations, warnings)));
    }
    if stale > 0 {
        let entries = if stale == 1 { "1 stale entry".to_owned() } else { format!("{stale} stale entries") };
        parts.push(format!("{ERROR}{entries} in the baseline{ERROR:#}"));
    }
    writeln!(out, ": {}", if parts.is_empty() { "clean".to_owned() } else { parts.join(", ") })?;
    report.summary.unseen.as_ref().map_or(Ok(()), |unseen| write_unseen(out, unseen))
}

/// What silence about it would pass for clean.
fn write_unseen(out: &mut String, unseen: &Unseen) -> fmt::Result {
    let Unseen { generated, absent, unresolved, globs } = *unseen;
    let parts = [
        (generated, "file or module that is generated", "files or modules that are generated"),
        (absent, "missing file behind a cfg", "missing files behind a cfg"),
        (unresolved, "path that begins with a name from nowhere", "paths that begin with a name from nowhere"),
        (globs, "glob that brings names of further crates", "globs that bring names of further crates"),
    ];
    let parts = parts.into_iter().filter(|(count, ..)| *count > 0);
    let said = parts.map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }));
    let said: Vec<_> = said.collect();
    if said.is_empty() { Ok(()) } else { writeln!(out, "not seen: {}", said.join(", ")) }
}

fn in_words(errors: usize, warnings: usize) -> String {
    match (errors, warnings) {
        (errors, 0) => counted(errors, "violation"),
        (0, warnings) => counted(warnings, "warning"),
        (errors, warnings) => format!("{}, {}", counted(errors, "violation"), counted(warnings, "warning")),
    }
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_below_what_they_mark() {
        let text = "\té = 1".to_owned();
        let site = Site { file: "f".to_owned(), line: 12, column: 2, end_column: 3, text, bytes: 1..3 };
        let mut out = String::new();
        write_site(&mut out, 3, "-->", &site, Style::new(), "here").expect("a string accepts every write");
        let plain = anstream::adapter::strip_str(&out).to_string();
        assert_eq!(plain, "   --> f:12:2\n    |\n 12 |  é = 1\n    |  ^ here\n");
    }
}
