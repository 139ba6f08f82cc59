//! Tracing set-up and the span of a message.

mod span;

pub use span::message_span;
