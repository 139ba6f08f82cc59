//! Projections over a file: the suite that every store passes.

use crate::bus::home;

#[tokio::test(flavor = "multi_thread")]
async fn projections_conform_over_it() {
    testing::projections_conformance(async || home()).await;
}

#[tokio::test]
async fn projections_conform_over_it_on_one_thread() {
    testing::projections_conformance(async || home()).await;
}
