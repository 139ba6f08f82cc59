//! What a check says.

use serde::{Serialize, Serializer};

/// The answer of a check that could be carried out.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What breaks somebody, in the order of the messages.
    pub findings: Vec<Finding>,
    /// Files that `--update` would write.
    pub outdated: Vec<Outdated>,
    /// Files that it has written.
    pub written: Vec<String>,
    /// What was looked at.
    pub summary: Summary,
}

impl Report {
    /// Nobody is broken.
    pub fn is_compatible(&self) -> bool {
        self.findings.is_empty()
    }
}

/// What a check looked at.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Summary {
    /// Messages in the code.
    pub messages: usize,
    /// Files in the folder, those of earlier versions included.
    pub files: usize,
}

/// A change of a message that breaks somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of change it is.
    pub rule: Rule,
    /// Wire name.
    pub message: String,
    /// Of an event.
    pub version: Option<u32>,
    /// Which schema of the file: `request`, `response`, `event` or `stored`.
    pub part: Option<&'static str>,
    /// Where in the data, as a JSON pointer with `*` for every element; empty for the message as a whole.
    pub pointer: Option<String>,
    /// What was promised.
    pub file: String,
    /// What has changed, as the end of a sentence about the field or the message.
    pub what: String,
    /// Whom it breaks.
    pub why: String,
    /// The way out.
    pub help: String,
}

/// The kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Two types have one wire name.
    OneName,
    /// A message is gone.
    RemovedMessage,
    /// An event has a version below one that was promised.
    LoweredVersion,
    /// A version of an event that was promised cannot be read any more.
    NoUpcaster,
    /// A request has become an event, a query a command, or the other way round.
    Kind,
    /// A schema has changed: [`crate::What::name`].
    Schema(&'static str),
}

impl Rule {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::OneName => "one-name",
            Self::RemovedMessage => "removed-message",
            Self::LoweredVersion => "lowered-version",
            Self::NoUpcaster => "no-upcaster",
            Self::Kind => "kind",
            Self::Schema(what) => what,
        }
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A file that is not as the code has it, though nobody is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outdated {
    /// Its path.
    pub file: String,
    /// As the end of a sentence about the file.
    pub what: String,
}

/// The check could not be carried out: its outcome is unknown, not clean.
#[derive(Debug, thiserror::Error, Serialize)]
#[error("could not compare the contracts: {} in the way", count(.errors.len(), "thing"))]
pub struct CheckError {
    /// Everything that stands in the way, at least one.
    pub errors: Vec<Obstacle>,
    /// What breaks somebody all the same, as far as it could be compared.
    pub findings: Vec<Finding>,
}

/// One thing that stands in the way of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Obstacle {
    /// The file or folder.
    pub file: String,
    /// As the end of a sentence about it.
    pub message: String,
    /// The way out.
    pub help: String,
}

pub(crate) fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
