//! Random graphs against a resolver that knows no order, no wires and no caches: it reads the description and makes the
//! same value by plain recursion, or says what is wrong by asking about all paths.

use std::{
    any::type_name,
    collections::BTreeSet,
    future::ready,
    sync::{Arc, atomic::AtomicUsize, atomic::Ordering},
};

use container::{Builder, Container, Finding, GetError, Reason, Scope, Step};
use futures::FutureExt;
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Fallible { fails: bool },
    Async { fails: bool },
}

/// What the four parameters of a node are bound to; a target may have no plan itself.
#[derive(Debug, Clone)]
struct Plan {
    lifetime: Lifetime,
    kind: Kind,
    is_root: bool,
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
    let kind = prop_oneof![
        6 => Just(Kind::Plain),
        2 => prop::bool::weighted(0.2).prop_map(|fails| Kind::Fallible { fails }),
        2 => prop::bool::weighted(0.2).prop_map(|fails| Kind::Async { fails }),
    ];
    let is_root = prop::bool::weighted(0.2);
    (lifetime, kind, is_root, target(), target(), required, collection::btree_set(0..NODES, 0..2)).prop_map(
        |(lifetime, kind, is_root, first, second, required, many)| Plan {
            lifetime,
            kind,
            is_root,
            optional: [first, second],
            required,
            many,
        },
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
    type Required<const N: usize> = Arc<dyn Link<N, 2>>;
    type Many<const N: usize> = Vec<Arc<dyn Link<N, 3>>>;
    fn make<const N: usize>(a: First<N>, b: Second<N>, c: Option<&str>, many: Many<N>) -> Node<N> {
        let many: Vec<&str> = many.iter().map(|link| link.text()).collect();
        node(a.as_ref().map(|link| link.text()), b.as_ref().map(|link| link.text()), c, &many)
    }
    macro_rules! register {
        ($plain:ident, $fallible:ident, $asynchronous:ident) => {
            match (plan.kind, plan.required.is_some()) {
                (Kind::Plain, false) => b.$plain(|a: First<N>, b: Second<N>, m: Many<N>| make::<N>(a, b, None, m)),
                (Kind::Plain, true) => {
                    b.$plain(|a: First<N>, b: Second<N>, c: Required<N>, m: Many<N>| make::<N>(a, b, Some(c.text()), m))
                }
                (Kind::Fallible { fails }, false) => {
                    b.$fallible(move |a: First<N>, b: Second<N>, m: Many<N>| or_fail(fails, make::<N>(a, b, None, m)))
                }
                (Kind::Fallible { fails }, true) => {
                    b.$fallible(move |a: First<N>, b: Second<N>, c: Required<N>, m: Many<N>| {
                        or_fail(fails, make::<N>(a, b, Some(c.text()), m))
                    })
                }
                (Kind::Async { fails }, false) => b.$asynchronous(move |a: First<N>, b: Second<N>, m: Many<N>| {
                    ready(or_fail(fails, make::<N>(a, b, None, m)))
                }),
                (Kind::Async { fails }, true) => {
                    b.$asynchronous(move |a: First<N>, b: Second<N>, c: Required<N>, m: Many<N>| {
                        ready(or_fail(fails, make::<N>(a, b, Some(c.text()), m)))
                    })
                }
            }
        };
    }
    match plan.lifetime {
        Lifetime::Singleton => register!(singleton, try_singleton, singleton_async),
        Lifetime::Scoped => register!(scoped, try_scoped, scoped_async),
        Lifetime::Transient => register!(transient, try_transient, transient_async),
    };
    if plan.is_root {
        b.root::<Node<N>>();
    }
}

fn or_fail<const N: usize>(fails: bool, node: Node<N>) -> Result<Node<N>, &'static str> {
    if fails { Err("fails") } else { Ok(node) }
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

/// The text and the serial number of a node, or why it cannot be had.
type Answer = Result<(String, usize), Trouble>;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Trouble {
    NeedsScope,
    NotAwaited(usize),
    Failed(usize),
}

#[derive(Clone, Copy)]
enum How {
    Sync,
    Async,
}

fn ask<const N: usize>(container: &Container, scope: Option<&Scope>, how: How) -> Answer {
    // All the factories are ready at once.
    let node = match (scope, how) {
        (Some(scope), How::Sync) => scope.try_get::<Node<N>>(),
        (None, How::Sync) => container.try_get::<Node<N>>(),
        (Some(scope), How::Async) => scope.get_async::<Node<N>>().now_or_never().unwrap(),
        (None, How::Async) => container.get_async::<Node<N>>().now_or_never().unwrap(),
    };
    match node {
        Ok(node) => Ok((node.text.clone(), node.serial)),
        Err(GetError::NeedsScope { .. }) => Err(Trouble::NeedsScope),
        Err(GetError::Failed(failure)) => {
            let chain: Vec<Step> = failure.chain().collect();
            assert_eq!(chain[0].name, names()[N]);
            let at_fault = number(chain[chain.len() - 1].name);
            Err(match failure.reason() {
                Reason::Error(_) => Trouble::Failed(at_fault),
                Reason::NotAwaited => Trouble::NotAwaited(at_fault),
                Reason::Panic(message) => panic!("{message}"),
            })
        }
        Err(other) => panic!("{other}"),
    }
}

type Ask = fn(&Container, Option<&Scope>, How) -> Answer;
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

/// From nothing: no value is there yet.
fn resolve(graph: &Graph, n: usize, how: How) -> Result<String, Trouble> {
    let plan = graph[n].as_ref().unwrap();
    if let (Kind::Async { .. }, How::Sync) = (plan.kind, how) {
        return Err(Trouble::NotAwaited(n));
    }
    let texts = |parameter: usize| -> Result<Vec<String>, Trouble> {
        let links = plan.links().into_iter().filter(|link| link.0 == parameter);
        links.map(|(_, target)| resolve(graph, target, how)).collect()
    };
    let [first, second, required, many] = [texts(0)?, texts(1)?, texts(2)?, texts(3)?];
    if matches!(plan.kind, Kind::Fallible { fails: true } | Kind::Async { fails: true }) {
        return Err(Trouble::Failed(n));
    }
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let one = |texts: &[String]| texts.first().cloned();
    Ok(text(n, one(&first).as_deref(), one(&second).as_deref(), one(&required).as_deref(), &many))
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
    unused: BTreeSet<usize>,
}

fn wrong(graph: &Graph) -> Wrong {
    let mut wrong = Wrong::default();
    let is_root = |n: usize| graph[n].as_ref().is_some_and(|plan| plan.is_root);
    if (0..NODES).any(is_root) {
        let used = |n: usize| is_root(n) || (0..NODES).any(|root| is_root(root) && reaches(graph, root, n, |_| true));
        wrong.unused = (0..NODES).filter(|&n| graph[n].is_some() && !used(n)).collect();
    }
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
                found.missing.insert((chain.last().unwrap().name.to_string(), needed.to_string()));
            }
            Finding::Cycle { path } => {
                assert_real_path(graph, path);
                assert_eq!(path.first(), path.last());
                let one = path.iter().find(|step| names().contains(&step.name)).map(|step| number(step.name)).unwrap();
                let both_ways = |&n: &usize| reaches(graph, n, one, |_| true) && reaches(graph, one, n, |_| true);
                found.in_cycles.extend((0..NODES).filter(both_ways));
            }
            Finding::Captive { path } => {
                assert_real_path(graph, path);
                found.captives.insert((number(path[0].name), number(path[path.len() - 1].name)));
            }
            // Of the links to one of these only the node is in the naive side's terms.
            Finding::Unused { registered } => {
                found.unused.extend(names().iter().position(|name| *name == registered.name));
            }
            other => panic!("{other}"),
        }
    }
    found
}

