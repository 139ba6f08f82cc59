//! Holds the messages that the contracts crates declare against the JSON Schemas that are committed.
//!
//! A message is a [`kernel::Contract`], a file in `docs/contracts` is what was promised of it. [`check`] compares the two, from
//! the end at which this program stands: what others write must still be read, what is written must still be understood.
//! Whatever breaks somebody is a [`Finding`] with the way out; what cannot be compared is a [`CheckError`], never a clean
//! [`Report`].

mod check;
pub mod cli;
mod declared;
mod document;
mod report;
mod schema;

pub use check::{Options, check};
pub use declared::declared;
pub use report::{CheckError, Finding, Obstacle, Outdated, Report, Rule, Summary};
pub use schema::{Change, Effect, Side, Unknown, What, changes};
