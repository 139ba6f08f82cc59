//! Fixture workspaces, made of manifests and a few sources, checked from end to end.

mod affected;
mod baseline;
mod cache;
mod can;
mod cannot_check;
mod cli;
mod configuration;
mod declarations;
mod docs;
mod exceptions;
mod external;
mod fixture;
mod formats;
mod graph_rules;
mod matches_nothing;
mod members;
mod modules;
mod published;
mod same_layer;
mod sources;
mod this_workspace;
mod toolchain;
mod used_dependencies;
mod verbs;
