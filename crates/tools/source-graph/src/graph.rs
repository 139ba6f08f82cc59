//! The answer: every path of a package that names a crate or another module.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use rayon::prelude::*;

use crate::facts::PathUse;
use crate::names::{FastMap, Name};
use crate::package::{
    Absent, Brought, ForeignGlob, Module, PackageSources, Problem, Reference, Root, RootKind, SourceFile, Target,
    UnseenPlace,
};
use crate::resolve::{Base, MOST_GLOBS, Place, Resolution, Resolver, Surroundings};
use crate::tree::{self, FilePlace, ModuleTree};

/// What the sources of a package name, found without compiling. The same sources give the same graph.
#[derive(Debug, Default)]
pub struct SourceGraph {
    /// In the order of roots, files and bytes. A file of several targets is there once for each.
    pub references: Vec<Reference>,
    /// Every module of every root, sorted by root and path.
    pub modules: Vec<Module>,
    /// Every file of a module tree, sorted.
    pub files: Vec<SourceFile>,
    /// Where a file was looked for in vain, sorted: reading it failed with `NotFound` or `NotADirectory`. A graph without
    /// problems stays the answer to its question as long as its files have the same bytes and these paths still fail so.
    pub looked_for: Vec<PathBuf>,
    /// Files that `include_str!` and `include_bytes!` take in, there or not, sorted.
    pub embedded: Vec<PathBuf>,
    /// Sorted. Where this is not empty, the graph is not whole.
    pub problems: Vec<Problem>,
    /// Modules without a file that a `cfg` other than `test` may leave out.
    pub absent: Vec<Absent>,
    /// What only the compiler sees.
    pub unseen: Vec<UnseenPlace>,
    /// Paths that may lead on through a glob of another crate, in the order of references.
    pub brought: Vec<Brought>,
    /// Paths whose first name nothing here declares and no glob of another crate can bring: a macro may.
    pub unresolved: usize,
}

impl SourceGraph {
    /// Reads the files of all targets and resolves their paths. What is wrong is in [`Self::problems`].
    pub fn of(package: &PackageSources) -> Self {
        Self::grown(package, tree::grow(package, None))
    }

    /// As [`Self::of`], with a text in the place of what stands in a file.
    pub fn with_text(package: &PackageSources, file: &Path, text: &str) -> Self {
        Self::grown(package, tree::grow(package, Some((file, text))))
    }

    fn grown(package: &PackageSources, forest: tree::Forest) -> Self {
        let numbers: BTreeMap<&Path, u32> = forest.files.iter().map(|file| &*file.path).zip(0..).collect();
        let externs: Vec<String> = package.externs.iter().map(|name| name.replace('-', "_")).collect();
        let library = package.library.as_ref().map(|name| name.replace('-', "_"));
        let resolved: Vec<Resolved> = forest
            .trees
            .par_iter()
            .zip(&package.roots)
            .enumerate()
            .map(|(index, (tree, root))| {
                let library = library.as_deref().filter(|_| root.kind.sees_library());
                let surroundings = Surroundings { edition: root.edition, externs: &externs, library };
                resolved(index as u32, root, tree, &surroundings, &numbers)
            })
            .collect();
        let tree::Forest { files, looked_for, embedded, problems, absent, unseen, .. } = forest;
        let mut graph = Self { files, looked_for, embedded, problems, absent, unseen, ..Self::default() };
        for target in resolved {
            // The largest list is mostly the first one, and most packages have one.
            if graph.references.is_empty() {
                graph.references = target.references;
            } else {
                graph.references.extend(target.references);
            }
            graph.modules.extend(target.modules);
            graph.brought.extend(target.brought);
            graph.unresolved += target.unresolved;
        }
        graph
    }
}

/// What one target adds to the graph.
struct Resolved {
    references: Vec<Reference>,
    modules: Vec<Module>,
    brought: Vec<Brought>,
    unresolved: usize,
}

