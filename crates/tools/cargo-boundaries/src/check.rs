//! One check from end to end.

use std::collections::BTreeSet;
use std::path::PathBuf;

use chrono::NaiveDate;

use crate::architecture::Architecture;
use crate::baseline::{Baseline, Entry};
use crate::git::entries_at_merge_base;
use crate::judge::judge;
use crate::owners::Owners;
use crate::report::{Cause, CheckError, Finding, Report, Severity, State, Summary, Unseen, Violation};
use crate::resolved::Resolved;
use crate::rules::{self, Rules};
use crate::source::{Site, Source, relative};
use crate::sources::Sources;
use crate::workspace::{Target, Workspace};

/// What to check.
#[derive(Debug, Clone)]
pub struct Options {
    /// A manifest of the workspace; by default the one in the working directory or the next above it.
    pub manifest_path: Option<PathBuf>,
    /// The rules; by default `boundaries.toml` beside the workspace's root manifest.
    pub config: Option<PathBuf>,
    /// The baseline; by default the one the rules name, or else `boundaries-baseline.toml` beside them if there is one.
    pub baseline: Option<PathBuf>,
    /// The day on which exceptions have to hold.
    pub today: NaiveDate,
    /// Whether what was read may be kept in `boundaries` below Cargo's target folder, and taken from there where no byte
    /// of it has changed.
    pub cache: bool,
}

/// How a baseline may grow.
#[derive(Debug, Clone)]
pub struct Growth {
    /// Why the new entries are excused.
    pub reason: String,
    /// Who takes care of them.
    pub owner: Option<String>,
    /// The last day on which they hold.
    pub until: Option<NaiveDate>,
}

/// What an update of the baseline did.
#[derive(Debug)]
pub struct Update {
    /// The file, relative to the workspace's root.
    pub file: String,
    /// Entries that were added.
    pub added: usize,
    /// Entries that were deleted.
    pub deleted: usize,
    /// A check with the new baseline.
    pub report: Report,
}

/// Checks a workspace against its rules. Reads manifests, the rules, the baseline and the sources that a rule asks, runs `cargo metadata --no-deps` (and for rules about what is reachable `cargo metadata --locked --offline`),
/// writes nothing but its cache.
///
/// # Errors
/// [`CheckError`] with everything that stands in the way: a workspace, rules or a baseline that cannot be read, crates that
/// no layer or more than one has, rules that match nothing or contradict each other.
pub fn check(options: &Options) -> Result<Report, CheckError> {
    carry_out(options).map_err(|errors| {
        let workspace = Workspace::load(options).ok();
        let place = workspace.and_then(|it| Some(Box::new((it.root, it.members.into_iter().next()?.site))));
        CheckError { workspace: place, ..CheckError::of(errors) }
    })
}

fn carry_out(options: &Options) -> Result<Report, Vec<Finding>> {
    let inputs = Inputs::load(options)?;
    let baseline = inputs.baseline(options, false)?;
    Ok(inputs.report(options, inputs.judged(options, true)?, &baseline))
}

/// As [`check`], without the rules about what is reachable.
pub(crate) fn check_declared(options: &Options) -> Result<Report, Vec<Finding>> {
    let inputs = Inputs::load(options)?;
    let baseline = inputs.baseline(options, false)?;
    Ok(inputs.report(options, inputs.judged(options, false)?, &baseline))
}

/// Writes the baseline anew: without the entries that excuse nothing, and, with `growth`, with one for each violation that
/// has none. Writes nothing when nothing changes.
///
/// # Errors
/// As [`check`], or the file cannot be written.
pub fn update_baseline(options: &Options, growth: Option<&Growth>) -> Result<Update, CheckError> {
    update(options, growth).map_err(CheckError::of)
}

