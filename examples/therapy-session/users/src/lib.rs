//! Who the patients and therapists are, and what changes about them.
//!
//! The contracts stand in `therapy-contracts`; what answers them here reads [`UserRecords`], a port: of the practice's own
//! directory, of a clinic's, or [`MemoryRecords`]. What the practice changes is kept in the store, beside its event.

mod domain;

mod application;

mod infrastructure;

mod api;

pub use api::module;
pub use application::{UserRecords, Users};
pub use infrastructure::MemoryRecords;
