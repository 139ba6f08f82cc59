//! The composition root and the `borough` binary: which modules run on what, what can be typed, and how results are shown.
//! No business logic. The only crate that names adapters and domains together.

mod cli;
mod composition;
mod control;
mod exit;
mod monitoring;
mod origins;
mod progress;
mod report;
mod sidecar;
mod start;
mod verbs;

pub use start::main;
