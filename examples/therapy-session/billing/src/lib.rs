//! What sessions cost: each is charged once, when it is arranged.

mod domain;

mod application;

mod api;

pub use api::module;
pub use application::{Charges, SessionCharger};
