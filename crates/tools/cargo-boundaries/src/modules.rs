//! Which modules of a crate name each other, read from sources only where a rule about modules governs the crate.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use source_graph::{PackageSources, Problem, ProblemKind, Reference, SourceGraph, Span, Target};

use crate::architecture::Architecture;
use crate::report::{Cause, Finding};
use crate::rules::closest;
use crate::source::{Site, Source, relative};
use crate::workspace::Member;

/// The modules of the crates that some `[[modules]]` governs, by member.
#[derive(Debug)]
pub(crate) struct Modules(BTreeMap<usize, CrateModules>);

/// The modules that stand directly below the roots of one crate.
#[derive(Debug)]
pub(crate) struct CrateModules {
    pub namings: Vec<Naming>,
    /// Every file of the crate's library and binaries.
    pub files: Vec<PathBuf>,
    /// Those with a file of their own.
    files_of: BTreeMap<String, PathBuf>,
    /// The root, by index, and each module that names something or is named there.
    linked: BTreeSet<(u32, String)>,
}

/// One module names another one, tests aside.
#[derive(Debug)]
pub(crate) struct Naming {
    pub from: String,
    pub to: String,
    /// The first place.
    pub site: Site,
    /// How many more there are.
    pub further: usize,
}

impl Modules {
    /// # Errors
    /// Sources that cannot be read as a whole, and names in an order that are modules of none of its crates.
    pub fn load(architecture: &Architecture<'_>) -> Result<Self, Vec<Finding>> {
        let workspace = architecture.workspace;
        let (mut crates, mut findings) = (BTreeMap::new(), Vec::new());
        for member in architecture.ordered.iter().flatten().copied().collect::<BTreeSet<usize>>() {
            match CrateModules::read(&workspace.members[member], &workspace.root) {
                Ok(modules) => _ = crates.insert(member, modules),
                Err(problems) => findings.extend(problems),
            }
        }
        let modules = Self(crates);
        // Behind a file that could not be read a module may seem to be missing: that would be noise.
        if findings.is_empty() {
            findings = modules.unknown(architecture);
        }
        if findings.is_empty() { Ok(modules) } else { Err(findings) }
    }

    pub fn of(&self, member: usize) -> Option<&CrateModules> {
        self.0.get(&member)
    }

    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.0.values().flat_map(|modules| &modules.files)
    }

    fn unknown(&self, architecture: &Architecture<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (rule, governed) in architecture.rules.modules.iter().zip(&architecture.ordered) {
            let known: BTreeSet<&str> =
                governed.iter().filter_map(|member| self.of(*member)).flat_map(CrateModules::names).collect();
            for name in rule.order.items.iter().filter(|name| !known.contains(name.value.as_str())) {
                let message =
                    format!("`{0}` matches nothing: none of these crates has a module `crate::{0}`", name.value);
                let help = match closest(&name.value, known.iter().copied()) {
                    Some(close) => format!("write `{close}`, or delete the name"),
                    None => "write the name of a module that stands in the crate's root, or delete it".to_owned(),
                };
                findings.push(Finding::new(Cause::MatchesNothing, message, help).at(&name.site));
            }
        }
        findings
    }
}

impl CrateModules {
    fn read(member: &Member, root: &Path) -> Result<Self, Vec<Finding>> {
        let graph = SourceGraph::of(&member.sources);
        if !graph.problems.is_empty() {
            return Err(graph.problems.iter().map(|problem| finding(member, problem, root)).collect());
        }
        let (mut linked, mut places) = (BTreeSet::new(), BTreeMap::<_, BTreeSet<(&Path, Span)>>::new());
        for reference in &graph.references {
            let (from, to) = (below_root(&reference.module), named(reference));
            linked.extend(from.into_iter().chain(to).map(|module| (reference.root, module.to_owned())));
            if let (Some(from), Some(to)) = (from, to)
                && from != to
                && !reference.under_test
            {
                let file = graph.files[reference.file as usize].path.as_path();
                places.entry((from, to)).or_default().insert((file, reference.span));
            }
        }
        let mut namings = Vec::new();
        for ((from, to), places) in places {
            let further = places.len() - 1;
            for (file, span) in places.into_iter().take(1) {
                let name = relative(file, root);
                let source = Source::read(file, name.clone()).map_err(|error| {
                    let message = format!("cannot read {name}: {error}");
                    vec![Finding::new(Cause::Source, message, "see that nothing else changes the sources meanwhile")]
                })?;
                let site = source.site(span.range());
                namings.push(Naming { from: from.to_owned(), to: to.to_owned(), site, further });
            }
        }
        let files: Vec<PathBuf> = graph.files.iter().map(|file| file.path.clone()).collect();
        let files_of =
            files.iter().filter_map(|file| Some((module_of(file, &member.sources)?, file.clone()))).collect();
        Ok(Self { namings, files, files_of, linked })
    }

    /// The file of a module in whose crate `other` is a module as well.
    pub fn file_beside(&self, module: &str, other: &str) -> Option<&Path> {
        let has = |root: u32, name: &str| self.linked.contains(&(root, name.to_owned()));
        let together = self.linked.iter().any(|(root, name)| name == module && has(*root, other));
        self.files_of.get(module).filter(|_| together).map(PathBuf::as_path)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.files_of.keys().chain(self.linked.iter().map(|(_, module)| module)).map(String::as_str)
    }
}

/// The module directly below the root that a path from `crate` on leads into.
fn below_root(path: &str) -> Option<&str> {
    path.split("::").nth(1)
}

/// What another crate's item is imported from counts as named: the path leads through that module.
fn named(reference: &Reference) -> Option<&str> {
    match &reference.target {
        Target::Module { path, .. } => below_root(path),
        Target::Crate { through, .. } => through.as_deref().and_then(below_root),
    }
}

/// `name.rs` or `name/mod.rs` beside a root.
fn module_of(file: &Path, sources: &PackageSources) -> Option<String> {
    if sources.roots.iter().any(|root| root.path == file) {
        return None;
    }
    let place = if file.ends_with("mod.rs") { file.parent()?.to_owned() } else { file.with_extension("") };
    let beside = sources.roots.iter().any(|root| root.path.parent() == place.parent());
    place.file_name().filter(|_| beside).map(|name| name.to_string_lossy().into_owned())
}

fn finding(member: &Member, problem: &Problem, root: &Path) -> Finding {
    let file = relative(&problem.file, root);
    let what = match &problem.kind {
        ProblemKind::Missing(paths) => {
            let paths: Vec<_> = paths.iter().map(|path| relative(path, root)).collect();
            format!("a file is missing: {}", paths.join(" or "))
        }
        kind => format!("{file} {kind}"),
    };
    let message = format!("the modules of `{}` are not all known: {what}", member.name);
    let finding = Finding::new(Cause::Source, message, "make it a crate that compiles");
    // The file of the problem may be one that cannot be read.
    let site = problem.span.and_then(|span| Some(Source::read(&problem.file, file).ok()?.site(span.range())));
    Finding { site, ..finding }
}
