use std::{
    any::TypeId,
    collections::{HashMap, HashSet, VecDeque},
    panic::Location,
};

use crate::{
    factory::{Count, Key, Need},
    finding::{Finding, alike},
};

/// What is known of a registration before anything is built.
pub struct Node {
    pub provides: Key,
    pub lifetime: Lifetime,
    pub needs: Vec<Need>,
    pub place: &'static Location<'static>,
}

/// How long what a node provides lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    Singleton,
    Scoped,
    Transient,
    /// As long as what it is bound to: its only need.
    Bound,
}

impl Node {
    /// The concrete type behind a binding.
    fn bound_to(&self) -> Option<Key> {
        (self.lifetime == Lifetime::Bound).then(|| self.needs[0].key)
    }
}

/// The registrations and who needs whom.
pub struct Graph<'a> {
    nodes: &'a [Node],
    /// By type, in the order of registration. Of a duplicate only the first counts.
    pub providers: HashMap<TypeId, Vec<usize>>,
    /// From a node to those it needs.
    edges: Vec<Vec<usize>>,
    duplicates: Vec<Finding>,
}

impl<'a> Graph<'a> {
    pub fn new(nodes: &'a [Node]) -> Self {
        let mut providers: HashMap<TypeId, Vec<usize>> = HashMap::new();
        let mut places: Vec<Vec<&'static Location<'static>>> = vec![Vec::new(); nodes.len()];
        for (i, node) in nodes.iter().enumerate() {
            let same_type = providers.entry(node.provides.id).or_default();
            match same_type.iter().find(|&&other| nodes[other].bound_to() == node.bound_to()) {
                Some(&first) => places[first].push(node.place),
                None => {
                    same_type.push(i);
                    places[i].push(node.place);
                }
            }
        }
        let edges = nodes
            .iter()
            .map(|node| node.needs.iter().flat_map(|need| provided(&providers, need)).copied().collect())
            .collect();
        let duplicates = std::iter::zip(nodes, places)
            .filter(|(_, places)| places.len() > 1)
            .map(|(node, places)| Finding::Duplicate { registered: node.provides.name, places })
            .collect();
        Self { nodes, providers, edges, duplicates }
    }

