//! What a check says: a report with its violations, or the findings that made a check impossible.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules;
use crate::source::Site;
use crate::workspace::Kind;

/// The answer of a check that could be carried out.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Report {
    /// In the order of the crates' directories, then of files and lines.
    pub violations: Vec<Violation>,
    /// Entries of the baseline that excuse nothing any more: each fails the check until its line is deleted.
    pub stale: Vec<Finding>,
    /// What was looked at.
    pub summary: Summary,
    /// The workspace's root, which sites are relative to.
    #[serde(skip)]
    pub root: PathBuf,
    /// The first member's name in its manifest: where an editor shows what is wrong with a file that it does not know.
    #[serde(skip)]
    pub(crate) anchor: Site,
}

impl Report {
    /// Nothing fails: no new violation of a rule that is an error, no stale entry in the baseline.
    pub fn is_clean(&self) -> bool {
        self.summary.violations == 0 && self.stale.is_empty()
    }

    /// The violations that no baseline excuses, warnings included.
    pub fn fresh(&self) -> impl Iterator<Item = &Violation> {
        self.violations.iter().filter(|violation| violation.state == State::New)
    }
}

/// What a check looked at.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Summary {
    /// Members of the workspace.
    pub crates: usize,
    /// Declared dependencies between members, of every kind, a crate's own dev-dependency on itself included.
    pub edges: usize,
    /// Declared dependencies on anything else, of every kind.
    pub external: usize,
    /// Source files that were read, each counted once.
    pub files: usize,
    /// What stands in them for the compiler only; nothing where no rule needed them.
    pub unseen: Option<Unseen>,
    /// `[[except]]` entries; each excuses at least one dependency or the check would have failed.
    pub exceptions: usize,
    /// Entries of the baseline.
    pub baseline: usize,
    /// How many more they are than where this branch left `origin/HEAD`; nothing where `git` does not know.
    pub baseline_change: Option<i64>,
    /// New violations of rules that only warn.
    pub warnings: usize,
    /// New violations of rules that are errors.
    pub violations: usize,
}

/// How much a violation matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Fails the check.
    Error,
    /// Is said and counted.
    Warning,
}

/// Whether a violation was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// No entry of the baseline excuses it.
    New,
    /// The baseline has an entry that holds.
    Known,
}

/// One place at which a rule is broken, mostly a declared dependency that it forbids.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Violation {
    /// The rule that forbids it.
    pub rule: Rule,
    /// Whether it fails the check.
    pub severity: Severity,
    /// Whether the baseline has it.
    pub state: State,
    /// One sentence.
    pub message: String,
    /// The crate whose manifest or sources break the rule.
    pub from: Crate,
    /// The module of it that does, for a rule about modules: `DIR::MODULE`.
    pub module: Option<String>,
    /// The directory of the member or the package name of the external crate it depends on, or the module that it names,
    /// as `DIR::MODULE`; nothing for a rule about the crate alone.
    pub to: Option<String>,
    /// In which table the dependency stands; nothing where it is no dependency.
    pub kind: Option<Kind>,
    /// How the crate comes to `to`; nothing where its own manifest says so, or where the rule alone tells.
    pub by: Option<By>,
    /// The dependency, or the package's name, in the crate's manifest; or a path in its sources.
    pub site: Site,
    /// What stands there: kind, target, features and platforms that enable a dependency.
    pub what: String,
    /// Where the sources name what the manifest declares; nothing where none does, or where `site` is such a place.
    pub code: Option<Code>,
    /// The rule in the configuration.
    pub rule_site: Site,
    /// What that rule says.
    pub why: String,
    /// What the crate may use instead, and an exception that has expired.
    pub notes: Vec<String>,
    /// The way out.
    pub help: String,
}

/// The paths in sources that lead to a dependency.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Code {
    /// The first one, of those in the product before those in tests.
    pub site: Site,
    /// How many more there are.
    pub further: usize,
}

impl Code {
    pub(crate) fn in_words(&self) -> String {
        match self.further {
            0 => "named here".to_owned(),
            1 => "named here, and in 1 more place".to_owned(),
            many => format!("named here, and in {many} more places"),
        }
    }
}

/// What the sources have that nobody sees without compiling them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unseen {
    /// `include!` of a computed name, and modules that a macro declares.
    pub generated: usize,
    /// Files of modules that are not there and that a `cfg` may leave out.
    pub absent: usize,
    /// Paths whose first name nothing in the sources declares: a macro may, or one of several globs.
    pub unresolved: usize,
    /// Globs of members that bring what further crates have: a path that begins with such a name is followed, the name
    /// alone is not.
    pub globs: usize,
}

/// A member of the workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Crate {
    /// Package name.
    pub name: String,
    /// Manifest directory relative to the workspace root: the crate's identity.
    pub dir: String,
    /// The layer it belongs to.
    pub layer: String,
}

/// How a crate uses another one that its manifest does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// A path in its sources leads there through what a third crate re-exports.
    ReExport,
    /// It compiles a file of the other one.
    File,
    /// Its dependencies do, or theirs.
    Chain,
}

impl By {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::ReExport, Self::File, Self::Chain];

    /// Its name in reports and in the baseline.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReExport => "re-export",
            Self::File => "file",
            Self::Chain => "chain",
        }
    }
}

