//! Conformance suites and harnesses that tests of every crate share. A dev-dependency, used from `tests/it` only.
//!
//! A module, some of them or all are tested by a [`Scenario`]: what is asked, published, or how much time passes, and what is
//! expected of that. [`faults`] spoil what the tested code stands on, by a plan that repeats; a [`simulation`] does so to all of it
//! at once. The suites are for those who
//! implement a port.
#![warn(missing_docs)]

mod actors;
mod aggregates;
mod blobs;
pub mod bus;
mod effort;
pub mod faults;
mod letters;
mod patience;
pub mod projections;
mod published;
mod publishing;
pub mod requests;
mod rules;
pub mod saga;
mod scenario;
pub mod simulation;
pub mod store;
mod time;

pub use actors::{context, origin};
pub use aggregates::{Given, When, aggregate_conformance, given, snapshots_equal_replay};
pub use blobs::blobs_conformance;
pub use bus::bus_conformance;
pub use effort::{effort, endurance};
pub use letters::dead_letters_conformance;
pub use patience::{polled, soon};
pub use projections::projections_conformance;
pub use published::Published;
pub use publishing::publisher_conformance;
pub use rules::event_rules_conformance;
pub use scenario::{Scenario, Setup};
pub use store::store_conformance;
pub use time::time_conformance;