    /// Everything that is wrong: duplicates, what is missing or ambiguous, cycles, captured scoped values.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = self.duplicates.clone();
        for node in 0..self.nodes.len() {
            findings.extend(self.unmet(node));
        }
        findings.extend(self.walk().cycles);
        for node in 0..self.nodes.len() {
            findings.extend(self.captives(node));
        }
        findings
    }

    /// Every node after those it needs. Means something only without cycles.
    pub fn order(&self) -> Vec<usize> {
        self.walk().order
    }

    /// From a node that nobody needs down to this one, by the shortest way: why it is there.
    pub fn chain(&self, to: usize) -> Vec<&'static str> {
        let needed_by =
            |node: usize| (0..self.nodes.len()).filter(move |&other| self.edges[other].contains(&node)).collect();
        let mut path = shortest(to, needed_by, |node: usize| !self.edges.iter().any(|needs| needs.contains(&node)))
            .unwrap_or_else(|| vec![to]);
        path.reverse();
        self.names(&path)
    }

    /// Whether this node or something it needs, however far below, lives in a scope.
    pub fn is_scoped(&self, node: usize) -> bool {
        let is_scoped = |node: usize| self.nodes[node].lifetime == Lifetime::Scoped;
        shortest(node, |node| self.edges[node].clone(), is_scoped).is_some()
    }

    fn unmet(&self, node: usize) -> Vec<Finding> {
        let Node { needs, place, .. } = &self.nodes[node];
        let mut seen = HashSet::new();
        let mut findings = Vec::new();
        for need in needs.iter().filter(|need| need.count != Count::All) {
            let bound = self.providers.get(&need.key.id).map_or(&[][..], Vec::as_slice);
            let is_met = bound.len() == 1 || bound.is_empty() && need.count == Count::AtMostOne;
            if is_met || !seen.insert(need.key.id) {
                continue;
            }
            findings.push(if bound.is_empty() {
                Finding::Missing {
                    needed: need.key.name,
                    chain: self.chain(node),
                    place,
                    alike: alike(need.key.name, self.nodes.iter().map(|node| node.provides.name)),
                }
            } else {
                let concrete = |&i: &usize| self.nodes[i].bound_to().unwrap_or(self.nodes[i].provides).name;
                Finding::Ambiguous {
                    needed: need.key.name,
                    by: self.nodes[node].provides.name,
                    place,
                    bound: bound.iter().map(concrete).collect(),
                }
            });
        }
        findings
    }

    /// One finding for each scoped node that this one, if it is a singleton, would capture.
    fn captives(&self, node: usize) -> Vec<Finding> {
        if self.nodes[node].lifetime != Lifetime::Singleton {
            return Vec::new();
        }
        // Another singleton below, and a scoped value's own needs, are none of this node's business.
        let passes =
            |below: usize| below == node || matches!(self.nodes[below].lifetime, Lifetime::Transient | Lifetime::Bound);
        let needs = |node: usize| {
            if passes(node) { self.edges[node].clone() } else { Vec::new() }
        };
        (0..self.nodes.len())
            .filter(|&scoped| self.nodes[scoped].lifetime == Lifetime::Scoped)
            .filter_map(|scoped| shortest(node, needs, |reached| reached == scoped))
            .map(|path| Finding::Captive { path: self.names(&path), place: self.nodes[node].place })
            .collect()
    }

    /// Depth first, in the order of registration: a step back to a node that is still open closes a cycle.
    fn walk(&self) -> Walk {
        let mut walk = Walk { order: Vec::new(), cycles: Vec::new() };
        let mut visits = vec![Visit::Not; self.nodes.len()];
        for node in 0..self.nodes.len() {
            self.visit(node, &mut visits, &mut Vec::new(), &mut walk);
        }
        walk
    }

    fn visit(&self, node: usize, visits: &mut [Visit], open: &mut Vec<usize>, walk: &mut Walk) {
        match visits[node] {
            Visit::Done => {}
            Visit::Open => {
                let start = open.iter().position(|&other| other == node).expect("an open node is on the way");
                let mut path = self.names(&open[start..]);
                path.push(self.nodes[node].provides.name);
                let place = self.nodes[node].place;
                walk.cycles.push(Finding::Cycle { path, place });
            }
            Visit::Not => {
                visits[node] = Visit::Open;
                open.push(node);
                for &needed in &self.edges[node] {
                    self.visit(needed, visits, open, walk);
                }
                open.pop();
                visits[node] = Visit::Done;
                walk.order.push(node);
            }
        }
    }

    fn names(&self, path: &[usize]) -> Vec<&'static str> {
        path.iter().map(|&node| self.nodes[node].provides.name).collect()
    }
}

struct Walk {
    order: Vec<usize>,
    cycles: Vec<Finding>,
}

#[derive(Clone, Copy)]
enum Visit {
    Not,
    Open,
    Done,
}

/// The nodes that a need takes its value from.
fn provided<'p>(providers: &'p HashMap<TypeId, Vec<usize>>, need: &Need) -> &'p [usize] {
    let all = providers.get(&need.key.id).map_or(&[][..], Vec::as_slice);
    match need.count {
        Count::All => all,
        Count::One | Count::AtMostOne => &all[..all.len().min(1)],
    }
}

/// The shortest path from a node to one that is a goal (breadth first), both included.
fn shortest(from: usize, next: impl Fn(usize) -> Vec<usize>, is_goal: impl Fn(usize) -> bool) -> Option<Vec<usize>> {
    let mut came_from = HashMap::from([(from, from)]);
    let mut queue = VecDeque::from([from]);
    while let Some(node) = queue.pop_front() {
        if is_goal(node) {
            let mut path = vec![node];
            while path[path.len() - 1] != from {
                path.push(came_from[&path[path.len() - 1]]);
            }
            path.reverse();
            return Some(path);
        }
        for step in next(node) {
            came_from.entry(step).or_insert_with(|| {
                queue.push_back(step);
                node
            });
        }
    }
    None
}
