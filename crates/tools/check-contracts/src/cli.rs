//! The command line of `cargo xtask check-contracts`.

mod text;

use std::{
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use anstream::AutoStream;
use clap::Parser;
use kernel::Contract;

use crate::{CheckError, Options, Report, check};

/// Compare the messages of the contracts crates with docs/contracts
#[derive(Debug, Parser)]
#[command(
    name = "check-contracts",
    bin_name = "cargo xtask check-contracts",
    max_term_width = 120,
    after_help = "Exit codes: 0 compatible, 1 somebody would be broken, 2 could not compare.\n\n\
        Examples:\n  \
        cargo xtask check-contracts             what would break whom, and the way out\n  \
        cargo xtask check-contracts --update    write what is new or compatible; read the difference before you commit it\n  \
        cargo xtask check-contracts --locked    as CI does: a file that --update would write fails too"
)]
struct Cli {
    /// The committed files, relative to the workspace's root
    #[arg(long, value_name = "DIR", default_value = "docs/contracts")]
    folder: PathBuf,
    /// Write the files of new messages, new versions and compatible changes; never over a finding
    #[arg(long, conflicts_with = "locked")]
    update: bool,
    /// Fail, with exit code 1, also when --update would write a file
    #[arg(long)]
    locked: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Runs a command line, its first argument being the program's name, and prints the outcome: results on standard output,
/// reasons why there are none on standard error; as JSON both on standard output.
pub fn main(args: impl IntoIterator<Item = OsString>, contracts: &[Contract]) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Nothing is left to tell to whoever closed the stream.
            error.print().ok();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let Cli { folder, update, locked, json } = cli;
    let outcome = check(contracts, &Options { folder, update });
    let code = code(&outcome, locked);
    let text = match (&outcome, json) {
        (Ok(report), true) => text::json(report),
        (Err(error), true) => text::json(error),
        (Ok(report), false) => text::report(report, locked),
        (Err(error), false) => text::error(error),
    };
    let written = match outcome.is_ok() || json {
        true => write(AutoStream::auto(io::stdout()), &text),
        false => write(AutoStream::auto(io::stderr()), &text),
    };
    match written {
        // Whoever listened has left; the outcome stands.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::from(2),
        _ => ExitCode::from(code),
    }
}

fn code(outcome: &Result<Report, CheckError>, locked: bool) -> u8 {
    match outcome {
        Ok(report) if !report.is_compatible() => 1,
        Ok(report) if locked && !report.outdated.is_empty() => 1,
        Ok(_) => 0,
        Err(_) => 2,
    }
}

fn write(mut stream: impl Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())?;
    stream.flush()
}
