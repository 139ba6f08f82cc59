//! The real binary, as its users run it.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bus;
mod call;
mod cli;
mod crash;
mod db;
mod home;
mod input;
mod job;
mod projections;
mod requests;
mod serve;
mod settings;