fn resolved(
    root: u32,
    target: &Root,
    tree: &ModuleTree,
    surroundings: &Surroundings<'_>,
    numbers: &BTreeMap<&Path, u32>,
) -> Resolved {
    let mut resolver = Resolver::new(tree, surroundings);
    let mut texts = Texts::default();
    let numbers: Vec<u32> =
        tree.files.iter().map(|file| numbers.get(&*file.path).copied().unwrap_or_default()).collect();
    let (mut references, mut brought, mut unresolved) = (Vec::new(), Vec::new(), 0);
    for (index, file) in tree.files.iter().enumerate() {
        let mut governed = Governed::new(file);
        for (at, path) in file.facts.references.iter().enumerate() {
            let own = tree.nodes[file.nodes[path.scope as usize] as usize].module;
            let resolution = resolver.resolve(index as u32, at as u32);
            let behind = behind_globs(&mut resolver, &mut texts, &resolution, (index as u32, path, own));
            let place = match resolution {
                Resolution::Place(place) => Some(place),
                Resolution::Prelude | Resolution::Import => None,
                Resolution::Unknown => {
                    unresolved += usize::from(behind.as_ref().is_none_or(|(_, globs)| globs.len() > MOST_GLOBS));
                    None
                }
            };
            if let Some((rest, globs)) = behind.filter(|(_, globs)| globs.len() <= MOST_GLOBS) {
                let under_test = governed.of(file, path.condition).0 || target.kind.is_dev();
                brought.push(Brought { root, file: numbers[index], span: path.span, under_test, rest, globs });
            }
            let Some(place) = place else { continue };
            let inside = place.base == Base::Module(own) && place.through.is_none();
            if inside && !path.position.re_exports() {
                continue;
            }
            let Some(named) = texts.target(&place, tree, &resolver) else {
                continue;
            };
            let (under_test, cfg) = governed.of(file, path.condition);
            references.push(Reference {
                root,
                file: numbers[index],
                span: path.span,
                module: Arc::clone(&tree.modules[own as usize].path),
                position: path.position,
                imported_as: imported_as(file, path, &mut texts),
                in_macro: path.in_macro,
                under_test: under_test || target.kind.is_dev(),
                cfg,
                target: named,
            });
        }
    }
    references.sort_by_key(|it| (it.file, it.span));
    brought.sort_by_key(|it| (it.file, it.span));
    let modules = modules(root, target, &mut resolver, &mut texts, &numbers);
    Resolved { references, modules, brought, unresolved }
}

/// The part of a path that globs of other crates may lead on, and those globs.
fn behind_globs(
    resolver: &mut Resolver<'_>,
    texts: &mut Texts,
    resolution: &Resolution,
    (file, path, own): (u32, &PathUse, u32),
) -> Option<(Box<str>, Arc<[ForeignGlob]>)> {
    match resolution {
        Resolution::Place(Place { base: Base::Module(module), rest, open: true, .. }) => {
            let globs = resolver.globs_of(*module, *rest.first()?, own)?;
            Some((texts.joined(rest, resolver), texts.globs(&globs, resolver)))
        }
        Resolution::Unknown | Resolution::Import => {
            let globs = resolver.globs_around(file, path)?;
            Some((texts.joined(&resolver.segments(file, path), resolver), texts.globs(&globs, resolver)))
        }
        Resolution::Place(_) | Resolution::Prelude => None,
    }
}

fn modules(root: u32, target: &Root, resolver: &mut Resolver<'_>, texts: &mut Texts, numbers: &[u32]) -> Vec<Module> {
    let tree = resolver.tree;
    if tree.files.is_empty() {
        return Vec::new();
    }
    // A module comes after the one around it.
    let mut files: Vec<u32> = Vec::with_capacity(tree.modules.len());
    let mut modules: Vec<Module> = Vec::with_capacity(tree.modules.len());
    for (index, module) in tree.modules.iter().enumerate() {
        let is_library = matches!(target.kind, RootKind::Library | RootKind::ProcMacro) && !module.under_test;
        let (names, has_standard_glob) = match is_library.then(|| resolver.handed_on(index as u32)) {
            Some(behind) => {
                let names = behind.names.iter().map(|&name| texts.shared(resolver.names.text(name)));
                let mut names: Vec<_> = names.collect();
                names.sort_unstable();
                (names, behind.standard)
            }
            None => (Vec::new(), false),
        };
        let around = module.parent.map_or(0, |parent| files[parent as usize]);
        let file = module.file.map_or(around, |file| numbers[file]);
        files.push(file);
        modules.push(Module {
            root,
            path: Arc::clone(&module.path),
            file,
            under_test: module.under_test || target.kind.is_dev(),
            public: module.public && module.parent.is_none_or(|parent| modules[parent as usize].public),
            names,
            has_standard_glob,
        });
    }
    modules.sort_unstable();
    modules
}

