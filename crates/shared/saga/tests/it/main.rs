//! What users of sagas rely on, on the in-memory store and paused time.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bank;
mod mutants;
mod trouble;
