//! What stands behind globs: the names that this crate's modules hand on, and the globs of other crates.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::{Base, Place, Resolver};
use crate::facts::PathUse;
use crate::names::Name;

/// No module hands on more modules by globs, one after the other; broken text may.
const MOST_MODULES: usize = 1024;

/// What a node has with its globs.
pub(super) struct Behind {
    /// Every name that it declares, imports, or has from a glob of this crate's modules, sorted.
    names: Vec<Name>,
    /// Where the globs lead that bring what other crates have.
    foreign: Rc<[Place]>,
}

impl Behind {
    /// The globs that may bring a name.
    fn bring(&self, name: Name) -> Option<Rc<[Place]>> {
        (!self.foreign.is_empty() && self.names.binary_search(&name).is_err()).then(|| Rc::clone(&self.foreign))
    }
}

impl Resolver<'_> {
    /// Every name that others find in the module without a glob of another crate; nothing where no such glob brings any.
    pub fn own_names(&mut self, module: u32) -> Option<Rc<[Name]>> {
        let node = self.tree.modules[module as usize].node;
        if self.declarations.globs_of(node).is_empty() {
            return None;
        }
        let behind = self.behind(node, false);
        (!behind.foreign.is_empty()).then(|| behind.names.as_slice().into())
    }

    /// The globs of other crates that may bring the head of a path which nothing around it declares.
    pub fn globs_around(&mut self, file: u32, path: &PathUse) -> Option<Rc<[Place]>> {
        let name = self.head_of(file, path)?;
        if path.global {
            return None;
        }
        let mut globs: Option<Rc<[Place]>> = None;
        let mut at = Some(self.node(file, path));
        while let Some(node) = at {
            if !self.declarations.globs_of(node).is_empty() {
                // Around a block that declares the name no glob brings it.
                let more = self.behind(node, true).bring(name);
                globs = match (globs, more) {
                    (Some(inner), Some(outer)) => Some(inner.iter().chain(outer.iter()).cloned().collect()),
                    (inner, outer) => inner.or(outer),
                };
            }
            let scope = self.tree.nodes[node as usize];
            at = if scope.is_module { None } else { scope.parent };
        }
        globs
    }

    /// The globs of other crates that may bring a name which a module does not declare, to a path in the module `from`.
    pub fn globs_of(&mut self, module: u32, name: Name, from: u32) -> Option<Rc<[Place]>> {
        let node = self.tree.modules[module as usize].node;
        if self.declarations.globs_of(node).is_empty() {
            return None;
        }
        let inside = self.is_within(from, node);
        self.behind(node, inside).bring(name)
    }

    /// Found once for paths from inside of the node's module, which see its private names, and once for all others.
    fn behind(&mut self, node: u32, inside: bool) -> Rc<Behind> {
        if let Some(known) = self.behind.get(&(node, inside)) {
            return Rc::clone(known);
        }
        let (mut nodes, mut foreign, mut next) = (vec![(node, inside)], Vec::new(), 0);
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
                    Some(place @ Place { base: Base::Crate(..), .. }) => foreign.push(place),
                    Some(Place { base: Base::Module(there), rest, .. }) if rest.is_empty() => {
                        let there = self.tree.modules[there as usize].node;
                        if nodes.len() < MOST_MODULES && seen.insert(there) {
                            nodes.push((there, inside && self.is_within(own, there)));
                        }
                    }
                    _ => {}
                }
            }
        }
        // What the node itself declares is never another's, seen or not.
        let declared = nodes.iter().flat_map(|&(of, inside)| {
            let all = self.declarations.of_node(of).map(|index| self.declarations.get(index));
            all.filter(move |it| it.exposed || inside || of == node).map(|it| it.name)
        });
        let names: BTreeSet<Name> = declared.collect();
        let behind = Rc::new(Behind { names: names.into_iter().collect(), foreign: foreign.into() });
        self.behind.insert((node, inside), Rc::clone(&behind));
        behind
    }
}
