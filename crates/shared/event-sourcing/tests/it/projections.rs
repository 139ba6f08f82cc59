//! What projections promise, over the store in memory.

use testing::faults::each_seed;

use crate::Memory;

#[tokio::test(start_paused = true)]
async fn projections_conform() {
    testing::projections_conformance(async || Memory::default()).await;
}

/// Histories drawn from a seed; all that can be in them was in one of them.
#[tokio::test(start_paused = true)]
async fn whatever_happens_it_is_what_follows_from_the_log() {
    let all = std::cell::Cell::new([0; 4]);
    each_seed(150, async |seed| {
        let done = testing::projections::projection_history(seed).await;
        all.set(std::array::from_fn(|i| all.get()[i] + done[i]));
    })
    .await;
    let is_replay = std::env::var_os("BOROUGH_SEED").is_some();
    assert!(
        is_replay || all.get().iter().all(|count| *count > 100),
        "events, restarts, rebuilds, faults: {:?}",
        all.get()
    );
}

/// Rule 7: no side-effect port fits into the handler's type, nobody else writes its documents, and it writes no others.
/// Rule 7 of docs/durability.md.
#[test]
fn what_a_projection_cannot_be_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}

/// Whoever reads while it is followed, rebuilt and upgraded on three nodes, with faults. More seeds of it run with the bus's tests.
#[test]
fn readers_see_what_the_log_says_at_every_moment() {
    let scenario = testing::simulation::Scenario::named("projections").unwrap();
    for seed in 0..12 {
        let failures = testing::simulation::simulate(scenario, seed, 3).failures;
        assert_eq!(failures, [""; 0], "cargo xtask simulate projections --nodes 3 --seed {seed:#x} --trace");
    }
}
