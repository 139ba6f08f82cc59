//! What a run says about itself: the tracing subscriber, and the span that every message is handled in.
//!
//! Log lines go to stderr; stdout belongs to results. A request, an event and a saga step all run in a
//! [`message_span`], so that every line says which message it is about, under the same field names everywhere.
//!
//! ```
//! observability::init(observability::Options { verbosity: 1, ours: &["data_quality"], ..Default::default() })?;
//! # fn handle(cx: &kernel::Context) {
//! let span = observability::message_span("request", "data-quality", "data_quality.run_checks", cx);
//! span.in_scope(|| tracing::info!("rows = 7"));
//! # }
//! # Ok::<(), observability::InitError>(())
//! ```
#![warn(missing_docs)]

mod log;
mod span;

pub use log::{InitError, Options, init, subscriber};
pub use span::{CORRELATION_ID, KIND, MESSAGE, MODULE, SPAN_TARGET, USER, message_span};
