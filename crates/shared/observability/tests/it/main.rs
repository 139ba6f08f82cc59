#![expect(clippy::unwrap_used, reason = "tests")]

mod lines;
mod metrics;
mod process;
mod traces;
