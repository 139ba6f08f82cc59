//! What other crates find in the library of a member, module by module.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::digest::{Digest, Of};

/// The offers of one library. Each module's is made when it is first asked for.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    /// By module: indices into [`Digest::exports`] and [`Digest::facades`], the modules in it, its own index.
    exports: HashMap<Box<str>, Vec<usize>>,
    facades: HashMap<Box<str>, Vec<usize>>,
    children: HashMap<Box<str>, Vec<Box<str>>>,
    modules: HashMap<Box<str>, usize>,
    made: Mutex<HashMap<Box<str>, Arc<Offer>>>,
}

/// What stands in one module, its globs followed.
#[derive(Debug, Default)]
struct Offer {
    meanings: HashMap<Box<str>, Meaning>,
    /// Names that come from no glob of another crate.
    names: HashSet<Box<str>>,
    /// Globs of other crates: indices into [`Digest::exports`].
    globs: Vec<usize>,
    has_standard_glob: bool,
}

/// What a name in a module stands for. Exports by their indices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Something of another crate: all of the path but what the export has taken the place of.
    Export(usize),
    /// Perhaps one of the names behind a glob of another crate: nothing else is known to bring it.
    Glob(usize),
    Module(Box<str>),
    /// Something of the module itself.
    Item,
    /// One of several globs may bring it: exports.
    Unsure(Vec<usize>),
}

impl Offers {
    pub fn of(digest: &Digest) -> Self {
        let mut offers = Self::default();
        for (index, export) in digest.exports.iter().enumerate() {
            offers.exports.entry(export.module.clone()).or_default().push(index);
        }
        for (index, facade) in digest.facades.iter().enumerate() {
            offers.facades.entry(facade.module.clone()).or_default().push(index);
        }
        for (index, module) in digest.modules.iter().enumerate().filter(|(_, module)| module.of == Of::Library) {
            if let Some((around, name)) = module.path.rsplit_once("::") {
                offers.children.entry(around.into()).or_default().push(name.into());
            }
            offers.modules.entry(module.path.clone()).or_insert(index);
        }
        offers
    }

    /// What other crates find under a name in a module.
    pub fn meaning(&self, digest: &Digest, module: &str, name: &str) -> Option<Meaning> {
        let offer = self.offer(digest, module);
        if let Some(meaning) = offer.meanings.get(name) {
            return Some(meaning.clone());
        }
        if offer.names.contains(name) {
            return Some(Meaning::Item);
        }
        match offer.globs.as_slice() {
            [] => None,
            [glob] if !offer.has_standard_glob => Some(Meaning::Glob(*glob)),
            globs => Some(Meaning::Unsure(globs.to_vec())),
        }
    }

    /// Whether a module re-exports anything of another crate.
    pub fn hands_on(&self, digest: &Digest, module: &str) -> bool {
        let offer = self.offer(digest, module);
        !offer.globs.is_empty() || offer.meanings.values().any(|meaning| matches!(meaning, Meaning::Export(_)))
    }

    fn offer(&self, digest: &Digest, module: &str) -> Arc<Offer> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = made.get(module) {
            return Arc::clone(known);
        }
        let offer = Arc::new(self.make(digest, module));
        made.insert(module.into(), Arc::clone(&offer));
        offer
    }

    /// Of the module and of those that its own globs lead to, nearest first.
    fn make(&self, digest: &Digest, module: &str) -> Offer {
        let mut offer = Offer::default();
        if let Some(&index) = self.modules.get(module) {
            let module = &digest.modules[index];
            offer.names = module.names.lines().map(Into::into).collect();
            offer.has_standard_glob = module.has_standard_glob;
        }
        let (mut open, mut next, mut seen) = (vec![module], 0, HashSet::from([module]));
        while let Some(&at) = open.get(next) {
            next += 1;
            for &index in self.exports.get(at).into_iter().flatten() {
                match &digest.exports[index].name {
                    Some(name) => _ = offer.meanings.entry(name.clone()).or_insert(Meaning::Export(index)),
                    None => offer.globs.push(index),
                }
            }
            for name in self.children.get(at).into_iter().flatten() {
                let inner = || Meaning::Module(format!("{at}::{name}").into());
                offer.meanings.entry(name.clone()).or_insert_with(inner);
            }
            for facade in self.facades.get(at).into_iter().flatten().map(|&index| &digest.facades[index]) {
                match &facade.name {
                    Some(name) => {
                        offer.meanings.entry(name.clone()).or_insert_with(|| Meaning::Module(facade.to.clone()));
                    }
                    None if seen.insert(&facade.to) => open.push(&facade.to),
                    None => {}
                }
            }
        }
        offer
    }
}
