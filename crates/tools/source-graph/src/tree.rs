//! From the root files of a package to all files of its module trees.
//!
//! The trees of all targets grow level by level, and the files of one level are read in parallel; which file is which
//! module is decided between two levels, in the order of the declarations.

mod directory;
mod load;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::facts::{FileFacts, FileName, ScopeKind, UnseenKind};
use crate::lexer::FaultKind;
use crate::package::{Absent, PackageSources, Problem, ProblemKind, SourceFile, UnseenPlace};
use crate::span::Span;
use directory::{Candidate, Directory};
use load::{Files, Loaded, Outcome};

/// Files nested deeper than this contain themselves.
const DEEPEST_FILE: usize = 64;

/// Nobody writes modules that are nested deeper.
const DEEPEST_MODULE: u32 = 256;

/// The files of all targets, and what is wrong with them.
#[derive(Debug, Default)]
pub(crate) struct Forest {
    pub trees: Vec<ModuleTree>,
    /// Sorted by path.
    pub files: Vec<SourceFile>,
    /// Sorted.
    pub looked_for: Vec<PathBuf>,
    /// Sorted.
    pub embedded: Vec<PathBuf>,
    pub problems: Vec<Problem>,
    pub absent: Vec<Absent>,
    pub unseen: Vec<UnseenPlace>,
}

/// The modules of one target; module 0 is its root, at node 0.
#[derive(Debug)]
pub(crate) struct ModuleTree {
    pub modules: Vec<Module>,
    pub nodes: Vec<Node>,
    pub files: Vec<FilePlace>,
    /// That of the manifest.
    folder: Option<PathBuf>,
    children: HashMap<(u32, Box<str>), u32>,
    /// The file that was added last has modules that are left out.
    is_too_deep: bool,
}

#[derive(Debug)]
pub(crate) struct Module {
    pub path: Arc<str>,
    pub node: u32,
    pub parent: Option<u32>,
    /// How many modules are around it.
    pub depth: u32,
    /// The first of the tree's files with its content; none where no file was found for it.
    pub file: Option<usize>,
    /// Each of its declarations is for tests only.
    pub under_test: bool,
    /// One of its declarations is `pub`.
    pub public: bool,
}

/// A scope of a tree: a module, or a block within one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    pub parent: Option<u32>,
    pub module: u32,
    pub is_module: bool,
}

/// A file at its place in a tree; a file may have several.
#[derive(Debug)]
pub(crate) struct FilePlace {
    pub path: PathBuf,
    pub facts: Arc<FileFacts>,
    /// The node of each scope.
    pub nodes: Vec<u32>,
    pub under_test: bool,
    pub cfg: Vec<Arc<str>>,
    directory: Directory,
    outside: Option<usize>,
}

/// A file that the next level reads.
struct Wanted {
    tree: usize,
    node: Scope,
    alternatives: Vec<Vec<Candidate>>,
    declared: Option<Declaration>,
}

/// Where the wanted file's own scope lies.
enum Scope {
    /// In a module of its own.
    Module(u32),
    /// In the scope that includes it.
    Included(u32),
}

/// The place of the `mod` or `include!` that wants a file.
struct Declaration {
    file: usize,
    span: Span,
    /// What the place counts as where there is no file for it: a macro may drop it, and a program may write it.
    otherwise: Option<UnseenKind>,
    under_test: bool,
    cfg: Vec<Arc<str>>,
}

pub(crate) fn grow(package: &PackageSources, written: Option<(&Path, &str)>) -> Forest {
    let trees = package.roots.iter().map(|_| ModuleTree::new(package.folder.clone()));
    let mut forest = Forest { trees: trees.collect(), ..Forest::default() };
    let (mut wanted, mut files) = (Vec::new(), Files::new(written));
    for (tree, root) in package.roots.iter().enumerate() {
        let alternatives = vec![vec![Candidate::beside(root.path.clone())]];
        wanted.push(Wanted { tree, node: Scope::Module(0), alternatives, declared: None });
    }
    while !wanted.is_empty() {
        files.read(wanted.iter().flat_map(|wanted: &Wanted| &wanted.alternatives));
        wanted = wanted.iter().flat_map(|wanted| forest.place(wanted, &files)).collect();
    }
    (forest.files, forest.looked_for) = files.into_lists();
    forest.embedded.sort_unstable();
    forest.embedded.dedup();
    forest.problems.sort_unstable();
    forest.problems.dedup();
    forest.absent.sort_unstable();
    forest.absent.dedup();
    forest.unseen.sort_unstable();
    forest.unseen.dedup();
    forest
}

