use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use serde::Deserialize;

use crate::step;

/// Reads the profiles of a stable compiler by itself, so it needs no component and no LLVM beside it.
const TARPAULIN: &str = "0.37.5";

/// What the crates that others build on are held to.
const FRAMEWORK: &str = "crates/shared/";
const GOAL: f64 = 90.0;

/// Report which lines the tests run, per crate
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask coverage                 the whole workspace; builds it once more, with counters\n  \
    cargo xtask coverage kernel saga     the tests of these crates, and their lines\n\n\
    The first run installs cargo-tarpaulin from crates.io into the target folder.")]
pub struct Args {
    /// Only these crates
    #[arg(value_name = "CRATE")]
    crates: Vec<String>,
}

pub fn run(args: &Args) -> ExitCode {
    let target = match step::target_dir() {
        Ok(target) => target,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let tools = target.join("tools").join(format!("cargo-tarpaulin-{TARPAULIN}"));
    let tarpaulin = tools.join("bin/cargo-tarpaulin");
    if !tarpaulin.with_extension(std::env::consts::EXE_EXTENSION).exists() {
        let code = step::run(&mut install(&tools));
        if code != 0 {
            return code.into();
        }
    }
    let target = target.join("coverage");
    let code = step::run(&mut measure(&tarpaulin, &target, &args.crates));
    if code != 0 {
        return code.into();
    }
    match read(&target.join("tarpaulin-report.json")) {
        Ok(report) => {
            print!("{}", table(&report.by_crate(&step::root(), &args.crates)));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn install(tools: &Path) -> Command {
    let mut install = step::cargo(["install", "cargo-tarpaulin", "--locked", "--version", TARPAULIN, "--root"]);
    // Its build is not this workspace's.
    install.arg(tools).env_remove("CARGO_TARGET_DIR");
    install
}

fn measure(tarpaulin: &Path, target: &Path, crates: &[String]) -> Command {
    let mut measure = Command::new(tarpaulin);
    measure.current_dir(step::root());
    measure.args(["tarpaulin", "--engine", "llvm", "--follow-exec", "--skip-clean", "--no-fail-fast"]);
    // A test of the real binary may be silent for longer than tarpaulin's own minute.
    measure.args(["--timeout", "600", "--out", "Json"]);
    measure.arg("--target-dir").arg(target).arg("--output-dir").arg(target);
    if crates.is_empty() {
        measure.arg("--workspace");
    }
    for name in crates {
        measure.args(["--packages", name]);
    }
    measure
}

/// What of tarpaulin's report is used.
#[derive(Deserialize)]
struct Report {
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    /// Component by component.
    path: Vec<String>,
    covered: u64,
    coverable: u64,
}

#[derive(Default, Clone, Copy)]
struct Lines {
    covered: u64,
    all: u64,
}

fn read(path: &Path) -> Result<Report, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

impl Report {
    /// Lines of each crate's sources by the crate's folder; all crates when none is named.
    fn by_crate(&self, root: &Path, crates: &[String]) -> BTreeMap<String, Lines> {
        let mut lines = BTreeMap::<String, Lines>::new();
        for file in &self.files {
            let path: PathBuf = file.path.iter().collect();
            let path = path.strip_prefix(root).unwrap_or(&path).to_string_lossy();
            let Some((folder, _)) = path.split_once("/src/") else {
                continue;
            };
            let name = folder.rsplit('/').next().unwrap_or(folder);
            if crates.is_empty() || crates.iter().any(|wanted| wanted == name) {
                let lines = lines.entry(folder.to_owned()).or_default();
                lines.covered += file.covered;
                lines.all += file.coverable;
            }
        }
        lines
    }
}

fn table(crates: &BTreeMap<String, Lines>) -> String {
    let mut text = format!("{:<44} {:>7} {:>7} {:>7}\n", "crate", "lines", "covered", "");
    let mut sum = Lines::default();
    for (folder, lines) in crates {
        let goal = match (folder.starts_with(FRAMEWORK), lines.percent() >= GOAL) {
            (false, _) => String::new(),
            (true, true) => "  goal reached".to_owned(),
            (true, false) => format!("  below the goal of {GOAL} %"),
        };
        text += &format!("{folder:<44} {}{goal}\n", lines.cells());
        sum.covered += lines.covered;
        sum.all += lines.all;
    }
    text + &format!("{:<44} {}\n", "all of these", sum.cells())
}

impl Lines {
    fn percent(self) -> f64 {
        100.0 * self.covered as f64 / self.all.max(1) as f64
    }

    fn cells(self) -> String {
        format!("{:>7} {:>7} {:>5.1} %", self.all, self.covered, self.percent())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let json = r#"{"coverage": 50.0, "files": [
            {"path": ["/", "w", "crates", "shared", "kernel", "src", "ids.rs"], "content": "", "covered": 9, "coverable": 10},
            {"path": ["/", "w", "crates", "shared", "kernel", "src", "sub", "a.rs"], "covered": 9, "coverable": 10},
            {"path": ["/", "w", "crates", "shared", "saga", "src", "lib.rs"], "covered": 1, "coverable": 2},
            {"path": ["/", "w", "crates", "data", "quality", "src", "lib.rs"], "covered": 0, "coverable": 8},
            {"path": ["/", "w", "crates", "data", "quality", "tests", "it", "main.rs"], "covered": 0, "coverable": 8}]}"#;
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_crate_is_the_sum_of_its_sources_and_the_framework_has_a_goal() {
        let table = table(&report().by_crate(Path::new("/w"), &[]));
        let words: Vec<Vec<_>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words[1], ["crates/data/quality", "8", "0", "0.0", "%"]);
        assert_eq!(words[2][..5], ["crates/shared/kernel", "20", "18", "90.0", "%"]);
        assert_eq!(words[2][5..], ["goal", "reached"]);
        assert_eq!(words[3][5..], ["below", "the", "goal", "of", "90", "%"]);
        assert_eq!(words[4], ["all", "of", "these", "30", "19", "63.3", "%"]);
    }

    #[test]
    fn only_the_crates_that_were_asked_for_are_shown() {
        let shown = report().by_crate(Path::new("/w"), &["saga".to_owned()]);
        assert_eq!(shown.into_keys().collect::<Vec<_>>(), ["crates/shared/saga"]);
    }
}
