//! What the sources of one member say, reduced to what rules ask: plain data, so that it can be kept between runs.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use source_graph::{ForeignGlob, Origin, ProblemKind, Reference, RootKind, SourceGraph, Target};

use super::offers::Offers;
use super::re_exports::{Lead, lead};
use crate::report::Unseen;
use crate::source::relative;
use crate::workspace::{self, Kind, Member};

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Digest {
    /// Every file of every target, sorted.
    pub files: Vec<PathBuf>,
    /// Where those of them lie that are not where their paths say, by index. No bytes of a file say it: it is never kept.
    #[serde(skip)]
    pub links: Vec<(u32, PathBuf)>,
    /// Files that they take in as data, there or not, sorted.
    pub embedded: Vec<PathBuf>,
    /// Paths that lead into other crates; each once for each kind of dependency that would allow it, sorted. Behind them, of
    /// no name, those that lead there through the own library.
    pub uses: Vec<Use>,
    /// Paths that globs of other members may lead on; each once for each kind of dependency, sorted.
    pub brought: Vec<Brought>,
    /// What of other members globs bring, each once.
    pub globs: Vec<Glob>,
    /// Modules that name each other in the library and in binaries, tests aside; each pair once, sorted.
    pub namings: Vec<Naming>,
    /// What the library re-exports of other crates.
    pub exports: Vec<Export>,
    /// What modules of the library re-export of its other modules: all that is in them, or a module under a name.
    pub facades: Vec<Facade>,
    pub modules: Vec<Module>,
    /// Where this is not empty, the digest is not whole.
    pub problems: Vec<Problem>,
    pub unseen: Unseen,
}

/// A path and how many more there are of its like.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Places {
    pub first: Place,
    pub further: usize,
}

impl Places {
    /// Takes others in, of the same file list.
    pub fn join(&mut self, others: Self) {
        self.first = self.first.min(others.first);
        self.further += others.further + 1;
    }

    /// That the first one is not the only one.
    pub fn more(self) -> Option<String> {
        match self.further {
            0 => None,
            1 => Some("1 more place does".to_owned()),
            many => Some(format!("{many} more places do")),
        }
    }
}

/// Bytes of a file, by its index in [`Digest::files`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Place {
    pub file: u32,
    pub start: u32,
    pub end: u32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Use {
    /// What the crate is called in these sources.
    pub name: Box<str>,
    pub kind: Kind,
    /// What follows the crate in the path; empty for crates that are no members, where it tells nothing.
    pub rest: Box<str>,
    pub places: Places,
}

