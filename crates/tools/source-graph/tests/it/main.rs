//! Small crates, read from end to end; the registry's crates against a full parse, and
//! excerpts of them against labels.

mod comparison;
mod differential;
mod files;
mod fixture;
mod items;
mod labels;
mod modules;
mod oracle;
mod positions;
mod registry;
mod resolution;
mod robustness;
mod unchanged;
