//! Conformance suites and harnesses that tests of every crate share. A dev-dependency, used from `tests/it` only.
#![warn(missing_docs)]

mod actors;
mod blobs;
pub mod bus;
mod letters;
mod patience;
mod publishing;
pub mod requests;
mod rules;
pub mod saga;
pub mod store;
mod time;

pub use actors::{context, origin, published};
pub use blobs::blobs_conformance;
pub use bus::bus_conformance;
pub use letters::dead_letters_conformance;
pub use patience::{polled, soon};
pub use publishing::publisher_conformance;
pub use rules::event_rules_conformance;
pub use store::store_conformance;
pub use time::time_conformance;
