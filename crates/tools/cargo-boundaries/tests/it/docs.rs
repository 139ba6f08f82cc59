//! `docs/boundaries.md` against the program: the page is written anew from what the program says now, and must not differ.
//! `UPDATE_EXPECT=1` refreshes the page.
//!
//! A block of code is known by the words after its fence:
//! - `toml FILE`, `rust FILE`: the file of the example workspace. Below `## Rules` a `boundaries.toml` holds up to the next one;
//!   without a version it goes below the first one there.
//! - `console`: commands after `$`, run one after the other in the example workspace, and their output.
//! - `text` below a heading that is the name of a rule: the violation of the rule in [`BREAKS`].
//!
//! A new rule needs a heading, an empty `text` block and a row in [`BREAKS`].

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use boundaries::{Cause, CheckError, Options, Report, Rule, check};
use expect_test::expect_file;
use tempfile::TempDir;

use crate::fixture::{outcome, plain, workspace, write};

const PAGE: &str = include_str!("../../../../../docs/boundaries.md");

/// The example workspace of the page. It breaks none of the rules there that is an error.
const EXAMPLE: &str = r#"
//- Cargo.toml
[workspace]
resolver = "2"
members = ["app", "domains/*", "shared/*"]
exclude = ["vendor"]
[workspace.lints]
[workspace.dependencies]
billing = { path = "domains/billing" }
bus = { path = "shared/bus" }
clock = { path = "shared/clock" }
fixtures = { path = "shared/fixtures" }
kernel = { path = "shared/kernel" }
openssl = { path = "vendor/openssl" }
orders = { path = "domains/orders" }
reqwest = { path = "vendor/reqwest" }
rusqlite = { path = "vendor/rusqlite" }
//- app
[lints]
workspace = true

[dependencies]
billing.workspace = true
orders.workspace = true
//- app/src/main.rs
use {billing as _, orders as _};
fn main() {}
//- domains/billing
[lints]
workspace = true

[dependencies]
bus.workspace = true
clock.workspace = true
//- domains/billing/src/lib.rs
use {bus as _, clock as _};
//- domains/orders
[lints]
workspace = true

[dependencies]
bus.workspace = true
//- domains/orders/src/lib.rs
pub mod api;
pub mod domain;
use bus as _;
//- domains/orders/src/api.rs
pub struct Route;
//- domains/orders/src/domain.rs
pub struct Order;
pub mod store {}
//- shared/bus
[lints]
workspace = true

[dependencies]
kernel.workspace = true
//- shared/bus/src/lib.rs
use kernel as _;
//- shared/clock
[lints]
workspace = true

[dependencies]
//- shared/fixtures
[lints]
workspace = true

[dependencies]
//- shared/kernel
[lints]
workspace = true

[dependencies]
//- vendor/openssl
//- vendor/reqwest
[dependencies]
openssl = { path = "../openssl" }
//- vendor/rusqlite
"#;