/// Node, link, node, link, ...: each step is in the plan.
fn assert_real_path(graph: &Graph, path: &[Step]) {
    for step in path.windows(2) {
        let step = [step[0].name, step[1].name];
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
                prop_assert!(findings.iter().any(|finding| !finding.is_warning()));
                return Ok(());
            }
        };
        let nodes = || (0..NODES).filter(|&n| graph[n].is_some());
        let needs_scope = |n| lives(&graph, n, Lifetime::Scoped) || (0..NODES).any(|s| {
            lives(&graph, s, Lifetime::Scoped) && reaches(&graph, n, s, |_| true)
        });
        // Before anything is there: outside of a scope, in one, and then awaited.
        for n in nodes() {
            let fresh = self::builder(&graph).build().unwrap();
            let expected = |how| resolve(&graph, n, how);
            let outside = |how| if needs_scope(n) { Err(Trouble::NeedsScope) } else { expected(how) };
            for how in [How::Sync, How::Async] {
                let text = |answer: Answer| answer.map(|node| node.0);
                prop_assert_eq!(text(ASK[n](&fresh, None, how)), outside(how));
                prop_assert_eq!(text(ASK[n](&fresh, Some(&fresh.scope()), how)), expected(how));
            }
        }
        // How many there are, of those that work.
        let (one, two) = (container.scope(), container.scope());
        for n in nodes().filter(|&n| resolve(&graph, n, How::Async).is_ok()) {
            let serial = |scope| ASK[n](&container, Some(scope), How::Async).unwrap().1;
            let first = serial(&one);
            let (is_singleton, is_scoped) =
                (lives(&graph, n, Lifetime::Singleton), lives(&graph, n, Lifetime::Scoped));
            let same = (serial(&one) == first, serial(&two) == first);
            prop_assert_eq!(same, (is_singleton || is_scoped, is_singleton));
            // What is kept is there for those who do not await, too.
            let kept = ASK[n](&container, Some(&one), How::Sync).is_ok_and(|node| node.1 == first);
            prop_assert_eq!(kept, is_singleton || is_scoped);
        }
    }
}