fn update(options: &Options, growth: Option<&Growth>) -> Result<Update, Vec<Finding>> {
    let inputs = Inputs::load(options)?;
    let baseline = inputs.baseline(options, growth.is_some())?;
    if let Some(until) = growth.and_then(|growth| growth.until).filter(|until| *until < options.today) {
        let message = format!("an entry until {until} would excuse nothing: the day is over");
        let help = "name the last day on which the violations are excused, or leave out `--until`";
        return Err(vec![Finding::new(Cause::Argument, message, help)]);
    }
    let judged = inputs.judged(options, true)?;
    let grow = growth.map(|growth| {
        let Growth { reason, owner, until } = growth.clone();
        Entry { reason, owner, until, site: None }
    });
    let updated = baseline.updated(&judged.violations, grow.as_ref());
    let path = inputs.baseline_path(options);
    // One that somebody named must be there for the next check, also with nothing in it.
    let named = options.baseline.is_some() || inputs.rules.baseline.is_some();
    if updated != baseline || (named && !path.exists()) {
        std::fs::write(path, updated.render()).map_err(|error| {
            let message = format!("cannot write the baseline {}: {error}", updated.file);
            vec![Finding::new(
                Cause::Baseline,
                message,
                "see that the file can be written, or name another with --baseline",
            )]
        })?;
    }
    let kept = updated.entries.keys().filter(|key| baseline.entries.contains_key(key)).count();
    Ok(Update {
        file: updated.file.clone(),
        added: updated.entries.len() - kept,
        deleted: baseline.entries.len() - kept,
        report: inputs.report(options, judged, &updated),
    })
}

/// What the rules make of the workspace, before the baseline is asked.
struct Judged {
    violations: Vec<Violation>,
    /// How many source files were read.
    files: usize,
    unseen: Unseen,
}

/// The workspace and its rules.
#[derive(Debug)]
pub(crate) struct Inputs {
    pub workspace: Workspace,
    pub rules: Rules,
    config: PathBuf,
    today: NaiveDate,
    /// What is wrong with rules that could be read in part.
    findings: Vec<Finding>,
}

impl Inputs {
    pub fn load(options: &Options) -> Result<Self, Vec<Finding>> {
        let workspace = Workspace::load(options)?;
        let config = options.config.clone().unwrap_or_else(|| workspace.root.join("boundaries.toml"));
        let name = relative(&config, &workspace.root);
        let source = Source::read(&config, name.clone()).map_err(|error| {
            let help = "write the rules of this workspace there, name their file with --config, or run `init`";
            vec![Finding::new(Cause::Config, format!("cannot read the rules in {name}: {error}"), help)]
        })?;
        Self::of(workspace, config, &source, options.today)
    }

    /// As [`Self::load`], for rules that need not be in a file yet.
    pub fn of(workspace: Workspace, config: PathBuf, source: &Source, today: NaiveDate) -> Result<Self, Vec<Finding>> {
        match rules::parse(source) {
            (Some(rules), findings) => Ok(Self { workspace, rules, config, today, findings }),
            (None, findings) => Err(findings),
        }
    }

