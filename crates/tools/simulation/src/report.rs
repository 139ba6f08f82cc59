use std::{
    collections::BTreeMap,
    fmt::{self, Display},
    io::{self, Write},
    process::ExitCode,
};

use serde::Serialize;
use testing::simulation::{CrashPoint, Outcome};

/// One seed, once.
pub struct Run {
    pub scenario: &'static str,
    pub seed: u64,
    pub crash: Option<CrashPoint>,
}

/// What came of all seeds.
#[derive(Debug, Serialize)]
pub struct Report {
    nodes: usize,
    scenarios: Vec<Tally>,
    seeds: u64,
    /// At which the machine was stopped.
    crash_points: u64,
    operations: u64,
    /// How many there were of each kind.
    faults: BTreeMap<&'static str, u64>,
    failures: Vec<Failure>,
    /// Of a seed, if it was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trace: Vec<String>,
    /// One seed need not have every kind of fault.
    #[serde(skip)]
    is_replay: bool,
    /// The latest run.
    #[serde(skip)]
    last: Option<(&'static str, u64)>,
}

#[derive(Debug, Serialize)]
struct Tally {
    name: &'static str,
    seeds: u64,
    operations: u64,
    /// Units that came to the store in all of its runs.
    commits: u64,
    /// Of the traces of all its runs.
    hash: String,
    #[serde(skip)]
    hashed: u64,
}

/// A run in which a rule did not hold.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    scenario: &'static str,
    seed: String,
    hash: String,
    rules: Vec<String>,
    replay: String,
}

impl Report {
    /// These kinds of faults must come about.
    pub fn new(nodes: usize, kinds: impl Iterator<Item = &'static str>, is_replay: bool) -> Self {
        let faults = kinds.map(|kind| (kind, 0)).collect();
        let (scenarios, failures, trace) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            nodes,
            scenarios,
            seeds: 0,
            crash_points: 0,
            operations: 0,
            faults,
            failures,
            trace,
            is_replay,
            last: None,
        }
    }

    /// The failure, if it is one.
    pub fn add(&mut self, run: &Run, outcome: Outcome, with_trace: bool) -> Option<Failure> {
        let Run { scenario: name, seed, crash } = *run;
        let Outcome { hash, operations, commits, faults, failures: mut rules, trace } = outcome;
        if let Some(CrashPoint { commit, .. }) = crash.filter(|crash| crash.commit > commits) {
            rules.push(format!("the machine was not stopped at commit {commit}: there were {commits}"));
        }
        let is_seed = self.last.replace((name, seed)) != Some((name, seed));
        self.seeds += u64::from(is_seed);
        self.crash_points += u64::from(crash.is_some());
        self.operations += operations;
        for (kind, count) in faults {
            *self.faults.entry(kind).or_default() += count;
        }
        if with_trace {
            self.trace.extend(trace);
        }
        if self.scenarios.last().is_none_or(|tally| tally.name != name) {
            self.scenarios.push(Tally { name, seeds: 0, operations: 0, commits: 0, hash: String::new(), hashed: 0 });
        }
        let tally = self.scenarios.last_mut().expect("it was just put there");
        tally.seeds += u64::from(is_seed);
        tally.operations += operations;
        tally.commits += commits;
        tally.hashed = tally.hashed.rotate_left(7) ^ hash;
        tally.hash = format!("{:#018x}", tally.hashed);
        if rules.is_empty() {
            return None;
        }
        let nodes = if self.nodes == 1 { String::new() } else { format!(" --nodes {}", self.nodes) };
        let seed = format!("{seed:#x}");
        let at = match crash {
            None => String::new(),
            Some(CrashPoint { commit, is_written: false }) => format!(" --crash-before {commit}"),
            Some(CrashPoint { commit, is_written: true }) => format!(" --crash-after {commit}"),
        };
        let replay = format!("cargo xtask simulate {name}{nodes} --seed {seed}{at}");
        self.failures.push(Failure { scenario: name, seed, hash: format!("{hash:#018x}"), rules, replay });
        self.failures.last().cloned()
    }

    /// Says what came of all of them; the last line has the numbers.
    pub fn close(&self, json: bool, out: &mut impl Write) -> io::Result<()> {
        if json {
            serde_json::to_writer_pretty(&mut *out, self)?;
            return writeln!(out);
        }
        for Tally { name, seeds, operations, hash, .. } in &self.scenarios {
            writeln!(out, "{name:<11} {seeds} seeds, {operations} operations, trace {hash}")?;
        }
        for kind in self.never() {
            writeln!(out, "never injected: {kind}; run more seeds, or mend the simulation")?;
        }
        writeln!(out, "{self}")
    }

    pub fn code(&self) -> ExitCode {
        if self.seeds == 0 {
            return ExitCode::from(2);
        }
        let is_well = self.failures.is_empty() && self.never().next().is_none();
        if is_well { ExitCode::SUCCESS } else { ExitCode::from(1) }
    }

    /// Kinds of faults that were never injected, though there were enough seeds for them.
    fn never(&self) -> impl Iterator<Item = &'static str> {
        self.faults.iter().filter(|(_, count)| **count == 0 && !self.is_replay).map(|(kind, _)| *kind)
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seeds, crash_points, operations, faults, failures, .. } = self;
        let faults: Vec<String> = faults.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        write!(f, "{seeds} seeds, ")?;
        if *crash_points > 0 {
            write!(f, "{crash_points} crash points, ")?;
        }
        write!(f, "{operations} operations, faults: {}; {} failures", faults.join(", "), failures.len())
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, seed, hash, rules, replay } = self;
        writeln!(f, "{scenario}, seed {seed}, trace {hash}:")?;
        rules.iter().try_for_each(|rule| writeln!(f, "  {rule}"))?;
        writeln!(f, "  replay it: {replay} --trace")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_no_seeds_is_no_success() {
        for is_replay in [false, true] {
            assert_eq!(Report::new(1, std::iter::empty(), is_replay).code(), ExitCode::from(2));
        }
    }
}
