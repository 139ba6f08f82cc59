//! `cargo xtask new-package` in a copy of this workspace, with all that is not committed yet.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// The same folder each time, so that what was built for it last time is known to cargo.
fn copy() -> PathBuf {
    let copy = crate::workspace().target_directory.into_std_path_buf().join("tests").join("new-package");
    let _nothing_there = fs::remove_dir_all(&copy);
    copy_to(&copy);
    set_apart(&copy.join("Cargo.toml"));
    git(&copy, &["init", "--quiet"]);
    copy
}

fn copy_to(copy: &Path) {
    let root = crate::workspace().workspace_root.into_std_path_buf();
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(&root)
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
    run(&["test", "--package", "sales-forecast", "--package", "ledger", "--package", "configurations"]);
    the_hook_refuses_a_commit(&copy);
}

/// The one that git runs, with the checks of the copy.
fn the_hook_refuses_a_commit(copy: &Path) {
    let (went_well, said) = cargo(copy, &["xtask", "hooks", "install"]);
    assert!(went_well, "{said}");
    git(copy, &["add", "--all"]);
    let (went_well, said) = commit(copy);
    assert!(went_well && !said.contains("differs from it"), "{said}");

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
    // The last of them is still staged: what is checked is the folder, and that is said.
    let (went_well, said) = commit(copy);
    let told = "what is committed differs from it in crates/data/sales-forecast/Cargo.toml: see `git diff`";
    assert!(went_well && said.contains(told), "{said}");
}

