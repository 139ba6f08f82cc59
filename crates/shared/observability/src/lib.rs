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

mod bounded;
mod fields;
mod log;
mod metric;
mod plain;
mod span;
mod trace;
mod visible;

pub use bounded::{Bounded, Bounds, Catalogue, LABELS, MetricInfo, MetricKind};
pub use fields::{Field, FieldValue};
pub use log::{InitError, Options, init, subscriber};
pub use metric::{Label, Metric};
pub use metrics::{Counter, Gauge, Histogram, Unit};
pub use span::{
    CAUSATION_ID, CORRELATION_ID, ERROR, EVENT, KIND, MESSAGE, MODULE, ORIGIN, ORIGIN_ID, ORIGIN_OF, ORIGIN_TARGET,
    REQUEST, RUN, SAGA, SAGA_STEP, SPAN_TARGET, STEP, SUBSCRIBER, TRACEPARENT, USER, delivery_span, failed,
    message_span, originated, saga_span, step_span,
};
pub use trace::{EndedSpan, Export, ExportError, SpanLine, SpanSink, export_spans, traceparent};
pub use visible::without_commands;
