//! What callers and services rely on, stage by stage.
#![expect(clippy::unwrap_used, reason = "tests")]

mod audit;
mod by_name;
mod cached;
mod chain;
mod compliance;
mod form;
mod guard;
mod keys;
mod refused;
mod shop;
mod stages;
mod tower;
mod trouble;
