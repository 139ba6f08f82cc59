//! Which violation to plant for a rule, and how.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use source_graph::RootKind;

use crate::architecture::Architecture;
use crate::check::Inputs;
use crate::judge::{Case, hidden};
use crate::query::chain;
use crate::report::Rule;
use crate::rules::{ModuleRules, rank};
use crate::source::relative;
use crate::sources::{Naming, Of, Sources};
use crate::workspace::{Dependency, Kind, Target, Workspace};

/// Finds something that nobody does yet and that breaks a rule.
pub(super) struct Planter<'a> {
    pub inputs: &'a Inputs,
    pub architecture: &'a Architecture<'a>,
    pub sources: &'a Sources<'a>,
}

impl Planter<'_> {
    /// What would break a rule, in words; nothing where nothing here can.
    pub fn plant(&self, rule: Rule) -> Option<(String, Plant)> {
        let workspace = &self.inputs.workspace;
        let hygiene = &self.inputs.rules.hygiene;
        let mut tidy = self.architecture.tidy();
        let dir = |member: usize| workspace.members[member].dir.clone();
        let on = self.inputs.rules.severity(rule) != crate::rules::Severity::Off;
        let plant = match rule {
            Rule::WorkspaceLints => {
                let member = tidy.find(|member| hygiene.lints.is_some() && workspace.members[*member].shares_lints)?;
                (dir(member), Plant::WithoutLints(member))
            }
            Rule::WorkspaceVersions => {
                let member = tidy.find(|_| hygiene.versions.is_some())?;
                let to = Target::External { name: "planted".to_owned(), dir: None };
                (format!("{} -> planted", dir(member)), Plant::Dependency(member, to, Kind::Normal))
            }
            Rule::FolderName => {
                let member = tidy.find(|member| hygiene.folder.is_some() && dir(*member) != ".")?;
                (dir(member), Plant::OtherName(member))
            }
            Rule::Cycle => {
                let kinds = &self.inputs.rules.cycles.as_ref()?.kinds;
                let back = workspace.dependencies.iter().find_map(|dependency| match dependency.to {
                    Target::Member(to) if to != dependency.from && kinds.contains(&dependency.kind) => {
                        Some((to, dependency.from))
                    }
                    Target::Member(_) | Target::External { .. } => None,
                });
                let (from, to) = back?;
                let kind = if kinds.contains(&Kind::Dev) { Kind::Dev } else { *kinds.first()? };
                (format!("{} -> {}", dir(from), dir(to)), Plant::Dependency(from, Target::Member(to), kind))
            }
            Rule::ExternalReachable => {
                let member = (0..workspace.members.len()).find_map(|member| {
                    let rule = self.architecture.layer(member).deny.iter().find(|rule| rule.reachable)?;
                    Some((member, rule.names.items.first()?.value.clone()))
                });
                let (member, name) = member?;
                (format!("{} -> .. -> {name}", dir(member)), Plant::Reach(member, name))
            }
            Rule::UsedDependencies => {
                hygiene.used.as_ref()?;
                let declared = |from| move |one: &&Dependency| one.from == from && one.to != Target::Member(from);
                let (member, to) = tidy.find_map(|member| {
                    let mut own = workspace.dependencies.iter().filter(declared(member));
                    Some((member, own.find(|one| matches!(one.to, Target::Member(_)))?.to.clone()))
                })?;
                let what = format!("{} -> {}", dir(member), self.architecture.target_name(&to));
                (what, Plant::Dependency(member, to, Kind::Normal))
            }
            Rule::NoGlobReExports => {
                hygiene.no_globs.as_ref()?;
                let (member, name, file) = tidy.find_map(|member| {
                    let exports = &self.sources.of(member).exports;
                    let whole = |name: &String| exports.iter().any(|one| one.name.is_none() && *one.from == **name);
                    let name = workspace.members[member].externs.keys().find(|name| !whole(name))?;
                    Some((member, name.clone(), self.library(member)?))
                })?;
                (format!("{}: pub use {name}::*", dir(member)), Plant::line(file, format!("pub use {name}::*;")))
            }
            Rule::ModuleOrder => self.upwards()?,
            Rule::ModulePrivate | Rule::ModuleApi => self.hidden(rule)?,
            Rule::Forbid => self.dependency(rule).or_else(|| self.chain())?,
            _ => self.dependency(rule)?,
        };
        on.then_some(plant)
    }

    /// A module that names one above it, which no module below it does yet.
    fn upwards(&self) -> Option<(String, Plant)> {
        for (order, governed) in self.modular().filter_map(|(rule, governed)| Some((rule.order.as_ref()?, governed))) {
            for member in governed.iter().copied() {
                let digest = self.sources.of(member);
                let roots: Vec<(u32, u32)> =
                    digest.modules.iter().filter(|one| &*one.path == "crate").map(|one| (one.root, one.file)).collect();
                let tops =
                    digest.modules.iter().filter(|one| one.of != Of::Other && one.path.matches("::").count() == 1);
                let tops: Vec<(&str, u32, u32)> =
                    tops.map(|one| (one.path.trim_start_matches("crate::"), one.root, one.file)).collect();
                for (from, root, file) in &tops {
                    for (to, ..) in tops.iter().filter(|(_, of, _)| of == root) {
                        let known = |one: &Naming| is_in(&one.from, from) && is_in(&one.to, to);
                        let upward = rank(order, from).zip(rank(order, to)).is_some_and(|(low, high)| low < high);
                        let inline = roots.contains(&(*root, *file));
                        if upward && !inline && !digest.namings.iter().any(known) {
                            let what = format!("{}: {from} -> {to}", self.inputs.workspace.members[member].dir);
                            let file = relative(&digest.files[*file as usize], self.inputs.root());
                            return Some((what, Plant::line(file, format!("use crate::{to} as planted;"))));
                        }
                    }
                }
            }
        }
        None
    }

    /// A crate that names a module of another one that is not for it: one that is there, or a new one.
    fn hidden(&self, rule: Rule) -> Option<(String, Plant)> {
        let workspace = &self.inputs.workspace;
        for (rules, governed) in self.modular() {
            let of_rule = |module: &str| hidden(rules, module).is_some_and(|hidden| hidden.rule == rule);
            for member in governed.iter().copied() {
                let users = workspace
                    .dependencies
                    .iter()
                    .filter(|one| one.to == Target::Member(member) && one.from != member && one.kind == Kind::Normal);
                let users = users.filter_map(|user| Some((user, self.library(user.from)?)));
                let (modules, library) = (&self.sources.of(member).modules, self.library(member));
                let modules = modules.iter().filter(|one| one.of == Of::Library && one.public).map(|one| &*one.path);
                for (user, file) in users {
                    let free =
                        |module: &str| self.sources.of(user.from).uses.iter().all(|it| !it.rest.starts_with(module));
                    let named =
                        modules.clone().filter(|path| of_rule(path)).map(|path| path.trim_start_matches("crate::"));
                    let module = named.into_iter().find(|module| free(module));
                    let new = || library.clone().filter(|_| of_rule("crate::planted"));
                    let (module, mut lines) = match (module, new()) {
                        (Some(module), _) => (module, Vec::new()),
                        (None, Some(library)) => ("planted", vec![(library, "pub mod planted {}".to_owned())]),
                        (None, None) => continue,
                    };
                    lines.push((file, format!("use {}::{module} as planted_name;", user.extern_name)));
                    let [user, used] = [user.from, member].map(|member| &workspace.members[member].dir);
                    return Some((format!("{user} -> {used}::{module}"), Plant::Lines(lines)));
                }
            }
        }
        None
    }

    /// A crate between two of which the first must not reach the second.
    fn chain(&self) -> Option<(String, Plant)> {
        let workspace = &self.inputs.workspace;
        let dir = |member: usize| &workspace.members[member].dir;
        for (from, to, rule) in self.architecture.out_of_reach() {
            let first =
                workspace.dependencies.iter().filter(|one| from.contains(&one.from) && rule.kinds.contains(&one.kind));
            for step in first {
                let Target::Member(between) = step.to else { continue };
                let reached = |to: &usize| chain(workspace, step.from, &Target::Member(*to), &rule.kinds).is_some();
                let back = |to: &usize| chain(workspace, *to, &step.to, &[Kind::Normal]).is_some();
                if let Some(to) =
                    to.iter().find(|to| !reached(to) && !back(to) && **to != step.from && !from.contains(&between))
                {
                    let what = format!("{} -> {} -> {}", dir(step.from), dir(between), dir(*to));
                    return Some((what, Plant::Dependency(between, Target::Member(*to), Kind::Normal)));
                }
            }
        }
        None
    }

    fn modular(&self) -> impl Iterator<Item = (&ModuleRules, &BTreeSet<usize>)> {
        self.inputs.rules.modules.iter().zip(&self.architecture.modular)
    }

    /// The root file of a member's library.
    fn library(&self, member: usize) -> Option<String> {
        let mut roots = self.inputs.workspace.members[member].sources.roots.iter();
        let root = roots.find(|root| root.kind == RootKind::Library)?;
        Some(relative(&root.path, self.inputs.root()))
    }

    /// A dependency that nobody has, and that breaks the rule before any other.
    fn dependency(&self, rule: Rule) -> Option<(String, Plant)> {
        let workspace = &self.inputs.workspace;
        let members = (0..workspace.members.len()).map(Target::Member);
        let layers = self.inputs.rules.layers.iter().flat_map(|layer| &layer.deny);
        let named = layers.chain(self.inputs.rules.external.iter().map(|only| &only.rule));
        let named = named.flat_map(|rule| &rule.names.items).map(|name| name.value.clone());
        let external: BTreeSet<String> =
            named.chain(workspace.external.iter().cloned()).chain(["planted".to_owned()]).collect();
        let targets: Vec<Target> =
            members.chain(external.into_iter().map(|name| Target::External { name, dir: None })).collect();
        for from in 0..workspace.members.len() {
            for kind in Kind::ALL {
                let case = Case::new(self.architecture, from, kind);
                let declared = |to: &Target| {
                    let mut own = workspace.dependencies.iter().filter(|one| one.from == from && one.kind == kind);
                    own.any(|one| self.architecture.target_name(&one.to) == self.architecture.target_name(to))
                };
                let breaks = |to: &&Target| {
                    let breach = case.broken(to).into_iter().next().filter(|breach| breach.rule == rule);
                    breach.is_some() && !declared(to) && self.architecture.exceptions(from, to, kind).next().is_none()
                };
                if let Some(to) = targets.iter().find(breaks) {
                    let (dir, name) = (&workspace.members[from].dir, self.architecture.target_name(to));
                    return Some((
                        format!("{dir} -> {name} ({})", kind.name()),
                        Plant::Dependency(from, to.clone(), kind),
                    ));
                }
            }
        }
        None
    }
}

