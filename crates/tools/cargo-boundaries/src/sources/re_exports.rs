//! Where paths lead that go through what another member re-exports.

use std::collections::BTreeSet;

use super::Sources;
use super::digest::{Digest, Export};
use crate::workspace::Target;

/// A crate that a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hop<'a> {
    pub to: &'a Target,
    /// The member that re-exports it.
    pub through: usize,
    /// The path from there on.
    pub rest: String,
}

/// What a name in a module stands for.
enum Meaning<'d> {
    /// Something of another crate: all of the path but what the export has taken the place of.
    Export(&'d Export),
    /// One of the names behind a glob of another crate.
    Glob(&'d Export),
    Module(String),
}

impl<'a> Sources<'a> {
    /// The crates behind a path into a member, nearest first. A name that the module of a single glob does not declare
    /// comes from there.
    pub fn behind(&self, member: usize, rest: &str) -> Vec<Hop<'a>> {
        let (mut hops, mut seen) = (Vec::new(), BTreeSet::new());
        let mut at = (member, rest.to_owned());
        while seen.insert(at.clone()) {
            let Some((from, rest)) = next(self.of(at.0), &at.1) else { break };
            let Some(to) = self.workspace.members[at.0].externs.get(from) else { break };
            hops.push(Hop { to, through: at.0, rest: rest.clone() });
            let Target::Member(next) = to else { break };
            at = (*next, rest);
        }
        hops
    }
}

/// The crate, as these sources call it, that the path leads to next, and the path from there on.
fn next<'d>(digest: &'d Digest, rest: &str) -> Option<(&'d str, String)> {
    if digest.exports.is_empty() {
        return None;
    }
    let segments: Vec<&str> = rest.split("::").collect();
    let joined = |export: &str, from: usize| {
        let export = Some(export).filter(|export| !export.is_empty());
        export.into_iter().chain(segments[from..].iter().copied()).collect::<Vec<_>>().join("::")
    };
    let mut module = "crate".to_owned();
    for (index, segment) in segments.iter().enumerate() {
        match meaning(digest, &module, segment)? {
            Meaning::Export(export) => return Some((&export.from, joined(&export.rest, index + 1))),
            Meaning::Glob(export) => return Some((&export.from, joined(&export.rest, index))),
            Meaning::Module(inner) => module = inner,
        }
    }
    None
}

/// What other crates find under a name in a module, its own globs followed.
fn meaning<'d>(digest: &'d Digest, module: &str, name: &str) -> Option<Meaning<'d>> {
    let (mut open, mut globs) = (vec![module], Vec::new());
    let mut seen = BTreeSet::new();
    while let Some(at) = open.pop() {
        if !seen.insert(at) {
            continue;
        }
        let exports = || digest.exports.iter().filter(|export| *export.module == *at);
        if let Some(export) = exports().find(|export| export.name.as_deref() == Some(name)) {
            return Some(Meaning::Export(export));
        }
        let inner = format!("{at}::{name}");
        if digest.modules.iter().any(|one| *one.path == *inner) {
            return Some(Meaning::Module(inner));
        }
        let facades = || digest.facades.iter().filter(|facade| *facade.module == *at);
        if let Some(facade) = facades().find(|facade| facade.name.as_deref() == Some(name)) {
            return Some(Meaning::Module(facade.to.to_string()));
        }
        globs.extend(exports().filter(|export| export.name.is_none()));
        open.extend(facades().filter(|facade| facade.name.is_none()).map(|facade| &*facade.to));
    }
    let own = digest.modules.iter().find(|one| *one.path == *module).and_then(|one| one.own_names.as_ref());
    match (globs.as_slice(), own) {
        ([glob], Some(own)) if !own.iter().any(|own| **own == *name) => Some(Meaning::Glob(glob)),
        _ => None,
    }
}
