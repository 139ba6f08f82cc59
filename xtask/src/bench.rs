use std::{
    env::consts::EXE_EXTENSION,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use crate::step;

/// Measure this workspace against its references, interleaved in one run
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask bench                      every row, and which marks of benches/marks.toml hold\n  \
    cargo xtask bench container store/     rows whose name begins with one of these\n  \
    cargo xtask bench --peers --json       one JSON object a line, contenders included; marks on stderr\n    \
    cargo xtask bench --soak               ten minutes of events\n\n\
    Contenders live in benches/peers: Rust ones are workspaces with their own lock files, Python ones get a virtual\n\
    environment in the target folder, for which python3 with venv must be there. The rows of the boundary checker need\n\
    the registry that cargo has unpacked on this machine.")]
pub struct Args {
    /// Build the contenders of benches/peers and measure against them too
    #[arg(long)]
    peers: bool,
    /// Print one JSON object per row
    #[arg(long)]
    json: bool,
    /// Count the instructions of each operation too: needs valgrind, and takes its time
    #[arg(long)]
    instructions: bool,
    /// Instead of rows: the event bus for so many minutes at half of what it can do. Fails if memory grows, or an event is lost or
    /// out of order
    #[arg(long, value_name = "MINUTES", num_args = 0..=1, default_missing_value = "10", conflicts_with_all = ["peers", "filters"])]
    soak: Option<u64>,
    /// Only rows whose name begins with one of these
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
}

/// A contender that runs as a process of its own.
struct Peer {
    /// Its folder in benches/peers.
    folder: &'static str,
    /// What the names of the rows that it takes part in begin with.
    rows: &'static str,
    toolchain: Toolchain,
}

#[derive(Clone, Copy)]
enum Toolchain {
    Cargo,
    Python,
}

/// The rows of the boundary checker, which has a binary of its own.
const BOUNDARIES: &str = "boundaries/";

const PEERS: [Peer; 6] = [
    Peer { folder: "boundaries", rows: BOUNDARIES, toolchain: Toolchain::Cargo },
    Peer { folder: "bus", rows: "events/", toolchain: Toolchain::Cargo },
    Peer { folder: "di", rows: "container/scope", toolchain: Toolchain::Cargo },
    Peer { folder: "resilience", rows: "resilience/", toolchain: Toolchain::Cargo },
    Peer { folder: "sqlite-es", rows: "store/sqlite-64x1", toolchain: Toolchain::Cargo },
    Peer { folder: "scikit-learn", rows: "data/isolation-forest", toolchain: Toolchain::Python },
];

pub fn run(args: &Args) -> ExitCode {
    let target = match step::target_dir() {
        Ok(target) => target,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let program = |name: &str| target.join("release").join(name).with_extension(EXE_EXTENSION);
    // Always both, in one command: for another selection of packages cargo would build the dependencies anew. The checker has
    // none of the heavy ones.
    let build = ["build", "--release", "--package", "configurations", "--package", "bench", "--bins"];
    let mut commands = vec![step::cargo(build)];
    let mut bench = Command::new(program("bench"));
    bench.current_dir(step::root());
    bench
        .args(args.json.then_some("--json"))
        .args(args.instructions.then_some("--instructions"))
        .arg("--scratch")
        .arg(target.join("bench"));
    bench.arg("--borough").arg(program("borough"));
    if wanted(BOUNDARIES, &args.filters) {
        commands.push(step::cargo(["build", "--release", "--package", "cargo-boundaries"]));
        bench.arg("--boundaries").arg(program("cargo-boundaries"));
    }
    for peer in PEERS.iter().filter(|peer| args.peers && wanted(peer.rows, &args.filters)) {
        let (program, builds) = peer.prepare(&target.join("peers"));
        commands.extend(builds);
        bench.arg("--peer").arg(named(peer.folder, &program));
    }
    if let Some(minutes) = args.soak {
        bench.arg("--soak").arg((minutes * 60).to_string());
    }
    bench.args(&args.filters);
    commands.push(bench);
    step::run_all(commands)
}

/// Whether a filter leaves any row whose name begins with `rows`.
fn wanted(rows: &str, filters: &[String]) -> bool {
    filters.is_empty() || filters.iter().any(|filter| filter.starts_with(rows) || rows.starts_with(filter))
}

fn named(name: &str, program: &Path) -> OsString {
    let mut argument = OsString::from(name);
    argument.push("=");
    argument.push(program);
    argument
}

impl Peer {
    /// The program that will speak for the peer, and the commands that make it.
    fn prepare(&self, target: &Path) -> (PathBuf, Vec<Command>) {
        let source = step::root().join("benches/peers").join(self.folder);
        match self.toolchain {
            Toolchain::Cargo => {
                let mut build = step::cargo(["build", "--release", "--locked", "--manifest-path"]);
                build.arg(source.join("Cargo.toml")).arg("--target-dir").arg(target);
                (target.join("release").join(format!("peer-{}", self.folder)), vec![build])
            }
            Toolchain::Python => {
                let environment = target.join(self.folder);
                let mut make = Command::new("python3");
                make.args(["-m", "venv"]).arg(&environment);
                let mut install = Command::new(environment.join("bin/pip"));
                install.args(["install", "--quiet", "--disable-pip-version-check", "--requirement"]);
                install.arg(source.join("requirements.txt"));
                (environment.join("bin/python"), vec![make, install])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_filter_leaves_is_prepared() {
        let filters = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(wanted("data/isolation-forest", &[]));
        assert!(wanted("data/isolation-forest", &filters(&["store", "data"])));
        assert!(wanted("container/scope", &filters(&["container/scoped-cached"])));
        assert!(!wanted("data/isolation-forest", &filters(&["store/", "data/profile"])));
    }
}