    /// The rules compared with the workspace.
    pub fn architecture(&self) -> Result<Architecture<'_>, Vec<Finding>> {
        let mut findings = self.findings.clone();
        match Architecture::resolve(&self.rules, &self.workspace, self.today) {
            Ok(architecture) if findings.is_empty() => Ok(architecture),
            Ok(_) => Err(findings),
            Err(more) => {
                // Behind a layer that could not be read, its crates seem to be in none: that would be noise.
                let readable = findings.is_empty();
                findings.extend(more.into_iter().filter(|finding| readable || finding.cause != Cause::Unclassified));
                Err(findings)
            }
        }
    }

    /// Without the rules about what is `reachable` where they are not asked for: they need Cargo.lock.
    fn judged(&self, options: &Options, reachable: bool) -> Result<Judged, Vec<Finding>> {
        let architecture = self.architecture()?;
        let resolved = if reachable { Resolved::load(&self.workspace, &self.rules)? } else { None };
        let sources = Sources::load(&architecture, options.cache)?;
        let violations = judge(&architecture, resolved.as_ref(), &sources)?;
        Ok(Judged { violations, files: sources.files().len(), unseen: sources.unseen() })
    }

    /// Where the baseline is, whether or not it is there.
    fn baseline_path(&self, options: &Options) -> PathBuf {
        let beside = |file: &str| self.config.parent().map_or_else(|| PathBuf::from(file), |folder| folder.join(file));
        match (&options.baseline, &self.rules.baseline) {
            (Some(path), _) => path.clone(),
            (None, Some(named)) => beside(&named.value),
            (None, None) => beside("boundaries-baseline.toml"),
        }
    }

    /// The baseline; one that nobody named may be missing, and so may one that is `new`.
    pub fn baseline(&self, options: &Options, new: bool) -> Result<Baseline, Vec<Finding>> {
        let named = self.rules.baseline.as_ref();
        let optional = new || (options.baseline.is_none() && named.is_none());
        let path = self.baseline_path(options);
        let file = relative(&path, &self.workspace.root);
        match Source::read(&path, file.clone()) {
            Ok(source) => Baseline::parse(&source),
            Err(error) if optional && error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Baseline { file, ..Baseline::default() })
            }
            Err(error) => {
                let help = "restore the file; or write it with `baseline update --grow --reason ..`";
                let finding = Finding::new(Cause::Baseline, format!("cannot read the baseline {file}: {error}"), help);
                Err(vec![Finding { site: named.map(|named| named.site.clone()), ..finding }])
            }
        }
    }

    fn report(&self, options: &Options, judged: Judged, baseline: &Baseline) -> Report {
        let Judged { mut violations, files, unseen } = judged;
        let stale = baseline.apply(&mut violations, self.today);
        tell_once(&mut violations);
        name_owners(&mut violations, &self.workspace);
        let path = self.baseline_path(options);
        let before = if path.exists() { entries_at_merge_base(&path) } else { None };
        let baseline_change = before.map(|before| signed(baseline.entries.len()) - signed(before));
        let dependencies = &self.workspace.dependencies;
        let edges = dependencies.iter().filter(|dependency| matches!(dependency.to, Target::Member(_))).count();
        let fresh = |severity| {
            let new = violations.iter().filter(|violation| violation.state == State::New);
            new.filter(|violation| violation.severity == severity).count()
        };
        let summary = Summary {
            crates: self.workspace.members.len(),
            edges,
            external: dependencies.len() - edges,
            files,
            unseen: (files > 0).then_some(unseen),
            exceptions: self.rules.exceptions.len(),
            baseline: baseline.entries.len(),
            baseline_change,
            warnings: fresh(Severity::Warning),
            violations: fresh(Severity::Error),
        };
        let anchor = self.workspace.members[0].site.clone();
        Report { violations, stale, summary, root: self.workspace.root.clone(), anchor }
    }

    pub fn config(&self) -> &std::path::Path {
        &self.config
    }

    pub fn root(&self) -> &std::path::Path {
        &self.workspace.root
    }
}

/// Who is to be asked: the owners of the place, and of the crate that is used.
fn name_owners(violations: &mut [Violation], workspace: &Workspace) {
    let owners = Owners::read(&workspace.root);
    for violation in violations {
        let used = violation.to.as_ref().and_then(|to| {
            let dir = to.split("::").next().filter(|dir| **dir != violation.from.dir)?;
            workspace.members.iter().find(|member| member.dir == dir)?;
            Some(format!("`{dir}` by {}", owners.of(&format!("{dir}/Cargo.toml"))?))
        });
        let own = owners.of(&violation.site.file).map(|own| format!("`{}` by {own}", violation.site.file));
        let parts: Vec<String> = own.into_iter().chain(used).collect();
        if !parts.is_empty() {
            violation.notes.push(format!("owned: {}", parts.join(", ")));
        }
    }
}

/// Of the rules that one dependency breaks the first is told; those that the baseline has stay, since it has them each.
fn tell_once(violations: &mut Vec<Violation>) {
    let mut told: BTreeSet<(String, Option<String>, Site)> = BTreeSet::new();
    violations.retain(|one| {
        let about_edge = one.kind.is_some() && one.rule.is_about_edges();
        let key = || (one.from.dir.clone(), one.to.clone(), one.site.clone());
        !about_edge || one.state == State::Known || told.insert(key())
    });
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).expect("a file has fewer lines than that")
}