fn imported_as(file: &FilePlace, path: &PathUse, texts: &mut Texts) -> Option<Arc<str>> {
    if !path.position.imports() || path.position.is_glob() {
        return None;
    }
    let name = path.alias.or_else(|| file.facts.path(path).last().copied())?;
    Some(texts.shared(file.facts.text(name)))
}

/// Whether only a test build has what a condition of a file governs, and all its other conditions; found when asked.
struct Governed(Vec<Option<(bool, Option<Arc<str>>)>>);

impl Governed {
    fn new(file: &FilePlace) -> Self {
        Self(vec![None; file.facts.conditions.len() + 1])
    }

    fn of(&mut self, file: &FilePlace, condition: u32) -> (bool, Option<Arc<str>>) {
        let index = (condition as usize).min(self.0.len() - 1);
        let known = self.0[index].get_or_insert_with(|| {
            let (test, texts) = file.facts.condition(condition);
            let texts: Vec<&str> = file.cfg.iter().map(|text| &**text).chain(texts).collect();
            (file.under_test || test, (!texts.is_empty()).then(|| texts.join(", ").into()))
        });
        known.clone()
    }
}

/// Texts that many references share.
#[derive(Default)]
struct Texts {
    rest: String,
    texts: FastMap<Box<str>, Arc<str>>,
    /// Each list with what became of it, by where it lies.
    globs: FastMap<usize, Globs>,
}

struct Globs {
    /// Kept, so that no other list comes to lie there.
    _list: Rc<[Place]>,
    texts: Arc<[ForeignGlob]>,
}

impl Texts {
    fn shared(&mut self, text: &str) -> Arc<str> {
        if let Some(shared) = self.texts.get(text) {
            return Arc::clone(shared);
        }
        let shared: Arc<str> = text.into();
        self.texts.insert(text.into(), Arc::clone(&shared));
        shared
    }

    /// Nothing for what comes with the compiler.
    fn target(&mut self, place: &Place, tree: &ModuleTree, resolver: &Resolver<'_>) -> Option<Target> {
        let path = |module: u32| Arc::clone(&tree.modules[module as usize].path);
        let through = place.through.map(path);
        Some(match place.base {
            Base::Crate(name, origin) => {
                let name = self.shared(resolver.names.text(name));
                Target::Crate { name, origin, rest: self.joined(&place.rest, resolver), through }
            }
            Base::Module(module) => {
                Target::Module { path: path(module), rest: self.joined(&place.rest, resolver), through }
            }
            Base::Standard => return None,
        })
    }

    fn globs(&mut self, places: &Rc<[Place]>, resolver: &Resolver<'_>) -> Arc<[ForeignGlob]> {
        let key = Rc::as_ptr(places).addr();
        if let Some(known) = self.globs.get(&key) {
            return Arc::clone(&known.texts);
        }
        let crates = places.iter().filter_map(|place| match place.base {
            Base::Crate(name, origin) => Some((name, origin, &place.rest)),
            Base::Module(_) | Base::Standard => None,
        });
        let texts: Arc<[ForeignGlob]> = crates
            .map(|(name, origin, rest)| {
                let name = self.shared(resolver.names.text(name));
                ForeignGlob { name, origin, rest: self.joined(rest, resolver) }
            })
            .collect();
        self.globs.insert(key, Globs { _list: Rc::clone(places), texts: Arc::clone(&texts) });
        texts
    }

    fn joined(&mut self, names: &[Name], resolver: &Resolver<'_>) -> Box<str> {
        self.rest.clear();
        for &name in names {
            if !self.rest.is_empty() {
                self.rest.push_str("::");
            }
            self.rest.push_str(resolver.names.text(name));
        }
        Box::from(&*self.rest)
    }
}
