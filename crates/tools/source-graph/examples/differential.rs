//! Reads every crate that cargo has unpacked on this machine: how fast, and how far a full parse agrees.
//!
//! `cargo run --release -p source-graph --example differential [-- speed]`

use std::io::Write;
use std::time::Instant;

use cpu_time::ProcessTime;
use rayon::prelude::*;
use source_graph::SourceGraph;

#[path = "../tests/it"]
mod it {
    pub mod comparison;
    pub mod oracle;
    pub mod registry;
}

use it::{comparison, registry};

/// How many differences of a sort are printed.
const SHOWN: usize = 60;

fn main() -> std::io::Result<()> {
    let packages = registry::packages();
    let mut out = std::io::stdout().lock();
    let (cpu, wall) = (ProcessTime::now(), Instant::now());
    let graphs: Vec<SourceGraph> = packages.par_iter().map(|package| SourceGraph::of(&package.sources)).collect();
    let (cpu, wall) = (cpu.elapsed().as_secs_f64(), wall.elapsed().as_secs_f64());
    let bytes: usize = graphs.iter().flat_map(|graph| &graph.files).map(|file| file.bytes).sum();
    let megabytes = bytes as f64 / 1e6;
    let sum = |count: fn(&SourceGraph) -> usize| graphs.iter().map(count).sum::<usize>();
    let folders: u64 = packages.iter().map(|package| package.bytes).sum();
    writeln!(out, "{:.1} MB of Rust in the folders", folders as f64 / 1e6)?;
    writeln!(out, "{} packages, {} files, {megabytes:.1} MB", packages.len(), sum(|graph| graph.files.len()))?;
    writeln!(out, "{cpu:.2} CPU seconds, {wall:.2} s: {:.0} MB per CPU second", megabytes / cpu)?;
    let (references, unresolved) = (sum(|graph| graph.references.len()), sum(|graph| graph.unresolved));
    writeln!(out, "{references} references, {unresolved} unresolved paths")?;
    let (problems, absent) = (sum(|graph| graph.problems.len()), sum(|graph| graph.absent.len()));
    writeln!(out, "{problems} problems, {absent} absent, {} unseen", sum(|graph| graph.unseen.len()))?;
    for problem in graphs.iter().flat_map(|graph| &graph.problems).take(SHOWN) {
        writeln!(out, "  {}: {}", problem.file.display(), problem.kind)?;
    }
    drop(graphs);
    if std::env::args().any(|argument| argument == "speed") {
        return Ok(());
    }

    let mut comparison = comparison::Comparison::default();
    for package in &packages {
        comparison.add(package);
    }
    writeln!(out, "recall {:.3} %, precision {:.3} %", comparison.recall() * 100.0, comparison.precision() * 100.0)?;
    let (missed, extra) = (&comparison.missed, &comparison.extra);
    writeln!(out, "{} in both, {} missed, {} extra", comparison.both, missed.len(), extra.len())?;
    writeln!(out, "{} files that the parser refuses", comparison.unparsed)?;
    for (title, differences) in [("missed", missed), ("extra", extra)] {
        writeln!(out, "{title}:")?;
        for (file, start, name) in every(differences) {
            writeln!(out, "  {name}: {}", shown(file, *start as usize))?;
        }
    }
    for (title, files) in [("missed files", &comparison.missed_files), ("extra files", &comparison.extra_files)] {
        writeln!(out, "{title}: {}", files.len())?;
        for file in every(files) {
            writeln!(out, "  {}", file.display())?;
        }
    }
    Ok(())
}

/// A sample over the whole list.
fn every<T>(list: &[T]) -> impl Iterator<Item = &T> {
    list.iter().step_by((list.len() / SHOWN).max(1))
}

fn shown(file: &std::path::Path, start: usize) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text[..start].matches('\n').count() + 1;
    let path: String = text[start..].chars().take(60).collect();
    format!("{}:{line}: {}", file.display(), path.replace('\n', " "))
}
