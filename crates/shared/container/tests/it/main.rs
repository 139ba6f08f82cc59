#![expect(clippy::unwrap_used, reason = "tests")]

mod errors;
mod findings;
mod lifetimes;
mod random_graphs;
