//! The crates that a change can break, by what `git` says has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use crate::git::git;
use crate::query::Answer;
use crate::report::{Cause, Finding};
use crate::workspace::{Kind, Target, Workspace};

/// Files beside the root manifest that every crate is built with.
const FOR_ALL: [&str; 6] =
    ["Cargo.toml", "Cargo.lock", "rust-toolchain", "rust-toolchain.toml", ".cargo/config.toml", ".cargo/config"];

#[derive(Debug, Serialize)]
struct Affected<'a> {
    /// Crates with a changed file; all of them when a file has changed that all are built with.
    changed: BTreeSet<&'a str>,
    /// Crates that are built with a changed one.
    built: BTreeSet<&'a str>,
    /// Crates whose tests alone are built with one of the former.
    tested: BTreeSet<&'a str>,
    /// Changed files of the workspace that belong to no crate.
    elsewhere: BTreeSet<String>,
}

/// What has changed since `base`, committed or not, new files included.
pub(crate) fn affected(workspace: &Workspace, base: &str, json: bool) -> Result<Answer, Vec<Finding>> {
    let root = &workspace.root;
    let mut files = changed_files(
        root,
        &["diff", "--name-only", "--relative", "-z", "--no-renames", "--end-of-options", base, "--"],
    )?;
    files.extend(changed_files(root, &["ls-files", "--others", "--exclude-standard", "-z"])?);
    let affected = spread(workspace, &files);
    Ok(Answer::of(&affected, json, 0, || affected.text()))
}

fn spread<'a>(workspace: &'a Workspace, files: &BTreeSet<String>) -> Affected<'a> {
    let mut changed = BTreeSet::new();
    let mut elsewhere = BTreeSet::new();
    for file in files {
        if FOR_ALL.contains(&file.as_str()) {
            changed.extend(0..workspace.members.len());
        }
        match owner(workspace, file) {
            Some(member) => _ = changed.insert(member),
            None => _ = elsewhere.insert(file.clone()),
        }
    }
    let mut users: BTreeMap<usize, Vec<(usize, Kind)>> = BTreeMap::new();
    for dependency in &workspace.dependencies {
        if let Target::Member(to) = dependency.to {
            users.entry(to).or_default().push((dependency.from, dependency.kind));
        }
    }
    let users = |member: &usize| users.get(member).into_iter().flatten();
    let mut built = changed.clone();
    let mut open: Vec<usize> = changed.iter().copied().collect();
    while let Some(member) = open.pop() {
        let compiled = users(&member).filter(|(_, kind)| *kind != Kind::Dev).map(|(user, _)| *user);
        open.extend(compiled.filter(|user| built.insert(*user)));
    }
    let tested: BTreeSet<usize> = built.iter().flat_map(|member| users(member).map(|(user, _)| *user)).collect();
    let dirs =
        |members: BTreeSet<usize>| members.into_iter().map(|member| workspace.members[member].dir.as_str()).collect();
    Affected {
        tested: dirs(tested.difference(&built).copied().collect()),
        built: dirs(built.difference(&changed).copied().collect()),
        changed: dirs(changed),
        elsewhere,
    }
}

/// The member in whose directory a file lies, the innermost one.
pub(crate) fn owner(workspace: &Workspace, file: &str) -> Option<usize> {
    let inside = |dir: &str| dir == "." || Path::new(file).starts_with(dir);
    let members = workspace.members.iter().enumerate().filter(|(_, member)| inside(&member.dir));
    members.max_by_key(|(_, member)| if member.dir == "." { 0 } else { member.dir.len() }).map(|(index, _)| index)
}

fn changed_files(root: &Path, args: &[&str]) -> Result<BTreeSet<String>, Vec<Finding>> {
    let text = git(root, args).map_err(|reason| {
        let help = "name a commit, a branch or a tag of this repository, for example --base origin/main";
        vec![Finding::new(Cause::Program, format!("`git {}` fails: {reason}", args.join(" ")), help)]
    })?;
    Ok(text.split('\0').filter(|file| !file.is_empty()).map(str::to_owned).collect())
}

impl Affected<'_> {
    fn text(&self) -> String {
        let list = |title: &str, dirs: &BTreeSet<&str>| {
            let lines: String = dirs.iter().map(|dir| format!("  {dir}\n")).collect();
            if dirs.is_empty() { String::new() } else { format!("{title}\n{lines}") }
        };
        let elsewhere = self.elsewhere.iter().map(String::as_str).collect();
        let text = [
            list("changed", &self.changed),
            list("built with a changed crate", &self.built),
            list("tested with one of them", &self.tested),
            list("changed files of no crate", &elsewhere),
        ];
        let text = text.concat();
        if text.is_empty() { "nothing has changed\n".to_owned() } else { text }
    }
}
