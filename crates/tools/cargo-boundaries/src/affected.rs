//! The crates that a change can break, by what `git` says has changed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;

use crate::git::git;
use crate::query::Answer;
use crate::report::{Cause, Finding};
use crate::source::relative;
use crate::sources::Sources;
use crate::workspace::{Kind, Target, Workspace};

/// Files beside the root manifest that every crate is built with.
const FOR_ALL: [&str; 2] = ["Cargo.toml", "Cargo.lock"];

/// Files there, or in a folder around it, that every crate is built with.
const AROUND: [&str; 4] = ["rust-toolchain", "rust-toolchain.toml", ".cargo/config.toml", ".cargo/config"];

#[derive(Debug, Serialize)]
struct Affected<'a> {
    /// Crates with a changed file, or with one of which nobody can say whether it has changed; all of them when a file
    /// has changed that all are built with.
    changed: BTreeSet<&'a str>,
    /// Crates that are built with a changed one.
    built: BTreeSet<&'a str>,
    /// Crates whose tests alone are built with one of the former.
    tested: BTreeSet<&'a str>,
    /// Changed files of the workspace that belong to no crate.
    elsewhere: BTreeSet<String>,
}

/// What has changed since `base`, committed or not, new files included.
pub(crate) fn affected(
    workspace: &Workspace,
    sources: &Sources<'_>,
    base: &str,
    json: bool,
) -> Result<Answer, Vec<Finding>> {
    let top = asked(&workspace.root, &["rev-parse", "--show-toplevel"])?;
    let top = real(Path::new(top.trim_end_matches(['\n', '\r'])));
    let mut files = BTreeSet::new();
    for args in [
        &["diff", "--name-only", "-z", "--no-renames", "--end-of-options", base, "--"][..],
        &["ls-files", "--others", "--exclude-standard", "-z"],
    ] {
        let names = asked(&top, args)?;
        let names = names.split('\0').filter(|name| !name.is_empty());
        files.extend(names.map(|name| top.join(name.split('/').collect::<PathBuf>())));
    }
    let (changed, elsewhere) = Places::of(workspace, sources, &top).changed(&files);
    let affected = spread(workspace, changed, elsewhere);
    Ok(Answer::of(&affected, json, 0, || affected.text()))
}

/// Where the files of each member lie, links followed as `git` does.
struct Places {
    root: PathBuf,
    dirs: Vec<PathBuf>,
    /// Who compiles a file, be it by `#[path]` or `include!`.
    readers: HashMap<PathBuf, BTreeSet<usize>>,
    /// Members with files that `git` does not know or that cannot be read.
    unknown: BTreeSet<usize>,
}

impl Places {
    fn of(workspace: &Workspace, sources: &Sources<'_>, top: &Path) -> Self {
        let root = real(&workspace.root);
        let members = 0..workspace.members.len();
        members.clone().into_par_iter().for_each(|member| _ = sources.of(member));
        let dirs: Vec<PathBuf> = workspace.members.iter().map(|member| real(&root.join(&member.dir))).collect();
        let mut unknown: BTreeSet<usize> = members.filter(|member| !dirs[*member].starts_with(top)).collect();
        let mut readers: HashMap<PathBuf, BTreeSet<usize>> = HashMap::new();
        for (member, digest) in sources.digests() {
            let links: HashMap<u32, &PathBuf> = digest.links.iter().map(|(file, lies)| (*file, lies)).collect();
            for (path, file) in digest.files.iter().zip(0_u32..) {
                let lies = *links.get(&file).unwrap_or(&path);
                if !lies.starts_with(top) {
                    unknown.insert(member);
                }
                // To change a link is to change what is compiled.
                for path in [path, lies] {
                    readers.entry(path.clone()).or_default().insert(member);
                }
            }
            if !digest.problems.is_empty() {
                unknown.insert(member);
            }
        }
        Self { root, dirs, readers, unknown }
    }

    /// Members that have changed, and the names of changed files of the workspace that belong to none.
    fn changed(mut self, files: &BTreeSet<PathBuf>) -> (BTreeSet<usize>, BTreeSet<String>) {
        let (mut changed, mut elsewhere) = (std::mem::take(&mut self.unknown), BTreeSet::new());
        for file in files {
            if self.is_for_all(file) {
                changed.extend(0..self.dirs.len());
            }
            let around = self.dirs.iter().enumerate().filter(|(_, dir)| file.starts_with(dir));
            let owner = around.max_by_key(|(_, dir)| dir.as_os_str().len()).map(|(member, _)| member);
            let readers = self.readers.get(file);
            changed.extend(readers.into_iter().flatten().copied().chain(owner));
            if owner.is_none() && readers.is_none() && file.starts_with(&self.root) {
                elsewhere.insert(relative(file, &self.root));
            }
        }
        (changed, elsewhere)
    }

    fn is_for_all(&self, file: &Path) -> bool {
        FOR_ALL.iter().any(|name| *file == self.root.join(name))
            || AROUND.iter().any(|name| {
                let around = file.ends_with(name).then(|| file.ancestors().nth(Path::new(name).components().count()));
                around.flatten().is_some_and(|folder| self.root.starts_with(folder))
            })
    }
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn spread(workspace: &Workspace, changed: BTreeSet<usize>, elsewhere: BTreeSet<String>) -> Affected<'_> {
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

fn asked(folder: &Path, args: &[&str]) -> Result<String, Vec<Finding>> {
    git(folder, args).map_err(|reason| {
        let help = "name a commit, a branch or a tag of this repository, for example --base origin/main";
        vec![Finding::new(Cause::Program, format!("`git {}` fails: {reason}", args.join(" ")), help)]
    })
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
