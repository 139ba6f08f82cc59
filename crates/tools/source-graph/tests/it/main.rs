//! Small crates, read from end to end; the registry's crates against a full parse.

mod comparison;
mod differential;
mod files;
mod fixture;
mod modules;
mod oracle;
mod positions;
mod registry;
mod resolution;
mod robustness;
mod unchanged;
