//! The rules about the graph as a whole and about each crate alone.

use std::collections::BTreeMap;

use super::{Breach, Charge, identity, instead, what};
use crate::architecture::Architecture;
use crate::cycles::{self, Weights};
use crate::query::chain;
use crate::report::Rule;
use crate::resolved::Resolved;
use crate::rules::ExternalRule;
use crate::source::Site;
use crate::workspace::{Dependency, Kind, Target};

/// More than any number of edges: cutting few comes first, then cutting those that tests alone need.
const EDGE: u64 = 1 << 20;

/// The dependencies of the kinds that must not form a cycle. Of two crates with several, all count as one edge.
struct Edges<'a> {
    weights: Weights,
    declared: BTreeMap<(usize, usize), Vec<&'a Dependency>>,
}

impl<'a> Edges<'a> {
    fn of(dependencies: impl Iterator<Item = &'a Dependency>) -> Self {
        let mut edges = Self { weights: Weights::new(), declared: BTreeMap::new() };
        for dependency in dependencies {
            if let Target::Member(to) = dependency.to {
                edges.declared.entry((dependency.from, to)).or_default().push(dependency);
            }
        }
        let weigh = |all: &Vec<&Dependency>| EDGE + u64::from(all.iter().any(|one| one.kind != Kind::Dev));
        edges.weights = edges.declared.iter().map(|(edge, all)| (*edge, weigh(all))).collect();
        edges
    }
}

/// The dependencies to delete, that no cycle is left, and which exceptions open one.
pub(super) fn cycles<'a>(architecture: &'a Architecture<'_>) -> (Vec<(&'a Dependency, Breach)>, Vec<usize>) {
    let Some(rule) = &architecture.rules.cycles else { return Default::default() };
    let dependencies = &architecture.workspace.dependencies;
    let governed = || dependencies.iter().filter(|dependency| rule.kinds.contains(&dependency.kind));
    let excuses = |dependency: &Dependency| -> Vec<usize> {
        let all = architecture.exceptions(dependency.from, &dependency.to, dependency.kind);
        all.filter(|index| architecture.rules.exceptions[*index].covers(Rule::Cycle)).collect()
    };
    let all = Edges::of(governed());
    let mut used = Vec::new();
    for component in cycles::components(&all.weights) {
        let inside = all.declared.iter().filter(|((from, to), _)| component.contains(from) && component.contains(to));
        used.extend(inside.flat_map(|(_, declared)| declared).flat_map(|dependency| excuses(dependency)));
    }
    let open = |one: &&Dependency| !architecture.excuses(one.from, &one.to, one.kind, Rule::Cycle);
    let edges = Edges::of(governed().filter(open));
    let mut found = Vec::new();
    for component in cycles::components(&edges.weights) {
        let cut = cycles::cut(&component, &edges.weights);
        for (from, to) in &cut {
            let breach = || closes_cycle(architecture, &rule.site, &edges.weights, (*from, *to), cut.len());
            found.extend(edges.declared[&(*from, *to)].iter().map(|dependency| (*dependency, breach())));
        }
    }
    (found, used)
}

fn closes_cycle(
    architecture: &Architecture<'_>,
    site: &Site,
    edges: &Weights,
    (from, to): (usize, usize),
    cuts: usize,
) -> Breach {
    let way = cycles::path(to, from, edges).unwrap_or_default();
    let names = [from].into_iter().chain(way).map(|member| architecture.workspace.members[member].name.as_str());
    let chain: Vec<_> = names.collect();
    let kinds: Vec<_> = architecture.rules.cycles.iter().flat_map(|rule| &rule.kinds).map(|kind| kind.name()).collect();
    let fewest = match cuts {
        1 => "without this line there is none among these crates".to_owned(),
        many => format!("{many} such edges have to go, that none is left among these crates"),
    };
    Breach {
        rule: Rule::Cycle,
        severity: architecture.rules.severity(Rule::Cycle),
        site: site.clone(),
        why: format!("{} dependencies form no cycle", kinds.join(", ")),
        notes: vec![format!("the cycle: {}", chain.join(" -> ")), fewest],
        help: "delete the line; what both need belongs into a crate that both may use".to_owned(),
    }
}

/// External crates that a member gets through another crate, with the dependency that starts the shortest path.
pub(super) fn reachable<'a>(
    architecture: &'a Architecture<'_>,
    resolved: &Resolved,
) -> Vec<(&'a Dependency, String, Breach)> {
    let mut found = Vec::new();
    for member in 0..architecture.workspace.members.len() {
        let layer = architecture.layer(member);
        for rule in layer.deny.iter().filter(|rule| rule.reachable) {
            for name in &rule.names.items {
                let Some(way) = resolved.way(member, &name.value, &rule.kinds) else { continue };
                let declared = architecture.workspace.dependencies.iter();
                let mut first = declared.filter(|dependency| dependency.from == member && way.starts_with(dependency));
                if let Some(dependency) = first.next() {
                    let breach = brings_along(architecture, rule, &name.site, &way.names, &layer.name.value);
                    found.push((dependency, name.value.clone(), breach));
                }
            }
        }
    }
    found
}

