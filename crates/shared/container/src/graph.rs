use std::{
    any::TypeId,
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    fmt,
    panic::Location,
};

use serde::Serialize;

use crate::{
    Step,
    factory::{Count, Demand, Key},
    finding::{Finding, alike},
};

/// What is known of a registration before anything is built.
pub struct Node {
    pub provides: Key,
    pub lifetime: Lifetime,
    /// Whether its own factory is async.
    pub is_async: bool,
    pub demands: Vec<Demand>,
    pub place: &'static Location<'static>,
}

/// How long what a registration provides lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Lifetime {
    /// One value for the life of the container.
    Singleton,
    /// One value in each scope.
    Scoped,
    /// A new value each time.
    Transient,
    /// As long as what it is bound to: its only need.
    Bound,
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Singleton => "singleton",
            Self::Scoped => "scoped",
            Self::Transient => "transient",
            Self::Bound => "bound",
        })
    }
}

impl Node {
    pub fn step(&self) -> Step {
        Step { name: self.provides.name, place: self.place }
    }

    /// The concrete type behind a binding.
    fn bound_to(&self) -> Option<Key> {
        (self.lifetime == Lifetime::Bound).then(|| self.demands[0].key)
    }
}

/// What is asked for from outside of the graph.
pub struct Asked {
    pub key: Key,
    pub by: Asker,
    pub place: &'static Location<'static>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    Root,
    StartHook,
    StopHook,
}

impl Asked {
    fn step(&self) -> Step {
        let name = match self.by {
            Asker::Root => "a root",
            Asker::StartHook => "a start hook",
            Asker::StopHook => "a stop hook",
        };
        Step { name, place: self.place }
    }
}

/// The registrations and who needs whom.
pub struct Graph<'a> {
    nodes: Vec<&'a Node>,
    asked: &'a [Asked],
    /// By type, in the order of registration. Of a duplicate only the first counts.
    pub providers: HashMap<TypeId, Vec<usize>>,
    /// From a node to those it needs.
    edges: Vec<Vec<usize>>,
    duplicates: Vec<Finding>,
}

impl<'a> Graph<'a> {
    pub fn new(nodes: Vec<&'a Node>, asked: &'a [Asked]) -> Self {
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
            .map(|node| node.demands.iter().flat_map(|demand| provided(&providers, demand)).copied().collect())
            .collect();
        let duplicates = std::iter::zip(&nodes, places)
            .filter(|(_, places)| places.len() > 1)
            .map(|(node, places)| Finding::Duplicate { registered: node.provides.name, places })
            .collect();
        Self { nodes, asked, providers, edges, duplicates }
    }

    pub fn nodes(&self) -> &[&'a Node] {
        &self.nodes
    }

    /// The nodes that a need takes its value from.
    pub fn met_by(&self, demand: &Demand) -> &[usize] {
        provided(&self.providers, demand)
    }

