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
        error[program]: `git diff --name-only -z --no-renames --end-of-options nowhere --` fails: fatal: bad revision 'nowhere'
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
