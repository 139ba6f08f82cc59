//! The pipeline saga on the in-memory store, with the neighbours played by services of the same contracts.
#![expect(clippy::unwrap_used, reason = "tests")]

mod neighbours;
mod pipeline;
mod registry;
