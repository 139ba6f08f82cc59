//! One check from end to end.

use std::path::PathBuf;

use chrono::NaiveDate;

use crate::architecture::Architecture;
use crate::judge::judge;
use crate::report::{Cause, CheckError, Finding, Report, Summary};
use crate::rules;
use crate::source::{Source, relative};
use crate::workspace::{Target, Workspace};

/// What to check.
#[derive(Debug, Clone)]
pub struct Options {
    /// A manifest of the workspace; by default the one in the working directory or the next above it.
    pub manifest_path: Option<PathBuf>,
    /// The rules; by default `boundaries.toml` beside the workspace's root manifest.
    pub config: Option<PathBuf>,
    /// The day on which exceptions have to hold.
    pub today: NaiveDate,
}

/// Checks a workspace against its rules. Reads manifests and the rules, runs `cargo metadata --no-deps`, writes nothing.
///
/// # Errors
/// [`CheckError`] with everything that stands in the way: a workspace or rules that cannot be read, crates that no layer
/// or more than one has, rules that match nothing or contradict each other.
pub fn check(options: &Options) -> Result<Report, CheckError> {
    carry_out(options).map_err(|mut errors| {
        errors.sort_by(|a, b| a.site.cmp(&b.site));
        CheckError { errors }
    })
}

fn carry_out(options: &Options) -> Result<Report, Vec<Finding>> {
    let workspace = Workspace::load(options.manifest_path.as_deref())?;
    let config = options.config.clone().unwrap_or_else(|| workspace.root.join("boundaries.toml"));
    let name = relative(&config, &workspace.root);
    let source = Source::read(&config, name.clone()).map_err(|error| {
        let help = "write the rules of this workspace there, or name their file with --config";
        vec![Finding::new(Cause::Config, format!("cannot read the rules in {name}: {error}"), help)]
    })?;

    let (rules, mut findings) = rules::parse(&source);
    let Some(rules) = rules else { return Err(findings) };
    let architecture = match Architecture::resolve(&rules, &workspace) {
        Ok(architecture) if findings.is_empty() => architecture,
        Ok(_) => return Err(findings),
        Err(more) => {
            // Behind a layer that could not be read, its crates seem to be in none: that would be noise.
            let readable = findings.is_empty();
            findings.extend(more.into_iter().filter(|finding| readable || finding.cause != Cause::Unclassified));
            return Err(findings);
        }
    };
    let violations = judge(&architecture, options.today)?;
    let edges = workspace.dependencies.iter().filter(|dependency| matches!(dependency.to, Target::Member(_))).count();
    let summary = Summary {
        crates: workspace.members.len(),
        edges,
        external: workspace.dependencies.len() - edges,
        exceptions: rules.exceptions.len(),
        violations: violations.len(),
    };
    Ok(Report { violations, summary })
}