/// The rules that can be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// `may-use`, or the order of the layers where a layer has no `may-use`.
    MayUse,
    /// `same-layer = "deny"` and no entry in `edges`.
    SameLayer,
    /// `independent = true`.
    Independent,
    /// `dev-only`.
    DevOnly,
    /// `visible-to` of a layer or a crate, or `[[visibility]]`.
    Visibility,
    /// `[[forbid]]`, or `deny` of a crate.
    Forbid,
    /// `[[deprecated]]`.
    Deprecated,
    /// `[cycles]`.
    Cycle,
    /// `external.allow`.
    ExternalAllow,
    /// `external.deny`.
    ExternalDeny,
    /// `external.deny` with `reachable = true`.
    ExternalReachable,
    /// `[[external]]` with `only`.
    ExternalOnly,
    /// `workspace-lints` of `[hygiene]`.
    WorkspaceLints,
    /// `workspace-versions` of `[hygiene]`.
    WorkspaceVersions,
    /// `folder-name` of `[hygiene]`.
    FolderName,
    /// `used-dependencies` of `[hygiene]`.
    UsedDependencies,
    /// `no-glob-re-exports` of `[hygiene]`.
    NoGlobReExports,
    /// `order` of `[[modules]]`.
    ModuleOrder,
    /// `private` of `[[modules]]`.
    ModulePrivate,
    /// `api` of `[[modules]]`.
    ModuleApi,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 20] = [
        Self::MayUse,
        Self::SameLayer,
        Self::Independent,
        Self::DevOnly,
        Self::Visibility,
        Self::Forbid,
        Self::Deprecated,
        Self::Cycle,
        Self::ExternalAllow,
        Self::ExternalDeny,
        Self::ExternalReachable,
        Self::ExternalOnly,
        Self::WorkspaceLints,
        Self::WorkspaceVersions,
        Self::FolderName,
        Self::UsedDependencies,
        Self::NoGlobReExports,
        Self::ModuleOrder,
        Self::ModulePrivate,
        Self::ModuleApi,
    ];

    /// Its name in reports, in `[severity]` and in the baseline.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MayUse => "may-use",
            Self::SameLayer => "same-layer",
            Self::Independent => "independent",
            Self::DevOnly => "dev-only",
            Self::Visibility => "visibility",
            Self::Forbid => "forbid",
            Self::Deprecated => "deprecated",
            Self::Cycle => "cycle",
            Self::ExternalAllow => "external-allow",
            Self::ExternalDeny => "external-deny",
            Self::ExternalReachable => "external-reachable",
            Self::ExternalOnly => "external-only",
            Self::WorkspaceLints => "workspace-lints",
            Self::WorkspaceVersions => "workspace-versions",
            Self::FolderName => "folder-name",
            Self::UsedDependencies => "used-dependencies",
            Self::NoGlobReExports => "no-glob-re-exports",
            Self::ModuleOrder => "module-order",
            Self::ModulePrivate => "module-private",
            Self::ModuleApi => "module-api",
        }
    }

    /// Of such rules one dependency can break several at once.
    pub(crate) fn is_about_edges(self) -> bool {
        use Rule::{
            Deprecated, DevOnly, ExternalAllow, ExternalDeny, ExternalOnly, Forbid, Independent, MayUse, SameLayer,
            Visibility,
        };
        let edges = [
            MayUse,
            SameLayer,
            Independent,
            DevOnly,
            Visibility,
            Forbid,
            Deprecated,
            ExternalAllow,
            ExternalDeny,
            ExternalOnly,
        ];
        edges.contains(&self)
    }

    pub(crate) fn default_severity(self) -> rules::Severity {
        match self {
            Self::Deprecated => rules::Severity::Warn,
            _ => rules::Severity::Error,
        }
    }
}

/// The check could not be carried out: its outcome is unknown, not clean.
#[derive(Debug, thiserror::Error, Serialize, JsonSchema)]
#[error("could not check the boundaries: {}", problems(.errors.len()))]
pub struct CheckError {
    /// Everything that stands in the way, at least one.
    pub errors: Vec<Finding>,
    /// As [`Report::root`] and [`Report::anchor`], where the workspace could be read.
    #[serde(skip)]
    pub(crate) workspace: Option<Box<(PathBuf, Site)>>,
}

impl CheckError {
    pub(crate) fn of(mut errors: Vec<Finding>) -> Self {
        errors.sort_by(|a, b| a.site.cmp(&b.site));
        Self { errors, workspace: None }
    }
}

fn problems(count: usize) -> String {
    if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") }
}

/// One thing that stands in the way of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// `cargo metadata` fails, or a manifest it names cannot be read.
    Workspace,
    /// A source file that a rule is about is missing, or cannot be read.
    Source,
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
    /// The baseline cannot be read, or must not be written here.
    Baseline,
    /// An entry of the baseline that excuses nothing.
    StaleBaseline,
    /// `git` or another program that a verb needs fails.
    Program,
    /// A name in the command line that stands for nothing.
    Argument,
}

impl Cause {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::Source => "source",
            Self::NoMembers => "no-members",
            Self::Config => "config",
            Self::UnknownKey => "unknown-key",
            Self::MissingKey => "missing-key",
            Self::BadValue => "bad-value",
            Self::Contradiction => "contradiction",
            Self::Unclassified => "unclassified",
            Self::Ambiguous => "ambiguous",
            Self::Unlisted => "unlisted",
            Self::MatchesNothing => "matches-nothing",
            Self::Baseline => "baseline",
            Self::StaleBaseline => "stale-baseline",
            Self::Program => "program",
            Self::Argument => "argument",
        }
    }
}