/// How each rule is broken in the example workspace: the file, what stands there, and what takes its place. Where nothing is
/// to be replaced the file grows.
const BREAKS: &[(Rule, &str, &str, &str)] = &[
    (Rule::MayUse, "shared/clock/Cargo.toml", "", "orders.workspace = true\n"),
    (Rule::SameLayer, "shared/clock/Cargo.toml", "", "kernel.workspace = true\n"),
    (Rule::Independent, "domains/orders/Cargo.toml", "", "billing.workspace = true\n"),
    (Rule::DevOnly, "domains/orders/Cargo.toml", "", "fixtures.workspace = true\n"),
    (Rule::Visibility, "domains/orders/Cargo.toml", "", "kernel.workspace = true\n"),
    (Rule::Forbid, "app/Cargo.toml", "", "bus.workspace = true\n"),
    // The example has one, since a deprecation of nothing is an error.
    (Rule::Deprecated, "domains/billing/Cargo.toml", "", ""),
    (Rule::Cycle, "shared/kernel/Cargo.toml", "", "[dev-dependencies]\nbus.workspace = true\n"),
    (Rule::ExternalAllow, "shared/kernel/Cargo.toml", "", "rusqlite.workspace = true\n"),
    (Rule::ExternalDeny, "domains/orders/Cargo.toml", "", "rusqlite.workspace = true\n"),
    (Rule::ExternalReachable, "shared/clock/Cargo.toml", "", "reqwest.workspace = true\n"),
    (Rule::ExternalOnly, "app/Cargo.toml", "", "reqwest.workspace = true\n"),
    (Rule::WorkspaceLints, "domains/orders/Cargo.toml", "[lints]\nworkspace = true\n", ""),
    (Rule::WorkspaceVersions, "domains/orders/Cargo.toml", "", "rusqlite = \"0.41\"\n"),
    (Rule::FolderName, "domains/orders/Cargo.toml", "name = \"orders\"", "name = \"order-book\""),
    (Rule::UsedDependencies, "shared/bus/src/lib.rs", "use kernel as _;", ""),
    (Rule::NoGlobReExports, "shared/bus/src/lib.rs", "", "pub use kernel::*;\n"),
    (Rule::ModuleOrder, "domains/orders/src/domain.rs", "pub struct Order;", "use crate::api::Route;"),
    (Rule::ModulePrivate, "domains/orders/src/api.rs", "pub struct Route;", "use crate::domain::store;"),
    (Rule::ModuleApi, "app/src/main.rs", "", "use orders::domain::Order;\n"),
];

/// The command that a test does not run; the page shows no output of it.
const NOT_RUN: &str = "cargo install";

#[test]
fn the_page_shows_what_the_program_says() {
    let mut page = Page::new();
    let written = page.written_anew();
    expect_file!["../../../../../docs/boundaries.md"].assert_eq(&written);
    assert_eq!(page.shown, Rule::ALL, "every rule has a section, in this order");
}

/// Of rules about other workspaces nothing is wrong but that the crates are not here.
#[test]
fn the_rules_of_public_workspaces_can_be_read() {
    let root = workspace(EXAMPLE);
    for name in ["uv", "rust-analyzer"] {
        let config = Path::new("../../../docs/boundaries").join(name).with_extension("toml");
        let today = "2026-11-21".parse().expect("a date");
        let manifest_path = Some(root.path().join("Cargo.toml"));
        let options = Options { manifest_path, config: Some(config), baseline: None, today, cache: false };
        let error = check(&options).expect_err("no such crate is here");
        let absent = [Cause::MatchesNothing, Cause::Unclassified];
        assert!(error.errors.iter().all(|finding| absent.contains(&finding.cause)), "{}", error.text());
    }
}

/// The page while it is written anew.
struct Page {
    /// The example workspace that the commands of the guide change.
    guide: TempDir,
    /// The rules that hold in this part of the reference; nothing before it.
    rules: Option<String>,
    /// The first rules of the reference.
    first: String,
    /// What crates of the example state about themselves there: manifests and what they grow by.
    own: Vec<(String, String)>,
    /// The section.
    rule: Option<Rule>,
    shown: Vec<Rule>,
}

impl Page {
    fn new() -> Self {
        Self {
            guide: workspace(EXAMPLE),
            rules: None,
            first: String::new(),
            own: Vec::new(),
            rule: None,
            shown: Vec::new(),
        }
    }

    fn written_anew(&mut self) -> String {
        let mut out = String::new();
        let mut lines = PAGE.lines();
        while let Some(line) = lines.next() {
            out += &format!("{line}\n");
            if let Some(info) = line.strip_prefix("```") {
                let body: String =
                    lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
                out += &format!("{}```\n", self.block(info, body));
            } else if line == "## Rules" {
                self.rules = Some(String::new());
            } else if line.starts_with("## ") {
                self.rules = None;
            } else if let Some(heading) = line.strip_prefix("### ") {
                self.rule = Rule::ALL.into_iter().find(|rule| heading == format!("`{}`", rule.name()));
            }
        }
        out
    }

