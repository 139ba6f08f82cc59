//! Conformance suites and harnesses that tests of every crate share. A dev-dependency, used from `tests/it` only.

mod actors;
pub mod saga;

pub use actors::{context, origin};
