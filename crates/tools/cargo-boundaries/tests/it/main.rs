//! Fixture workspaces, made of manifests alone, checked from end to end.

mod baseline;
mod cannot_check;
mod cli;
mod external;
mod fixture;
mod formats;
mod graph_rules;
mod members;
mod this_workspace;
mod verbs;