/// Whether git made the commit, and what was said.
fn commit(copy: &Path) -> (bool, String) {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=it", "-c", "user.email=it@localhost", "commit", "--quiet", "--message", "x"]);
    let output = sharing(&mut git).current_dir(copy).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// A copy in which nothing is built.
fn scratch() -> TempDir {
    let copy = TempDir::new().unwrap();
    copy_to(copy.path());
    copy
}

/// Runs the verb alone: without a cargo, what it makes is neither put in form nor checked. Answers what it made, or why nothing.
fn make(copy: &Path, domain: &str, name: &str) -> Result<String, String> {
    let (made, said) = say(copy, domain, name);
    if made.starts_with("made ") { Ok(made) } else { Err(said) }
}

/// What it says on stdout and on stderr.
fn say(copy: &Path, domain: &str, name: &str) -> (String, String) {
    let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let output = xtask
        .args(["new-package", domain, name])
        .env("CARGO_MANIFEST_DIR", copy.join("xtask"))
        .env("CARGO", copy.join("no-cargo"))
        .current_dir(copy)
        .output()
        .unwrap();
    let [made, said] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (made, said)
}

#[test]
fn a_step_that_fails_says_what_is_left() {
    let copy = scratch();
    let (made, said) = say(copy.path(), "data", "rain");
    assert!(made.starts_with("made crates/data/rain, "), "{made}");
    let left = "error: the package is made, as said above. What is left, once that is mended:\n    \
                no-cargo fmt -p rain -p interfaces-data -p configurations -p check-contracts\n    \
                no-cargo xtask check-contracts --update\n    \
                no-cargo xtask check-boundaries\n";
    assert!(said.ends_with(left), "{said}");
}

/// A link that leads nowhere stands where a file of it is to be.
#[cfg(unix)]
#[test]
fn what_cannot_be_written_leaves_nothing_behind() {
    let copy = scratch();
    let copy = copy.path();
    let file = copy.join("crates/interfaces/interfaces-data/src/rain.rs");
    std::os::unix::fs::symlink(copy.join("nowhere/rain.rs"), &file).unwrap();
    let said = make(copy, "data", "rain").unwrap_err();
    assert!(said.contains("interfaces-data/src/rain.rs cannot be written, and nothing was changed"), "{said}");
    assert!(!copy.join("crates/data/rain").exists(), "nor is its folder there");
    fs::remove_file(&file).unwrap();
    make(copy, "data", "rain").unwrap();
}

#[test]
fn a_name_that_cannot_be_one_is_refused_and_nothing_is_written() {
    let copy = scratch();
    let copy = copy.path();
    let long = "a".repeat(65);
    let words = ["Sales", "2nd", "sales_forecast", "sales-", "match", "yield", "unsized", "virtual", "tokio", &long];
    // Of cargo, of the tests here, and of Windows.
    let files = ["main", "target", "aux", "lpt1"];
    // A module of an example, crates of others, our own, what one will be called, a crate of a rule, a section of the settings,
    // columns of a sample, files of a contracts crate.
    let taken = [
        "billing",
        "metrics",
        "serde-json",
        "cargo-metadata",
        "configurations",
        "xtask",
        "bench",
        "interfaces-enterprise",
        "tokio-postgres",
        "store",
        "carrier",
        "air-time",
        "contracts",
        "lib",
    ];
    let cases = words.iter().chain(&files).chain(&taken).map(|name| ("data", *name)).chain([
        ("enterprise", "lib"),
        ("enterprise", "contracts"),
        ("enterprise", "billing"),
    ]);
    let before = fs::read_to_string(copy.join("Cargo.toml")).unwrap();
    for (domain, name) in cases {
        let said = make(copy, domain, name).unwrap_err();
        assert!(said.contains("take "), "{name}: {said}");
        assert!(!copy.join("crates").join(domain).join(name).exists(), "{name}");
    }
    assert_eq!(fs::read_to_string(copy.join("Cargo.toml")).unwrap(), before);
    assert!(!copy.join("crates/enterprise").exists() && !copy.join("crates/interfaces/interfaces-enterprise").exists());
}

#[test]
fn a_name_whose_contracts_are_there_is_refused_with_their_place() {
    let copy = scratch();
    let copy = copy.path();
    let said = make(copy, "ai", "pipeline-run").unwrap_err();
    let told = "error: `pipeline-run` adds `GetPipelineRun` to interfaces-ai, which has one in \
                crates/interfaces/interfaces-ai/src/mlops.rs: take another name\n";
    assert_eq!(said, told);

    let sources = "crates/interfaces/interfaces-data/src";
    let lib = copy.join(sources).join("lib.rs");
    let before = fs::read_to_string(&lib).unwrap();
    let declares = |source: &str| fs::write(copy.join(sources).join("sky.rs"), source).unwrap();
    let exports = |line: &str| fs::write(&lib, format!("{before}{line}\n")).unwrap();
    for kind_and_name in [
        "const READ_RAIN",
        "const RECORD_RAIN",
        "struct RecordRain",
        "struct GetRain",
        "struct RainFacts",
        "enum RainRecorded",
    ] {
        let name = kind_and_name.split_once(' ').unwrap().1;
        declares(&format!("/// Above.\npub {kind_and_name} {{}}\n"));
        exports(&format!("pub use sky::{{Cloud, {name}}};"));
        let said = make(copy, "data", "rain").unwrap_err();
        let told = format!("`rain` adds `{name}` to interfaces-data, which has one in {sources}/sky.rs: take another");
        assert!(said.contains(&told), "{said}");
    }
    // Not declared there: by another name, by another crate, or in another way.
    declares("pub struct Cloud;\n");
    for line in ["pub use sky::Cloud as GetRain;", "pub use kernel::GetRain;", "mod rain {}"] {
        exports(line);
        let said = make(copy, "data", "rain").unwrap_err();
        assert!(said.contains(&format!("to interfaces-data, which has one in {sources}/lib.rs")), "{line}: {said}");
    }
    exports("");
    for file in ["rain.record.json", "rain.recorded.v2.json"] {
        let file = copy.join("docs/contracts").join(file);
        fs::write(&file, "").unwrap();
        let said = make(copy, "data", "rain").unwrap_err();
        let message = file.file_stem().unwrap().to_str().unwrap().trim_end_matches(".v2");
        assert!(said.contains(&format!("adds the message `{message}`, which docs/contracts/{message}.")), "{said}");
        fs::remove_file(&file).unwrap();
    }
    make(copy, "data", "rain").unwrap();
}

/// What is only like something else does not stand in the way.
#[test]
fn a_name_that_is_free_is_made() {
    let copy = scratch();
    let copy = copy.path();
    let sources = copy.join("crates/interfaces/interfaces-data/src");
    let lib = sources.join("lib.rs");
    // Said and not exported; promised under a longer name.
    fs::write(&lib, fs::read_to_string(&lib).unwrap() + "// As `GetRain`.\nmod sky;\n").unwrap();
    fs::write(sources.join("sky.rs"), "pub struct GetRain;\n").unwrap();
    fs::write(copy.join("docs/contracts/rain.get.all.json"), "").unwrap();
    // Words of the template, modules of the composition root, types of Rust, layers, the binary.
    let names = [
        "rain", "event", "error", "context", "unit", "health", "facts", "report", "audit", "str", "domains", "borough",
    ];
    for name in names {
        let made = make(copy, "data", name).unwrap_or_else(|said| panic!("{name}: {said}"));
        assert!(made.starts_with(&format!("made crates/data/{name}, ")), "{made}");
    }
    make(copy, "ai", "pipeline-runs").unwrap();
    make(copy, "enterprise", "ledger").unwrap();
    // What was made is in the way of the next.
    let said = make(copy, "data", "get").unwrap_err();
    assert!(said.contains("`get` adds `GetFacts` to interfaces-data"), "{said}");
}