impl Forest {
    /// Puts the files found for one declaration into the tree and gives what they declare.
    fn place(&mut self, wanted: &Wanted, files: &Files) -> Vec<Wanted> {
        let mut next = Vec::new();
        let (mut missing, mut found) = (Vec::new(), false);
        for alternative in &wanted.alternatives {
            match files.first(alternative) {
                Some((candidate, Outcome::Read(loaded))) => {
                    found = true;
                    // Under a condition it may be that nobody ever compiles it.
                    let compiled =
                        wanted.declared.as_ref().is_some_and(|it| it.cfg.is_empty() && it.otherwise.is_none());
                    if let Some(rivals) = files.rivals(alternative).filter(|_| compiled) {
                        self.problem(wanted, ProblemKind::Ambiguous(rivals));
                    }
                    if self.trees[wanted.tree].is_inside(&candidate.path, wanted.declared.as_ref()) {
                        self.problem(wanted, ProblemKind::Circular(DEEPEST_FILE));
                    } else {
                        next.extend(self.add(wanted, candidate, loaded));
                    }
                }
                Some((candidate, Outcome::Failed(kind))) => {
                    self.problems.push(Problem { file: candidate.path.clone(), span: None, kind: kind.clone() });
                }
                Some((_, Outcome::Missing)) | None => missing.push(alternative),
            }
        }
        if let (Scope::Module(node), Some(declared)) = (&wanted.node, &wanted.declared)
            && !found
        {
            let tree = &mut self.trees[wanted.tree];
            let module = tree.nodes[*node as usize].module;
            tree.modules[module as usize].under_test &= declared.under_test;
        }
        self.missing(wanted, &missing);
        next
    }

    /// Tells what was looked for in vain.
    fn missing(&mut self, wanted: &Wanted, missing: &[&Vec<Candidate>]) {
        let found = missing.len() < wanted.alternatives.len();
        // Where a `cfg_attr` names the file, the usual one is not expected.
        let usual = if found { wanted.alternatives.last() } else { None };
        let expected = missing.iter().filter(|list| Some(**list) != usual);
        let candidates: Vec<PathBuf> = expected.flat_map(|list| list.iter().map(|it| it.path.clone())).collect();
        if found && candidates.is_empty() {
            return;
        }
        let Some(declared) = &wanted.declared else {
            return self.problem(wanted, ProblemKind::Missing(candidates));
        };
        let file = self.trees[wanted.tree].files[declared.file].path.clone();
        let span = declared.span;
        if found || !declared.cfg.is_empty() {
            let cfg = declared.cfg.join(", ");
            self.absent.push(Absent { file, span, cfg, candidates });
        } else if let Some(kind) = declared.otherwise {
            self.unseen.push(UnseenPlace { file, span, kind });
        } else {
            self.problem(wanted, ProblemKind::Missing(candidates));
        }
    }

    fn problem(&mut self, wanted: &Wanted, kind: ProblemKind) {
        let (file, span) = match &wanted.declared {
            Some(declared) => (self.trees[wanted.tree].files[declared.file].path.clone(), Some(declared.span)),
            None => (wanted.alternatives[0][0].path.clone(), None),
        };
        self.problems.push(Problem { file, span, kind });
    }

    fn add(&mut self, wanted: &Wanted, candidate: &Candidate, loaded: &Loaded) -> Vec<Wanted> {
        let facts = &loaded.facts;
        for fault in &facts.faults {
            let span = Some(Span { start: fault.offset, end: fault.offset + 1 });
            let (file, kind) = (candidate.path.clone(), ProblemKind::Fault(fault.kind));
            self.problems.push(Problem { file, span, kind });
        }
        // What is included may be an expression.
        let no_item = facts.no_item.filter(|_| matches!(wanted.node, Scope::Module(_)));
        self.problems.extend(no_item.map(|span| Problem {
            file: candidate.path.clone(),
            span: Some(span),
            kind: ProblemKind::Fault(FaultKind::NoItem),
        }));
        for unseen in &facts.unseen {
            let (file, span) = (candidate.path.clone(), unseen.span);
            self.unseen.push(UnseenPlace { file, span, kind: unseen.kind });
        }
        let tree = &mut self.trees[wanted.tree];
        let under_test = wanted.declared.as_ref().is_some_and(|declared| declared.under_test);
        if let Scope::Module(node) = wanted.node {
            tree.declared(node, under_test || facts.condition(facts.whole).0);
        }
        let place = FilePlace {
            path: candidate.path.clone(),
            facts: Arc::clone(facts),
            nodes: tree.nodes_of(facts, &wanted.node, under_test),
            under_test,
            cfg: wanted.declared.as_ref().map_or_else(Vec::new, |declared| declared.cfg.clone()),
            directory: candidate.directory.clone(),
            outside: wanted.declared.as_ref().map(|declared| declared.file),
        };
        self.embedded.extend(facts.embedded.iter().filter_map(|name| tree.place(&place.path, name)).map(|it| it.path));
        if std::mem::take(&mut tree.is_too_deep) {
            let kind = ProblemKind::Fault(FaultKind::TooDeep);
            self.problems.push(Problem { file: candidate.path.clone(), span: None, kind });
        }
        tree.files.push(place);
        tree.wanted_by(wanted.tree, tree.files.len() - 1)
    }
}

impl ModuleTree {
    fn new(folder: Option<PathBuf>) -> Self {
        Self {
            modules: vec![Module {
                path: "crate".into(),
                node: 0,
                parent: None,
                depth: 0,
                file: None,
                under_test: true,
                public: true,
            }],
            nodes: vec![Node { parent: None, module: 0, is_module: true }],
            files: Vec::new(),
            folder,
            children: HashMap::new(),
            is_too_deep: false,
        }
    }