    fn block(&mut self, info: &str, body: String) -> String {
        match (info.split_once(' '), &mut self.rules) {
            (Some(("toml", "boundaries.toml")), Some(rules)) => {
                if self.first.is_empty() {
                    self.first.clone_from(&body);
                }
                *rules = if body.starts_with("version") { body.clone() } else { format!("{}\n{body}", self.first) };
                self.own.clear();
            }
            (Some(("toml", file)), Some(_)) => self.own.push((file.to_owned(), body.clone())),
            (Some((_, file)), None) => write(self.guide.path(), file, &body),
            (None, None) if info == "console" => return session(self.guide.path(), &body),
            (None, Some(_)) if info == "text" => return self.violation(),
            _ => assert!(!info.starts_with("toml"), "a block of TOML that no test reads:\n{body}"),
        }
        body
    }

    /// What the program says of the section's rule when it is broken; nothing while it is not.
    fn violation(&mut self) -> String {
        let rule = self.rule.expect("the block stands in a section of a rule");
        let (_, file, old, new) = BREAKS.iter().find(|row| row.0 == rule).expect("the rule has a row in BREAKS");
        self.shown.push(rule);
        let root = workspace(EXAMPLE);
        write(root.path(), "boundaries.toml", self.rules.as_deref().unwrap_or_default());
        for (file, text) in &self.own {
            replace(root.path(), file, "", text);
        }
        match report(root.path()) {
            Ok(report) if report.is_clean() => {}
            Ok(report) => panic!("the example is to be clean before it breaks {rule:?}: {}", report.text()),
            Err(error) => panic!("{rule:?}: {}", error.text()),
        }
        replace(root.path(), file, old, new);
        let report = report(root.path()).unwrap_or_else(|error| panic!("{rule:?}: {}", error.text()));
        let said = plain(&report.text(), root.path());
        let starts = [format!("error[{}]", rule.name()), format!("warning[{}]", rule.name())];
        let parts: Vec<_> =
            said.split("\n\n").filter(|part| starts.iter().any(|start| part.starts_with(start))).collect();
        let [violation] = parts[..] else { panic!("one violation of {rule:?} is to be shown:\n{said}") };
        format!("{violation}\n")
    }
}

/// Puts `new` in place of `old`, or at the end of the file.
fn replace(root: &Path, file: &str, old: &str, new: &str) {
    let text = fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert!(text.contains(old), "{file} has no {old}");
    let changed = if old.is_empty() { text + new } else { text.replacen(old, new, 1) };
    write(root, file, &changed);
}

/// What is reachable needs a lock file.
fn report(root: &Path) -> Result<Report, CheckError> {
    if fs::read_to_string(root.join("boundaries.toml")).is_ok_and(|rules| rules.contains("reachable")) {
        shell(root, "cargo generate-lockfile --offline --quiet");
    }
    outcome(root)
}

/// The commands with what they print today.
fn session(root: &Path, body: &str) -> String {
    let mut out = String::new();
    for line in body.lines() {
        let Some(command) = line.strip_prefix("$ ") else { continue };
        out += &format!("{line}\n");
        if !command.starts_with(NOT_RUN) {
            out += &shell(root, command);
        }
    }
    out
}

/// Both streams of a command line, whatever its exit code.
fn shell(root: &Path, line: &str) -> String {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_cargo-boundaries"));
    let own = program.parent().expect("the program lies in a folder").to_owned();
    let inherited = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([own].into_iter().chain(env::split_paths(&inherited))).expect("folders have no colon");
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{{ {line}\n}} 2>&1")]).current_dir(root).env("PATH", path);
    for name in ["CI", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE", "CLICOLOR_FORCE", "GIT_DIR"] {
        shell.env_remove(name);
    }
    let output = shell.output().expect("a shell starts");
    plain(&String::from_utf8_lossy(&output.stdout), root)
}
