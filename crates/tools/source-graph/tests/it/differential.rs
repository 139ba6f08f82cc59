//! A sample of the registry's crates against a full parse.

use crate::comparison::Comparison;
use crate::registry;

/// A debug build parses about a megabyte a second.
const LARGEST_PACKAGE: u64 = 120_000;
const SAMPLE: usize = 40;

#[test]
fn agrees_with_a_full_parse() {
    let packages = registry::packages();
    if packages.len() == 1 {
        eprintln!("no registry on this machine: compared on the sources of this crate alone");
    }
    let small: Vec<_> = packages.iter().filter(|package| package.bytes <= LARGEST_PACKAGE).collect();
    let step = (small.len() / SAMPLE).max(1);
    let mut comparison = Comparison::default();
    for package in small.iter().step_by(step) {
        comparison.add(package);
    }
    let (recall, precision) = (comparison.recall(), comparison.precision());
    let differences = || (&comparison.missed, &comparison.extra);
    assert!(comparison.both > 20, "only {} references compared", comparison.both);
    assert!(recall >= 0.99 && precision >= 0.99, "recall {recall}, precision {precision}: {:#?}", differences());
}
