//! Cycles of a directed graph, and the few edges without which there are none.
//!
//! The least weight of edges to cut is the least weight that points backwards in any order of the nodes: exact over all
//! orders for a component of up to [`EXACT`] nodes (Held and Karp, 1962), else an order that no move of one node betters.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Edges with what cutting one costs.
pub(crate) type Weights = BTreeMap<(usize, usize), u64>;

/// 2^16 sets of nodes, one after the other: some milliseconds.
const EXACT: usize = 16;

/// The strongly connected components with more than one node, each sorted; an edge from a node to itself is no cycle.
pub(crate) fn components(edges: &Weights) -> Vec<Vec<usize>> {
    let nodes: BTreeSet<usize> = edges.keys().flat_map(|(from, to)| [*from, *to]).collect();
    let forwards = |node: usize| edges.range((node, 0)..(node + 1, 0)).map(|((_, to), _)| *to).collect::<Vec<_>>();
    let mut users: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (from, to) in edges.keys() {
        users.entry(*to).or_default().push(*from);
    }
    let backwards = |node: usize| users.get(&node).cloned().unwrap_or_default();
    let mut left = nodes.clone();
    let mut components = Vec::new();
    for node in nodes {
        if left.contains(&node) {
            let reached = reach(node, forwards);
            let component: Vec<usize> = reach(node, backwards).intersection(&reached).copied().collect();
            for member in &component {
                left.remove(member);
            }
            if component.len() > 1 {
                components.push(component);
            }
        }
    }
    components
}

/// The edges of a component to cut: together they cost little, and no smaller part of them is enough.
pub(crate) fn cut(component: &[usize], edges: &Weights) -> BTreeSet<(usize, usize)> {
    let inside = |(from, to): &(usize, usize)| component.contains(from) && component.contains(to) && from != to;
    let edges: Weights = edges.iter().filter(|(edge, _)| inside(edge)).map(|(edge, cost)| (*edge, *cost)).collect();
    let order = order(component, &edges);
    let place: BTreeMap<usize, usize> = order.iter().enumerate().map(|(place, node)| (*node, place)).collect();
    let mut cut: Vec<(usize, usize)> = edges.keys().filter(|(from, to)| place[from] > place[to]).copied().collect();
    cut.sort_by_key(|edge| std::cmp::Reverse((edges[edge], *edge)));
    let mut kept: Weights =
        edges.iter().filter(|(edge, _)| !cut.contains(edge)).map(|(edge, cost)| (*edge, *cost)).collect();
    // The dearest first: one that closes no cycle with what is kept needs no cutting.
    cut.retain(|edge| {
        let closes = path(edge.1, edge.0, &kept).is_some();
        if !closes {
            kept.insert(*edge, edges[edge]);
        }
        closes
    });
    cut.into_iter().collect()
}

/// The shortest path, both ends included.
pub(crate) fn path(from: usize, to: usize, edges: &Weights) -> Option<Vec<usize>> {
    let mut before = BTreeMap::from([(from, from)]);
    let mut open = VecDeque::from([from]);
    while let Some(node) = open.pop_front() {
        if node == to {
            let mut path = vec![to];
            while path[path.len() - 1] != from {
                path.push(before[&path[path.len() - 1]]);
            }
            path.reverse();
            return Some(path);
        }
        for (_, next) in edges.range((node, 0)..(node + 1, 0)).map(|(edge, _)| *edge) {
            before.entry(next).or_insert_with(|| {
                open.push_back(next);
                node
            });
        }
    }
    None
}

/// An order of the nodes in which little weight points backwards.
pub(crate) fn order(nodes: &[usize], edges: &Weights) -> Vec<usize> {
    if nodes.len() <= EXACT { exact_order(nodes, edges) } else { good_order(nodes, edges) }
}

fn exact_order(nodes: &[usize], edges: &Weights) -> Vec<usize> {
    let cost = |from: usize, to: usize| edges.get(&(nodes[from], nodes[to])).copied().unwrap_or(0);
    let costs: Vec<Vec<u64>> = (0..nodes.len()).map(|a| (0..nodes.len()).map(|b| cost(a, b)).collect()).collect();
    // For each set of nodes that stand first: the least weight backwards among them, and the last of them.
    let mut best = vec![(u64::MAX, 0); 1 << nodes.len()];
    best[0] = (0, 0);
    for set in 0..best.len() {
        for last in (0..nodes.len()).filter(|node| set & (1 << node) == 0) {
            let backwards: u64 = (0..nodes.len()).filter(|node| set & (1 << node) != 0).map(|to| costs[last][to]).sum();
            let candidate = (best[set].0 + backwards, last);
            let next = &mut best[set | (1 << last)];
            *next = candidate.min(*next);
        }
    }
    let mut set = best.len() - 1;
    let mut order = Vec::new();
    while set != 0 {
        let last = best[set].1;
        order.push(nodes[last]);
        set &= !(1 << last);
    }
    order.reverse();
    order
}

