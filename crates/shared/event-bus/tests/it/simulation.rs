//! All of the bus at once, and projections beside it, in the simulation: some seeds of each scenario. `cargo xtask simulate` runs more of them.

use std::collections::BTreeSet;

use testing::simulation::{Outcome, SCENARIOS, Scenario, simulate};

/// On one node and on three, each.
const SEEDS: u64 = 25;

/// Every rule holds in every seed, and every kind of fault comes about in one of them.
fn holds(name: &str) {
    let scenario = Scenario::named(name).unwrap();
    let mut seen = BTreeSet::new();
    for (nodes, seed) in [1, 3].into_iter().flat_map(|nodes| (0..SEEDS).map(move |seed| (nodes, seed))) {
        let Outcome { faults, failures, .. } = simulate(scenario, seed, nodes);
        assert_eq!(failures, [""; 0], "cargo xtask simulate {name} --nodes {nodes} --seed {seed:#x} --trace");
        seen.extend(faults.into_keys());
    }
    assert_eq!(seen, BTreeSet::from_iter(scenario.faults(3)));
}

#[test]
fn orders_hold() {
    holds("orders");
}

#[test]
fn storms_hold() {
    holds("storms");
}

#[test]
fn clockwork_holds() {
    holds("clockwork");
}

#[test]
fn projections_hold() {
    holds("projections");
}

/// Seeds that have found something, and nothing may find again: a checkpoint that stayed behind what had no effect; a subscriber
/// that was removed, with nobody left who waited for that, and asked for orders without end while it waited for its commit.
#[test]
fn what_seeds_have_found_stays_mended() {
    for (name, nodes, seed) in [("storms", 1, 0x31), ("storms", 3, 10)] {
        let outcome = simulate(Scenario::named(name).unwrap(), seed, nodes);
        assert_eq!(outcome.failures, [""; 0], "{name} {nodes} {seed:#x}");
    }
}

#[test]
fn a_seed_is_a_run() {
    for scenario in &SCENARIOS {
        let [first, second, other] = [3, 3, 4].map(|seed| simulate(scenario, seed, 2));
        let difference = first.trace.iter().zip(&second.trace).find(|(first, second)| first != second);
        assert_eq!(difference, None, "`{}`", scenario.name);
        assert_eq!(first, second);
        assert_ne!(first.hash, other.hash);
    }
}
