//! All of the bus at once, and projections beside it, in the simulation: some seeds of each scenario. `cargo xtask simulate` runs more of them.

use std::collections::BTreeSet;

use testing::simulation::{CrashPoint, Outcome, SCENARIOS, Scenario, simulate};

/// On one node and on three, each.
const SEEDS: u64 = 25;
/// Of the commits of a run, at which the machine stops.
const SAMPLE: u64 = 8;

/// Every rule holds in every seed, and every kind of fault comes about in one of them.
fn holds(name: &str) {
    let scenario = Scenario::named(name).unwrap();
    let mut seen = BTreeSet::new();
    for (nodes, seed) in [1, 3].into_iter().flat_map(|nodes| (0..SEEDS).map(move |seed| (nodes, seed))) {
        let Outcome { faults, failures, .. } = simulate(scenario, seed, nodes, None);
        assert_eq!(failures, [""; 0], "cargo xtask simulate {name} --nodes {nodes} --seed {seed:#x} --trace");
        seen.extend(faults.into_keys());
    }
    assert_eq!(seen, BTreeSet::from_iter(scenario.faults(3)));
}

/// On three nodes by leases.
/// Rule 3 of docs/durability.md.
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

/// Rule 7 of docs/durability.md.
#[test]
fn projections_hold() {
    holds("projections");
}

/// The machine stops at each commit of a run, before it is written and after it: all of them with more than the usual effort,
/// some otherwise.
fn holds_at_every_commit(name: &str) {
    let scenario = Scenario::named(name).unwrap();
    for (nodes, seed) in [(1, 11), (3, 12)] {
        let commits = simulate(scenario, seed, nodes, None).commits;
        let step = if testing::effort() > 1 { 1 } else { (commits / SAMPLE).max(1) };
        for commit in (1 + seed % step..=commits).step_by(step as usize) {
            for (is_written, when) in [(false, "before"), (true, "after")] {
                let crash = CrashPoint { commit, is_written };
                let Outcome { failures, commits: reached, .. } = simulate(scenario, seed, nodes, Some(crash));
                let replay = format!("simulate {name} --nodes {nodes} --seed {seed} --crash-{when} {commit} --trace");
                assert_eq!(failures, [""; 0], "cargo xtask {replay}");
                assert!(reached >= commit, "the run is the same up to there: {replay}");
            }
        }
    }
}

#[test]
fn orders_hold_at_every_commit() {
    holds_at_every_commit("orders");
}

#[test]
fn storms_hold_at_every_commit() {
    holds_at_every_commit("storms");
}

#[test]
fn clockwork_holds_at_every_commit() {
    holds_at_every_commit("clockwork");
}

#[test]
fn projections_hold_at_every_commit() {
    holds_at_every_commit("projections");
}

/// Seeds that have found something, and nothing may find again: a checkpoint that stayed behind what had no effect; a subscriber
/// that was removed, with nobody left who waited for that, and asked for orders without end while it waited for its commit; an event without an effect that came
/// again after a crash, behind a later one of its key that was parked meanwhile.
#[test]
fn what_seeds_have_found_stays_mended() {
    let crash = CrashPoint { commit: 221, is_written: true };
    for (name, nodes, seed, crash) in
        [("storms", 1, 0x31, None), ("storms", 3, 10, None), ("storms", 1, 0, Some(crash))]
    {
        let outcome = simulate(Scenario::named(name).unwrap(), seed, nodes, crash);
        assert_eq!(outcome.failures, [""; 0], "{name} {nodes} {seed:#x} {crash:?}");
    }
}

#[test]
fn a_seed_is_a_run() {
    for scenario in &SCENARIOS {
        let [first, second, other] = [3, 3, 4].map(|seed| simulate(scenario, seed, 2, None));
        let difference = first.trace.iter().zip(&second.trace).find(|(first, second)| first != second);
        assert_eq!(difference, None, "`{}`", scenario.name);
        assert_eq!(first, second);
        assert_ne!(first.hash, other.hash);
    }
}
