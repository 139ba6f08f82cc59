//! Requests: one trait, one table, one pipeline.
