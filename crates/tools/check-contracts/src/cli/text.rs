use std::fmt::{self, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::{CheckError, Finding, Report, report::count};

const ERROR: Style = AnsiColor::BrightRed.on_default().bold();
const NOTE: Style = AnsiColor::BrightCyan.on_default().bold();
const GOOD: Style = AnsiColor::BrightGreen.on_default().bold();
const BLUE: Style = AnsiColor::BrightBlue.on_default().bold();

pub(super) fn json(value: &impl Serialize) -> String {
    let json = serde_json::to_string_pretty(value);
    json.expect("every key is a text and no value's serialisation can fail") + "\n"
}

/// For people, with ANSI styles.
pub(super) fn report(report: &Report, locked: bool) -> String {
    written(|out| {
        report.findings.iter().try_for_each(|finding| write_finding(out, finding))?;
        let (level, style) = if locked { ("error", ERROR) } else { ("note", NOTE) };
        for outdated in &report.outdated {
            writeln!(out, "{style}{level}[outdated]{style:#}: {} {}", outdated.file, outdated.what)?;
            write_line(out, "help", "`cargo xtask check-contracts --update` writes it")?;
            writeln!(out)?;
        }
        for file in &report.written {
            writeln!(out, "{NOTE}written{NOTE:#}: {file}")?;
        }
        write_summary(out, report, locked)
    })
}

pub(super) fn error(error: &CheckError) -> String {
    written(|out| {
        error.findings.iter().try_for_each(|finding| write_finding(out, finding))?;
        for obstacle in &error.errors {
            writeln!(out, "{ERROR}error{ERROR:#}: {} {}", obstacle.file, obstacle.message)?;
            write_line(out, "help", &obstacle.help)?;
            writeln!(out)?;
        }
        match error.findings.len() {
            0 => writeln!(out, "{ERROR}{error}{ERROR:#}"),
            findings => writeln!(out, "{ERROR}{error}{ERROR:#}; {}", count(findings, "breaking change")),
        }
    })
}

fn write_finding(out: &mut String, finding: &Finding) -> fmt::Result {
    let Finding { rule, message, version, part, pointer, file, what, why, help } = finding;
    write!(out, "{ERROR}error[{}]{ERROR:#}: `{message}`", rule.name())?;
    if let Some(version) = version {
        write!(out, " version {version}")?;
    }
    match pointer.as_deref() {
        Some("") | None => writeln!(out, " {what}")?,
        Some(pointer) => writeln!(out, ": `{pointer}` {what}")?,
    }
    let part = part.map_or_else(String::new, |part| format!(" ({part})"));
    writeln!(out, "  {BLUE}-->{BLUE:#} {file}{part}")?;
    write_line(out, "why", why)?;
    write_line(out, "help", help)?;
    writeln!(out)
}

fn write_line(out: &mut String, name: &str, text: &str) -> fmt::Result {
    writeln!(out, "   {BLUE}={BLUE:#} {name}: {text}")
}

fn write_summary(out: &mut String, report: &Report, locked: bool) -> fmt::Result {
    let looked_at =
        format!("{}, {}", count(report.summary.messages, "message"), count(report.summary.files, "committed file"));
    match (report.findings.len(), report.outdated.len()) {
        (0, outdated) if outdated > 0 && locked => {
            writeln!(out, "{ERROR}{}{ERROR:#}; {looked_at}", count(outdated, "outdated file"))
        }
        (0, _) => writeln!(out, "{GOOD}compatible{GOOD:#}; {looked_at}"),
        (findings, _) => writeln!(out, "{ERROR}{}{ERROR:#}; {looked_at}", count(findings, "breaking change")),
    }
}

fn written(write: impl FnOnce(&mut String) -> fmt::Result) -> String {
    let mut text = String::new();
    write(&mut text).expect("a string accepts every write");
    text
}
