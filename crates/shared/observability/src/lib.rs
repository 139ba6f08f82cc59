//! Tracing set-up and the span of a message.
