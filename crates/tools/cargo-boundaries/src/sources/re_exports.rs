//! Where paths lead that go through what another member re-exports.

use std::collections::BTreeSet;

use super::Sources;
use crate::workspace::Target;

/// A crate that a path leads to, and the member that re-exports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hop<'a> {
    pub to: &'a Target,
    pub through: usize,
}

impl<'a> Sources<'a> {
    /// The crates behind a path into a member, nearest first. A name that the module of a single glob does not declare
    /// comes from there.
    pub fn behind(&self, member: usize, rest: &str) -> Vec<Hop<'a>> {
        let (mut hops, mut seen) = (Vec::new(), BTreeSet::new());
        let mut at = (member, rest.to_owned());
        while seen.insert(at.clone()) {
            let Some((from, rest)) = self.next(at.0, &at.1) else { break };
            let Some(to) = self.workspace.members[at.0].externs.get(from) else { break };
            hops.push(Hop { to, through: at.0 });
            let Target::Member(next) = to else { break };
            at = (*next, rest);
        }
        hops
    }

    /// The crate, as the member calls it, that the path leads to next, and the path from there on.
    fn next(&self, member: usize, rest: &str) -> Option<(&str, String)> {
        let digest = self.of(member);
        if digest.exports.is_empty() {
            return None;
        }
        let mut module = "crate".to_owned();
        let segments: Vec<&str> = rest.split("::").collect();
        for (index, segment) in segments.iter().enumerate() {
            let here = || digest.exports.iter().filter(|export| *export.module == *module);
            let joined = |export: &'_ str, from: usize| {
                let rest = segments[from..].iter().copied();
                let all: Vec<&str> = Some(export).filter(|export| !export.is_empty()).into_iter().chain(rest).collect();
                all.join("::")
            };
            if let Some(export) = here().find(|export| export.name.as_deref() == Some(segment)) {
                return Some((&export.from, joined(&export.rest, index + 1)));
            }
            let mut globs = here().filter(|export| export.name.is_none());
            let declared =
                digest.modules.iter().find(|one| *one.path == *module).and_then(|one| one.own_names.as_ref());
            if let (Some(glob), None, Some(declared)) = (globs.next(), globs.next(), declared)
                && !declared.iter().any(|name| **name == **segment)
            {
                return Some((&glob.from, joined(&glob.rest, index)));
            }
            module = format!("{module}::{segment}");
        }
        None
    }
}
