//! The model registry and the pipeline saga.
