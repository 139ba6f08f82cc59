#![expect(clippy::unwrap_used, reason = "tests")]

mod lines;
mod process;
