//! `cargo xtask VERB`: what a contributor or CI does with this workspace, as thin verbs over tools. A file per verb.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal: results on stdout, what it does on stderr"
)]

mod bench;
mod ci;
mod coverage;
mod deny;
mod fuzz;
mod hooks;
mod new_package;
mod step;
mod test;
mod tools;
mod torture;

use std::{ffi::OsString, process::ExitCode};

use clap::{Parser, Subcommand};

/// Checks, tests and measures this workspace.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    max_term_width = 120,
    after_help = "Example:\n  cargo xtask ci    everything that must pass before a change lands"
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Compare the workspace's dependencies with boundaries.toml
    #[command(disable_help_flag = true)]
    CheckBoundaries {
        /// Passed on to the checker; `--help` lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Compare the messages of the contracts crates with docs/contracts
    #[command(disable_help_flag = true)]
    CheckContracts {
        /// Passed on to the program, which is built first; `--help` lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Run store, bus and timekeeper through faults that a seed decides
    #[command(disable_help_flag = true)]
    Simulate {
        /// Passed on to the program, which is built first; `--help` lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    Test(test::Args),
    Ci(ci::Args),
    Coverage(coverage::Args),
    Deny(deny::Args),
    Fuzz(fuzz::Args),
    Bench(bench::Args),
    Hooks(hooks::Args),
    NewPackage(new_package::Args),
    Tools(tools::Args),
    Torture(torture::Args),
}

fn main() -> ExitCode {
    match Cli::parse().verb {
        Verb::CheckBoundaries { args } => {
            boundaries::cli::main([OsString::from("cargo xtask check-boundaries")].into_iter().chain(args))
        }
        Verb::CheckContracts { args } => step::program("check-contracts", &args),
        Verb::Simulate { args } => step::program("simulation", &args),
        Verb::Test(args) => test::run(&args),
        Verb::Ci(args) => ci::run(&args),
        Verb::Coverage(args) => coverage::run(&args),
        Verb::Deny(args) => deny::run(&args),
        Verb::Fuzz(args) => fuzz::run(&args),
        Verb::Bench(args) => bench::run(&args),
        Verb::Hooks(args) => hooks::run(&args),
        Verb::NewPackage(args) => new_package::run(&args),
        Verb::Tools(args) => tools::run(&args),
        Verb::Torture(args) => torture::run(&args),
    }
}
