//! Modules that fit together, start, stop and are described; and every way in which they do not.
#![expect(clippy::unwrap_used, reason = "tests")]

mod asking;
mod description;
mod shop;
mod verification;
