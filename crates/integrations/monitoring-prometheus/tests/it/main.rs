#![expect(clippy::unwrap_used, reason = "tests")]

mod catalogue;
mod endpoint;
mod exposition;
mod product;
mod scraped;
mod tools;
