//! The program as people and scripts call it.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use expect_test::expect;

use crate::fixture::{plain, workspace};

pub const CLEAN: &str = r#"
//- boundaries.toml
version = 1
[[layer]]
name = "low"
members = ["low"]
[[layer]]
name = "high"
members = ["high"]
//- low
//- high
[dependencies]
low = { path = "../low" }
"#;

pub const VIOLATED: &str = r#"
//- boundaries.toml
version = 1
[[layer]]
name = "low"
members = ["low"]
[[layer]]
name = "high"
members = ["high"]
//- low
[dependencies]
high = { path = "../high" }
//- high
"#;

pub fn run(root: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-boundaries"));
    command.args(args).current_dir(root).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    command
        .env_remove("CI")
        .env_remove("GITHUB_ACTIONS")
        .env_remove("GITHUB_STEP_SUMMARY")
        .env_remove("GITHUB_WORKSPACE");
    command.output().expect("the program starts")
}

/// Exit code, whether standard output and standard error have text.
pub fn shape(output: &Output) -> (Option<i32>, bool, bool) {
    (output.status.code(), !output.stdout.is_empty(), !output.stderr.is_empty())
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("the output is text")
}

#[test]
fn exit_codes_and_streams() {
    let (clean, violated, unknown) = (workspace(CLEAN), workspace(VIOLATED), workspace("//- a\n"));
    for args in [&[][..], &["check"], &["boundaries"], &["boundaries", "check"], &["--format", "text"], &["--json"]] {
        assert_eq!(shape(&run(clean.path(), args)), (Some(0), true, false), "{args:?}");
        assert_eq!(shape(&run(violated.path(), args)), (Some(1), true, false), "{args:?}");
        assert_eq!(shape(&run(unknown.path(), args)), (Some(2), false, true), "{args:?}");
    }
}

/// As with `cargo boundaries | head`: the outcome is known, whoever listens.
#[test]
fn a_reader_who_leaves() {
    let violated = workspace(VIOLATED);
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-boundaries"));
    let mut program = command.current_dir(violated.path()).stdout(Stdio::piped()).spawn().expect("the program starts");
    drop(program.stdout.take());
    assert_eq!(program.wait().expect("the program ends").code(), Some(1));
}

/// A result that is lost is no result.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk() {
    let clean = workspace(CLEAN);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("the device exists on Linux");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-boundaries"));
    let status = command.current_dir(clean.path()).stdout(full).status().expect("the program starts");
    assert_eq!(status.code(), Some(2));
}

#[test]
fn arguments_that_do_not_exist() {
    let clean = workspace(CLEAN);
    for args in [&["chekc"][..], &["--jsn"], &["--json", "--format", "text"], &["--color", "blue"]] {
        assert_eq!(shape(&run(clean.path(), args)), (Some(2), false, true), "{args:?}");
    }
}

#[test]
fn help_has_an_example_that_works() {
    let help = stdout(&run(Path::new("."), &["boundaries", "--help"]));
    let (_, example) = help.split_once("Example: ").expect("the help has an example");
    let rules: String =
        example.lines().skip(1).take_while(|line| !line.starts_with("  $")).map(|l| format!("{l}\n")).collect();
    let crates = "//- crates/shared/kernel\n//- crates/shared/event-bus\n[dependencies]\nkernel = { path = \"../kernel\" }\n\
                  //- crates/ai/a\n//- crates/data/b\n";
    let root = workspace(&format!("//- boundaries.toml\n{rules}{crates}"));
    assert_eq!(shape(&run(root.path(), &[])), (Some(0), true, false), "{rules}");
}

#[test]
fn another_workspace_and_other_rules() {
    let (clean, violated) = (workspace(CLEAN), workspace(VIOLATED));
    let manifest = violated.path().join("low/Cargo.toml").display().to_string();
    assert_eq!(shape(&run(clean.path(), &["--manifest-path", &manifest])), (Some(1), true, false));

    let rules = "version = 1\nlayer = [{ name = \"all\", members = [\"*\"] }]\nworkspace.same-layer = \"allow\"\n";
    std::fs::write(violated.path().join("other.toml"), rules).expect("the file can be written");
    assert_eq!(shape(&run(violated.path(), &["--config", "other.toml"])), (Some(0), true, false));
    assert_eq!(shape(&run(violated.path(), &["--config", "none.toml"])), (Some(2), false, true));
}

