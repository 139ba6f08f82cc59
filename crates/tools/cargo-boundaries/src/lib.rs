//! Checks that the crates of a Cargo workspace respect its architecture.
//!
//! `boundaries.toml`, beside the workspace's root manifest, says which crates form a layer and what each layer may use.
//! [`check`] compares it with every dependency the members *declare*: normal, build and dev, optional,
//! target-specific, renamed or inherited. A crate is its manifest directory, whatever name a manifest gives it.
//! Sources are read without compiling: for paths through re-exports, for rules about modules, and for the places in code.
//!
//! The check fails closed. A crate in no layer, a key that does not exist, a rule that matches nothing: each is a
//! [`Finding`] and the answer is [`CheckError`], never a clean [`Report`].
//!
//! ```no_run
//! use boundaries::{Options, check};
//!
//! let today = "2026-11-21".parse().expect("a date");
//! match check(&Options { manifest_path: None, config: None, baseline: None, today, cache: true }) {
//!     Ok(report) => print!("{}", report.text()),
//!     Err(error) => eprint!("{}", error.text()),
//! }
//! ```

mod affected;
mod architecture;
mod baseline;
mod check;
pub mod cli;
mod cycles;
mod explain;
mod format;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzzing;
mod git;
mod init;
mod judge;
mod owners;
mod picture;
mod query;
mod report;
mod resolved;
mod rules;
mod self_test;
mod source;
mod sources;
mod store;
mod text;
mod workspace;

pub use check::{Growth, Options, Update, check, update_baseline};
pub use format::Format;
pub use report::{
    By, Cause, CheckError, Code, Crate, Finding, Report, Rule, Severity, State, Summary, Unseen, Violation,
};
pub use source::Site;
pub use workspace::Kind;
