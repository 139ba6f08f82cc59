//! What the graph and the oracle say of the same packages, side by side.

use std::collections::BTreeSet;
use std::path::PathBuf;

use source_graph::{Position, SourceGraph, Target};

use super::oracle::{self, Named};
use super::registry::Package;

/// Crates of the compiler, of which the graph tells nothing; only where a dependency has such a name it does.
const STANDARD: [&str; 5] = ["std", "core", "alloc", "proc_macro", "test"];

/// References to extern crates outside of macros and attributes.
#[derive(Default)]
pub struct Comparison {
    pub both: usize,
    /// Only the oracle has them.
    pub missed: Vec<Named>,
    /// Only the graph has them.
    pub extra: Vec<Named>,
    pub missed_files: Vec<PathBuf>,
    pub extra_files: Vec<PathBuf>,
    pub unparsed: usize,
}

impl Comparison {
    pub fn add(&mut self, package: &Package) {
        let graph = SourceGraph::of(&package.sources);
        let mut found = oracle::ask(&package.sources);
        found.named.retain(|(.., name)| !STANDARD.contains(&name.as_str()));
        let named: BTreeSet<Named> = named(&graph).filter(|(file, ..)| parsed(&found, file)).collect();
        self.both += named.intersection(&found.named).count();
        self.missed.extend(found.named.difference(&named).cloned());
        self.extra.extend(named.difference(&found.named).cloned());
        let files: BTreeSet<PathBuf> = graph.files.iter().map(|file| file.path.clone()).collect();
        self.missed_files.extend(found.files.difference(&files).cloned());
        self.extra_files.extend(files.difference(&found.files).cloned());
        self.unparsed += found.unparsed.len();
    }

    /// The share of the oracle's references that the graph has.
    pub fn recall(&self) -> f64 {
        self.both as f64 / (self.both + self.missed.len()).max(1) as f64
    }

    /// The share of the graph's references that the oracle has.
    pub fn precision(&self) -> f64 {
        self.both as f64 / (self.both + self.extra.len()).max(1) as f64
    }
}

/// The oracle follows neither `include!` nor modules within macros, and it parses whole files only.
fn parsed(found: &oracle::Found, file: &PathBuf) -> bool {
    found.files.contains(file) && !found.unparsed.contains(file)
}

fn named(graph: &SourceGraph) -> impl Iterator<Item = Named> {
    let texts: Vec<String> =
        graph.files.iter().map(|file| std::fs::read_to_string(&file.path).unwrap_or_default()).collect();
    let references = graph.references.iter().filter(move |reference| {
        let written = &texts[reference.file as usize][reference.span.range()];
        match reference.position {
            Position::Attribute | Position::AttributeText | Position::Derive | Position::Visibility => false,
            // A single name is what its import was.
            Position::Macro => written.contains("::") && !reference.in_macro,
            _ => !reference.in_macro,
        }
    });
    references.filter_map(|reference| match &reference.target {
        Target::Crate { name, .. } if !STANDARD.contains(&&**name) => {
            let file = graph.files[reference.file as usize].path.clone();
            Some((file, reference.span.start, name.to_string()))
        }
        Target::Crate { .. } | Target::Module { .. } => None,
    })
}
