//! What the lists of a layer let its members use.

use super::{Resolver, items};
use crate::architecture::{Crates, Permissions};
use crate::report::Cause;
use crate::rules::{EdgeRule, Layer, List, Located, Pattern, alternatives, closest};
use crate::source::Site;
use crate::workspace::{Kind, Target};

impl Resolver<'_> {
    pub fn permissions(&mut self, index: usize) -> Permissions {
        let rules = self.rules;
        let layer = &rules.layers[index];
        let members = self.of_layer(index);
        let may_use = match &layer.may_use {
            Some(list) => self.below(list, index),
            None => (0..index).flat_map(|lower| self.of_layer(lower)).collect(),
        };
        let dev_may_use = layer.dev_may_use.as_ref().map(|list| self.all(list)).unwrap_or_default();
        let mut permissions = Permissions { may_use, dev_may_use, ..Permissions::default() };
        for edge in items(layer.edges.as_ref()) {
            permissions.edges.extend(self.edge(edge, layer, &members));
        }
        for entry in items(layer.dev_only.as_ref()) {
            let found = self.in_layer(&entry.value, &entry.site, layer, &members);
            permissions.dev_only.extend(found.into_iter().map(|member| (member, entry.site.clone())));
        }
        self.check_dev(layer);
        self.check_independence(layer, &members, &permissions);
        self.check_external(items(layer.allow.as_ref()).map(|entry| &entry.value).chain(&layer.deny));
        permissions
    }

    /// The order of the layers is the direction of their dependencies: no entry may reach upwards.
    fn below(&mut self, list: &List<String>, layer: usize) -> Crates {
        let mut below = Crates::new();
        for entry in &list.items {
            let found = self.crates(entry);
            if entry.value == self.rules.layers[layer].name.value {
                let message = format!("layer `{}` lists itself", entry.value);
                let help = "delete the entry; `edges` and `same-layer` say what its crates may use of each other";
                self.report(Cause::Contradiction, &entry.site, message, help);
            }
            let above = found.iter().filter_map(|member| self.layer_of[*member]).find(|other| *other > layer);
            if let Some(above) = above {
                let [own, above] = [layer, above].map(|index| &self.rules.layers[index].name.value);
                let message = format!("layer `{own}` may not use `{}`: layer `{above}` stands above it", entry.value);
                self.report(Cause::Contradiction, &entry.site, message, "delete the entry, or reorder the layers");
            }
            below.extend(found);
        }
        below
    }

    /// An edge that nobody has opens the layer for whoever adds it without a thought.
    fn edge(&mut self, edge: &Located<EdgeRule>, layer: &Layer, members: &Crates) -> Vec<(usize, usize)> {
        let from = self.in_layer(&edge.value.from, &edge.site, layer, members);
        let mut open = Vec::new();
        for name in &edge.value.to {
            let to = self.in_layer(name, &edge.site, layer, members);
            let known = !from.is_empty() && !to.is_empty() && layer.independent.is_none();
            if known && !self.is_taken(&from, &to) {
                let message =
                    format!("no dependency that the layers govern goes from `{}` to `{name}`", edge.value.from);
                let help = match edge.value.to.as_slice() {
                    [_] => "delete the entry".to_owned(),
                    _ => format!("delete `{name}` from the entry"),
                };
                self.report(Cause::MatchesNothing, &edge.site, message, help);
            }
            open.extend(from.iter().flat_map(|from| to.iter().map(move |to| (*from, *to))));
        }
        open
    }

    /// Somebody has a dependency that the layers govern.
    fn is_taken(&self, from: &Crates, to: &Crates) -> bool {
        self.workspace.dependencies.iter().any(|one| match one.to {
            Target::Member(used) => {
                let governed = self.rules.kinds.contains(&one.kind);
                governed && used != one.from && from.contains(&one.from) && to.contains(&used)
            }
            Target::External { .. } => false,
        })
    }

    /// The members of a layer by folder name, or by directory where the name has a `/`.
    fn in_layer(&mut self, name: &str, site: &Site, layer: &Layer, members: &Crates) -> Crates {
        let Some(pattern) = self.pattern(name, site) else {
            return Crates::new();
        };
        let workspace = self.workspace;
        let called = |member: &usize| match name.contains('/') {
            true => workspace.members[*member].dir.as_str(),
            false => workspace.members[*member].folder(),
        };
        let found: Crates = members.iter().filter(|member| pattern.matches(called(member))).copied().collect();
        if found.is_empty() {
            let help = match closest(name, members.iter().map(called)) {
                Some(close) => format!("write `{close}`"),
                None => "name the folder of a member of the layer, or delete the entry".to_owned(),
            };
            self.report(
                Cause::MatchesNothing,
                site,
                format!("layer `{}` has no crate `{name}`", layer.name.value),
                help,
            );
        } else if let Some(one) = alternatives(name).into_iter().find(|one| {
            let pattern = Pattern::new(one);
            !pattern.is_ok_and(|pattern| members.iter().any(|member| pattern.matches(called(member))))
        }) {
            let message = format!("layer `{}` has no crate `{one}`, an alternative of `{name}`", layer.name.value);
            self.report(Cause::MatchesNothing, site, message, "delete the alternative");
        } else if found.iter().filter(|member| called(member) == name).count() > 1 {
            let message = format!("layer `{}` has more than one crate `{name}`", layer.name.value);
            self.report(Cause::Ambiguous, site, message, "write its directory instead of its folder");
        }
        found
    }

    fn check_dev(&mut self, layer: &Layer) {
        if let Some(list) = &layer.dev_may_use
            && !self.rules.kinds.contains(&Kind::Dev)
        {
            let message = "`dev-may-use` has no effect: `kinds` of [workspace] leaves dev-dependencies free";
            self.report(Cause::Contradiction, &list.key, message, "add \"dev\" to `kinds`, or delete the key");
        }
    }

    fn check_independence(&mut self, layer: &Layer, members: &Crates, permissions: &Permissions) {
        if layer.independent.is_none() {
            return;
        }
        let own = |list: &Option<List<String>>, found: &Crates| {
            list.as_ref().filter(|_| !found.is_disjoint(members)).map(|list| list.key.clone())
        };
        let contradicting = [
            own(&layer.may_use, &permissions.may_use),
            own(&layer.dev_may_use, &permissions.dev_may_use),
            layer.edges.as_ref().map(|edges| edges.key.clone()),
        ];
        for key in contradicting.into_iter().flatten() {
            let message =
                format!("layer `{}` is `independent`, and this lets its members use each other", layer.name.value);
            self.report(
                Cause::Contradiction,
                &key,
                message,
                "delete one of the two; [[except]] can excuse one dependency",
            );
        }
    }
}
