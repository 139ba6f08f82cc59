//! Measures this workspace against its references: the program behind `cargo xtask bench`.
//!
//! A [`case::Case`] is one row: a subject, and a reference when there is one. The two take turns in one run, so that what
//! else the machine does falls on both; a row is the median of the turns. Contenders that are no part of this workspace are
//! processes of their own ([`peer`]). What the rows must reach stands in `benches/marks.toml` ([`mark`]).
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal: rows on stdout, progress and marks on stderr"
)]

mod boundaries;
mod case;
mod container;
mod data;
mod events;
mod hooks;
mod instructions;
mod job;
mod mark;
mod peer;
mod principal;
mod report;
mod request;
mod resilience;
mod row;
mod sample;
mod store;
mod usage;

use std::{env, ffi::OsString, fs, io, path::PathBuf, process::ExitCode, thread, time::Duration};

use clap::Parser;
use kernel::SystemClock;
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::{
    case::{Case, Failure, Setting},
    mark::Marks,
};

/// How often the program puts the values of histograms into their buckets.
const UPKEEP: Duration = Duration::from_secs(1);

/// Measure rows, and say which marks hold.
#[derive(Parser)]
struct Cli {
    /// Print one JSON object per row
    #[arg(long)]
    json: bool,
    /// The release binary, for the rows of whole jobs
    #[arg(long, value_name = "PATH")]
    borough: Option<PathBuf>,
    /// The release binary of the boundary checker, for its rows
    #[arg(long, value_name = "PATH")]
    boundaries: Option<PathBuf>,
    /// A contender and the program that speaks for it
    #[arg(long, value_name = "NAME=PATH", value_parser = peer::parse)]
    peer: Vec<(String, PathBuf)>,
    /// Count the instructions of each operation too, with valgrind
    #[arg(long)]
    instructions: bool,
    /// Do what this row measures so many times
    #[arg(long, hide = true, requires = "times")]
    repeat: Option<String>,
    #[arg(long, hide = true)]
    times: Option<u64>,
    /// Where stores and datasets of the measurement are written: a disk, for a store in memory would be flattered
    #[arg(long, value_name = "FOLDER", default_value = "target/bench")]
    scratch: PathBuf,
    /// Run a program and print what it took
    #[arg(long, hide = true, num_args = 1.., allow_hyphen_values = true)]
    spend: Vec<OsString>,
    /// Instead of rows: publish at half of what the bus can do for so long, and fail if memory grows, an event is lost or out of order
    #[arg(long, value_name = "SECONDS", conflicts_with = "filters")]
    soak: Option<u64>,
    /// Only rows whose name begins with one of these
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
}

type Group = fn(&Setting) -> Vec<Case>;

const GROUPS: [Group; 9] = [
    container::cases,
    request::cases,
    events::cases,
    resilience::cases,
    store::cases,
    data::cases,
    job::cases,
    boundaries::cases,
    hooks::cases,
];

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(2)
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    if !cli.spend.is_empty() {
        println!("{}", usage::spend(&cli.spend)?);
        return Ok(());
    }
    let setting = Setting {
        workspace: env::current_dir()?,
        scratch: cli.scratch,
        borough: cli.borough,
        boundaries: cli.boundaries,
        peers: cli.peer.into_iter().collect(),
        instructions: cli.instructions,
    };
    fs::create_dir_all(&setting.scratch)?;
    // The program's own: spans are made and kept; nothing is written.
    let log = observability::subscriber(Default::default(), None, SystemClock, io::sink)?;
    tracing::subscriber::set_global_default(log)?;
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    metrics::set_global_recorder(recorder)?;
    // As in the program: the values of histograms pile up until somebody puts them into their buckets. Not where instructions are
    // counted: only those of the row may be.
    if cli.repeat.is_none() {
        thread::spawn(move || {
            loop {
                thread::sleep(UPKEEP);
                metrics.run_upkeep();
            }
        });
    }
    if let Some(seconds) = cli.soak {
        println!("{}", events::soak(Duration::from_secs(seconds))?);
        return Ok(());
    }
    let mut cases = GROUPS.into_iter().flat_map(|group| group(&setting));
    if let (Some(name), Some(times)) = (&cli.repeat, cli.times) {
        let case = cases.find(|case| case.name == *name).ok_or_else(|| format!("there is no row `{name}`"))?;
        return case.repeat(&setting, times);
    }
    let marks = Marks::read(&setting.workspace.join("benches/marks.toml"))?;

    let mut rows = Vec::new();
    for case in cases.filter(|case| row::admitted(&case.name, &cli.filters)) {
        eprintln!("measuring {}", case.name);
        let row = case.measure(&setting)?;
        if cli.json {
            println!("{}", serde_json::to_string(&row)?);
        }
        rows.push(row);
    }
    if rows.is_empty() {
        return Err(format!("no row's name begins with {}", cli.filters.join(" or ")).into());
    }
    let verdicts = report::verdicts(&marks, &rows);
    if cli.json {
        eprint!("{verdicts}");
    } else {
        print!("{}\n{verdicts}", report::table(&rows));
    }
    Ok(())
}
