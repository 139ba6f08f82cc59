//! What a check says: a report with its violations, or the findings that made a check impossible.

use serde::Serialize;

use crate::source::Site;
use crate::workspace::Kind;

/// The answer of a check that could be carried out.
#[derive(Debug, Serialize)]
pub struct Report {
    /// In the order of the crates' directories, then of the lines in their manifests.
    pub violations: Vec<Violation>,
    /// What was looked at.
    pub summary: Summary,
}

/// What a check looked at.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Members of the workspace.
    pub crates: usize,
    /// Declared dependencies between members, of every kind, a crate's own dev-dependency on itself included.
    pub edges: usize,
    /// Declared dependencies on anything else, of every kind.
    pub external: usize,
    /// `[[except]]` entries; each excuses at least one dependency or the check would have failed.
    pub exceptions: usize,
    /// Violations found.
    pub violations: usize,
}

/// One declared dependency that a rule forbids.
#[derive(Debug, Serialize)]
pub struct Violation {
    /// The rule that forbids it.
    pub rule: Rule,
    /// One sentence.
    pub message: String,
    /// The crate that declares the dependency.
    pub from: Crate,
    /// The directory of the member or the package name of the external crate it depends on.
    pub to: String,
    /// In which table the dependency stands.
    pub kind: Kind,
    /// The dependency in the crate's manifest.
    pub site: Site,
    /// What the dependency is: kind, target, features and platforms that enable it.
    pub what: String,
    /// The rule in the configuration.
    pub rule_site: Site,
    /// What that rule says.
    pub why: String,
    /// What the crate may use instead, and an exception that has expired.
    pub notes: Vec<String>,
    /// The way out.
    pub help: String,
}

/// A member of the workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Crate {
    /// Package name.
    pub name: String,
    /// Manifest directory relative to the workspace root: the crate's identity.
    pub dir: String,
    /// The layer it belongs to.
    pub layer: String,
}

/// The rules a dependency can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "&'static str")]
pub enum Rule {
    /// `may-use`, or the order of the layers where a layer has no `may-use`.
    MayUse,
    /// `same-layer = "deny"` and no entry in `edges`.
    SameLayer,
    /// `independent = true`.
    Independent,
    /// `dev-only`.
    DevOnly,
    /// `external.allow`.
    ExternalAllow,
    /// `external.deny`.
    ExternalDeny,
    /// `[[external]]` with `only`.
    ExternalOnly,
}

impl From<Rule> for &'static str {
    fn from(rule: Rule) -> Self {
        match rule {
            Rule::MayUse => "may-use",
            Rule::SameLayer => "same-layer",
            Rule::Independent => "independent",
            Rule::DevOnly => "dev-only",
            Rule::ExternalAllow => "external-allow",
            Rule::ExternalDeny => "external-deny",
            Rule::ExternalOnly => "external-only",
        }
    }
}

/// The check could not be carried out: its outcome is unknown, not clean.
#[derive(Debug, thiserror::Error, Serialize)]
#[error("could not check the boundaries: {}", problems(.errors.len()))]
pub struct CheckError {
    /// Everything that stands in the way, at least one.
    pub errors: Vec<Finding>,
}

fn problems(count: usize) -> String {
    if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") }
}

/// One thing that stands in the way of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Of what kind it is.
    pub cause: Cause,
    /// One sentence.
    pub message: String,
    /// Where, when there is such a place.
    pub site: Option<Site>,
    /// The way out.
    pub help: String,
}

impl Finding {
    pub(crate) fn new(cause: Cause, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { cause, message: message.into(), site: None, help: help.into() }
    }

    pub(crate) fn at(self, site: &Site) -> Self {
        Self { site: Some(site.clone()), ..self }
    }
}

/// Why a check can be impossible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "&'static str")]
pub enum Cause {
    /// `cargo metadata` fails, or a manifest it names cannot be read.
    Workspace,
    /// The workspace has no members.
    NoMembers,
    /// The configuration cannot be read or is not TOML.
    Config,
    /// A key that does not exist.
    UnknownKey,
    /// A key that must be there is not.
    MissingKey,
    /// A value of the wrong type or outside of its choices.
    BadValue,
    /// Two rules that cannot both hold, or one without effect.
    Contradiction,
    /// A crate in no layer.
    Unclassified,
    /// A crate in two layers, or a name that means two things.
    Ambiguous,
    /// A crate in a layer's place that Cargo does not count among the members.
    Unlisted,
    /// A rule that matches nothing.
    MatchesNothing,
}

impl From<Cause> for &'static str {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Workspace => "workspace",
            Cause::NoMembers => "no-members",
            Cause::Config => "config",
            Cause::UnknownKey => "unknown-key",
            Cause::MissingKey => "missing-key",
            Cause::BadValue => "bad-value",
            Cause::Contradiction => "contradiction",
            Cause::Unclassified => "unclassified",
            Cause::Ambiguous => "ambiguous",
            Cause::Unlisted => "unlisted",
            Cause::MatchesNothing => "matches-nothing",
        }
    }
}
