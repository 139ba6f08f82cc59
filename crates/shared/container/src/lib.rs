//! Dependency container: registrations are plain functions, the graph is checked before anything is built.
