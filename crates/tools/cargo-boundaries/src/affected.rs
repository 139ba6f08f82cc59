//! The crates that a change can break, by what `git` says has changed.

mod outside;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;

use outside::{Outside, outside};

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
    let named = |args: &[&str]| -> Result<Vec<PathBuf>, Vec<Finding>> {
        let names = asked(&top, args)?;
        let names = names.split('\0').filter(|name| !name.is_empty());
        Ok(names.map(|name| top.join(name.split('/').collect::<PathBuf>())).collect())
    };
    let diff =
        ["diff", "--name-only", "-z", "--no-renames", "--ignore-submodules=none", "--end-of-options", base, "--"];
    let mut files: BTreeSet<PathBuf> = named(&diff)?.into_iter().collect();
    files.extend(named(&["ls-files", "--others", "--exclude-standard", "-z"])?);
    let known: HashSet<PathBuf> = named(&["ls-files", "--recurse-submodules", "-z"])?.into_iter().collect();
    let is_known = |file: &Path| known.contains(file) || files.contains(file);
    let places = Places::of(workspace, sources, &top, is_known);
    let affected = spread(workspace, &places, places.changes(&files));
    Ok(Answer::of(&affected, json, 0, || affected.text()))
}

/// Where the files of each member lie, links followed as `git` does.
struct Places {
    root: PathBuf,
    dirs: Vec<PathBuf>,
    outside: Vec<Outside>,
    /// Who compiles a file, be it by `#[path]` or `include!`, or takes it in as data.
    readers: HashMap<PathBuf, BTreeSet<usize>>,
    /// Members with files that `git` does not know or that cannot be read.
    unknown: BTreeSet<usize>,
}

/// What has changed, as far as it is known by itself.
#[derive(Default)]
struct Changes {
    members: BTreeSet<usize>,
    /// Members that use a changed crate that is none.
    outside: Vec<(usize, Kind)>,
    /// The names of files of the workspace that belong to no crate.
    elsewhere: BTreeSet<String>,
}

impl Places {
    /// `known` says which files below `top` are `git`'s matter.
    fn of(workspace: &Workspace, sources: &Sources<'_>, top: &Path, known: impl Fn(&Path) -> bool) -> Self {
        let root = real(&workspace.root);
        let members = 0..workspace.members.len();
        members.clone().into_par_iter().for_each(|member| _ = sources.of(member));
        let dirs: Vec<PathBuf> = workspace.members.iter().map(|member| real(&root.join(&member.dir))).collect();
        let mut unknown: BTreeSet<usize> = members.filter(|member| !dirs[*member].starts_with(top)).collect();
        let outside = outside(workspace, &dirs);
        let far = |one: &&Outside| one.folders.iter().any(|folder| !folder.starts_with(top));
        unknown.extend(outside.iter().filter(far).map(|one| one.user));
        let mut readers: HashMap<PathBuf, BTreeSet<usize>> = HashMap::new();
        for (member, digest) in sources.digests() {
            let links: HashMap<u32, &PathBuf> = digest.links.iter().map(|(file, lies)| (*file, lies)).collect();
            for (path, file) in digest.files.iter().zip(0_u32..) {
                let lies = *links.get(&file).unwrap_or(&path);
                if !known(lies) {
                    unknown.insert(member);
                }
                // To change a link is to change what is compiled.
                for path in [path, lies] {
                    readers.entry(path.clone()).or_default().insert(member);
                }
            }
            for path in &digest.embedded {
                let lies = real(path);
                if lies.exists() && !known(&lies) {
                    unknown.insert(member);
                }
                for path in [path.clone(), lies] {
                    readers.entry(path).or_default().insert(member);
                }
            }
            if !digest.problems.is_empty() {
                unknown.insert(member);
            }
        }
        Self { root, dirs, outside, readers, unknown }
    }

    fn changes(&self, files: &BTreeSet<PathBuf>) -> Changes {
        let mut changes = Changes { members: self.unknown.clone(), ..Changes::default() };
        let members = self.dirs.iter().enumerate().map(|(member, dir)| (dir, Some(member)));
        let folders = self.outside.iter().flat_map(|one| &one.folders).filter(|dir| !self.dirs.contains(dir));
        let crates: Vec<(&PathBuf, Option<usize>)> = members.chain(folders.map(|dir| (dir, None))).collect();
        for file in files {
            if self.is_for_all(file) {
                changes.members.extend(0..self.dirs.len());
            }
            let around = crates.iter().filter(|(dir, _)| file.starts_with(dir));
            let owner = around.max_by_key(|(dir, _)| dir.as_os_str().len());
            // Of a submodule or another repository `git` names the folder alone.
            let has_changed = |dir: &Path| dir.starts_with(file) || owner.is_some_and(|(owner, _)| *owner == dir);
            let mut members: BTreeSet<usize> =
                crates.iter().filter(|(dir, _)| has_changed(dir)).filter_map(|(_, member)| *member).collect();
            members.extend(self.readers.get(file).into_iter().flatten());
            if file.is_dir() {
                let readers = self.readers.iter().filter(|(path, _)| path.starts_with(file));
                members.extend(readers.flat_map(|(_, readers)| readers));
            }
            let users = self.outside.iter().filter(|one| one.folders.iter().any(|dir| has_changed(dir)));
            changes.outside.extend(users.map(|one| (one.user, one.kind)));
            if owner.is_none() && members.is_empty() && file.starts_with(&self.root) {
                changes.elsewhere.insert(relative(file, &self.root));
            }
            changes.members.extend(members);
        }
        changes
    }

    /// Members, and who uses them in what kind of dependency, be it through a crate that is no member.
    fn users(&self, workspace: &Workspace) -> HashMap<usize, Vec<(usize, Kind)>> {
        let mut users: HashMap<usize, Vec<(usize, Kind)>> = HashMap::new();
        for dependency in &workspace.dependencies {
            if let Target::Member(to) = dependency.to {
                users.entry(to).or_default().push((dependency.from, dependency.kind));
            }
        }
        for one in &self.outside {
            for (member, _) in self.dirs.iter().enumerate().filter(|(_, dir)| one.folders.contains(*dir)) {
                users.entry(member).or_default().push((one.user, one.kind));
            }
        }
        users
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

fn spread<'a>(workspace: &'a Workspace, places: &Places, changes: Changes) -> Affected<'a> {
    let Changes { members: changed, outside, elsewhere } = changes;
    let users = places.users(workspace);
    let users = |member: &usize| users.get(member).into_iter().flatten();
    let compiled = |(user, kind): &(usize, Kind)| (*kind != Kind::Dev).then_some(*user);
    let mut built = changed.clone();
    built.extend(outside.iter().filter_map(compiled));
    let mut open: Vec<usize> = built.iter().copied().collect();
    while let Some(member) = open.pop() {
        open.extend(users(&member).filter_map(compiled).filter(|user| built.insert(*user)));
    }
    let tested = built.iter().flat_map(users).chain(&outside).map(|(user, _)| *user);
    let tested: BTreeSet<usize> = tested.collect();
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
