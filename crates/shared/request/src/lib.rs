//! Requests: one trait for services, one registry, one pipeline.
//!
//! A [`Service`] adds its writes to the [`Unit`](event_sourcing::Unit) that the pipeline opened for it; the pipeline commits
//! it, together with the audit record, and with the answer when the command came with an [`IdempotencyKey`]. A request that
//! is asked from within another one has a unit of its own: all-or-nothing over several modules is a saga.
//!
//! Before each service stand a bulkhead and a breaker of its own, by the request's name, as [`Limits`] say.
//!
//! [`Stage::ALL`] are the stages in the order in which `pipeline.rs` runs them.
#![warn(missing_docs)]

mod audit;
mod blocking;
mod cache;
mod client;
mod compliance;
mod erased;
mod form;
mod idempotency;
mod limits;
mod meters;
mod passage;
mod pipeline;
mod service;
mod stage;
mod state;
mod table;
mod tower;

pub use audit::{AUDIT_STREAM, CommandRecorded, Outcome, contracts};
pub use cache::Cached;
pub use client::Client;
pub use compliance::{Regulation, Requirement, Verdict};
pub use idempotency::{IdempotencyKey, collections};
pub use limits::Limits;
pub use pipeline::Requests;
pub use service::{Service, ServiceInfo};
pub use stage::Stage;
pub use state::{ModuleState, ModuleStates, Trouble};
pub use table::{RequestInfo, ServiceTable};
pub use tower::{Call, Port, Tower};
