//! Isolation forest over the numeric columns of a dataset.
