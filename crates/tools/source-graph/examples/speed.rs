//! Reads some of the crates that cargo has unpacked on this machine, one after the other: how fast, in how much memory.
//!
//! `cargo run --release -p source-graph --example speed [-- MEGABYTES]`

use std::io::Write;
use std::time::Instant;

use cpu_time::ProcessTime;
use source_graph::SourceGraph;

#[path = "../tests/it"]
mod it {
    pub mod registry;
}

fn main() -> std::io::Result<()> {
    let wanted = std::env::args().nth(1).and_then(|argument| argument.parse().ok()).unwrap_or(45.0);
    let mut packages = it::registry::packages();
    let all: u64 = packages.iter().map(|package| package.bytes).sum();
    // Every so many packages, of all sizes.
    packages.sort_by_key(|package| package.bytes);
    let step = (all as f64 / (wanted * 1e6)).max(1.0);
    let sample = (0..).map(|index| (index as f64 * step) as usize).take_while(|index| *index < packages.len());
    let sample: Vec<_> = sample.map(|index| &packages[index].sources).collect();

    let (cpu, wall) = (ProcessTime::now(), Instant::now());
    let (mut files, mut bytes, mut references, mut unresolved) = (0, 0, 0, 0);
    for sources in &sample {
        let graph = SourceGraph::of(sources);
        files += graph.files.len();
        bytes += graph.files.iter().map(|file| file.bytes).sum::<usize>();
        references += graph.references.len();
        unresolved += graph.unresolved;
    }
    let (cpu, wall) = (cpu.elapsed().as_secs_f64(), wall.elapsed().as_secs_f64());
    let megabytes = bytes as f64 / 1e6;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} packages, {files} files, {megabytes:.1} MB", sample.len())?;
    writeln!(out, "{references} references, {unresolved} unresolved paths")?;
    writeln!(out, "{cpu:.3} CPU seconds, {wall:.3} s: {:.0} MB per CPU second", megabytes / cpu)?;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find(|line| line.starts_with("VmHWM")) {
        writeln!(out, "{peak}")?;
    }
    Ok(())
}
