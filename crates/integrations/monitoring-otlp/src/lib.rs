//! Spans of messages over OTLP/gRPC, to whatever collects traces for OpenTelemetry.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use monitoring_otlp::{Otlp, Options};
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let otlp = Otlp::start(Options { endpoint: "http://localhost:4317".into(), ..Options::default() })?;
//! let (clock, ids) = (Arc::new(kernel::SystemClock), Arc::new(kernel::SystemIds));
//! observability::export_spans(observability::Export { sink: otlp.sink(), ratio: 0.1, clock, ids })?;
//! // ... the work ...
//! otlp.stop().await; // sends what is left
//! # Ok(()) }
//! ```
//!
//! A collector that is slow or gone costs the work nothing: spans wait in a queue of fixed length, and what finds it full, or
//! cannot be delivered, is dropped and counted in `borough_spans_dropped_total`.
//!
//! The places of spans in their traces come from [`observability`], since they follow from the messages;
//! `tracing-opentelemetry` would give them ids of its own, and what goes through the log would fall apart into a trace for
//! each hop.
#![warn(missing_docs)]

mod otlp;
mod semantics;

pub use otlp::{Options, Otlp, OtlpError, is_endpoint};