#[test]
fn colors() {
    let violated = workspace(VIOLATED);
    let is_styled = |output: Output| stdout(&output).contains('\u{1b}');
    assert!(!is_styled(run(violated.path(), &[])), "a pipe is no terminal");
    assert!(!is_styled(run(violated.path(), &["--color", "never"])));
    assert!(is_styled(run(violated.path(), &["--color", "always"])));
    assert!(!is_styled(run(violated.path(), &["--color", "always", "--json"])), "JSON has no styles");
}

#[test]
fn json_of_a_violation() {
    let root = workspace(VIOLATED);
    expect![[r#"
        {
          "violations": [
            {
              "rule": "may-use",
              "severity": "error",
              "state": "new",
              "message": "`low` must not depend on `high`",
              "from": {
                "name": "low",
                "dir": "low",
                "layer": "low"
              },
              "module": null,
              "to": "high",
              "kind": "normal",
              "by": null,
              "site": {
                "file": "low/Cargo.toml",
                "line": 7,
                "column": 1,
                "end_column": 5,
                "text": "high = { path = \"../high\" }"
              },
              "what": "normal dependency on high",
              "code": null,
              "rule_site": {
                "file": "boundaries.toml",
                "line": 3,
                "column": 8,
                "end_column": 13,
                "text": "name = \"low\""
              },
              "why": "layer `low` may use the layers that stand before it",
              "notes": [
                "`low` may use no other crate of this workspace",
                "no path in its sources names it"
              ],
              "help": "delete the line; what both need belongs into a layer before `low`"
            }
          ],
          "stale": [],
          "summary": {
            "crates": 2,
            "edges": 1,
            "external": 0,
            "files": 2,
            "unseen": {
              "generated": 0,
              "absent": 0,
              "unresolved": 0,
              "globs": 0
            },
            "exceptions": 0,
            "baseline": 0,
            "baseline_change": null,
            "warnings": 0,
            "violations": 1
          }
        }
    "#]]
    .assert_eq(&plain(&stdout(&run(root.path(), &["--json"])), root.path()));
}

#[test]
fn json_of_what_stands_in_the_way() {
    let root = workspace("//- boundaries.toml\nversion = 1\n//- a\n");
    let output = run(root.path(), &["check", "--format", "json"]);
    let stderr = String::from_utf8(output.stderr).expect("the output is text");
    expect![[r#"
        {
          "errors": [
            {
              "cause": "unclassified",
              "message": "crate a is in no layer",
              "site": {
                "file": "a/Cargo.toml",
                "line": 2,
                "column": 8,
                "end_column": 11,
                "text": "name = \"a\""
              },
              "help": "add its directory to `members` of a [[layer]]"
            }
          ]
        }
    "#]]
    .assert_eq(&plain(&stderr, root.path()));
}

/// The example of the README and what it says the program says.
#[test]
fn the_readme_is_true() {
    let readme = include_str!("../../README.md");
    let block = |start: &str| {
        let (_, rest) = readme.split_once(start).expect("the README has the block");
        rest.split_once("```").expect("the block ends").0
    };
    let crates = r#"
//- shared/kernel
//- shared/bus
[dependencies]
kernel = { path = "../kernel" }
//- shared/testing
[dependencies]
kernel = { path = "../kernel" }
//- domains/orders
[dependencies]
kernel = { path = "../../shared/kernel" }
//- domains/billing
[dev-dependencies]
orders = { path = "../orders" }
//- contracts
[dependencies]
serde = "1"
"#;
    let root = workspace(&format!("//- boundaries.toml\n{}{crates}", block("```toml\n")));
    let said = stdout(&run(root.path(), &[]));
    let shown = block("$ cargo boundaries\n");
    assert_eq!(said, shown);
}
