//! Where paths lead that go through what another member re-exports.

use std::collections::BTreeSet;

use super::Sources;
use super::digest::{Digest, Glob, Use};
use super::offers::{Meaning, Offers};
use crate::workspace::Target;

/// How far globs of globs of members are followed.
const MOST_GLOBS_IN_A_ROW: usize = 8;

/// A crate that a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hop<'a> {
    pub to: &'a Target,
    /// The member that re-exports it.
    pub through: usize,
    /// The path from there on.
    pub rest: String,
}

/// Where a path into a member leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lead<'d> {
    /// To another crate, as these sources call it, and the path from there on, of which `left` segments stood in the path.
    Out { from: &'d str, rest: String, left: usize, through_glob: bool },
    /// To a module of the member, or to an item in one.
    Inside(String),
    /// To what one of several globs may bring: for each of them, as [`Self::Out`].
    Unsure(Vec<Lead<'d>>),
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
    /// What a member names of other crates, those names included that globs of other members bring. Paths into its own
    /// library, as its other targets see it, have no name.
    pub fn paths(&self, member: usize) -> impl Iterator<Item = &Use> {
        self.of(member).uses.iter().chain(&self.brought(member).uses)
    }

    /// The member that such a path begins in.
    pub fn used(&self, member: usize, name: &str) -> Option<usize> {
        match self.workspace.members[member].externs.get(name) {
            Some(Target::Member(used)) => Some(*used),
            Some(Target::External { .. }) => None,
            None => name.is_empty().then_some(member),
        }
    }

    /// The crates behind a path into a member, nearest first. A name that nothing else is known to bring comes from the one
    /// glob of an external crate that stands there; of a member it is known what it has.
    pub fn behind(&self, member: usize, rest: &str) -> Vec<Hop<'a>> {
        self.follow(member, rest).0
    }

    /// Also whether the path leads on to what only the compiler knows.
    fn follow(&self, member: usize, rest: &str) -> (Vec<Hop<'a>>, bool) {
        let (mut hops, mut seen) = (Vec::new(), BTreeSet::new());
        let mut at = (member, rest.to_owned());
        while seen.insert(at.clone()) {
            let (from, rest, through_glob) = match self.lead(at.0, &at.1) {
                Lead::Out { from, rest, through_glob, .. } => (from, rest, through_glob),
                Lead::Unsure(_) => return (hops, true),
                Lead::Inside(_) | Lead::Nowhere => break,
            };
            let Some(to) = self.workspace.members[at.0].externs.get(from) else { break };
            if let Target::Member(next) = to
                && through_glob
                && self.lead(*next, &rest) == Lead::Nowhere
            {
                return (hops, true);
            }
            hops.push(Hop { to, through: at.0, rest: rest.clone() });
            let Target::Member(next) = to else { break };
            at = (*next, rest);
        }
        (hops, false)
    }

    pub(super) fn brought(&self, member: usize) -> &Brought {
        self.brought[member].get_or_init(|| {
            let mut found = Brought::default();
            let digest = self.of(member);
            let of_further = |glob: &&Glob| self.hands_on(member, &glob.name, &glob.rest);
            found.globs = digest.globs.iter().filter(of_further).map(|glob| glob.number).sum();
            for one in &digest.brought {
                let first = one.rest.split("::").next().unwrap_or_default();
                let asked: Vec<_> = one.globs.iter().map(|glob| (glob, self.has(member, glob, first))).collect();
                let sure = asked.iter().filter(|(_, has)| *has == Has::Yes);
                let sure: Vec<_> = sure.map(|((name, before), _)| (name, join(before, &one.rest))).collect();
                if sure.is_empty() && asked.iter().any(|(_, has)| *has == Has::Perhaps) {
                    found.undecided += one.places.further + 1;
                }
                found.uses.extend(sure.into_iter().map(|(name, rest)| Use {
                    name: name.clone(),
                    kind: one.kind,
                    rest: rest.into(),
                    places: one.places,
                }));
            }
            for one in digest.uses.iter().filter(|one| !one.rest.is_empty()) {
                let unsure = self.used(member, &one.name).is_some_and(|used| self.follow(used, &one.rest).1);
                found.undecided += usize::from(unsure) * (one.places.further + 1);
            }
            found
        })
    }

    /// Whether a module of another member re-exports what further crates have.
    fn hands_on(&self, member: usize, name: &str, rest: &str) -> bool {
        let Some(of) = self.used(member, name) else { return false };
        match self.lead(of, rest) {
            Lead::Inside(module) => self.offers(of).hands_on(self.of(of), &module),
            Lead::Out { .. } | Lead::Unsure(_) => true,
            Lead::Nowhere => false,
        }
    }

    /// Whether a glob of the member brings a name.
    fn has(&self, member: usize, (name, rest): &(Box<str>, Box<str>), wanted: &str) -> Has {
        let mut seen = BTreeSet::new();
        let mut at = (self.used(member, name), join(rest, wanted));
        let mut beside_glob = false;
        while let (Some(member), path) = &at {
            if !seen.insert((*member, path.clone())) {
                return Has::No;
            }
            match self.lead(*member, path) {
                Lead::Out { left: 0, .. } | Lead::Inside(_) => return Has::Yes,
                Lead::Out { from, rest, through_glob, .. } => {
                    beside_glob |= through_glob;
                    at = (self.used(*member, from), rest);
                }
                Lead::Unsure(_) => return Has::Perhaps,
                Lead::Nowhere if beside_glob => return Has::Perhaps,
                Lead::Nowhere => return Has::No,
            }
        }
        Has::Perhaps
    }

    fn lead(&self, member: usize, path: &str) -> Lead<'_> {
        self.lead_through(member, path, MOST_GLOBS_IN_A_ROW)
    }

    /// Of several globs the one whose crate is known to have the name.
    fn lead_through(&self, member: usize, path: &str, left: usize) -> Lead<'_> {
        let lead = lead(self.of(member), self.offers(member), path);
        let Lead::Unsure(globs) = lead else { return lead };
        let known = globs.iter().position(|glob| {
            let Lead::Out { from, rest, .. } = glob else { return false };
            let member = self.used(member, from).filter(|_| left > 0);
            let behind = member.map(|member| self.lead_through(member, rest, left - 1));
            behind.is_some_and(|behind| !matches!(behind, Lead::Nowhere | Lead::Unsure(_)))
        });
        match known {
            Some(index) => globs.into_iter().nth(index).unwrap_or(Lead::Nowhere),
            None => Lead::Unsure(globs),
        }
    }

    fn offers(&self, member: usize) -> &Offers {
        self.offers[member].get_or_init(|| Offers::of(self.of(member)))
    }
}

