//! Workspaces from a few lines of text.

use std::fs;
use std::path::Path;
use std::process::Command;

use boundaries::{CheckError, Options, Report};
use expect_test::Expect;
use tempfile::TempDir;

/// Writes a workspace. `//- crates/a` starts the manifest of the crate in that directory, below a `[package]` that is
/// supplied; `//- some.toml` starts a file as it is, and so does
/// `//- crates/a/src/some.rs`, which stands behind its crate. Without a `//- Cargo.toml` all such crates are members.
pub fn workspace(text: &str) -> TempDir {
    let root = tempfile::tempdir().expect("a temporary directory can be made");
    let mut members = Vec::new();
    let mut has_root_manifest = false;
    for part in text.split("//- ").skip(1) {
        let (path, body) = part.split_once('\n').expect("a path stands on a line of its own");
        let path = path.trim();
        if path.ends_with(".toml") || path.ends_with(".TAG") || path.ends_with(".rs") {
            has_root_manifest |= path == "Cargo.toml";
            write(root.path(), path, body);
        } else {
            let name = path.rsplit('/').next().unwrap_or(path);
            let package = format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n");
            write(root.path(), &format!("{path}/Cargo.toml"), &(package + body));
            write(root.path(), &format!("{path}/src/lib.rs"), "");
            members.push(path);
        }
    }
    if !has_root_manifest {
        let manifest = format!("[workspace]\nresolver = \"2\"\nmembers = {members:?}\n");
        write(root.path(), "Cargo.toml", &manifest);
    }
    root
}

pub fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("the path has a parent")).expect("the folder can be made");
    fs::write(path, text).expect("the file can be written");
}

/// The outcome on 2026-11-21.
pub fn outcome(root: &Path) -> Result<Report, CheckError> {
    let today = "2026-11-21".parse().expect("a date");
    let manifest_path = Some(root.join("Cargo.toml"));
    boundaries::check(&Options { manifest_path, config: None, baseline: None, today, cache: false })
}

/// Compares the text of the outcome.
#[track_caller]
pub fn check(text: &str, expect: Expect) {
    let root = workspace(text);
    let rendered = match outcome(root.path()) {
        Ok(report) => report.text(),
        Err(error) => error.text(),
    };
    expect.assert_eq(&plain(&rendered, root.path()));
}

/// Without styles and without the name of the temporary directory.
pub fn plain(text: &str, root: &Path) -> String {
    let text = anstream::adapter::strip_str(text).to_string();
    let resolved = root.canonicalize().expect("the workspace exists");
    [resolved.as_path(), root].iter().fold(text, |text, root| text.replace(&root.display().to_string(), "<root>"))
}

/// Runs `git` in a folder as somebody.
pub fn git(root: &Path, args: &[&str]) {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]).args(args);
    let status = command.current_dir(root).env_remove("GIT_DIR").status().expect("git starts");
    assert!(status.success(), "{args:?}");
}
