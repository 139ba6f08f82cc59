//! Every name that a tree declares, by the node that declares it.

use std::ops::Range;
use std::rc::Rc;

use crate::facts::{ALWAYS, Declared, PathUse};
use crate::names::{FastMap, Name, Names};
use crate::tree::ModuleTree;

use super::Base;

/// No module declares a name more often, under as many conditions; broken text may.
const MOST_ALTERNATIVES: usize = 32;

/// What a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    Module(u32),
    /// A file's reference.
    Import(u32, u32),
    Plain(Declared),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Declaration {
    node: u32,
    pub name: Name,
    pub what: What,
    /// Seen from outside of its module.
    pub exposed: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Glob {
    node: u32,
    pub file: u32,
    pub reference: u32,
    pub exposed: bool,
}

/// The declarations of a tree, sorted by node and name.
pub(super) struct Declarations {
    /// Of each file, the segments of its paths.
    pub segments: Vec<Rc<[Name]>>,
    list: Vec<Declaration>,
    /// Where the declarations of each node begin, and the end of the last.
    firsts: Vec<u32>,
    globs: Vec<Glob>,
    /// Whether any node declares the name of a number.
    known: Vec<bool>,
    /// What `extern crate` in the root adds to the crates that every module can name; nothing stands for this crate.
    pub extern_prelude: FastMap<Name, Option<Name>>,
}

impl Declarations {
    pub fn of<'a>(tree: &'a ModuleTree, externs: &FastMap<Name, Base>, names: &mut Names<'a>) -> Self {
        let mut all = Self {
            segments: Vec::with_capacity(tree.files.len()),
            list: Vec::new(),
            firsts: Vec::with_capacity(tree.nodes.len() + 1),
            globs: Vec::new(),
            known: Vec::new(),
            extern_prelude: FastMap::default(),
        };
        for file in 0..tree.files.len() {
            all.add_file(tree, file, externs, names);
        }
        // Where several have the name, a `cfg` decides, and the first in the source stands for all.
        all.list.sort_by_key(|it| (it.node, it.name));
        all.globs.sort_by_key(|it| it.node);
        all.known = vec![false; names.len()];
        for (index, it) in all.list.iter().enumerate() {
            all.firsts.resize(it.node as usize + 1, index as u32);
            all.known[it.name.0 as usize] = true;
        }
        all.firsts.resize(tree.nodes.len() + 1, all.list.len() as u32);
        all
    }

    fn add_file<'a>(
        &mut self,
        tree: &'a ModuleTree,
        index: usize,
        externs: &FastMap<Name, Base>,
        names: &mut Names<'a>,
    ) {
        let file = &tree.files[index];
        let facts = &file.facts;
        let own = names.all(&facts.names);
        for declaration in &facts.declarations {
            let node = file.nodes[declaration.scope as usize];
            let name = own[declaration.name.0 as usize];
            let what = match declaration.what {
                // Under some condition another crate takes the name of a standard one, which stands for both.
                Declared::Use(reference)
                    if node == 0 && replaces_standard(&facts.references[reference as usize], name, externs) =>
                {
                    continue;
                }
                Declared::Use(reference) => What::Import(index as u32, reference),
                Declared::Module => match tree.module(node, names.text(name)) {
                    Some(module) => What::Module(module),
                    None => continue,
                },
                plain => What::Plain(plain),
            };
            self.list.push(Declaration { node, name, what, exposed: declaration.exposed });
            match declaration.what {
                Declared::ExportedMacro if node != 0 => {
                    self.list.push(Declaration { node: 0, name, what: What::Plain(Declared::Value), exposed: true });
                }
                Declared::Use(reference) if node == 0 => {
                    let path = &facts.references[reference as usize];
                    if path.position.is_extern_crate() {
                        let real = own[facts.path(path)[0].0 as usize];
                        self.extern_prelude.entry(name).or_insert((names.text(real) != "self").then_some(real));
                    }
                }
                _ => {}
            }
        }
        for glob in &facts.globs {
            let scope = facts.references[glob.reference as usize].scope;
            let (node, file) = (file.nodes[scope as usize], index as u32);
            self.globs.push(Glob { node, file, reference: glob.reference, exposed: glob.exposed });
        }
        self.segments.push(facts.segments.iter().map(|name| own[name.0 as usize]).collect());
    }

    /// The indices of what a node declares as `name`.
    pub fn of_name(&self, node: u32, name: Name) -> Range<usize> {
        let all = self.of_node(node);
        let first = all.start + self.list[all.clone()].partition_point(|it| it.name < name);
        let same = self.list[first..all.end].iter().take(MOST_ALTERNATIVES).take_while(|it| it.name == name).count();
        first..first + same
    }

    /// Whether any node declares the name: no glob brings another one.
    pub fn knows(&self, name: Name) -> bool {
        self.known.get(name.0 as usize).is_some_and(|&known| known)
    }

    /// The indices of what a node declares.
    pub fn of_node(&self, node: u32) -> Range<usize> {
        self.firsts[node as usize] as usize..self.firsts[node as usize + 1] as usize
    }

    pub fn get(&self, index: usize) -> Declaration {
        self.list[index]
    }

    pub fn globs_of(&self, node: u32) -> Range<usize> {
        let first = self.globs.partition_point(|it| it.node < node);
        first..first + self.globs[first..].partition_point(|it| it.node == node)
    }

    pub fn glob(&self, index: usize) -> Glob {
        self.globs[index]
    }
}

fn replaces_standard(path: &PathUse, name: Name, externs: &FastMap<Name, Base>) -> bool {
    path.position.is_extern_crate()
        && path.alias.is_some()
        && path.condition != ALWAYS
        && externs.get(&name) == Some(&Base::Standard)
}
