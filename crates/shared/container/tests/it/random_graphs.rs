//! Random graphs against a resolver that knows no order, no wires and no caches: it reads the description and makes the
//! same value by plain recursion, or says what is wrong by asking about all paths.

use std::{
    any::type_name,
    collections::BTreeSet,
    sync::{Arc, atomic::AtomicUsize, atomic::Ordering},
};

use container::{Builder, Container, Finding, Scope};
use proptest::{collection, option, prelude::*, sample::select};

const NODES: usize = 6;

/// A node and, within its text, all that it was made from.
struct Node<const N: usize> {
    text: String,
    serial: usize,
}

/// What node `FROM` takes as its parameter number `PARAMETER`.
trait Link<const FROM: usize, const PARAMETER: usize>: Send + Sync {
    fn text(&self) -> &str;
}
impl<const N: usize, const FROM: usize, const PARAMETER: usize> Link<FROM, PARAMETER> for Node<N> {
    fn text(&self) -> &str {
        &self.text
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lifetime {
    Singleton,
    Scoped,
    Transient,
}

/// What the four parameters of a node are bound to; a target may have no plan itself.
#[derive(Debug, Clone)]
struct Plan {
    lifetime: Lifetime,
    optional: [Option<usize>; 2],
    /// Not there, there and unbound, or there and bound.
    required: Option<Option<usize>>,
    many: BTreeSet<usize>,
}

impl Plan {
    /// All targets, each with the number of the parameter that is bound to it.
    fn links(&self) -> Vec<(usize, usize)> {
        let [first, second] = self.optional;
        let single = [(0, first), (1, second), (2, self.required.flatten())];
        let single = single.into_iter().filter_map(|(parameter, target)| Some((parameter, target?)));
        single.chain(self.many.iter().map(|&target| (3, target))).collect()
    }
}

type Graph = [Option<Plan>; NODES];

fn plan() -> impl Strategy<Value = Plan> {
    // Sparse, so that a good part of the graphs can be built.
    let target = || option::weighted(0.3, 0..NODES);
    let required = prop_oneof![6 => Just(None), 1 => Just(Some(None)), 4 => (0..NODES).prop_map(|n| Some(Some(n)))];
    let lifetime = select(&[Lifetime::Singleton, Lifetime::Scoped, Lifetime::Transient, Lifetime::Transient][..]);
    (lifetime, target(), target(), required, collection::btree_set(0..NODES, 0..2)).prop_map(
        |(lifetime, first, second, required, many)| Plan { lifetime, optional: [first, second], required, many },
    )
}

/// Any graph, or one whose links lead to greater numbers only: of the first kind few are sound, of the second most.
fn graph() -> impl Strategy<Value = Graph> {
    let any = proptest::array::uniform6(option::weighted(0.9, plan()));
    let downhill = proptest::array::uniform6(plan()).prop_map(|plans| {
        let mut n = 0;
        plans.map(|mut plan| {
            let keep = |target: &usize| *target > n;
            plan.optional = plan.optional.map(|target| target.filter(keep));
            plan.required = plan.required.and_then(|target| target.filter(keep)).map(Some);
            plan.many.retain(keep);
            n += 1;
            Some(plan)
        })
    });
    prop_oneof![any, downhill]
}

// ---- the container's side

static SERIAL: AtomicUsize = AtomicUsize::new(0);

fn node<const N: usize>(first: Option<&str>, second: Option<&str>, required: Option<&str>, many: &[&str]) -> Node<N> {
    Node { text: text(N, first, second, required, many), serial: SERIAL.fetch_add(1, Ordering::Relaxed) }
}

fn text(n: usize, first: Option<&str>, second: Option<&str>, required: Option<&str>, many: &[&str]) -> String {
    let [first, second, required] = [first, second, required].map(|text| text.unwrap_or("-"));
    format!("{n}({first} {second} {required} [{}])", many.join(" "))
}

fn register<const N: usize>(b: &mut Builder, plan: &Plan) {
    type First<const N: usize> = Option<Arc<dyn Link<N, 0>>>;
    type Second<const N: usize> = Option<Arc<dyn Link<N, 1>>>;
    type Many<const N: usize> = Vec<Arc<dyn Link<N, 3>>>;
    fn make<const N: usize>(a: First<N>, b: Second<N>, c: Option<&str>, many: Many<N>) -> Node<N> {
        let many: Vec<&str> = many.iter().map(|link| link.text()).collect();
        node(a.as_ref().map(|link| link.text()), b.as_ref().map(|link| link.text()), c, &many)
    }
    let without = |a: First<N>, b: Second<N>, many: Many<N>| make::<N>(a, b, None, many);
    let with = |a: First<N>, b: Second<N>, c: Arc<dyn Link<N, 2>>, many: Many<N>| make::<N>(a, b, Some(c.text()), many);
    match (plan.lifetime, plan.required.is_some()) {
        (Lifetime::Singleton, false) => b.singleton(without),
        (Lifetime::Singleton, true) => b.singleton(with),
        (Lifetime::Scoped, false) => b.scoped(without),
        (Lifetime::Scoped, true) => b.scoped(with),
        (Lifetime::Transient, false) => b.transient(without),
        (Lifetime::Transient, true) => b.transient(with),
    };
}

fn link<const N: usize, const P: usize>(b: &mut Builder, target: usize) {
    match target {
        0 => b.bind::<dyn Link<N, P>, Node<0>>(|s| s),
        1 => b.bind::<dyn Link<N, P>, Node<1>>(|s| s),
        2 => b.bind::<dyn Link<N, P>, Node<2>>(|s| s),
        3 => b.bind::<dyn Link<N, P>, Node<3>>(|s| s),
        4 => b.bind::<dyn Link<N, P>, Node<4>>(|s| s),
        _ => b.bind::<dyn Link<N, P>, Node<5>>(|s| s),
    };
}

fn add<const N: usize>(b: &mut Builder, plan: Option<&Plan>) {
    let Some(plan) = plan else { return };
    register::<N>(b, plan);
    for (parameter, target) in plan.links() {
        match parameter {
            0 => link::<N, 0>(b, target),
            1 => link::<N, 1>(b, target),
            2 => link::<N, 2>(b, target),
            _ => link::<N, 3>(b, target),
        }
    }
}

fn builder(graph: &Graph) -> Builder {
    let mut b = Builder::new();
    add::<0>(&mut b, graph[0].as_ref());
    add::<1>(&mut b, graph[1].as_ref());
    add::<2>(&mut b, graph[2].as_ref());
    add::<3>(&mut b, graph[3].as_ref());
    add::<4>(&mut b, graph[4].as_ref());
    add::<5>(&mut b, graph[5].as_ref());
    b
}

/// The text and the serial number of a node, from a scope if there is one; nothing if it cannot be had there.
fn ask<const N: usize>(container: &Container, scope: Option<&Scope>) -> Option<(String, usize)> {
    let node = match scope {
        Some(scope) => scope.try_get::<Node<N>>(),
        None => container.try_get::<Node<N>>(),
    };
    node.ok().map(|node| (node.text.clone(), node.serial))
}

type Ask = fn(&Container, Option<&Scope>) -> Option<(String, usize)>;
const ASK: [Ask; NODES] = [ask::<0>, ask::<1>, ask::<2>, ask::<3>, ask::<4>, ask::<5>];

fn names() -> [&'static str; NODES] {
    [
        type_name::<Node<0>>(),
        type_name::<Node<1>>(),
        type_name::<Node<2>>(),
        type_name::<Node<3>>(),
        type_name::<Node<4>>(),
        type_name::<Node<5>>(),
    ]
}

// ---- the naive side

fn resolve(graph: &Graph, n: usize) -> String {
    let plan = graph[n].as_ref().unwrap();
    let texts = |parameter: usize| -> Vec<String> {
        let links = plan.links().into_iter().filter(|link| link.0 == parameter);
        links.map(|(_, target)| resolve(graph, target)).collect()
    };
    let [first, second, required, many] = [texts(0), texts(1), texts(2), texts(3)];
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let one = |texts: &[String]| texts.first().cloned();
    text(n, one(&first).as_deref(), one(&second).as_deref(), one(&required).as_deref(), &many)
}

/// Whether there is a way of at least one step from one node to another, over nodes that may be passed.
fn reaches(graph: &Graph, from: usize, to: usize, may_pass: impl Fn(&Plan) -> bool) -> bool {
    let mut reached: BTreeSet<usize> = BTreeSet::new();
    let mut border = vec![from];
    while let Some(node) = border.pop() {
        let Some(plan) = graph[node].as_ref().filter(|plan| node == from || may_pass(plan)) else {
            continue;
        };
        border.extend(plan.links().into_iter().map(|link| link.1).filter(|&target| reached.insert(target)));
    }
    reached.contains(&to)
}

fn lives(graph: &Graph, n: usize, lifetime: Lifetime) -> bool {
    graph[n].as_ref().is_some_and(|plan| plan.lifetime == lifetime)
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Wrong {
    /// Who needs a parameter that is unbound, and which bindings lead nowhere.
    missing: BTreeSet<(String, String)>,
    in_cycles: BTreeSet<usize>,
    captives: BTreeSet<(usize, usize)>,
}

fn wrong(graph: &Graph) -> Wrong {
    let mut wrong = Wrong::default();
    for n in 0..NODES {
        let Some(plan) = &graph[n] else { continue };
        let link_name = |parameter: usize| link_name(n, parameter);
        if plan.required == Some(None) {
            wrong.missing.insert((names()[n].into(), link_name(2)));
        }
        for (parameter, target) in plan.links() {
            if graph[target].is_none() {
                wrong.missing.insert((link_name(parameter), names()[target].into()));
            }
        }
        if reaches(graph, n, n, |_| true) {
            wrong.in_cycles.insert(n);
        }
        let anew = |plan: &Plan| plan.lifetime == Lifetime::Transient;
        let captured = (0..NODES).filter(|&s| lives(graph, s, Lifetime::Scoped) && reaches(graph, n, s, anew));
        if plan.lifetime == Lifetime::Singleton {
            wrong.captives.extend(captured.map(|scoped| (n, scoped)));
        }
    }
    wrong
}

fn link_name(from: usize, parameter: usize) -> String {
    type_name::<dyn Link<0, 0>>().replace("<0, 0>", &format!("<{from}, {parameter}>"))
}

fn number(name: &str) -> usize {
    names().iter().position(|other| *other == name).unwrap()
}

/// The findings in the terms of the naive side. A cycle stands for all nodes that are in one with it.
fn summary(graph: &Graph, findings: &[Finding]) -> Wrong {
    let mut found = Wrong::default();
    for finding in findings {
        match finding {
            Finding::Missing { needed, chain, .. } => {
                found.missing.insert((chain.last().unwrap().to_string(), needed.to_string()));
            }
            Finding::Cycle { path, .. } => {
                assert_real_path(graph, path);
                assert_eq!(path.first(), path.last());
                let one = path.iter().find(|name| names().contains(name)).map(|name| number(name)).unwrap();
                let both_ways = |&n: &usize| reaches(graph, n, one, |_| true) && reaches(graph, one, n, |_| true);
                found.in_cycles.extend((0..NODES).filter(both_ways));
            }
            Finding::Captive { path, .. } => {
                assert_real_path(graph, path);
                found.captives.insert((number(path[0]), number(path[path.len() - 1])));
            }
            Finding::Ambiguous { .. } | Finding::Duplicate { .. } => panic!("{finding}"),
        }
    }
    found
}

/// Node, link, node, link, ...: each step is in the plan.
fn assert_real_path(graph: &Graph, path: &[&'static str]) {
    for step in path.windows(2) {
        let is_real = (0..NODES).any(|n| {
            graph[n].iter().flat_map(Plan::links).any(|(parameter, target)| {
                let link = link_name(n, parameter);
                (step[0] == names()[n] && step[1] == link) || (step[0] == link && step[1] == names()[target])
            })
        });
        assert!(is_real, "{} does not need {}", step[0], step[1]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn same_findings_or_same_values(graph in graph()) {
        let builder = builder(&graph);
        let findings = builder.validate();
        prop_assert_eq!(summary(&graph, &findings), wrong(&graph));
        let container = match builder.build() {
            Ok(container) => container,
            Err(_) => {
                prop_assert!(!findings.is_empty());
                return Ok(());
            }
        };
        let (one, two) = (container.scope(), container.scope());
        for n in (0..NODES).filter(|&n| graph[n].is_some()) {
            let in_scope = ASK[n](&container, Some(&one)).unwrap();
            prop_assert_eq!(&in_scope.0, &resolve(&graph, n));
            let is_same = |other: (String, usize)| other.1 == in_scope.1;
            let again = is_same(ASK[n](&container, Some(&one)).unwrap());
            let elsewhere = is_same(ASK[n](&container, Some(&two)).unwrap());
            let (is_singleton, is_scoped) =
                (lives(&graph, n, Lifetime::Singleton), lives(&graph, n, Lifetime::Scoped));
            prop_assert_eq!((again, elsewhere), (is_singleton || is_scoped, is_singleton));
            // Outside of a scope: the same, unless something in it lives in a scope.
            let needs_scope = is_scoped || (0..NODES).any(|s| {
                lives(&graph, s, Lifetime::Scoped) && reaches(&graph, n, s, |_| true)
            });
            let outside = ASK[n](&container, None).map(|node| node.0);
            prop_assert_eq!(outside, (!needs_scope).then(|| resolve(&graph, n)));
        }
    }
}