fn good_order(nodes: &[usize], edges: &Weights) -> Vec<usize> {
    let cost = |from: usize, to: usize| i128::from(edges.get(&(from, to)).copied().unwrap_or(0));
    let surplus = |node: usize| nodes.iter().map(|other| cost(*other, node) - cost(node, *other)).sum::<i128>();
    let mut order = nodes.to_vec();
    order.sort_by_key(|node| (surplus(*node), *node));
    loop {
        let mut better = false;
        for index in 0..order.len() {
            let node = order[index];
            // The change of weight when the node stands at another place, summed up outwards from its own.
            let step = |other: &usize| cost(node, *other) - cost(*other, node);
            let after = order[index + 1..].iter().map(step).scan(0, |sum, step| {
                *sum += step;
                Some(*sum)
            });
            let before = order[..index].iter().rev().map(step).scan(0, |sum, step| {
                *sum -= step;
                Some(*sum)
            });
            let moves = after.zip(index + 1..).chain(before.zip((0..index).rev()));
            // Only a gain moves a node, so the loop ends.
            if let Some((_, place)) = moves.min().filter(|(change, _)| *change < 0) {
                order.remove(index);
                order.insert(place, node);
                better = true;
            }
        }
        if !better {
            return order;
        }
    }
}

fn reach(start: usize, next: impl Fn(usize) -> Vec<usize>) -> BTreeSet<usize> {
    let mut seen = BTreeSet::from([start]);
    let mut open = vec![start];
    while let Some(node) = open.pop() {
        open.extend(next(node).into_iter().filter(|next| seen.insert(*next)));
    }
    seen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn weights(edges: &[(usize, usize)]) -> Weights {
        edges.iter().map(|edge| (*edge, 1)).collect()
    }

    #[test]
    fn components_are_the_cycles() {
        let edges = weights(&[(0, 1), (1, 2), (2, 0), (2, 3), (3, 4), (4, 3), (5, 5), (5, 0)]);
        assert_eq!(components(&edges), [vec![0, 1, 2], vec![3, 4]]);
    }

    #[test]
    fn the_cheapest_edges_are_cut() {
        let mut edges = weights(&[(0, 1), (1, 0), (0, 2), (2, 0), (1, 2)]);
        edges.insert((0, 1), 9);
        edges.insert((0, 2), 9);
        assert_eq!(cut(&[0, 1, 2], &edges), BTreeSet::from([(1, 0), (2, 0)]));
    }

    proptest! {
        #[test]
        fn a_cut_is_enough_and_no_edge_of_it_too_much(
            edges in proptest::collection::btree_map((0_usize..24, 0_usize..24), 1_u64..4, 0..120),
        ) {
            for component in components(&edges) {
                let cut = cut(&component, &edges);
                let inside = |(from, to): &(usize, usize)| component.contains(from) && component.contains(to);
                let mut kept = edges.clone();
                kept.retain(|edge, _| inside(edge) && !cut.contains(edge));
                prop_assert!(components(&kept).is_empty());
                for edge in cut {
                    let mut more = kept.clone();
                    more.insert(edge, 1);
                    prop_assert!(!components(&more).is_empty());
                }
            }
        }

        #[test]
        fn an_order_of_few_is_the_best_one(
            edges in proptest::collection::btree_map((0_usize..5, 0_usize..5), 1_u64..4, 0..20),
        ) {
            let backwards = |order: &[usize]| -> u64 {
                let place = |node: &usize| order.iter().position(|other| other == node);
                edges.iter().filter(|((from, to), _)| place(from) > place(to)).map(|(_, cost)| cost).sum()
            };
            let nodes = [0, 1, 2, 3, 4];
            let best = backwards(&exact_order(&nodes, &edges));
            let mut all = vec![Vec::new()];
            for _ in nodes {
                all = all.into_iter().flat_map(|start: Vec<usize>| {
                    let rest = nodes.into_iter().filter(|node| !start.contains(node)).collect::<Vec<_>>();
                    rest.into_iter().map(move |node| [start.clone(), vec![node]].concat())
                }).collect();
            }
            prop_assert_eq!(all.iter().map(|order| backwards(order)).min(), Some(best));
            prop_assert!(backwards(&good_order(&nodes, &edges)) >= best);
        }
    }
}
