//! A store in which a later version of the program has written what the framework itself keeps.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use event_sourcing::{Document, Expected, StoreErrorKind, Unit};
use module::{AssemblyError, Options, assemble};
use serde::{Deserialize, Serialize};

use crate::shop::{infrastructure, now};

const COLLECTIONS: [&str; 16] = [
    "event_bus.attempted_publishes",
    "event_bus.dead_letters",
    "event_bus.deliveries",
    "event_bus.discarded_letters",
    "event_bus.groups",
    "event_bus.inbox",
    "event_bus.leases",
    "event_bus.members",
    "event_bus.passage_of_time",
    "event_bus.pauses",
    "event_bus.refused_publishes",
    "event_bus.resumptions",
    "event_bus.scheduled",
    "event_sourcing.projection_progress",
    "event_sourcing.projections",
    "request.answers",
];

/// As a later version of the program has it.
#[derive(Serialize, Deserialize)]
struct Later<const INDEX: usize> {}

impl<const INDEX: usize> Document for Later<INDEX> {
    const COLLECTION: &'static str = COLLECTIONS[INDEX];
    const VERSION: u32 = 2;
}

fn later<const INDEX: usize>(unit: &mut Unit) {
    unit.put("k", &Later::<INDEX> {}, Expected::Any);
}

#[test]
fn what_a_later_version_has_written_is_refused_at_the_start() {
    let puts = [
        later::<0>,
        later::<1>,
        later::<2>,
        later::<3>,
        later::<4>,
        later::<5>,
        later::<6>,
        later::<7>,
        later::<8>,
        later::<9>,
        later::<10>,
        later::<11>,
        later::<12>,
        later::<13>,
        later::<14>,
    ];
    for (put, collection) in puts.into_iter().zip(COLLECTIONS) {
        let infrastructure = infrastructure();
        let mut unit = Unit::new(testing::origin("test"));
        put(&mut unit);
        now(infrastructure.store.commit(unit)).unwrap();
        match now(assemble(Vec::new(), infrastructure, Options::default())).err() {
            Some(AssemblyError::Store(error)) => {
                assert_eq!(error.kind, StoreErrorKind::Newer, "{collection}");
                assert_eq!(
                    error.message,
                    format!(
                        "collection `{collection}` was written by a newer version of this program (its documents are of \
                         version 2, this one knows 1): use that version"
                    )
                );
            }
            other => panic!("{collection}: {other:?}"),
        }
    }
}

/// Whoever adds a collection to the framework adds it above.
#[test]
fn every_collection_of_the_framework_is_declared() {
    let mut named = BTreeSet::new();
    for package in ["event-bus", "event-sourcing", "request"] {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(package).join("src");
        for source in files(&sources) {
            let text = fs::read_to_string(source).unwrap();
            let names = text.lines().filter_map(|line| line.trim().strip_prefix("const COLLECTION: &'static str = \""));
            named.extend(names.map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
    }
    assert_eq!(named.iter().map(String::as_str).collect::<Vec<_>>(), COLLECTIONS);
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
