//! Conformance suites and harnesses that tests of every crate share.
