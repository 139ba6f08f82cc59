//! The composition root and the `borough` binary: which modules run on what, what can be typed, and how results are shown.
//! No business logic. The only crate that names adapters and domains together; other modules can take the place of the domains.

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

pub use composition::Product;
pub use start::main;
