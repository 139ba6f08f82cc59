//! `cargo xtask simulate`: seeds of the simulation in `testing`, one after another, and what came of them.

mod report;

use std::{
    io::{self, Write},
    ops::RangeInclusive,
    panic,
    process::ExitCode,
};

use clap::{CommandFactory as _, Parser, error::ErrorKind};
use indicatif::{ProgressBar, ProgressStyle};
use testing::simulation::{CrashPoint, NODES, SCENARIOS, Scenario, simulate};

use self::report::{Report, Run};

/// Run store, bus, timekeeper and projections through faults that a seed decides, and hold them to the rules of durability
#[derive(Debug, Parser)]
#[command(
    name = "simulate",
    bin_name = "cargo xtask simulate",
    max_term_width = 120,
    after_help = "Exit codes: 0 every rule held in every seed, 1 one did not, or a kind of fault never came about, 2 could \
        not run.\n\n\
        Examples:\n  \
        cargo xtask simulate                             every scenario, 100 seeds of each\n  \
        cargo xtask simulate orders --nodes 3 --seeds 5000\n  \
        cargo xtask simulate orders --seed 3 --at-every-commit \n  \
        cargo xtask simulate orders --seed 0x2a --trace  one seed, and all that happened in it"
)]
struct Cli {
    /// Only this one: orders, storms, clockwork or projections
    #[arg(value_parser = scenario)]
    scenario: Option<&'static Scenario>,
    /// How many nodes there are over the one store; more than one share the subscribers of `orders` by leases
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = nodes)]
    nodes: usize,
    /// How many seeds of each scenario are run
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first of them
    #[arg(long, value_name = "SEED", default_value = "0", value_parser = seed)]
    from: u64,
    /// Only this one, as a failure names it
    #[arg(long, conflicts_with_all = ["seeds", "from"], value_parser = seed)]
    seed: Option<u64>,
    /// Run each seed again for each of its commits, and stop the machine there: once before it is written, and once after
    #[arg(long, conflicts_with_all = ["crash_before", "crash_after", "trace"])]
    at_every_commit: bool,
    /// Stop the machine at this commit of the seed, before it is written; with several nodes of `orders`, that of the node whose it is
    #[arg(long, value_name = "COMMIT", requires = "seed", conflicts_with = "crash_after")]
    crash_before: Option<u64>,
    /// The same, after it is written and before anybody hears of it
    #[arg(long, value_name = "COMMIT", requires = "seed")]
    crash_after: Option<u64>,
    /// Print what happened in the seed, line by line
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl Cli {
    fn crash(&self) -> Option<CrashPoint> {
        let point = |is_written| move |commit| CrashPoint { commit, is_written };
        self.crash_before.map(point(false)).or_else(|| self.crash_after.map(point(true)))
    }

    /// Where it is stopped in runs of its own, a seed of so many commits.
    fn crashes(&self, commits: u64) -> impl Iterator<Item = CrashPoint> + use<> {
        let last = if self.at_every_commit { commits } else { 0 };
        (1..=last).flat_map(|commit| [false, true].map(|is_written| CrashPoint { commit, is_written }))
    }

    /// Those that are run of each scenario.
    fn seeds(&self) -> Result<RangeInclusive<u64>, clap::Error> {
        if let Some(seed) = self.seed {
            return Ok(seed..=seed);
        }
        let Self { from, seeds, .. } = self;
        let last = from.checked_add(seeds - 1).ok_or_else(|| {
            let what =
                format!("there are no {seeds} seeds from {from} on, the last is {}: lower --from or --seeds", u64::MAX);
            Self::command().error(ErrorKind::ValueValidation, what)
        })?;
        Ok(*from..=last)
    }
}

fn main() -> ExitCode {
    let (cli, seeds) = match Cli::try_parse().and_then(|cli| cli.seeds().map(|seeds| (cli, seeds))) {
        Ok(parsed) => parsed,
        Err(error) => {
            // Nothing is left to tell to whoever closed the stream.
            error.print().ok();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let told = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        let is_injected = panic.payload_as_str().is_some_and(|text| text.starts_with("injected: "));
        if !is_injected {
            told(panic);
        }
    }));
    let mut out = io::stdout().lock();
    match run(&cli, &seeds, &mut out).and_then(|report| report.close(cli.json, &mut out).map(|()| report.code())) {
        Ok(code) => code,
        // Whoever listened has left, and does not hear of a failure either.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(1),
        Err(error) => {
            writeln!(io::stderr(), "error: what came of the seeds cannot be written: {error}").ok();
            ExitCode::from(2)
        }
    }
}

fn run(cli: &Cli, seeds: &RangeInclusive<u64>, out: &mut impl Write) -> io::Result<Report> {
    let scenarios = SCENARIOS.iter().filter(|scenario| cli.scenario.is_none_or(|only| only.name == scenario.name));
    let kinds = scenarios.clone().flat_map(|scenario| scenario.faults(cli.nodes));
    let mut report = Report::new(cli.nodes, kinds, cli.seed.is_some());
    // Drawn on a terminal only.
    let bar = ProgressBar::new(
        (seeds.end() - seeds.start()).saturating_add(1).saturating_mul(scenarios.clone().count() as u64),
    );
    let style = ProgressStyle::with_template("{msg:<11} {wide_bar} {pos}/{len} seeds, {eta} left");
    bar.set_style(style.expect("the template is one of indicatif's"));
    for scenario in scenarios {
        bar.set_message(scenario.name);
        for seed in seeds.clone() {
            let outcome = simulate(scenario, seed, cli.nodes, cli.crash());
            if cli.trace && !cli.json {
                bar.suspend(|| outcome.trace.iter().try_for_each(|line| writeln!(out, "{line}")))?;
            }
            let crashes = cli.crashes(outcome.commits);
            let mut run = Run { scenario: scenario.name, seed, crash: cli.crash() };
            let mut failures = vec![report.add(&run, outcome, cli.trace)];
            for crash in crashes {
                run.crash = Some(crash);
                failures.push(report.add(&run, simulate(scenario, seed, cli.nodes, run.crash), false));
            }
            for failure in failures.into_iter().flatten().filter(|_| !cli.json) {
                bar.suspend(|| write!(out, "{failure}"))?;
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(report)
}

fn scenario(name: &str) -> Result<&'static Scenario, String> {
    let names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
    Scenario::named(name).ok_or_else(|| format!("there is no such scenario: name one of {}", names.join(", ")))
}

fn nodes(text: &str) -> Result<usize, String> {
    let nodes = text.parse().ok().filter(|nodes| (1..=NODES).contains(nodes));
    nodes.ok_or_else(|| format!("name a number from 1 to {NODES}"))
}

fn seed(text: &str) -> Result<u64, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|_| "name a whole number, such as 42 or 0x2a".to_owned())
}