/// What the globs of other members bring to one of them.
#[derive(Debug, Default)]
pub(crate) struct Brought {
    pub uses: Vec<Use>,
    /// Paths that lead to what one of several globs may bring, or a macro.
    pub undecided: usize,
    /// How many globs bring what further crates have.
    pub globs: usize,
}

fn join(before: &str, after: &str) -> String {
    let parts = [before, after].into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("::")
}

pub(super) fn lead<'d>(digest: &'d Digest, offers: &Offers, path: &str) -> Lead<'d> {
    let segments: Vec<&str> = path.split("::").filter(|segment| !segment.is_empty()).collect();
    let out = |export: usize, after: usize, through_glob| {
        let export = &digest.exports[export];
        let rest = join(&export.rest, &segments[after..].join("::"));
        Lead::Out { from: &export.from, rest, left: segments.len() - after, through_glob }
    };
    let mut module = "crate".to_owned();
    for (index, segment) in segments.iter().enumerate() {
        match offers.meaning(digest, &module, segment) {
            Some(Meaning::Export(export)) => return out(export, index + 1, false),
            Some(Meaning::Glob(export)) => return out(export, index, true),
            Some(Meaning::Module(inner)) => module = inner.into(),
            Some(Meaning::Item) => break,
            Some(Meaning::Unsure(globs)) => {
                return Lead::Unsure(globs.into_iter().map(|export| out(export, index, true)).collect());
            }
            None => return Lead::Nowhere,
        }
    }
    Lead::Inside(module)
}
