//! Profile and check a dataset.
