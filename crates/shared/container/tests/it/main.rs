#![expect(clippy::unwrap_used, reason = "tests")]

mod allocations;
mod asynchronous;
mod blueprint;
mod errors;
mod findings;
mod lifecycle;
mod lifetimes;
mod overrides;
mod random_graphs;
mod refused;
mod tallies;
mod text;
