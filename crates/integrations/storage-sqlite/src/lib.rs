//! The store port on SQLite: one writer thread, group commit, a reader pool.