    /// Everything that is wrong: duplicates, what is missing or ambiguous, cycles, captured scoped values, hooks of what
    /// is not kept, what is unused.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = self.duplicates.clone();
        for node in 0..self.nodes.len() {
            findings.extend(self.unmet(&self.nodes[node].demands, || self.chain(node)));
        }
        for asked in self.asked {
            let demand = Demand { key: asked.key, count: Count::One };
            findings.extend(self.unmet(&[demand], || vec![asked.step()]));
        }
        findings.extend(self.walk().cycles);
        for node in 0..self.nodes.len() {
            findings.extend(self.captives(node));
        }
        findings.extend(self.not_kept());
        findings.extend(self.unused());
        findings
    }

    /// Every node after those it needs. Means something only without cycles.
    pub fn order(&self) -> Vec<usize> {
        self.walk().order
    }

    /// From a node that nobody needs down to this one, by the shortest way: why it is there.
    fn chain(&self, to: usize) -> Vec<Step> {
        let needed_by =
            |node: usize| (0..self.nodes.len()).filter(move |&other| self.edges[other].contains(&node)).collect();
        let is_top = |node: usize| !self.is_needed(node);
        let mut path = shortest(to, needed_by, is_top).unwrap_or_else(|| vec![to]);
        path.reverse();
        self.steps(&path)
    }

    fn is_needed(&self, node: usize) -> bool {
        self.edges.iter().any(|needs| needs.contains(&node))
    }

    /// That of what is behind a binding. Means something only if nothing is missing.
    pub fn lifetime(&self, node: usize) -> Lifetime {
        match self.nodes[node].lifetime {
            Lifetime::Bound => self.lifetime(self.edges[node][0]),
            lifetime => lifetime,
        }
    }

    /// Whether this node or something it needs, however far below, lives in a scope.
    pub fn is_scoped(&self, node: usize) -> bool {
        self.is_or_needs(node, |node| node.lifetime == Lifetime::Scoped)
    }

    /// Whether this node or something it needs, however far below, has an async factory.
    pub fn awaits(&self, node: usize) -> bool {
        self.is_or_needs(node, |node| node.is_async)
    }

    fn is_or_needs(&self, node: usize, is: impl Fn(&Node) -> bool) -> bool {
        shortest(node, |node| self.edges[node].clone(), |node| is(self.nodes[node])).is_some()
    }

    /// Of these demands, what nobody or more than one provides. The chain ends with who demands.
    fn unmet(&self, demands: &[Demand], chain: impl Fn() -> Vec<Step>) -> Vec<Finding> {
        let mut seen = HashSet::new();
        let mut findings = Vec::new();
        for demand in demands.iter().filter(|demand| demand.count != Count::All) {
            let bound = self.providers.get(&demand.key.id).map_or(&[][..], Vec::as_slice);
            let is_met = bound.len() == 1 || bound.is_empty() && demand.count == Count::AtMostOne;
            if is_met || !seen.insert(demand.key.id) {
                continue;
            }
            let (needed, chain) = (demand.key.name, chain());
            findings.push(if bound.is_empty() {
                let alike = alike(needed, self.nodes.iter().map(|node| node.provides.name));
                Finding::Missing { needed, alike, bindable: self.bindable(needed, &chain), chain }
            } else {
                let concrete = |&i: &usize| self.nodes[i].bound_to().unwrap_or(self.nodes[i].provides).name;
                let by = *chain.last().expect("a chain ends with who demands");
                Finding::Ambiguous { needed, by, bound: bound.iter().map(concrete).collect() }
            });
        }
        findings
    }

    /// Which types implement a trait is not known here; a type that is there for nobody is a good guess.
    fn bindable(&self, needed: &str, chain: &[Step]) -> Vec<&'static str> {
        if !needed.starts_with("dyn ") {
            return Vec::new();
        }
        let is_idle = |&node: &usize| {
            let Node { provides, lifetime, .. } = self.nodes[node];
            let is_asked = self.asked.iter().any(|asked| asked.key == *provides);
            let is_concrete = *lifetime != Lifetime::Bound && !provides.name.starts_with("dyn ");
            is_concrete && !is_asked && !self.is_needed(node) && chain.iter().all(|step| step.name != provides.name)
        };
        (0..self.nodes.len()).filter(is_idle).map(|node| self.nodes[node].provides.name).collect()
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
            .map(|path| Finding::Captive { path: self.steps(&path) })
            .collect()
    }

    fn not_kept(&self) -> Vec<Finding> {
        let hooks = self.asked.iter().filter(|asked| asked.by != Asker::Root);
        let not_kept = hooks.filter_map(|hook| {
            let &[node] = self.providers.get(&hook.key.id)?.as_slice() else { return None };
            // What is bound to nothing, or to itself, is reported as that.
            let behind =
                shortest(node, |node| self.edges[node].clone(), |n| self.nodes[n].lifetime != Lifetime::Bound)?;
            let lifetime = self.nodes[*behind.last()?].lifetime;
            (lifetime != Lifetime::Singleton).then(|| Finding::NotKept {
                hooked: self.nodes[node].step(),
                lifetime,
                place: hook.place,
            })
        });
        not_kept.collect()
    }

    /// What cannot be reached from anything that is asked for; if no root is declared, that is not known.
    fn unused(&self) -> Vec<Finding> {
        if self.asked.iter().all(|asked| asked.by != Asker::Root) {
            return Vec::new();
        }
        let all_of = |asked: &Asked| self.providers.get(&asked.key.id).cloned().unwrap_or_default();
        let mut border: Vec<usize> = self.asked.iter().flat_map(all_of).collect();
        let mut used: BTreeSet<usize> = border.iter().copied().collect();
        while let Some(node) = border.pop() {
            border.extend(self.edges[node].iter().filter(|&&needed| used.insert(needed)));
        }
        let all: BTreeSet<usize> = self.providers.values().flatten().copied().collect();
        all.difference(&used).map(|&node| Finding::Unused { registered: self.nodes[node].step() }).collect()
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
                let path = [&open[start..], &[node]].concat();
                walk.cycles.push(Finding::Cycle { path: self.steps(&path) });
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

    fn steps(&self, path: &[usize]) -> Vec<Step> {
        path.iter().map(|&node| self.nodes[node].step()).collect()
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
fn provided<'p>(providers: &'p HashMap<TypeId, Vec<usize>>, demand: &Demand) -> &'p [usize] {
    let all = providers.get(&demand.key.id).map_or(&[][..], Vec::as_slice);
    match demand.count {
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
