//! Inline and durable subscribers over the log.
