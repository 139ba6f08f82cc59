use std::{
    fs,
    path::Path,
    process::{Command, ExitCode},
};

use clap::ValueEnum;

use crate::step;

const CARGO_FUZZ: &str = "0.13.2";

const FOLDER: &str = "crates/tools/cargo-boundaries/fuzz";

/// Feed made-up input to the boundary checker
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask fuzz                            every target for a minute\n  \
    cargo xtask fuzz sources --seconds 300      one target\n\n\
    Needs rustup and a nightly toolchain. The first run installs cargo-fuzz from crates.io into the target folder. Input\n\
    that breaks a target is kept below crates/tools/cargo-boundaries/fuzz/artifacts: make it a test.")]
pub struct Args {
    /// Only this one
    target: Option<Target>,

    /// How long each runs
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u32,
}

#[derive(Clone, Copy, ValueEnum)]
enum Target {
    /// Bytes as a Rust file
    Sources,
    /// Bytes as boundaries.toml
    Configuration,
    /// Bytes as a baseline and what is found now
    Baseline,
}

pub fn run(args: &Args) -> ExitCode {
    let target = match step::target_dir() {
        Ok(target) => target,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let tools = target.join("tools").join(format!("cargo-fuzz-{CARGO_FUZZ}"));
    let fuzz = tools.join("bin/cargo-fuzz");
    if !fuzz.with_extension(std::env::consts::EXE_EXTENSION).exists() {
        let mut install = step::cargo(["install", "cargo-fuzz", "--locked", "--version", CARGO_FUZZ, "--root"]);
        // Its build is not this workspace's.
        let code = step::run(install.arg(&tools).env_remove("CARGO_TARGET_DIR"));
        if code != 0 {
            return code.into();
        }
    }
    let targets = args.target.as_ref().map_or(Target::value_variants(), std::slice::from_ref);
    let made_up: Vec<_> = targets.iter().map(|&one| made_up(&fuzz, &target, one, args.seconds)).collect();
    step::run_all(made_up)
}

fn made_up(fuzz: &Path, target: &Path, one: Target, seconds: u32) -> Command {
    let name = one.to_possible_value().expect("no target is skipped").get_name().to_owned();
    let [corpus, seeds] = ["corpus", "seeds"].map(|kind| format!("{FOLDER}/{kind}/{name}"));
    // Without the folder the run fails and says so.
    drop(fs::create_dir_all(step::root().join(&corpus)));
    let mut run = Command::new("rustup");
    run.args(["run", "nightly"]).arg(fuzz).args(["fuzz", "run", "--fuzz-dir", FOLDER, "--sanitizer", "none"]);
    run.args([&name, &corpus, &seeds, "--"]).arg(format!("-max_total_time={seconds}"));
    run.current_dir(step::root()).env_remove("CARGO").env("CARGO_TARGET_DIR", target.join("fuzz"));
    run
}
