//! What two JSON Schemas of one message differ in, and whom it breaks.
//!
//! A schema is first brought into a form in which it can be compared: a list of [`Alternative`]s, each of one type, references
//! resolved. Alternatives of both sides are matched by what tells them apart, and compared keyword by keyword. A keyword that is
//! not known here, and alternatives that nothing tells apart, are [`Unknown`]: nothing is passed over in silence.

mod alternative;
mod change;
mod comparison;
mod restriction;

use alternative::{Alternative, Kind};
pub use change::{Change, Effect, Side, What};
pub use comparison::changes;

/// A part of a schema that cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{pointer}`: {what}")]
pub struct Unknown {
    /// JSON pointer into the data, as in [`Change::pointer`].
    pub pointer: String,
    /// What is not known, as a fragment.
    pub what: String,
}
