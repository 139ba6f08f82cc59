//! Modules that fit together, start, stop and are described; and every way in which they do not.
#![expect(clippy::unwrap_used, reason = "tests")]

mod announcing;
mod asking;
mod description;
mod grants;
mod health;
mod jobs;
mod later_versions;
mod lifecycle;
mod order;
mod projecting;
mod publishing;
mod retrying;
mod selection;
mod settings_of_its_own;
mod shop;
mod slots;
mod subscribing;
mod town;
mod verification;
