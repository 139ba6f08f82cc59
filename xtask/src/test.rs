use std::{
    ffi::OsStr,
    io::BufReader,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use cargo_metadata::{Artifact, Message, TargetKind};
use clap::ValueEnum;

use crate::{step, tools};

/// The crate whose integration tests run the real binary.
const BINARY_CRATE: &str = "configurations";

/// Run the tests: all of them, or one category
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask test                          every test\n  \
    cargo xtask test --category unit          tests inside the crates, and their documentation\n  \
    cargo xtask test --category e2e resume    tests of the real binary whose name contains `resume`")]
pub struct Args {
    /// Only this kind of test
    #[arg(long, value_enum)]
    category: Option<Category>,
    /// Only tests whose name contains this
    filter: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Category {
    /// Tests inside the crates' sources, and the examples in their documentation
    Unit,
    /// `tests/it` of every crate but the binary's: several modules, or a module and its outside
    Integration,
    /// `tests/it` of the binary's crate: the real program as a person runs it
    E2e,
}

/// The data of the tests is in `samples/`, and every test makes its store in a folder of its own. What they need beside the
/// workspace is fetched: see `cargo xtask tools`.
///
/// Everything is built by one command whatever is picked: cargo would build the dependencies anew, with other features, for
/// each selection of packages.
pub fn run(args: &Args) -> ExitCode {
    if let Err(why) = tools::fetch() {
        // Tests that need what is not there fail, and say so.
        eprintln!("warning: {why}");
    }
    let everything = ["test", "--workspace", "--no-run", "--message-format", "json-render-diagnostics"];
    let programs = match build(step::cargo(everything)) {
        Ok(programs) => programs,
        Err(code) => return code.into(),
    };
    let picked = programs.iter().filter(|program| args.category.is_none_or(|category| program.category == category));
    // All of them, so that one report shows every failure; the first failure is the answer.
    let mut codes: Vec<u8> = picked.map(|program| step::run(&mut program.command(args.filter.as_deref()))).collect();
    if args.category.is_none_or(|category| category == Category::Unit) {
        let mut documentation = step::cargo(["test", "--workspace", "--doc"]);
        codes.push(step::run(documentation.args(&args.filter)));
    }
    codes.into_iter().find(|&code| code != 0).unwrap_or(0).into()
}

/// One test binary.
pub struct Program {
    pub executable: PathBuf,
    /// `it`, or what is tested from inside.
    pub target: String,
    /// Of its package: where cargo would run it.
    folder: PathBuf,
    category: Category,
}

impl Program {
    pub fn command(&self, filter: Option<&str>) -> Command {
        let mut command = Command::new(&self.executable);
        // Snapshots look for their sources from here; both are what cargo would say.
        command.args(filter).current_dir(&self.folder);
        command.env("CARGO_MANIFEST_DIR", &self.folder).env("CARGO_PKG_NAME", self.package());
        command
    }

    /// The crate that it tests: folders are called as their crates.
    pub fn package(&self) -> &str {
        self.folder.file_name().and_then(OsStr::to_str).unwrap_or_default()
    }

    fn of(artifact: &Artifact) -> Option<Self> {
        let executable = artifact.executable.clone().filter(|_| artifact.profile.test)?;
        let folder = artifact.manifest_path.parent()?;
        let is_integration = artifact.target.kind.contains(&TargetKind::Test);
        let category = category(is_integration, folder.as_std_path());
        let target = artifact.target.name.clone();
        Some(Self { executable: executable.into(), target, folder: folder.into(), category })
    }
}

fn category(is_integration: bool, package: &Path) -> Category {
    match is_integration {
        false => Category::Unit,
        true if package.ends_with(BINARY_CRATE) => Category::E2e,
        true => Category::Integration,
    }
}

/// Builds test binaries by this command; cargo's own messages go to stderr as they come.
pub fn build(mut cargo: Command) -> Result<Vec<Program>, u8> {
    let cannot = |error: std::io::Error| {
        eprintln!("error: the tests cannot be built: {error}");
        2
    };
    let mut child = cargo.stdout(Stdio::piped()).spawn().map_err(cannot)?;
    let output = child.stdout.take().expect("stdout was just piped");
    let mut programs = Vec::new();
    for message in Message::parse_stream(BufReader::new(output)) {
        if let Message::CompilerArtifact(artifact) = message.map_err(cannot)? {
            programs.extend(Program::of(&artifact));
        }
    }
    match child.wait().map_err(cannot)?.code() {
        Some(0) if programs.is_empty() => {
            eprintln!("error: there is not one test");
            Err(2)
        }
        Some(0) => Ok(programs),
        code => Err(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_binary_tests_follows_from_where_it_stands() {
        assert_eq!(category(false, Path::new("/w/crates/configurations")), Category::Unit);
        assert_eq!(category(true, Path::new("/w/crates/configurations")), Category::E2e);
        assert_eq!(category(true, Path::new("/w/crates/shared/saga")), Category::Integration);
    }
}
