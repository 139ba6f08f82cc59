//! Fixture workspaces, made of manifests alone, checked from end to end.

mod cannot_check;
mod cli;
mod external;
mod fixture;
mod members;
mod this_workspace;