fn brings_along(
    architecture: &Architecture<'_>,
    rule: &ExternalRule,
    site: &Site,
    way: &[String],
    layer: &str,
) -> Breach {
    Breach {
        rule: Rule::ExternalReachable,
        severity: architecture.rules.severity(Rule::ExternalReachable),
        site: site.clone(),
        why: format!("out of reach for layer `{layer}`: {}", rule.reason),
        notes: vec![format!("the shortest path: {}", way.join(" -> "))],
        help: match &rule.instead {
            Some(_) => instead(rule.instead.as_ref()),
            None => "delete the line, or switch off the feature that brings it along".to_owned(),
        },
    }
}

/// Members that a crate must not reach and does, with the dependency that starts the shortest chain.
pub(super) fn out_of_reach<'a>(architecture: &'a Architecture<'_>) -> Vec<(&'a Dependency, Target, Breach)> {
    let workspace = architecture.workspace;
    let mut found = Vec::new();
    for (from, to, rule) in architecture.out_of_reach() {
        let pairs = from.iter().flat_map(|from| to.iter().map(move |to| (*from, *to)));
        for (from, to) in pairs.filter(|(from, to)| from != to) {
            let target = Target::Member(to);
            // Who depends on it directly is told so.
            let Some(chain) = chain(workspace, from, &target, &rule.kinds).filter(|chain| chain.len() > 1) else {
                continue;
            };
            let names = chain.iter().map(|step| workspace.members[step.from].name.as_str());
            let names: Vec<_> = names.chain([architecture.target_name(&target)]).collect();
            let breach = Breach {
                rule: Rule::Forbid,
                severity: architecture.rules.severity(Rule::Forbid),
                site: rule.site.clone(),
                why: format!("out of reach: {}", rule.reason),
                notes: vec![format!("the shortest chain: {}", names.join(" -> "))],
                help: match &rule.instead {
                    Some(_) => instead(rule.instead.as_ref()),
                    None => "cut the chain: delete one of its dependencies".to_owned(),
                },
            };
            found.push((chain[0], target, breach));
        }
    }
    found
}

/// What manifests alone show.
pub(super) fn hygiene(architecture: &Architecture<'_>) -> Vec<(Charge, Breach)> {
    let (workspace, hygiene) = (architecture.workspace, &architecture.rules.hygiene);
    let mut untidy = Vec::new();
    for index in architecture.tidy() {
        let member = &workspace.members[index];
        let name = &member.name;
        let alone = |what: &str, message| {
            let (what, site) = (what.to_owned(), member.site.clone());
            Charge { from: index, module: None, to: None, kind: None, by: None, message, site, what, code: None }
        };
        if let Some(site) = hygiene.lints.as_ref().filter(|_| !member.shares_lints) {
            let help = "add `[lints]` with `workspace = true`".to_owned();
            let why = "every crate has the lints of the workspace";
            let message = format!("`{name}` must have the lints of the workspace");
            let breach = untidiness(architecture, Rule::WorkspaceLints, site, why, help);
            untidy.push((alone("has no `[lints] workspace = true`", message), breach));
        }
        let folder = member.folder();
        if let Some(site) = hygiene.folder.as_ref().filter(|_| folder != name && member.dir != ".") {
            let help = format!("rename the folder to `{name}`, or the package to `{folder}`");
            let breach = untidiness(architecture, Rule::FolderName, site, "a crate is called as its folder", help);
            untidy.push((
                alone("the name of the package", format!("`{name}` must not lie in a folder `{folder}`")),
                breach,
            ));
        }
        let own = workspace.dependencies.iter().filter(|dependency| dependency.from == index && !dependency.inherited);
        let Some(site) = &hygiene.versions else { continue };
        // A crate's dependency on itself has no version to inherit.
        for dependency in own.filter(|dependency| dependency.to != Target::Member(index)) {
            let to = architecture.target_name(&dependency.to);
            let help = "write it into [workspace.dependencies], and `workspace = true` here".to_owned();
            let why = "dependencies are inherited from the workspace";
            let breach = untidiness(architecture, Rule::WorkspaceVersions, site, why, help);
            let message = format!("`{name}` must inherit `{to}` from the workspace");
            let of = alone(&what(dependency, architecture), message);
            let to = Some(identity(&dependency.to, architecture));
            untidy.push((Charge { to, kind: Some(dependency.kind), site: dependency.site.clone(), ..of }, breach));
        }
    }
    untidy
}

/// A rule of `[hygiene]` is broken.
pub(super) fn untidiness(architecture: &Architecture<'_>, rule: Rule, site: &Site, why: &str, help: String) -> Breach {
    let severity = architecture.rules.severity(rule);
    Breach { rule, severity, site: site.clone(), why: why.to_owned(), notes: Vec::new(), help }
}
