//! The module descriptor and its verification.
