//! Deterministic simulation: the real bus, publishers, timekeeper and projections over the store in memory, in one process and on
//! one thread, with faults that a seed decides.
//!
//! Time is the runtime's paused time, the clock and the ids are injected, the store is asked through a single writer that is as
//! slow as the seed has it, and nothing that is observed depends on the order of a hash map, on a thread or on the machine. So a
//! seed is a run: it gives the same trace, to the letter, in every process.
//!
//! While a run goes on, each commit is held to the rules of durability ([`Scenario`] says of which subscribers): what is
//! completed, what is parked, where checkpoints stand, whose a slot is, what readers of a projection see. At its end faults
//! cease, everything is started again and comes to rest; then what is in the store must be what a fold over the log gives.
//!
//! `cargo xtask simulate` runs it; see `docs/testing.md`.

mod chart;
mod clocks;
mod director;
mod leases;
mod node;
mod oracle;
mod rules;
mod scenarios;
mod store;
mod subscribers;
mod trace;
mod views;
mod world;

use std::{
    collections::BTreeMap,
    panic::{self, AssertUnwindSafe},
    time::Duration,
};

use kernel::panic_text;
use tokio::time::timeout;

pub use self::scenarios::{SCENARIOS, Scenario};
use self::{director::Director, world::World};

/// How many nodes there are at most.
pub const NODES: usize = node::PUBLISHERS.len();

/// Longer than any run takes, by the time that is simulated.
const PATIENCE: Duration = Duration::from_secs(1800);

/// A commit at which the machine stops; where nodes share subscribers by leases, only that of the node whose commit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrashPoint {
    /// Which one, from 1, of those of [`Outcome::commits`].
    pub commit: u64,
    /// Whether it is written; nobody hears of that.
    pub is_written: bool,
}

/// What came of one seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Of the trace: two runs with one hash did the same.
    pub hash: u64,
    /// Calls of the store and of handlers, and what was done to the nodes.
    pub operations: u64,
    /// Units that came to the store's writer before faults ceased, those after a [`CrashPoint`] not counted.
    pub commits: u64,
    /// How many of each kind were injected, of those there were.
    pub faults: BTreeMap<&'static str, u64>,
    /// The rules that did not hold, each with what shows it. Empty where all is well.
    pub failures: Vec<String>,
    /// What happened, a line each.
    pub trace: Vec<String>,
}

/// Runs one seed of a scenario on so many nodes, 1 or more, over one store. With a crash point it is the same run up to there.
///
/// # Panics
/// Of other numbers of nodes than 1 to [`NODES`]; within another runtime.
pub fn simulate(scenario: &'static Scenario, seed: u64, nodes: usize, crash: Option<CrashPoint>) -> Outcome {
    assert!((1..=NODES).contains(&nodes), "a simulation has 1 to {NODES} nodes, not {nodes}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without threads and I/O needs nothing of the machine");
    // The clock is asked for the runtime's time.
    let guard = runtime.enter();
    let world = World::new(scenario, seed, nodes, crash);
    drop(guard);
    let run = || {
        runtime.block_on(async {
            if timeout(PATIENCE, Director::new(&world).run()).await.is_err() {
                world.failed(format!("rule 13: the run has not ended after {PATIENCE:?}"));
            }
        });
    };
    if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(run)) {
        world.failed(format!("the simulation itself panicked: {}", panic_text(panic)));
    }
    world.outcome()
}
