//! Thin verbs over the workspace's tools.
fn main() {}
