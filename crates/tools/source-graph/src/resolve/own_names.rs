//! The names that a module does not owe to another crate's glob.

use std::collections::BTreeSet;

use super::{Base, Place, Resolver};
use crate::names::Name;

/// No module hands on more modules by globs, one after the other; broken text may.
const MOST_MODULES: usize = 1024;

impl Resolver<'_> {
    /// Every name that the module declares, imports, or has from a glob of this crate's modules; nothing where no glob
    /// that others see brings what another crate has.
    pub fn own_names(&mut self, module: u32) -> Option<BTreeSet<Name>> {
        let node = self.tree.modules[module as usize].node;
        if self.declarations.globs_of(node).is_empty() {
            return None;
        }
        let (modules, foreign) = self.handed_on(module);
        if !foreign {
            return None;
        }
        let mut names = BTreeSet::new();
        for other in modules {
            let node = self.tree.modules[other as usize].node;
            let declared = self.declarations.of_node(node).map(|index| self.declarations.get(index));
            names.extend(declared.filter(|it| it.exposed || other == module).map(|it| it.name));
        }
        Some(names)
    }

    /// The module and those that its globs lead to, and whether one of the globs leads to another crate.
    fn handed_on(&mut self, module: u32) -> (Vec<u32>, bool) {
        let (mut modules, mut foreign, mut next) = (vec![module], false, 0);
        let mut seen = BTreeSet::from([module]);
        while let Some(&module) = modules.get(next) {
            next += 1;
            for index in self.declarations.globs_of(self.tree.modules[module as usize].node) {
                let glob = self.declarations.glob(index);
                if !glob.exposed {
                    continue;
                }
                match self.import(glob.file, glob.reference, 0) {
                    Some(Place { base: Base::Crate(..), .. }) => foreign = true,
                    Some(Place { base: Base::Module(there), rest, .. })
                        if rest.is_empty() && modules.len() < MOST_MODULES && seen.insert(there) =>
                    {
                        modules.push(there);
                    }
                    _ => {}
                }
            }
        }
        (modules, foreign)
    }
}
