//! What crates bring along: the graph that Cargo resolved, asked only when a rule is about what is reachable.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use cargo_metadata::{CargoOpt, DependencyKind, MetadataCommand, PackageId};

use crate::report::{Cause, Finding};
use crate::rules::{Rules, closest};
use crate::workspace::{Dependency, Kind, Target, Workspace, ask};

#[derive(Debug)]
pub(crate) struct Resolved {
    names: Vec<String>,
    /// The node of each member, and back.
    nodes: Vec<usize>,
    members: BTreeMap<usize, usize>,
    /// Node and kinds of each direct dependency.
    uses: Vec<Vec<(usize, BTreeSet<Kind>)>>,
}

/// A way from a member to an external crate.
pub(crate) struct Way {
    first: Target,
    kinds: BTreeSet<Kind>,
    /// The crates on it, both ends included.
    pub names: Vec<String>,
}

impl Way {
    pub fn starts_with(&self, dependency: &Dependency) -> bool {
        let same = match (&self.first, &dependency.to) {
            (Target::External { name, .. }, Target::External { name: declared, .. }) => name == declared,
            (first, declared) => first == declared,
        };
        same && self.kinds.contains(&dependency.kind)
    }
}

impl Resolved {
    /// Asks Cargo, when a rule needs it, for all features and platforms, as locked, without the network.
    ///
    /// # Errors
    /// Cargo cannot tell, or a rule names a crate that is nowhere in the graph.
    pub fn load(workspace: &Workspace, rules: &Rules) -> Result<Option<Self>, Vec<Finding>> {
        let wanted = rules.layers.iter().flat_map(|layer| &layer.deny).filter(|rule| rule.reachable);
        let wanted: Vec<_> = wanted.collect();
        if wanted.is_empty() {
            return Ok(None);
        }
        let resolved = Self::ask(workspace)?;
        let external: BTreeSet<&str> = resolved.names.iter().map(String::as_str).collect();
        let names = wanted.iter().filter(|rule| !rule.may_be_absent).flat_map(|rule| &rule.names.items);
        let unknown = names.filter(|name| !external.contains(name.value.as_str())).map(|name| {
            let message = format!("no crate of this workspace reaches a crate `{}`", name.value);
            let meant = "if the name is meant, add `may-be-absent = true`";
            let help = match closest(&name.value, external.iter().copied()) {
                Some(close) => format!("write `{close}`; {meant}"),
                None => meant.to_owned(),
            };
            Finding::new(Cause::MatchesNothing, message, help).at(&name.site)
        });
        let unknown: Vec<_> = unknown.collect();
        if unknown.is_empty() { Ok(Some(resolved)) } else { Err(unknown) }
    }

    fn ask(workspace: &Workspace) -> Result<Self, Vec<Finding>> {
        let mut command = MetadataCommand::new();
        command.manifest_path(workspace.root.join("Cargo.toml")).features(CargoOpt::AllFeatures);
        command.other_options(["--locked".to_owned(), "--offline".to_owned()]);
        let impossible = |reason: String| {
            let manifest = workspace.root.join("Cargo.toml");
            let help = format!(
                "run `cargo fetch --manifest-path {}`: a rule with `reachable = true` needs Cargo.lock and the crates in it",
                manifest.display()
            );
            vec![Finding::new(Cause::Workspace, format!("cannot tell what is reachable: {reason}"), help)]
        };
        let metadata = ask(&mut command).map_err(impossible)?;
        let graph = metadata.resolve.as_ref().ok_or_else(|| impossible("Cargo resolved nothing".to_owned()))?;
        let index: BTreeMap<&PackageId, usize> =
            metadata.packages.iter().enumerate().map(|(node, package)| (&package.id, node)).collect();
        let mut uses = vec![Vec::new(); metadata.packages.len()];
        for node in &graph.nodes {
            let dependencies = node.deps.iter().map(|dependency| {
                let kinds = dependency.dep_kinds.iter().map(|info| match info.kind {
                    DependencyKind::Build => Kind::Build,
                    DependencyKind::Development => Kind::Dev,
                    DependencyKind::Normal | DependencyKind::Unknown => Kind::Normal,
                });
                (index[&dependency.pkg], kinds.collect())
            });
            uses[index[&node.id]] = dependencies.collect();
        }
        let node = |dir: &str| {
            let manifest = workspace.root.join(dir).join("Cargo.toml");
            let manifest = manifest.canonicalize().unwrap_or(manifest);
            metadata.packages.iter().position(|package| {
                let path = package.manifest_path.as_std_path();
                path.canonicalize().is_ok_and(|path| path == manifest)
            })
        };
        let nodes: Option<Vec<usize>> = workspace.members.iter().map(|member| node(&member.dir)).collect();
        let nodes = nodes.ok_or_else(|| impossible("Cargo left out a member".to_owned()))?;
        let members = nodes.iter().enumerate().map(|(member, node)| (*node, member)).collect();
        let names = metadata.packages.iter().map(|package| package.name.to_string()).collect();
        Ok(Self { names, nodes, members, uses })
    }

    /// The shortest way of more than one step from a member to the external crate `name`; its first step is of one of
    /// the kinds, and the next ones are none for tests.
    pub fn way(&self, member: usize, name: &str, kinds: &[Kind]) -> Option<Way> {
        let start = self.nodes[member];
        let is_goal = |node: usize| self.names[node] == name && !self.members.contains_key(&node);
        let mut before: BTreeMap<usize, usize> = BTreeMap::new();
        let mut open = VecDeque::new();
        let first = self.uses[start].iter().filter(|(_, found)| kinds.iter().any(|kind| found.contains(kind)));
        for (node, _) in first.filter(|(node, _)| *node != start) {
            // Who depends on it directly breaks the rule for that.
            if is_goal(*node) {
                return None;
            }
            before.insert(*node, start);
            open.push_back(*node);
        }
        while let Some(node) = open.pop_front() {
            if is_goal(node) {
                return Some(self.back(&before, node, start, kinds));
            }
            let built = self.uses[node].iter().filter(|(_, kinds)| kinds.iter().any(|kind| *kind != Kind::Dev));
            for (next, _) in built.filter(|(next, _)| *next != start) {
                before.entry(*next).or_insert_with(|| {
                    open.push_back(*next);
                    node
                });
            }
        }
        None
    }

    /// With one crate more: the first dependency of the member brings `name` along.
    pub fn planted(mut self, member: usize, name: &str) -> Option<Self> {
        let first = self.uses[self.nodes[member]].first()?.0;
        self.uses[first].push((self.names.len(), BTreeSet::from([Kind::Normal])));
        self.names.push(name.to_owned());
        self.uses.push(Vec::new());
        Some(self)
    }

    fn back(&self, before: &BTreeMap<usize, usize>, goal: usize, start: usize, kinds: &[Kind]) -> Way {
        let mut way = vec![goal];
        while way[way.len() - 1] != start {
            way.push(before[&way[way.len() - 1]]);
        }
        way.reverse();
        let found = self.uses[start].iter().find(|(node, _)| *node == way[1]);
        let found = found.into_iter().flat_map(|(_, found)| found.iter().copied());
        Way {
            first: match self.members.get(&way[1]) {
                Some(member) => Target::Member(*member),
                None => Target::External { name: self.names[way[1]].clone(), dir: None },
            },
            kinds: found.filter(|kind| kinds.contains(kind)).collect(),
            names: way.into_iter().map(|node| self.names[node].clone()).collect(),
        }
    }
}
