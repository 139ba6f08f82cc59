//! `cargo xtask new-package` in a copy of this workspace, with all that is not committed yet.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The same folder each time, so that what was built for it last time is known to cargo.
fn copy() -> PathBuf {
    let metadata = crate::workspace();
    let (root, target) = (metadata.workspace_root.as_std_path(), metadata.target_directory.as_std_path());
    let copy = target.join("tests").join("new-package");
    let _nothing_there = fs::remove_dir_all(&copy);
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(root)
        .output()
        .unwrap();
    for file in std::str::from_utf8(&listed.stdout).unwrap().split_terminator('\0') {
        let (from, to) = (root.join(file), copy.join(file));
        // Listed, and deleted since.
        if from.is_file() {
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(from, to).unwrap();
        }
    }
    set_apart(&copy.join("Cargo.toml"));
    git(&copy, &["init", "--quiet"]);
    copy
}

/// Gives the packages of the copy a version of their own. Cargo would otherwise take what it builds for them for the artifacts
/// of this workspace's packages: it tells packages of the same place in two checkouts apart by nothing but the age of a file.
fn set_apart(manifest: &Path) {
    let text = fs::read_to_string(manifest).unwrap();
    let apart = text.replacen("\nversion = \"0.1.0\"", "\nversion = \"0.1.0-copy\"", 1);
    assert_ne!(apart, text, "the version of the workspace's packages is not where it was");
    fs::write(manifest, apart).unwrap();
}

fn git(folder: &Path, args: &[&str]) {
    assert!(Command::new("git").args(args).current_dir(folder).status().unwrap().success());
}

/// What this workspace has built is there for the copy; the programs of the copy come to a folder of their own, and take no
/// program's place here that other tests run.
fn sharing(command: &mut Command) -> &mut Command {
    let target = crate::workspace().target_directory;
    command
        .env("CARGO_BUILD_BUILD_DIR", &target)
        .env("CARGO_TARGET_DIR", target.join("tests").join("new-package-programs"))
}

/// Runs cargo there, and answers whether it went well and what it said.
fn cargo(folder: &Path, args: &[&str]) -> (bool, String) {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let output = sharing(&mut cargo).args(args).current_dir(folder).output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.success(), said)
}

#[test]
fn a_package_is_made_wired_and_passes_every_check() {
    let copy = copy();
    let run = |args: &[&str]| {
        let (went_well, said) = cargo(&copy, args);
        assert!(went_well, "cargo {}\n{said}", args.join(" "));
    };
    run(&["xtask", "new-package", "data", "sales-forecast"]);
    run(&["xtask", "new-package", "enterprise", "ledger"]);
    let (taken, said) = cargo(&copy, &["xtask", "new-package", "ai", "ledger"]);
    assert!(!taken && said.contains("is there already: choose another name"), "{said}");

    run(&["fmt", "--check"]);
    run(&["xtask", "check-boundaries"]);
    run(&["xtask", "check-contracts", "--locked"]);
    // All of the workspace, for a part of it cargo would build the dependencies anew.
    run(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    run(&["test", "--package", "sales-forecast", "--package", "ledger"]);
    the_hook_refuses_a_commit(&copy);
}

/// The one that git runs, with the checks of the copy.
fn the_hook_refuses_a_commit(copy: &Path) {
    let (went_well, said) = cargo(copy, &["xtask", "hooks", "install"]);
    assert!(went_well, "{said}");
    git(copy, &["add", "--all"]);
    assert_eq!(commit(copy), (true, String::new()));

    let package = copy.join("crates/data/sales-forecast");
    let cases = [
        ("src/lib.rs", "", "\nuse   std::fs ;\n", "`cargo fmt` has not been run"),
        ("Cargo.toml", "[dependencies]\n", "[dependencies]\nmlops.workspace = true\n", "mlops"),
    ];
    for (file, before, after, told) in cases {
        let file = package.join(file);
        let text = fs::read_to_string(&file).unwrap();
        let spoilt = if before.is_empty() { format!("{text}{after}") } else { text.replacen(before, after, 1) };
        fs::write(&file, spoilt).unwrap();
        git(copy, &["add", "--all"]);
        let (went_well, said) = commit(copy);
        assert!(!went_well && said.contains(told), "{told}: {said}");
        fs::write(&file, text).unwrap();
    }
}

/// Whether git made the commit, and what was said if it did not.
fn commit(copy: &Path) -> (bool, String) {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=it", "-c", "user.email=it@localhost", "commit", "--quiet", "--message", "x"]);
    let output = sharing(&mut git).current_dir(copy).output().unwrap();
    let said = if output.status.success() { Vec::new() } else { [output.stdout, output.stderr].concat() };
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_name_that_cannot_be_one_is_refused_and_nothing_is_written() {
    let root = crate::workspace().workspace_root;
    let words = ["Sales", "2nd", "sales_forecast", "sales-", "match", "tokio"];
    // A module of an example, crates of others, our own, a section of the settings, files of a contracts crate.
    let taken = [
        "billing",
        "metrics",
        "serde-json",
        "cargo-metadata",
        "configurations",
        "xtask",
        "bench",
        "store",
        "contracts",
        "lib",
    ];
    let cases = words
        .iter()
        .chain(&taken)
        .map(|name| ("data", *name))
        .chain([("enterprise", "lib"), ("enterprise", "billing")]);
    for (domain, name) in cases {
        let (went_well, said) = cargo(root.as_std_path(), &["xtask", "new-package", domain, name]);
        assert!(!went_well && said.contains("take "), "{name}: {said}");
        assert!(!root.join("crates").join(domain).join(name).exists());
    }
    assert!(!root.join("crates/enterprise").exists() || root.join("crates/interfaces/interfaces-enterprise").exists());
}
