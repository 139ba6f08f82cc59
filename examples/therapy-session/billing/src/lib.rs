//! What sessions cost: each is charged once, when it is arranged, and not at all when it is called off.

mod domain;

mod application;

mod api;

pub use api::module;
pub use application::{ChargeCanceller, Charges, SessionCharger};
