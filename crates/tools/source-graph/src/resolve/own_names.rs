//! The names that a module does not owe to another crate's glob.

use std::collections::BTreeSet;

use super::{Base, LONGEST_CHAIN, Place, Resolver};
use crate::names::Name;

impl Resolver<'_> {
    /// Every name that the module declares, imports, or has from a glob of this crate's modules; nothing where no glob
    /// that others see brings what another crate has.
    pub fn own_names(&mut self, module: u32) -> Option<BTreeSet<Name>> {
        let node = self.tree.modules[module as usize].node;
        if self.declarations.globs_of(node).is_empty() {
            return None;
        }
        let mut names = BTreeSet::new();
        self.add_names(module, false, &mut names, &mut Vec::new()).then_some(names)
    }

    /// Adds the names of one module, the exposed ones or all, and says whether another crate's glob brings more.
    fn add_names(&mut self, module: u32, exposed: bool, names: &mut BTreeSet<Name>, seen: &mut Vec<u32>) -> bool {
        if seen.contains(&module) || seen.len() > LONGEST_CHAIN {
            return false;
        }
        seen.push(module);
        let node = self.tree.modules[module as usize].node;
        let own = self.declarations.of_node(node).map(|index| self.declarations.get(index));
        names.extend(own.filter(|it| !exposed || it.exposed).map(|it| it.name));
        let mut foreign = false;
        for index in self.declarations.globs_of(node) {
            let glob = self.declarations.glob(index);
            if !glob.exposed {
                continue;
            }
            match self.import(glob.file, glob.reference, 0) {
                Some(Place { base: Base::Crate(..), .. }) => foreign = true,
                Some(Place { base: Base::Module(module), rest, .. }) if rest.is_empty() => {
                    foreign |= self.add_names(module, true, names, seen);
                }
                _ => {}
            }
        }
        foreign
    }
}
