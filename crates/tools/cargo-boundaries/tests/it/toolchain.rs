//! Workspaces that are made for another Cargo than the one that reads them.

use std::fs;
use std::process::Command;

use boundaries::Rule;

use crate::cli::{CLEAN, shape};
use crate::fixture::{outcome, plain, workspace};

/// Without rustup nobody reads the file, which is as good.
#[test]
fn a_workspace_that_pins_a_toolchain_nobody_has() {
    let clean = workspace(CLEAN);
    fs::write(clean.path().join("rust-toolchain.toml"), "[toolchain]\nchannel = \"nobody-has-this\"\n")
        .expect("the file can be written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-boundaries"));
    command.current_dir(clean.path()).env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN").env_remove("GITHUB_ACTIONS");
    let output = command.output().expect("the program starts");
    assert_eq!(shape(&output), (Some(0), true, false), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Manifests that a stable Cargo refuses, in the root and in members, also where no nightly is installed.
const NIGHTLY: &str = r#"
//- boundaries.toml
version = 1
[[layer]]
name = "low"
members = ["low"]
[[layer]]
name = "high"
members = ["high"]
//- Cargo.toml
cargo-features = ["profile-rustflags"]
[workspace]
members = ["low", "high"]
resolver = "2"
[profile.dev]
rustflags = ["-Cdebuginfo=0"]
//- low/Cargo.toml
cargo-features = ["per-package-target"]
[package]
name = "low"
version = "0.1.0"
edition = "2021"
forced-target = "wasm32-unknown-unknown"
[dependencies]
high = { path = "../high" }
//- low/src/lib.rs
#![feature(decl_macro)]
pub macro count() { 1 }
//- high
"#;

#[test]
fn manifests_for_a_nightly() {
    let root = workspace(NIGHTLY);
    let report = outcome(root.path()).unwrap_or_else(|error| panic!("{}", plain(&error.text(), root.path())));
    let found: Vec<_> = report.violations.iter().map(|one| (one.rule, one.site.file.as_str(), one.site.line)).collect();
    assert_eq!(found, [(Rule::MayUse, "low/Cargo.toml", 8)]);
}

/// What is wrong with a manifest for every Cargo, not that it is for a nightly, is the reason.
#[test]
fn manifests_for_no_cargo() {
    let mistakes = [
        ("[\"profile-rustflags\"]", "[\"nobody-has-this\"]", "unknown Cargo.toml feature `nobody-has-this`"),
        ("path = \"../high\"", "path = \"../nowhere\"", "<root>/nowhere/Cargo.toml"),
        ("members = [\"low\", \"high\"]", "members = 1", "members = 1"),
    ];
    for (right, wrong, reason) in mistakes {
        let root = workspace(&NIGHTLY.replace(right, wrong));
        let text = plain(&outcome(root.path()).expect_err("no Cargo reads it").text(), root.path());
        assert!(text.starts_with("error[workspace]: `cargo metadata` fails: "), "{text}");
        assert!(text.contains(reason) && !text.contains("nightly version"), "{text}");
    }
}
