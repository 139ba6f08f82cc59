//! Requests: one trait for services, one table, one pipeline.
//!
//! A [`Service`] adds its writes to the [`Unit`](event_sourcing::Unit) that the pipeline opened for it; the pipeline commits
//! it, together with the answer when the command came with an [`IdempotencyKey`]. A request that is asked from within
//! another one has a unit of its own: all-or-nothing over several modules is a saga.
//!
//! The stages, in the order in which `pipeline.rs` runs them: span, access, validation, deadline, idempotency (commands),
//! service, commit.

mod idempotency;
mod pipeline;
mod service;
mod table;

pub use idempotency::IdempotencyKey;
pub use pipeline::{Requests, STAGES};
pub use service::Service;
pub use table::{RequestInfo, ServiceTable};
