//! `affected`: the crates that a change can break.

use std::path::Path;

use expect_test::{Expect, expect};

use crate::cli::{run, stdout};
use crate::fixture::{git, plain, workspace, write};
use crate::verbs::{SHOP, says};

fn commit(root: &Path) {
    git(root, &["init", "--quiet"]);
    git(root, &["add", "."]);
    git(root, &["commit", "--quiet", "-m", "all"]);
}

/// What is affected since the last commit in a repository, as asked in a folder of it.
fn said(repository: &Path, folder: &Path) -> String {
    let manifest = folder.join("Cargo.toml").display().to_string();
    let output = run(folder, &["affected", "--base", "HEAD", "--manifest-path", &manifest]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    plain(&stdout(&output), repository)
}

#[test]
fn what_a_change_can_break() {
    let shop = workspace(SHOP);
    commit(shop.path());
    says(
        shop.path(),
        &["affected", "--base", "HEAD"],
        0,
        expect![[r#"
        nothing has changed
    "#]],
    );
    write(shop.path(), "shared/testing/src/lib.rs", "// changed\n");
    write(shop.path(), "shared/bus/src/new file.rs", "");
    write(shop.path(), "docs/x.md", "");
    says(
        shop.path(),
        &["affected", "--base", "HEAD"],
        0,
        expect![[r#"
        changed
          shared/bus
          shared/testing
        built with a changed crate
          app
          domains/billing
          domains/orders
        changed files of no crate
          docs/x.md
    "#]],
    );
    says(
        shop.path(),
        &["affected", "--base", "nowhere"],
        2,
        expect![[r#"
            error[program]: `git diff --name-only -z --no-renames --ignore-submodules=none --end-of-options nowhere --` fails: fatal: bad revision 'nowhere'
              = help: name a commit, a branch or a tag of this repository, for example --base origin/main

            could not check the boundaries: 1 problem
        "#]],
    );
    says(
        shop.path(),
        &["affected", "--base", "--output=x"],
        2,
        expect![[r#"
        error: unexpected argument '--output' found

        Usage: cargo boundaries affected [OPTIONS] --base <REV>

        For more information, try '--help'.
    "#]],
    );
    write(shop.path(), "Cargo.lock", "");
    let all = run(shop.path(), &["affected", "--base", "HEAD", "--json"]);
    let all: serde_json::Value = serde_json::from_slice(&all.stdout).expect("the output is JSON");
    assert_eq!(all["changed"].as_array().map(Vec::len), Some(6), "{all}");
}

/// A workspace in a folder of its repository: a member beside it, and sources that lie in no crate or in another one.
const OUTSIDE: &str = r#"
//- rust/Cargo.toml
[workspace]
resolver = "2"
members = ["a", "b", "c", "../beside"]
//- rust/a
[dependencies]
beside = { path = "../../beside" }
//- rust/a/src/lib.rs
#[path = "../../../common/module.rs"]
mod module;
//- rust/b
//- rust/b/src/lib.rs
include!("../../c/src/table.rs");
//- rust/c
//- rust/c/src/table.rs
const C: u8 = include!("../../../common/number.rs");
//- rust/c/src/lib.rs
mod table;
//- beside/Cargo.toml
[package]
name = "beside"
version = "0.1.0"
edition = "2021"
workspace = "../rust"
//- beside/src/lib.rs
//- common/module.rs
//- common/number.rs
1
//- common/nobody.rs
"#;

#[test]
fn files_outside_of_the_workspace_and_of_the_crates() {
    let repository = workspace(OUTSIDE);
    let (root, rust) = (repository.path(), repository.path().join("rust"));
    commit(root);
    let affected = |file: &str, text: &str, expect: Expect| {
        write(root, file, text);
        expect.assert_eq(&said(root, &rust));
        git(root, &["checkout", "--quiet", "."]);
    };
    affected(
        "beside/src/lib.rs",
        "// changed",
        expect![[r#"
            changed
              <root>/beside
            built with a changed crate
              a
        "#]],
    );
    affected(
        "common/module.rs",
        "// changed",
        expect![[r#"
            changed
              a
        "#]],
    );
    affected(
        "common/number.rs",
        "2",
        expect![[r#"
            changed
              b
              c
        "#]],
    );
    affected(
        "rust/c/src/table.rs",
        "",
        expect![[r#"
            changed
              b
              c
        "#]],
    );
    affected(
        "common/nobody.rs",
        "// changed",
        expect![[r#"
            nothing has changed
        "#]],
    );
    affected(
        ".cargo/config.toml",
        "",
        expect![[r#"
            changed
              <root>/beside
              a
              b
              c
        "#]],
    );
    git(root, &["clean", "--quiet", "--force", "-d"]);
    assert_eq!(said(root, &rust), "nothing has changed\n");
}

/// Which files belong to a crate is unknown where its sources cannot be read, and whether they have changed where `git`
/// does not look, as in the case of the crate beside the workspace here.
#[test]
fn crates_of_which_nobody_can_say() {
    let repository = workspace(OUTSIDE);
    let rust = repository.path().join("rust");
    write(&rust, "a/src/lib.rs", "");
    write(&rust, "c/src/table.rs", "mod gone;");
    commit(&rust);
    expect![[r#"
        changed
          <root>/beside
          b
          c
        built with a changed crate
          a
    "#]]
    .assert_eq(&said(repository.path(), &rust));
}

/// Members behind a crate that the workspace excludes, and that is built with one more and with a member.
const EXCLUDED: &str = r#"
//- Cargo.toml
[workspace]
resolver = "2"
members = ["a", "b", "c", "d"]
exclude = ["vendor"]
//- a
[dependencies]
v = { path = "../vendor/v" }
//- a/src/lib.rs
const SQL: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../data/x.sql"));
mod gen;
//- a/src/gen.rs
//- b
[dependencies]
a = { path = "../a" }
//- c
[dev-dependencies]
v = { path = "../vendor/v" }
//- d
//- vendor/Cargo.toml
[workspace]
members = ["v", "w"]
[workspace.dependencies]
w = { path = "w" }
//- vendor/v/Cargo.toml
[package]
name = "v"
version = "0.1.0"
[dependencies]
w.workspace = true
[target.'cfg(unix)'.build-dependencies]
d = { path = "../../d" }
[dev-dependencies]
x = { path = "../x" }
//- vendor/v/src/lib.rs
//- vendor/w/Cargo.toml
[package]
name = "w"
version = "0.1.0"
//- vendor/w/src/lib.rs
"#;

#[test]
fn crates_that_are_no_members_files_of_data_and_files_that_git_ignores() {
    let repository = workspace(EXCLUDED);
    let root = repository.path();
    write(root, "data/x.sql", "select 1");
    write(root, ".gitignore", "ignored.rs\n");
    commit(root);
    let affected = |file: &str, expect: Expect| {
        write(root, file, "// changed");
        expect.assert_eq(&said(root, root));
        git(root, &["clean", "--quiet", "--force", "-d"]);
        git(root, &["checkout", "--quiet", "."]);
    };
    affected(
        "vendor/w/src/lib.rs",
        expect![[r#"
        built with a changed crate
          a
          b
        tested with one of them
          c
    "#]],
    );
    affected(
        "d/src/lib.rs",
        expect![[r#"
        changed
          d
        built with a changed crate
          a
          b
        tested with one of them
          c
    "#]],
    );
    affected(
        "vendor/x/src/lib.rs",
        expect![[r#"
        changed files of no crate
          vendor/x/src/lib.rs
    "#]],
    );
    affected(
        "data/x.sql",
        expect![[r#"
        changed
          a
        built with a changed crate
          b
    "#]],
    );
    write(root, "a/src/lib.rs", "#[path = \"ignored.rs\"] mod gen;");
    write(root, "a/src/ignored.rs", "");
    git(root, &["commit", "--quiet", "-a", "-m", "generated"]);
    expect![[r#"
        changed
          a
        built with a changed crate
          b
    "#]]
    .assert_eq(&said(root, root));
}

#[test]
fn members_in_a_submodule_and_in_another_repository() {
    let (library, repository) = (workspace("//- lib\n"), workspace("//- own\n//- sub/lib\n//- other\n"));
    let root = repository.path();
    commit(library.path());
    std::fs::remove_dir_all(root.join("sub")).expect("the folder can be removed");
    git(root, &["init", "--quiet"]);
    let from = library.path().display().to_string();
    git(root, &["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &from, "sub"]);
    write(root, "Cargo.toml", "[workspace]\nresolver = \"2\"\nmembers = [\"own\", \"sub/lib\", \"other\"]\n");
    write(root, ".gitignore", "Cargo.lock\n");
    git(root, &["add", "--", "own", "sub", "Cargo.toml", ".gitignore", ".gitmodules"]);
    git(root, &["commit", "--quiet", "-m", "all"]);
    commit(&root.join("other"));
    expect![[r#"
        changed
          other
    "#]]
    .assert_eq(&said(root, root));
    write(root, "sub/lib/src/lib.rs", "// changed");
    expect![[r#"
        changed
          other
          sub/lib
    "#]]
    .assert_eq(&said(root, root));
    git(&root.join("sub"), &["commit", "--quiet", "-a", "-m", "changed"]);
    expect![[r#"
        changed
          other
          sub/lib
    "#]]
    .assert_eq(&said(root, root));
}

/// `git` names files where they are, cargo where they are called.
#[cfg(unix)]
#[test]
fn a_workspace_behind_a_link() {
    let repository = workspace(OUTSIDE);
    commit(repository.path());
    write(repository.path(), "common/module.rs", "// changed");
    write(repository.path(), "rust/c/src/lib.rs", "mod table; // changed");
    let elsewhere = tempfile::tempdir().expect("a temporary directory can be made");
    let link = elsewhere.path().join("link");
    std::os::unix::fs::symlink(repository.path(), &link).expect("the link can be made");
    expect![[r#"
        changed
          a
          c
    "#]]
    .assert_eq(&said(repository.path(), &link.join("rust")));
}
