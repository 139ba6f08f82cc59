//! The cache makes runs faster and never another verdict.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use tempfile::TempDir;

use crate::fixture::{workspace, write};

const RULES: &str = r#"
//- boundaries.toml
version = 1
[hygiene]
used-dependencies = true
[[layer]]
name = "shared"
members = ["shared"]
[[layer]]
name = "domains"
members = ["orders"]
external.deny = [{ name = "rusqlite", reason = "domains write no SQL" }]
[[modules]]
crates = ["orders"]
order = ["domain", "api"]
[[modules]]
crates = ["shared"]
private = ["inner"]
//- shared
[dependencies]
rusqlite = "0.41"
//- shared/src/lib.rs
pub use rusqlite as sql;
pub mod inner;
//- shared/src/inner/mod.rs
pub struct Row;
//- orders
[dependencies]
shared = { path = "../shared" }
//- orders/src/lib.rs
mod domain;
mod api;
//- orders/src/domain.rs
pub struct Order;
//- orders/src/tables/mod.rs
pub struct Row;
//- orders/src/api.rs
use shared as _;
"#;

/// With a target folder, below which the cache is kept.
fn cached_workspace() -> TempDir {
    let root = workspace(RULES);
    fs::create_dir(root.path().join("target")).expect("the folder can be made");
    root
}

