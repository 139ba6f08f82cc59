//! The composition root and the `borough` binary.