/// A change of manifests or source files.
pub(super) enum Plant {
    Dependency(usize, Target, Kind),
    WithoutLints(usize),
    OtherName(usize),
    Reach(usize, String),
    /// Source files, and what is to stand at their ends.
    Lines(Vec<(String, String)>),
}

impl Plant {
    fn line(file: String, line: String) -> Self {
        Self::Lines(vec![(file, line)])
    }

    /// The files that change.
    pub fn files(&self, root: &Path, workspace: &Workspace) -> Vec<PathBuf> {
        match self {
            Self::Dependency(member, ..)
            | Self::WithoutLints(member)
            | Self::OtherName(member)
            | Self::Reach(member, _) => vec![root.join(&workspace.members[*member].dir).join("Cargo.toml")],
            Self::Lines(lines) => lines.iter().map(|(file, _)| root.join(file)).collect(),
        }
    }

    /// The text of the file with this index, changed.
    pub fn put(&self, index: usize, mut text: String, root: &Path, workspace: &Workspace) -> String {
        match self {
            Self::Dependency(_, to, kind) => {
                let table = match kind {
                    Kind::Normal => "dependencies",
                    Kind::Build => "build-dependencies",
                    Kind::Dev => "dev-dependencies",
                };
                let place = match to {
                    Target::Member(to) => {
                        let used = &workspace.members[*to];
                        let path = root.join(&used.dir);
                        format!("package = {:?}\npath = {:?}", used.name, path.display().to_string())
                    }
                    Target::External { name, .. } => format!("package = {name:?}\nversion = \"*\""),
                };
                text.push_str(&format!("\n[{table}.planted]\n{place}\n"));
            }
            Self::WithoutLints(_) => {
                text =
                    text.replace("[lints]", "[package.metadata.lints]").replace("lints.workspace", "metadata.workspace")
            }
            Self::OtherName(member) => {
                text.replace_range(workspace.members[*member].site.bytes.clone(), "\"planted-name\"");
            }
            Self::Lines(lines) => text.push_str(&format!("\n{}\n", lines[index].1)),
            Self::Reach(..) => {}
        }
        text
    }
}

/// A module from `crate` on is the one directly below the root with this name, or in it.
fn is_in(module: &str, name: &str) -> bool {
    module.split("::").nth(1) == Some(name)
}
