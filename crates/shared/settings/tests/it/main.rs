#![expect(clippy::unwrap_used, reason = "tests")]

mod errors;
mod layers;
mod world;
