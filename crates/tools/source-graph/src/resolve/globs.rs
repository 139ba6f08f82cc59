//! What stands behind globs: the names that this crate's modules hand on, and the globs of other crates.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::{Base, MOST_BLOCKS, Place, Resolver};
use crate::facts::PathUse;
use crate::names::Name;

/// No module hands on more modules by globs, one after the other; broken text may.
const MOST_MODULES: usize = 1024;

/// Nobody asks which of more globs brings a name.
pub(crate) const MOST_GLOBS: usize = 256;

/// What a node has with its globs.
pub(crate) struct Behind {
    /// Every name that it declares, imports, or has from a glob of this crate's modules, sorted.
    pub names: Vec<Name>,
    /// Where the globs lead that bring what other crates have.
    foreign: Rc<[Place]>,
    /// One of the globs is of a crate that comes with the compiler.
    pub standard: bool,
}

impl Behind {
    /// The globs that may bring a name.
    fn bring(&self, name: Name) -> Option<Rc<[Place]>> {
        (!self.foreign.is_empty() && self.names.binary_search(&name).is_err()).then(|| Rc::clone(&self.foreign))
    }
}

impl Resolver<'_> {
    /// What others find in the module without a glob of another crate.
    pub fn handed_on(&mut self, module: u32) -> Rc<Behind> {
        self.behind(self.tree.modules[module as usize].node, false, true)
    }

    /// The globs of other crates that may bring the head of a path which nothing around it declares.
    pub fn globs_around(&mut self, file: u32, path: &PathUse) -> Option<Rc<[Place]>> {
        let name = self.head_of(file, path)?;
        if path.global {
            return None;
        }
        let mut globs: Option<Rc<[Place]>> = None;
        let mut at = Some(self.node(file, path));
        let mut blocks = 0;
        while let Some(node) = at.filter(|_| globs.as_ref().is_none_or(|globs| globs.len() <= MOST_GLOBS)) {
            blocks += 1;
            if !self.declarations.globs_of(node).is_empty() {
                let more = self.behind(node, true, true).bring(name);
                globs = match (globs, more) {
                    (Some(inner), Some(outer)) => Some(inner.iter().chain(outer.iter()).cloned().collect()),
                    (inner, outer) => inner.or(outer),
                };
            }
            let scope = self.tree.nodes[node as usize];
            at = if scope.is_module || blocks > MOST_BLOCKS { None } else { scope.parent };
        }
        globs
    }

    /// The globs of other crates that may bring a name which a module does not declare, to a path in the module `from`.
    pub fn globs_of(&mut self, module: u32, name: Name, from: u32) -> Option<Rc<[Place]>> {
        self.globs_behind(module, name, from, true)
    }

    fn globs_behind(&mut self, module: u32, name: Name, from: u32, follows: bool) -> Option<Rc<[Place]>> {
        let node = self.tree.modules[module as usize].node;
        if self.declarations.globs_of(node).is_empty() {
            return None;
        }
        let inside = self.is_within(from, node);
        self.behind(node, inside, follows).bring(name)
    }

    /// Found once for paths from inside of the node's module, which see its private names, and once for all others. Globs of
    /// what other globs bring are followed once: `use low::*; use prelude::*;`.
    fn behind(&mut self, node: u32, inside: bool, follows: bool) -> Rc<Behind> {
        if let Some(known) = self.behind.get(&(node, inside)) {
            return Rc::clone(known);
        }
        let (mut nodes, mut next) = (vec![(node, inside)], 0);
        let (mut foreign, mut unknown, mut standard) = (Vec::new(), Vec::new(), false);
        let mut seen = BTreeSet::from([node]);
        while let Some(&(node, inside)) = nodes.get(next) {
            next += 1;
            let own = self.tree.nodes[node as usize].module;
            for index in self.declarations.globs_of(node) {
                let glob = self.declarations.glob(index);
                if !(glob.exposed || inside) {
                    continue;
                }
                match self.import(glob.file, glob.reference, 0) {
                    Some(place) if matches!(place.base, Base::Crate(..)) => foreign.push(place),
                    Some(Place { base: Base::Standard, .. }) => standard = true,
                    Some(Place { base: Base::Module(there), rest, .. }) if rest.is_empty() => {
                        let there = self.tree.modules[there as usize].node;
                        if nodes.len() < MOST_MODULES && seen.insert(there) {
                            nodes.push((there, inside && self.is_within(own, there)));
                        }
                    }
                    place => unknown.push((own, place, glob)),
                }
            }
        }
        let declared = nodes.iter().flat_map(|&(of, inside)| {
            let all = self.declarations.of_node(of).map(|index| self.declarations.get(index));
            // What the node itself declares is never another's, seen or not.
            all.filter(move |it| it.exposed || inside || of == node).map(|it| it.name)
        });
        let names: Vec<Name> = declared.collect::<BTreeSet<_>>().into_iter().collect();
        for (own, place, glob) in unknown.into_iter().filter(|_| follows) {
            if foreign.len() > MOST_GLOBS {
                break;
            }
            let further = match place {
                Some(Place { base: Base::Module(module), rest, open: true, .. }) => {
                    self.brought_by(module, own, &rest, &foreign, node)
                }
                None => {
                    let path = &self.tree.files[glob.file as usize].facts.references[glob.reference as usize];
                    let segments = self.segments(glob.file, path);
                    let own = self.tree.nodes[node as usize].module;
                    self.brought_by(own, own, &segments, &foreign, node)
                }
                Some(_) => Vec::new(),
            };
            foreign.extend(further);
        }
        let behind = Rc::new(Behind { names, foreign: foreign.into(), standard });
        if follows {
            self.behind.insert((node, inside), Rc::clone(&behind));
        }
        behind
    }

    /// Where a path may lead that begins, in a module, with a name which a glob brings: one of those found so far for the
    /// node that is looked at, or one of another module's.
    fn brought_by(&mut self, module: u32, from: u32, rest: &[Name], foreign: &[Place], node: u32) -> Vec<Place> {
        let Some(&first) = rest.first() else { return Vec::new() };
        let globs: Vec<Place> = if self.tree.nodes[node as usize].module == module {
            foreign.to_vec()
        } else {
            self.globs_behind(module, first, from, false).map(|globs| globs.to_vec()).unwrap_or_default()
        };
        let crates = globs.into_iter().map(|glob| Place { rest: [&glob.rest, rest].concat(), ..glob });
        crates.collect()
    }
}
