//! The forms in which a report or an error can be had.

mod github;
mod junit;
mod rustc;
mod sarif;

use clap::ValueEnum;

pub(crate) use github::{step_error, step_summary};

use crate::report::{CheckError, Report};

/// Who reads the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// People
    Text,
    /// Programs: one document, docs/schemas/boundaries-report.schema.json
    Json,
    /// Code scanning: SARIF 2.1.0
    Sarif,
    /// GitHub Actions: annotations, then the text (the default where GITHUB_ACTIONS is set)
    Github,
    /// Test reports: JUnit's XML
    Junit,
    /// Editors: rustc's JSON diagnostics, one a line
    Rustc,
}

impl Format {
    /// Whoever reads such a form reads standard output alone, also for the reasons why there is no result.
    pub fn has_one_stream(self) -> bool {
        !matches!(self, Self::Text | Self::Json)
    }
}

impl Report {
    /// The report in one of its forms; only text has ANSI styles.
    pub fn format(&self, format: Format) -> String {
        match format {
            Format::Text => self.text(),
            Format::Json => self.json(),
            Format::Sarif => sarif::report(self),
            Format::Github => github::report(self),
            Format::Junit => junit::report(self),
            Format::Rustc => rustc::report(self),
        }
    }
}

impl CheckError {
    /// The findings in one of their forms; only text has ANSI styles.
    pub fn format(&self, format: Format) -> String {
        match format {
            Format::Text => self.text(),
            Format::Json => self.json(),
            Format::Sarif => sarif::error(self),
            Format::Github => github::error(self),
            Format::Junit => junit::error(self),
            Format::Rustc => rustc::error(self),
        }
    }
}