/// `use name::rest::*`
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Glob {
    pub name: Box<str>,
    pub rest: Box<str>,
    /// How many of them there are.
    pub number: usize,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Brought {
    /// Of other crates, of which at least one is a member: what they are called in these sources, and what follows that. The
    /// own library, seen from another target, has no name.
    pub globs: Vec<(Box<str>, Box<str>)>,
    pub kind: Kind,
    /// From the name on that comes through one of the globs.
    pub rest: Box<str>,
    pub places: Places,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Naming {
    /// Modules, from `crate` on.
    pub from: Box<str>,
    pub to: Box<str>,
    /// The module whose re-export led there, which is named as well.
    pub through: Option<Box<str>>,
    pub places: Places,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Export {
    /// The module that other crates find it in, from `crate` on.
    pub module: Box<str>,
    /// Nothing for a glob.
    pub name: Option<Box<str>>,
    /// The crate it comes from, as these sources call it, and what follows that in the path.
    pub from: Box<str>,
    pub rest: Box<str>,
    pub place: Place,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Facade {
    /// The module that others find it in, and the module it stands for, from `crate` on.
    pub module: Box<str>,
    pub to: Box<str>,
    /// Nothing for a glob.
    pub name: Option<Box<str>>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Module {
    /// From `crate` on.
    pub path: Box<str>,
    /// Index of the target.
    pub root: u32,
    /// Of the library, of a binary, or of neither.
    pub of: Of,
    /// Other crates can name it.
    pub public: bool,
    /// By its index in [`Digest::files`].
    pub file: u32,
    /// Of the library: the names that others find in it without a glob of another crate, each with a line end.
    pub names: Box<str>,
    pub has_standard_glob: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Of {
    Library,
    Binary,
    Other,
}

/// Why a file of the module tree could not be read as it should.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Problem {
    pub file: PathBuf,
    pub bytes: Option<(u32, u32)>,
    pub what: String,
}

impl std::ops::AddAssign for Unseen {
    fn add_assign(&mut self, other: Self) {
        self.generated += other.generated;
        self.absent += other.absent;
        self.unresolved += other.unresolved;
        self.globs += other.globs;
    }
}

impl Digest {
    pub fn of(member: &Member, graph: &SourceGraph, root: &Path) -> Self {
        let kinds: Vec<RootKind> = member.sources.roots.iter().map(|root| root.kind).collect();
        let of = |index: u32| match kinds[index as usize] {
            RootKind::Library | RootKind::ProcMacro => Of::Library,
            RootKind::Binary => Of::Binary,
            _ => Of::Other,
        };
        let (mut uses, mut own, mut namings) = (Tally::default(), Tally::default(), Tally::default());
        let mut globs = Tally::default();
        let (mut exports, mut facades) = (Vec::new(), Vec::new());
        let library: HashSet<&str> =
            graph.modules.iter().filter(|it| of(it.root) == Of::Library).map(|it| &*it.path).collect();
        let owners = owners(graph);
        for reference in &graph.references {
            let again = owners[reference.file as usize] != reference.root;
            let place = Place { file: reference.file, start: reference.span.start, end: reference.span.end };
            let shipped = of(reference.root) != Of::Other && !reference.under_test;
            let through = match &reference.target {
                Target::Crate { name, origin: Origin::Dependency, rest, through } => {
                    let rest = if is_member(member, name) { &**rest } else { "" };
                    uses.count(
                        (&**name, kind(kinds[reference.root as usize], reference.under_test), rest),
                        place,
                        again,
                    );
                    if reference.position.is_glob() && is_member(member, name) {
                        globs.count((&**name, rest), place, again);
                    }
                    if of(reference.root) == Of::Library && reference.position.re_exports() && !reference.under_test {
                        exports.push(export(reference, name, rest, place));
                    }
                    through
                }
                // The library of the same package, as its other targets see it.
                Target::Crate { origin: Origin::Library, rest, .. } => {
                    own.count((kind(kinds[reference.root as usize], reference.under_test), &**rest), place, again);
                    if !shipped {
                        continue;
                    }
                    let ends = rest.match_indices("::").map(|(at, _)| at).chain([rest.len()]);
                    let paths = ends.map(|end| format!("crate::{}", &rest[..end]));
                    let known = paths.take_while(|path| library.contains(path.as_str())).last();
                    if let Some(module) = known.and_then(|path| library.get(path.as_str()).copied()) {
                        namings.count((&*reference.module, module, None), place, again);
                    }
                    continue;
                }
                Target::Module { path, rest, through } => {
                    let exported = of(reference.root) == Of::Library && reference.position.re_exports();
                    if exported && !reference.under_test && rest.is_empty() {
                        let name = reference.imported_as.as_deref().map(Into::into);
                        facades.push(Facade { module: (&*reference.module).into(), to: (&**path).into(), name });
                    }
                    if shipped && *path != reference.module {
                        namings.count((&*reference.module, &**path, through.as_deref()), place, again);
                    }
                    through
                }
                Target::Crate { .. } => continue,
            };
            // What is imported from somewhere else counts as named there as well: the path leads through that module.
            if let Some(through) = through.as_ref().filter(|through| shipped && **through != reference.module) {
                namings.count((&*reference.module, &**through, None), place, again);
            }
        }
        let module = |module: &source_graph::Module| Module {
            path: (&*module.path).into(),
            root: module.root,
            of: if module.under_test { Of::Other } else { of(module.root) },
            public: module.public,
            file: module.file,
            names: module.names.clone(),
            has_standard_glob: module.has_standard_glob,
        };
        let files: Vec<PathBuf> = graph.files.iter().map(|file| file.path.clone()).collect();
        let mut digest = Self {
            links: links(&files),
            files,
            embedded: graph.embedded.clone(),
            uses: uses.sorted(|(name, kind, rest), places| Use { name: name.into(), kind, rest: rest.into(), places }),
            globs: globs.sorted(|(name, rest): (&str, &str), places| Glob {
                name: name.into(),
                rest: rest.into(),
                number: places.further + 1,
            }),
            brought: brought(member, graph, &kinds, &owners),
            namings: namings.sorted(|(from, to, through), places| {
                let through = through.map(Into::into);
                Naming { from: from.into(), to: to.into(), through, places }
            }),
            exports,
            facades,
            modules: graph.modules.iter().map(module).collect(),
            problems: problems(graph, root),
            unseen: Unseen {
                generated: graph.unseen.len(),
                absent: graph.absent.len(),
                unresolved: graph.unresolved,
                globs: 0,
            },
        };
        digest.uses.extend(digest.leaving(own));
        digest
    }

    /// Paths into the own library that lead on to other crates; the others tell nothing.
    fn leaving(&self, own: Tally<(Kind, &str)>) -> Vec<Use> {
        let offers = Offers::of(self);
        let own = own.sorted(|(kind, rest), places| Use { name: "".into(), kind, rest: rest.into(), places });
        let leaves = |one: &Use| matches!(lead(self, &offers, &one.rest), Lead::Out { .. } | Lead::Unsure(_));
        own.into_iter().filter(leaves).collect()
    }

    /// The paths that a dependency of this kind is there for, the first ones of each rest; what tests name, a dependency
    /// for the product allows as well.
    pub fn uses_of(&self, name: &str, kind: Kind) -> impl Iterator<Item = &Use> {
        let fits = move |found: Kind| found == kind || (kind == Kind::Normal && found == Kind::Dev);
        self.uses.iter().filter(move |one| &*one.name == name && fits(one.kind))
    }

    /// The first of these paths, those of the product before those of tests, and how many more there are.
    pub fn first_use(&self, name: &str, kind: Kind) -> Option<Places> {
        let first = self.uses_of(name, kind).min_by_key(|one| (one.kind, one.places.first))?;
        let all: usize = self.uses_of(name, kind).map(|one| one.places.further + 1).sum();
        Some(Places { first: first.places.first, further: all - 1 })
    }
}

/// First places and numbers of what is alike.
struct Tally<K>(HashMap<K, Places>);

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Ord + std::hash::Hash + Eq> Tally<K> {
    /// A place in a file that has been read `again`, for another target, is none more.
    fn count(&mut self, key: K, place: Place, again: bool) {
        match self.0.entry(key) {
            Entry::Occupied(_) if again => {}
            Entry::Vacant(entry) => _ = entry.insert(Places { first: place, further: 0 }),
            Entry::Occupied(mut entry) => entry.get_mut().join(Places { first: place, further: 0 }),
        }
    }

    fn sorted<T>(self, made: impl Fn(K, Places) -> T) -> Vec<T> {
        let mut all: Vec<(K, Places)> = self.0.into_iter().collect();
        all.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        all.into_iter().map(|(key, places)| made(key, places)).collect()
    }
}

/// What globs may bring, where one of them is a member's: others offer nothing that could be found.
fn brought(member: &Member, graph: &SourceGraph, kinds: &[RootKind], owners: &[u32]) -> Vec<Brought> {
    let mut tally = Tally::default();
    for one in &graph.brought {
        let is_known = |glob: &ForeignGlob| match glob.origin {
            Origin::Dependency => is_member(member, &glob.name),
            Origin::Library => true,
            Origin::Unknown => false,
        };
        if one.globs.iter().any(is_known) {
            let place = Place { file: one.file, start: one.span.start, end: one.span.end };
            let kind = kind(kinds[one.root as usize], one.under_test);
            tally.count((&*one.globs, kind, &*one.rest), place, owners[one.file as usize] != one.root);
        }
    }
    let name = |glob: &ForeignGlob| if glob.origin == Origin::Library { "".into() } else { (&*glob.name).into() };
    let glob = |glob: &ForeignGlob| (name(glob), glob.rest.clone());
    tally.sorted(|(globs, kind, rest), places| Brought {
        globs: globs.iter().map(glob).collect(),
        kind,
        rest: rest.into(),
        places,
    })
}

/// The files behind links.
pub(super) fn links(files: &[PathBuf]) -> Vec<(u32, PathBuf)> {
    let mut folders: HashMap<&Path, Option<PathBuf>> = HashMap::new();
    let mut links = Vec::new();
    for (file, index) in files.iter().zip(0..) {
        let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else { continue };
        let lies = match file.is_symlink() {
            true => file.canonicalize().ok(),
            false => {
                folders.entry(folder).or_insert_with(|| folder.canonicalize().ok()).as_ref().map(|it| it.join(name))
            }
        };
        links.extend(lies.filter(|lies| lies != file).map(|lies| (index, lies)));
    }
    links
}

/// The first target of each file.
fn owners(graph: &SourceGraph) -> Vec<u32> {
    let mut owners = vec![u32::MAX; graph.files.len()];
    for reference in &graph.references {
        let owner = &mut owners[reference.file as usize];
        *owner = reference.root.min(*owner);
    }
    owners
}

fn is_member(member: &Member, name: &str) -> bool {
    matches!(member.externs.get(name), Some(workspace::Target::Member(_)))
}

/// The kind of dependency that paths in a target need.
pub(super) fn kind(root: RootKind, under_test: bool) -> Kind {
    match root {
        RootKind::BuildScript => Kind::Build,
        root if under_test || root.is_dev() => Kind::Dev,
        _ => Kind::Normal,
    }
}

fn export(reference: &Reference, from: &str, rest: &str, place: Place) -> Export {
    let name = reference.imported_as.as_deref().map(Into::into);
    Export { module: (&*reference.module).into(), name, from: from.into(), rest: rest.into(), place }
}

/// The first one of each file: one bracket too many is wrong with all that follow.
fn problems(graph: &SourceGraph, root: &Path) -> Vec<Problem> {
    let mut problems: Vec<Problem> = graph.problems.iter().map(|it| problem(it, root)).collect();
    problems.dedup_by(|later, first| later.file == first.file);
    problems
}

fn problem(problem: &source_graph::Problem, root: &Path) -> Problem {
    let names = |paths: &[PathBuf]| paths.iter().map(|path| relative(path, root)).collect::<Vec<_>>();
    let what = match &problem.kind {
        ProblemKind::Missing(paths) => format!("a file is missing: {}", names(paths).join(" or ")),
        ProblemKind::Ambiguous(paths) => format!("one module has two files: {}", names(paths).join(" and ")),
        kind => format!("{} {kind}", relative(&problem.file, root)),
    };
    let bytes = problem.span.map(|span| (span.start, span.end));
    Problem { file: problem.file.clone(), bytes, what }
}
