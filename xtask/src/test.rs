use std::process::{Command, ExitCode};

use clap::ValueEnum;

use crate::step;

/// The crate whose integration tests run the real binary.
const BINARY_CRATE: &str = "configurations";

/// Run the tests: all of them, or one category
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask test                          every test, built once\n  \
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

pub fn run(args: &Args) -> ExitCode {
    // All of them, so that one report shows every failure; the first failure is the answer.
    let codes: Vec<u8> = commands(args).iter_mut().map(step::run).collect();
    codes.into_iter().find(|&code| code != 0).unwrap_or(0).into()
}

/// The tests need nothing that is not in the workspace: cargo builds the binary for the crate that runs it, the data is in
/// `samples/`, and every test makes its store in a folder of its own.
fn commands(args: &Args) -> Vec<Command> {
    let selections: &[&[&str]] = match args.category {
        None => &[&["--workspace"]],
        Some(Category::Unit) => &[&["--workspace", "--lib", "--bins"], &["--workspace", "--doc"]],
        Some(Category::Integration) => &[&["--workspace", "--exclude", BINARY_CRATE, "--test", "it"]],
        Some(Category::E2e) => &[&["--package", BINARY_CRATE, "--test", "it"]],
    };
    selections
        .iter()
        .map(|selection| {
            let mut command = step::cargo(["test", "--no-fail-fast"]);
            command.args(*selection).args(&args.filter);
            command
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(category: Option<Category>, filter: Option<&str>) -> Vec<String> {
        let args = Args { category, filter: filter.map(Into::into) };
        let line = |command: &Command| {
            let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
            words.join(" ")
        };
        commands(&args).iter().map(line).collect()
    }

    #[test]
    fn all_tests_are_one_build() {
        assert_eq!(lines(None, None), ["test --no-fail-fast --workspace"]);
    }

    #[test]
    fn the_filter_reaches_every_command_of_a_category() {
        assert_eq!(
            lines(Some(Category::Unit), Some("fork")),
            ["test --no-fail-fast --workspace --lib --bins fork", "test --no-fail-fast --workspace --doc fork"]
        );
    }

    #[test]
    fn integration_and_e2e_share_no_target() {
        assert_eq!(
            lines(Some(Category::Integration), None),
            ["test --no-fail-fast --workspace --exclude configurations --test it"]
        );
        assert_eq!(lines(Some(Category::E2e), None), ["test --no-fail-fast --package configurations --test it"]);
    }
}
