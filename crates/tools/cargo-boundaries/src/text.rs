//! Reports for people, in the manner of rustc: what, where, why, what instead.

use std::fmt::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::report::{CheckError, Finding, Report, Summary, Violation};
use crate::source::Site;

const ERROR: Style = AnsiColor::BrightRed.on_default().bold();
const BLUE: Style = AnsiColor::BrightBlue.on_default().bold();
const STRONG: Style = Style::new().bold();

impl Report {
    /// The report for people, with ANSI styles; strip them where they are not wanted.
    pub fn text(&self) -> String {
        written(|out| {
            for of_crate in self.violations.chunk_by(|a, b| a.from == b.from) {
                let from = &of_crate[0].from;
                let count = counted(of_crate.len(), "violation");
                writeln!(out, "{STRONG}{}{STRONG:#} (layer `{}`): {count}\n", from.dir, from.layer)?;
                for violation in of_crate {
                    write_violation(out, violation)?;
                }
            }
            write_summary(out, &self.summary)
        })
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

fn json(value: &impl serde::Serialize) -> String {
    let json = serde_json::to_string_pretty(value);
    json.expect("every key is a string and no value's serialisation can fail") + "\n"
}

fn written(write: impl FnOnce(&mut String) -> fmt::Result) -> String {
    let mut text = String::new();
    write(&mut text).expect("a string accepts every write");
    text
}

fn write_violation(out: &mut String, violation: &Violation) -> fmt::Result {
    let margin = margin(&[&violation.site, &violation.rule_site]);
    write_title(out, violation.rule.into(), &violation.message)?;
    write_site(out, margin, "-->", &violation.site, ERROR, &violation.what)?;
    writeln!(out, "{:margin$} {BLUE}|{BLUE:#}", "")?;
    write_site(out, margin, ":::", &violation.rule_site, BLUE, &violation.why)?;
    for note in &violation.notes {
        write_note(out, margin, "note", note)?;
    }
    write_note(out, margin, "help", &violation.help)?;
    writeln!(out)
}

fn write_finding(out: &mut String, finding: &Finding) -> fmt::Result {
    let margin = margin(finding.site.as_slice().iter().collect::<Vec<_>>().as_slice());
    write_title(out, finding.cause.into(), &finding.message)?;
    if let Some(site) = &finding.site {
        write_site(out, margin, "-->", site, ERROR, "")?;
    }
    write_note(out, margin, "help", &finding.help)?;
    writeln!(out)
}

fn write_title(out: &mut String, code: &str, message: &str) -> fmt::Result {
    writeln!(out, "{ERROR}error[{code}]{ERROR:#}{STRONG}: {message}{STRONG:#}")
}

/// The width of the line numbers.
fn margin(sites: &[&Site]) -> usize {
    sites.iter().map(|site| site.line.to_string().len()).max().unwrap_or(1)
}

fn write_site(out: &mut String, margin: usize, arrow: &str, site: &Site, style: Style, label: &str) -> fmt::Result {
    let Site { file, line, column, end_column, text } = site;
    // A tab is one column for an editor and any number of them for a terminal.
    let text = text.replace('\t', " ");
    let (indent, marks) = (column - 1, "^".repeat(end_column - column));
    writeln!(out, "{:margin$}{BLUE}{arrow}{BLUE:#} {file}:{line}:{column}", "")?;
    writeln!(out, "{:margin$} {BLUE}|{BLUE:#}", "")?;
    writeln!(out, "{BLUE}{line:>margin$} |{BLUE:#} {text}")?;
    let marked = format!("{marks} {label}");
    writeln!(out, "{:margin$} {BLUE}|{BLUE:#} {:indent$}{style}{}{style:#}", "", "", marked.trim_end())
}

fn write_note(out: &mut String, margin: usize, kind: &str, text: &str) -> fmt::Result {
    writeln!(out, "{:margin$} {BLUE}={BLUE:#} {STRONG}{kind}{STRONG:#}: {text}", "")
}

fn write_summary(out: &mut String, summary: &Summary) -> fmt::Result {
    let Summary { crates, edges, external, exceptions, violations } = *summary;
    let (crates, edges) = (counted(crates, "crate"), counted(edges, "edge"));
    write!(out, "checked {crates}, {edges}")?;
    match external {
        1 => write!(out, ", 1 external dependency")?,
        many => write!(out, ", {many} external dependencies")?,
    }
    if exceptions > 0 {
        write!(out, ", {}", counted(exceptions, "exception"))?;
    }
    match violations {
        0 => writeln!(out, ": clean"),
        many => writeln!(out, ": {ERROR}{}{ERROR:#}", counted(many, "violation")),
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
        let site = Site { file: "f".to_owned(), line: 12, column: 2, end_column: 3, text };
        let mut out = String::new();
        write_site(&mut out, 3, "-->", &site, Style::new(), "here").expect("a string accepts every write");
        let plain = anstream::adapter::strip_str(&out).to_string();
        assert_eq!(plain, "   --> f:12:2\n    |\n 12 |  é = 1\n    |  ^ here\n");
    }
}