    /// The node of every scope of a file; inline modules become modules of the tree.
    fn nodes_of(&mut self, facts: &FileFacts, own: &Scope, under_test: bool) -> Vec<u32> {
        let (Scope::Module(own) | Scope::Included(own)) = *own;
        let mut nodes = vec![own];
        for scope in &facts.scopes[1..] {
            let parent = nodes[scope.parent as usize];
            nodes.push(match scope.kind {
                ScopeKind::Module(module) => {
                    let module = &facts.modules[module as usize];
                    let node = self.child(parent, facts.text(module.name), module.public);
                    self.declared(node, under_test || facts.condition(module.condition).0);
                    node
                }
                ScopeKind::File | ScopeKind::Block => {
                    let module = self.nodes[parent as usize].module;
                    self.nodes.push(Node { parent: Some(parent), module, is_module: false });
                    (self.nodes.len() - 1) as u32
                }
            });
        }
        nodes
    }

    /// The node of the module that the node `parent` declares as `name`.
    fn child(&mut self, parent: u32, name: &str, public: bool) -> u32 {
        if let Some(&node) = self.children.get(&(parent, name.into())) {
            self.modules[self.nodes[node as usize].module as usize].public |= public;
            return node;
        }
        let outside = self.nodes[parent as usize].module;
        let depth = self.modules[outside as usize].depth + 1;
        if depth > DEEPEST_MODULE {
            self.is_too_deep = true;
            return parent;
        }
        let path = format!("{}::{name}", self.modules[outside as usize].path).into();
        let module = self.modules.len() as u32;
        let node = self.nodes.len() as u32;
        self.modules.push(Module { path, node, parent: Some(outside), depth, file: None, under_test: true, public });
        self.nodes.push(Node { parent: Some(parent), module, is_module: true });
        self.children.insert((parent, name.into()), node);
        node
    }

    /// Notes that the file that comes next holds the module of a node.
    fn declared(&mut self, node: u32, under_test: bool) {
        let next = self.files.len();
        let module = &mut self.modules[self.nodes[node as usize].module as usize];
        module.file.get_or_insert(next);
        module.under_test &= under_test;
    }

    /// The module that a node declares.
    pub fn module(&self, node: u32, name: &str) -> Option<u32> {
        let child = self.children.get(&(node, name.into()))?;
        Some(self.nodes[*child as usize].module)
    }

    /// What the modules and inclusions of a file want read.
    fn wanted_by(&mut self, tree: usize, index: usize) -> Vec<Wanted> {
        let facts = Arc::clone(&self.files[index].facts);
        let mut wanted = Vec::new();
        for module in facts.modules.iter().filter(|module| !module.inline) {
            let name = facts.text(module.name);
            let directory = self.files[index].directory.of_scope(&facts, module.scope);
            let alternatives = directory.alternatives(name, module);
            let parent = self.files[index].nodes[module.scope as usize];
            let node = Scope::Module(self.child(parent, name, module.public));
            let otherwise = module.in_macro.then_some(UnseenKind::Module);
            let declared = self.declaration(index, module.span, otherwise, module.condition);
            wanted.push(Wanted { tree, node, alternatives, declared: Some(declared) });
        }
        for include in &facts.includes {
            let alternatives = vec![self.place(&self.files[index].path, &include.name).into_iter().collect()];
            let node = Scope::Included(self.files[index].nodes[include.scope as usize]);
            let in_macro = include.in_macro.then_some(UnseenKind::Module);
            let otherwise = if include.name.from_manifest { Some(UnseenKind::Include) } else { in_macro };
            let declared = self.declaration(index, include.span, otherwise, include.condition);
            wanted.push(Wanted { tree, node, alternatives, declared: Some(declared) });
        }
        wanted
    }

    /// The file that a name in the file `beside` stands for.
    fn place(&self, beside: &Path, name: &FileName) -> Option<Candidate> {
        if !name.from_manifest {
            return Some(Directory::beside(beside).named(&name.path));
        }
        let mut path = self.folder.clone()?.into_os_string();
        path.push(&*name.path);
        Some(Candidate::at(path.as_ref()))
    }

    fn declaration(&self, file: usize, span: Span, otherwise: Option<UnseenKind>, condition: u32) -> Declaration {
        let place = &self.files[file];
        let (test, texts) = place.facts.condition(condition);
        let cfg = place.cfg.iter().cloned().chain(texts.into_iter().map(Arc::from)).collect();
        Declaration { file, span, otherwise, under_test: place.under_test || test, cfg }
    }

    /// Whether the file is one of those around the declaration, or too many are.
    fn is_inside(&self, path: &Path, declared: Option<&Declaration>) -> bool {
        let mut outside = declared.map(|declared| declared.file);
        let mut depth = 0;
        while let Some(file) = outside {
            depth += 1;
            if self.files[file].path == path || depth > DEEPEST_FILE {
                return true;
            }
            outside = self.files[file].outside;
        }
        false
    }
}