/// What the program says; here, since a target folder that the environment names would be shared by all tests.
fn run(root: &Path, cache: bool) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-boundaries"));
    command.args(["check", "--json"]).args((!cache).then_some("--no-cache")).current_dir(root);
    let output = command.env_remove("CARGO_TARGET_DIR").output().expect("the program starts");
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn entries(root: &Path) -> Vec<PathBuf> {
    let folder = fs::read_dir(root.join("target/boundaries")).into_iter().flatten();
    let mut paths: Vec<PathBuf> = folder.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

#[derive(Debug, Clone)]
enum Edit {
    Write(&'static str, String),
    Delete(&'static str),
    Rename(&'static str, &'static str),
    Link(&'static str, &'static str),
    Spoil(usize, usize),
}

const FILES: [&str; 12] = [
    "orders/src/windows.rs",
    "orders/build.rs",
    "orders/src/bin/tool.rs",
    "orders/tests/more/main.rs",
    "orders/src/lib.rs",
    "orders/src/domain.rs",
    "orders/src/domain/mod.rs",
    "orders/src/domain/price.rs",
    "orders/src/api.rs",
    "orders/src/main.rs",
    "orders/tests/it.rs",
    "shared/src/lib.rs",
];

/// What may become a link, and where that leads: a low crate compiles files of a higher one then.
const LINKS: [(&str, &str); 2] =
    [("shared/src/inner/mod.rs", "orders/src/domain.rs"), ("shared/src/inner", "orders/src/tables")];

/// What Cargo reads.
const MANIFESTS: [(&str, &str); 9] = [
    ("Cargo.toml", "[workspace]\nresolver = \"2\"\nmembers = [\"*\"]\n"),
    ("Cargo.toml", "[workspace]\nresolver = \"2\"\nmembers = [\"orders\", \"ex*\"]\n"),
    ("Cargo.toml", "[workspace]\nresolver = \"2\"\nmembers = [\"**/or*\"]\nexclude = [\"shared\"]\n"),
    ("extra/Cargo.toml", "[package]\nname = \"extra\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"),
    ("extra/src/lib.rs", ""),
    ("orders/Cargo.toml", "[package]\nname = \"orders\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"),
    (
        "orders/Cargo.toml",
        "[package]\nname = \"orders\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\nshared = { path = \"../shared\" }\nextra = { path = \"../extra\" }\n",
    ),
    ("orders/Cargo.toml", "[package]\nname = "),
    (".cargo/config.toml", "[build]\ntarget-dir = \"elsewhere\"\n"),
];

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let file = || proptest::sample::select(FILES.to_vec());
    let lines = [
        "mod domain;",
        "mod api;",
        "pub mod price;",
        "#[cfg(windows)] mod windows;",
        "use crate::api;",
        "use shared::sql;",
        "use shared::inner::Row;",
        "pub use rusqlite as sql;",
        "pub mod inner {}",
        "#[path = \"api.rs\"] mod other;",
        "include!(\"domain.rs\");",
        "fn f() { (",
        "// shared::",
        "",
    ];
    let text = proptest::collection::vec(proptest::sample::select(lines.to_vec()), 0..4);
    let manifests = proptest::sample::select(MANIFESTS.to_vec());
    let links = proptest::sample::select(LINKS.to_vec());
    let one = prop_oneof![
        2 => manifests.prop_map(|(file, text)| vec![Edit::Write(file, text.to_owned())]),
        1 => proptest::sample::select(MANIFESTS.to_vec()).prop_map(|(file, _)| vec![Edit::Delete(file)]),
        4 => (file(), text).prop_map(|(file, lines)| vec![Edit::Write(file, lines.join("\n"))]),
        1 => file().prop_map(|file| vec![Edit::Delete(file)]),
        1 => (file(), file()).prop_map(|(from, to)| vec![Edit::Rename(from, to)]),
        // There and back, or the other way round: in the second step no text changes.
        3 => links.prop_map(|(link, to)| vec![Edit::Link(link, to), Edit::Link(link, to)]),
        1 => (0_usize..4, 0_usize..4000).prop_map(|(entry, byte)| vec![Edit::Spoil(entry, byte)]),
    ];
    proptest::collection::vec(one, 1..8).prop_map(|edits| edits.into_iter().flatten().collect())
}

impl Edit {
    /// What cannot be done is left undone.
    fn make(&self, root: &Path) {
        match self {
            Self::Write(file, text) => write(root, file, text),
            Self::Delete(file) => _ = fs::remove_file(root.join(file)),
            Self::Rename(from, to) => _ = fs::rename(root.join(from), root.join(to)),
            Self::Link(link, to) => toggle(&root.join(link), &root.join(to)),
            Self::Spoil(entry, byte) => {
                if let Some(path) = entries(root).get(*entry) {
                    let mut bytes = fs::read(path).expect("the entry can be read");
                    let at = byte % bytes.len().max(1);
                    bytes[at] ^= 0x55;
                    fs::write(path, bytes).expect("the entry can be written");
                }
            }
        }
    }
}

/// A link in the place of what is there; or in the place of the link a copy of what it leads to.
fn toggle(link: &Path, to: &Path) {
    if link.is_symlink() {
        fs::remove_file(link).expect("the link can be removed");
        copy(to, link);
    } else if to.exists() && link.parent().is_some_and(Path::exists) {
        let removed = if link.is_dir() { fs::remove_dir_all(link) } else { fs::remove_file(link) };
        removed.ok();
        #[cfg(unix)]
        std::os::unix::fs::symlink(to, link).expect("the link can be made");
    }
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir(to).expect("the folder can be made");
        for entry in fs::read_dir(from).expect("the folder can be read") {
            let name = entry.expect("the entry can be read").file_name();
            copy(&from.join(&name), &to.join(&name));
        }
    } else if from.is_file() {
        fs::copy(from, to).expect("the file can be copied");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn over_any_edits_a_run_with_it_says_what_a_run_without_it_says(edits in edits()) {
        let root = cached_workspace();
        for edit in edits {
            run(root.path(), true);
            edit.make(root.path());
            let (with, without) = (run(root.path(), true), run(root.path(), false));
            prop_assert_eq!(with, without, "after {:?}", edit);
        }
    }
}

/// That the entries are asked at all: one that says something else changes what is said.
#[test]
fn what_is_kept_is_used() {
    let root = cached_workspace();
    let clean = run(root.path(), true);
    assert!(clean.contains("\"violations\": 0"), "{clean}");
    let kept = entries(root.path());
    assert_eq!(kept.len(), 3, "one entry for each crate, and one for what Cargo says");
    let times = |paths: &[PathBuf]| -> Vec<_> {
        paths.iter().map(|path| fs::metadata(path).and_then(|data| data.modified()).expect("it is there")).collect()
    };
    let before = times(&kept);
    assert_eq!(run(root.path(), true), clean);
    assert_eq!(times(&kept), before, "nothing is written where nothing has changed");
    write(root.path(), "orders/src/domain.rs", "use crate::api;");
    assert!(run(root.path(), true).contains("module-order"));
    assert_eq!(entries(root.path()).len(), 3, "an entry takes the place of the older one");
}

/// No file that was read has changed, and yet the answer has.
#[test]
fn a_file_that_appears_where_one_was_looked_for() {
    let root = cached_workspace();
    let lib = "mod domain;\nmod api;\n#[cfg(windows)]\nmod windows;\n";
    write(root.path(), "orders/src/lib.rs", lib);
    let before = run(root.path(), true);
    assert!(before.contains("\"absent\": 1"), "{before}");
    write(root.path(), "orders/src/windows.rs", "use shared::sql::Row;");
    let after = run(root.path(), true);
    assert!(after.contains("external-deny"), "{after}");
    assert_eq!(after, run(root.path(), false));
}

/// No byte that was read has changed, and yet the file is another crate's.
#[test]
#[cfg(unix)]
fn a_link_where_a_file_or_a_folder_with_the_same_text_was() {
    for (link, to) in LINKS {
        let root = cached_workspace();
        write(root.path(), "orders/src/domain.rs", "pub struct Row;");
        write(root.path(), "shared/src/inner/mod.rs", "pub struct Row;");
        write(root.path(), "orders/src/tables/mod.rs", "pub struct Row;");
        let (link, to) = (root.path().join(link), root.path().join(to));
        for foreign in [true, false, true] {
            run(root.path(), true);
            toggle(&link, &to);
            let (with, without) = (run(root.path(), true), run(root.path(), false));
            assert_eq!(with, without);
            assert_eq!(with.contains("must not compile files of `orders`"), foreign, "{with}");
        }
    }
}

#[test]
fn without_a_target_folder_nothing_is_kept() {
    let root = workspace(RULES);
    run(root.path(), true);
    assert!(!root.path().join("target").exists());
    let root = cached_workspace();
    run(root.path(), false);
    assert!(entries(root.path()).is_empty());
}

/// A cache that cannot be written is no reason to fail.
#[test]
fn a_folder_that_is_none() {
    let root = cached_workspace();
    write(root.path(), "target/boundaries", "a file");
    assert_eq!(run(root.path(), true), run(root.path(), false));
}
