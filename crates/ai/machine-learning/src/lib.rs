//! Train and cross-validate a classifier.
