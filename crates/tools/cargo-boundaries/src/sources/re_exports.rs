//! Where paths lead that go through what another member re-exports.

use std::collections::BTreeSet;

use super::Sources;
use super::digest::{Digest, Export, Glob, Use};
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
    /// Something of the module, which a glob of another crate stands beside.
    Item,
}

/// Where a path into a member leads.
enum Lead<'d> {
    /// To another crate, as these sources call it, and the path from there on, of which `left` segments stood in the path.
    Out { from: &'d str, rest: String, left: usize, through_glob: bool },
    /// To this module of the member, or to an item in it.
    Inside(String),
    /// To what the sources do not say.
    Nowhere,
}

/// Whether a member has a name where a glob looks for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Has {
    Yes,
    /// Another crate has it, or a macro.
    Perhaps,
    No,
}

impl<'a> Sources<'a> {
    /// What a member names of other crates, those names included that globs of other members bring.
    pub fn paths(&self, member: usize) -> impl Iterator<Item = &Use> {
        self.of(member).uses.iter().chain(&self.brought(member).uses)
    }

    /// The crates behind a path into a member, nearest first. A name that the module of a single glob does not declare
    /// comes from there.
    pub fn behind(&self, member: usize, rest: &str) -> Vec<Hop<'a>> {
        let (mut hops, mut seen) = (Vec::new(), BTreeSet::new());
        let mut at = (member, rest.to_owned());
        while seen.insert(at.clone()) {
            let Lead::Out { from, rest, .. } = lead(self.of(at.0), &at.1) else { break };
            let Some(to) = self.workspace.members[at.0].externs.get(from) else { break };
            hops.push(Hop { to, through: at.0, rest: rest.clone() });
            let Target::Member(next) = to else { break };
            at = (*next, rest);
        }
        hops
    }

    pub(super) fn brought(&self, member: usize) -> &Brought {
        self.brought[member].get_or_init(|| {
            let mut found = Brought::default();
            let of_further = |glob: &&Glob| self.hands_on(member, &glob.name, &glob.rest);
            found.globs = self.of(member).globs.iter().filter(of_further).map(|glob| glob.number).sum();
            for one in &self.of(member).brought {
                let first = one.rest.split("::").next().unwrap_or_default();
                let asked = one.globs.iter().map(|glob| (glob, self.has(member, glob, first)));
                let asked: Vec<_> = asked.filter(|(_, has)| *has != Has::No).collect();
                let sure = asked.iter().any(|(_, has)| *has == Has::Yes);
                if !sure && one.globs.len() > 1 {
                    found.undecided += usize::from(one.is_head && !asked.is_empty()) * (one.places.further + 1);
                    continue;
                }
                for ((name, before), has) in asked {
                    if has == Has::Yes || !sure {
                        let rest = join(before, &one.rest).into();
                        found.uses.push(Use { name: name.clone(), kind: one.kind, rest, places: one.places });
                    }
                }
            }
            found
        })
    }

    /// Whether a module of another member re-exports what further crates have.
    fn hands_on(&self, member: usize, name: &str, rest: &str) -> bool {
        let Some(Target::Member(of)) = self.workspace.members[member].externs.get(name) else { return false };
        let digest = self.of(*of);
        let module = if rest.is_empty() { Lead::Inside("crate".to_owned()) } else { lead(digest, rest) };
        match module {
            Lead::Inside(module) => handed_on(digest, &module).iter().any(|at| exports(digest, at).next().is_some()),
            Lead::Out { .. } => true,
            Lead::Nowhere => false,
        }
    }

    /// Whether a glob of the member brings a name.
    fn has(&self, member: usize, (name, rest): &(Box<str>, Box<str>), wanted: &str) -> Has {
        let mut seen = BTreeSet::new();
        let mut at = (self.workspace.members[member].externs.get(&**name), join(rest, wanted));
        while let (Some(Target::Member(member)), path) = &at {
            if !seen.insert((*member, path.clone())) {
                return Has::No;
            }
            match lead(self.of(*member), path) {
                Lead::Out { left: 0, .. } | Lead::Inside(_) => return Has::Yes,
                Lead::Out { left: 1, through_glob: true, .. } => return Has::Perhaps,
                Lead::Out { from, rest, .. } => at = (self.workspace.members[*member].externs.get(from), rest),
                Lead::Nowhere => return Has::No,
            }
        }
        Has::Perhaps
    }
}

/// What the globs of other members bring to one of them.
#[derive(Debug, Default)]
pub(crate) struct Brought {
    pub uses: Vec<Use>,
    /// Paths whose first name several globs may bring.
    pub undecided: usize,
    /// How many globs bring what further crates have.
    pub globs: usize,
}

fn join(before: &str, after: &str) -> String {
    let parts = [before, after].into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("::")
}

fn lead<'d>(digest: &'d Digest, path: &str) -> Lead<'d> {
    let segments: Vec<&str> = path.split("::").collect();
    let out = |export: &'d Export, after: usize, through_glob| {
        let rest = join(&export.rest, &segments[after..].join("::"));
        Lead::Out { from: &export.from, rest, left: segments.len() - after, through_glob }
    };
    let mut module = "crate".to_owned();
    for (index, segment) in segments.iter().enumerate() {
        match meaning(digest, &module, segment) {
            Some(Meaning::Export(export)) => return out(export, index + 1, false),
            Some(Meaning::Glob(export)) => return out(export, index, true),
            Some(Meaning::Module(inner)) => module = inner,
            Some(Meaning::Item) => break,
            None => return Lead::Nowhere,
        }
    }
    Lead::Inside(module)
}

/// What other crates find under a name in a module, its own globs followed.
fn meaning<'d>(digest: &'d Digest, module: &str, name: &str) -> Option<Meaning<'d>> {
    let mut globs = Vec::new();
    for at in handed_on(digest, module) {
        if let Some(export) = exports(digest, at).find(|export| export.name.as_deref() == Some(name)) {
            return Some(Meaning::Export(export));
        }
        let inner = format!("{at}::{name}");
        if digest.modules.iter().any(|one| *one.path == *inner) {
            return Some(Meaning::Module(inner));
        }
        let mut facades = digest.facades.iter().filter(|facade| *facade.module == *at);
        if let Some(facade) = facades.find(|facade| facade.name.as_deref() == Some(name)) {
            return Some(Meaning::Module(facade.to.to_string()));
        }
        globs.extend(exports(digest, at).filter(|export| export.name.is_none()));
    }
    let own = digest.modules.iter().find(|one| *one.path == *module).and_then(|one| one.own_names.as_ref());
    match (globs.as_slice(), own) {
        (_, Some(own)) if own.iter().any(|own| **own == *name) => Some(Meaning::Item),
        ([glob], Some(_)) => Some(Meaning::Glob(glob)),
        _ => None,
    }
}

fn exports<'d>(digest: &'d Digest, module: &str) -> impl Iterator<Item = &'d Export> {
    digest.exports.iter().filter(move |export| *export.module == *module)
}

/// The module and those that its own globs lead to.
fn handed_on<'m>(digest: &'m Digest, module: &'m str) -> Vec<&'m str> {
    let (mut modules, mut next) = (vec![module], 0);
    while let Some(&at) = modules.get(next) {
        next += 1;
        for facade in digest.facades.iter().filter(|facade| *facade.module == *at && facade.name.is_none()) {
            if !modules.contains(&&*facade.to) {
                modules.push(&facade.to);
            }
        }
    }
    modules
}
