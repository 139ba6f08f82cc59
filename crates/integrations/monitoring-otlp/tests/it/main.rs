#![expect(clippy::unwrap_used, reason = "tests")]

mod collector;
mod queue;
mod shop;
mod traces;
