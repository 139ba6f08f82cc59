//! Who the patients and therapists are.
//!
//! The contracts stand in `therapy-contracts`; what answers them here reads [`UserRecords`], a port: of the practice's own
//! directory, of a clinic's, or [`MemoryRecords`].

mod application;

mod infrastructure;

mod api;

pub use api::module;
pub use application::{UserRecords, Users};
pub use infrastructure::MemoryRecords;
