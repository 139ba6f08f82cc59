//! All of the bus at once, in the simulation: some seeds of each scenario. `cargo xtask simulate` runs more of them.

use std::collections::BTreeSet;

use testing::simulation::{FAULTS, Outcome, SCENARIOS, simulate};

/// Of each scenario and number of nodes.
const SEEDS: u64 = 25;

#[test]
fn the_rules_hold_whatever_fails_and_every_kind_of_fault_comes_about() {
    for scenario in &SCENARIOS {
        let mut seen = BTreeSet::new();
        for (nodes, seed) in [1, 3].into_iter().flat_map(|nodes| (0..SEEDS).map(move |seed| (nodes, seed))) {
            let Outcome { faults, failures, .. } = simulate(scenario, seed, nodes);
            let replay = format!("cargo xtask simulate {} --nodes {nodes} --seed {seed:#x} --trace", scenario.name);
            assert_eq!(failures, [""; 0], "replay it: {replay}");
            seen.extend(faults.into_keys());
        }
        assert_eq!(seen, BTreeSet::from(FAULTS), "of `{}`", scenario.name);
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
