//! The answers to requests: training a model on a referenced dataset, and discarding one.

mod discarder;
mod trainer;

pub use discarder::Discarder;
pub use trainer::Trainer;
