//! The kit itself: an expectation that must fail does, and says why.

mod aggregates;
mod failing;
mod faults;
mod scenario;
mod shop;
