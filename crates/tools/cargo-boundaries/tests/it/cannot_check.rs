//! Workspaces of which nobody can say whether they keep the rules: exit code 2, never a clean report.

use boundaries::Options;
use expect_test::expect;

use crate::configuration::check_rules;
use crate::fixture::{check, outcome, plain, workspace};

#[test]
fn a_crate_in_no_layer_or_in_two() {
    check_rules(
        r#"
version = 1
[[layer]]
name = "low"
members = ["low/a", "low/*a"]
[[layer]]
name = "other"
members = ["low/a"]
[[layer]]
name = "other"
members = []
"#,
        expect![[r#"
            error[ambiguous]: crate low/a is in two layers, `low` and `other`
             --> boundaries.toml:7:12
              |
            7 | members = ["low/a"]
              |            ^^^^^^^
              = help: narrow `members` of one of them, or write `low/a` out in the other

            error[ambiguous]: two layers are called `other`
             --> boundaries.toml:9:8
              |
            9 | name = "other"
              |        ^^^^^^^
              = help: rename one of them; the other stands in line 6

            error[matches-nothing]: layer `other` has no members
              --> boundaries.toml:10:1
               |
            10 | members = []
               | ^^^^^^^
               = help: name its directories, or delete the layer

            error[unclassified]: crate high is in no layer
             --> high/Cargo.toml:2:8
              |
            2 | name = "high"
              |        ^^^^^^
              = help: add its directory to `members` of a [[layer]]

            error[unclassified]: crate low/b is in no layer
             --> low/b/Cargo.toml:2:8
              |
            2 | name = "b"
              |        ^^^
              = help: add its directory to `members` of a [[layer]]

            could not check the boundaries: 5 problems
        "#]],
    );
}

#[test]
fn contradictions() {
    check_rules(
        r#"
version = 1
[workspace]
kinds = ["normal"]
[[layer]]
name = "low"
members = ["low/*"]
may-use = ["high"]
[[layer]]
name = "high"
members = ["high"]
independent = true
edges = ["high -> high"]
may-use = ["low", "h*"]
dev-may-use = ["high"]
external.allow = [{ name = "serde", kinds = ["normal", "dev"] }]
"#,
        expect![[r#"
            error[contradiction]: layer `low` may not use `high`: layer `high` stands above it
             --> boundaries.toml:7:12
              |
            7 | may-use = ["high"]
              |            ^^^^^^
              = help: delete the entry, or reorder the layers

            error[contradiction]: layer `high` is `independent`, and this lets its members use each other
              --> boundaries.toml:12:1
               |
            12 | edges = ["high -> high"]
               | ^^^^^
               = help: delete one of the two; [[except]] can excuse one dependency

            error[contradiction]: layer `high` is `independent`, and this lets its members use each other
              --> boundaries.toml:13:1
               |
            13 | may-use = ["low", "h*"]
               | ^^^^^^^
               = help: delete one of the two; [[except]] can excuse one dependency

            error[contradiction]: `dev-may-use` has no effect: `kinds` of [workspace] leaves dev-dependencies free
              --> boundaries.toml:14:1
               |
            14 | dev-may-use = ["high"]
               | ^^^^^^^^^^^
               = help: add "dev" to `kinds`, or delete the key

            error[contradiction]: layer `high` is `independent`, and this lets its members use each other
              --> boundaries.toml:14:1
               |
            14 | dev-may-use = ["high"]
               | ^^^^^^^^^^^
               = help: delete one of the two; [[except]] can excuse one dependency

            error[contradiction]: `external.allow` governs normal and build dependencies
              --> boundaries.toml:15:37
               |
            15 | external.allow = [{ name = "serde", kinds = ["normal", "dev"] }]
               |                                     ^^^^^
               = help: delete "dev": every external crate is allowed there unless `external.deny` names it

            could not check the boundaries: 6 problems
        "#]],
    );
}

#[test]
fn names_with_two_meanings() {
    check(
        r#"
//- boundaries.toml
version = 1
[[layer]]
name = "base"
members = ["base", "x/api", "y/api"]
edges = ["api -> base", "x/api -> y/api"]
[[layer]]
name = "top"
members = ["top"]
may-use = ["base"]
//- base
//- x/api
[dependencies]
base = { path = "../../base" }
//- top
"#,
        expect![[r#"
            error[matches-nothing]: `y/api` matches nothing: no crate of the workspace lies there
             --> boundaries.toml:4:29
              |
            4 | members = ["base", "x/api", "y/api"]
              |                             ^^^^^^^
              = help: write `x/api`, or delete the entry

            error[matches-nothing]: layer `base` has no crate `y/api`
             --> boundaries.toml:5:25
              |
            5 | edges = ["api -> base", "x/api -> y/api"]
              |                         ^^^^^^^^^^^^^^^^
              = help: write `x/api`

            error[ambiguous]: `base` is a layer and a directory of other crates than the layer's
             --> boundaries.toml:9:12
              |
            9 | may-use = ["base"]
              |            ^^^^^^
              = help: rename the layer

            could not check the boundaries: 3 problems
        "#]],
    );
    check(
        r#"
//- Cargo.toml
[workspace]
resolver = "2"
members = ["*/api"]
//- boundaries.toml
version = 1
[[layer]]
name = "base"
members = ["*/api"]
edges = ["api -> x/api"]
//- x/api
//- y/api/Cargo.toml
package = { name = "other", version = "0.1.0" }
lib.path = "Cargo.toml"
dependencies.api.path = "../../x/api"
"#,
        expect![[r#"
            error[ambiguous]: layer `base` has more than one crate `api`
             --> boundaries.toml:5:10
              |
            5 | edges = ["api -> x/api"]
              |          ^^^^^^^^^^^^^^
              = help: write its directory instead of its folder

            could not check the boundaries: 1 problem
        "#]],
    );
}

#[test]
fn crates_that_are_no_members() {
    check(
        r#"
//- Cargo.toml
[workspace]
resolver = "2"
members = ["crates/a"]
exclude = ["crates/excluded", "crates/excluded-and-used"]
//- boundaries.toml
version = 1
[[layer]]
name = "all"
members = ["crates/*"]
//- crates/a
[dependencies]
used = { path = "../excluded-and-used", package = "excluded-and-used" }
//- crates/forgotten
//- crates/excluded
//- crates/excluded-and-used
//- crates/a/fixtures/deeper
//- elsewhere
//- crates/.hidden
//- crates/fuzz
[workspace]
//- crates/target/Cargo.toml
package = { name = "output", version = "0.1.0" }
//- crates/target/CACHEDIR.TAG
"#,
        expect![[r#"
            error[unlisted]: crates/forgotten/Cargo.toml lies where layer `all` has its crates, but is no member
             --> boundaries.toml:4:12
              |
            4 | members = ["crates/*"]
              |            ^^^^^^^^^^
              = help: add it to `members` of the workspace; or move it; or, if no member uses it, add it to `exclude`

            error[unlisted]: crates/excluded-and-used/Cargo.toml lies where layer `all` has its crates, but is no member
             --> crates/a/Cargo.toml:7:1
              |
            7 | used = { path = "../excluded-and-used", package = "excluded-and-used" }
              | ^^^^
              = help: add it to `members` of the workspace; or move it; or, if no member uses it, add it to `exclude`

            could not check the boundaries: 2 problems
        "#]],
    );
}

#[test]
fn no_members() {
    check(
        "//- Cargo.toml\n[workspace]\nmembers = []\n//- boundaries.toml\nversion = 1\n",
        expect![[r#"
            error[no-members]: the workspace <root> has no members
              = help: add a crate to `members` of the workspace, or point --manifest-path at another workspace

            could not check the boundaries: 1 problem
        "#]],
    );
}

#[test]
fn cargo_cannot_read_the_workspace() {
    let root =
        workspace("//- a\n[dependencies]\nb = { path = \"../b\", version = 1 }\n//- boundaries.toml\nversion = 1\n");
    let error = outcome(root.path()).expect_err("the manifest is invalid");
    let text = plain(&error.text(), root.path());
    assert!(text.starts_with("error[workspace]: `cargo metadata` fails: "), "{text}");
    assert!(text.contains("a/Cargo.toml"), "{text}");
}

/// Cargo itself refuses a manifest that its workspace does not list.
#[test]
fn a_manifest_that_the_workspace_does_not_list() {
    let root = workspace("//- Cargo.toml\n[workspace]\nmembers = []\n//- a\n");
    let today = "2026-11-21".parse().expect("a date");
    let options = Options {
        manifest_path: Some(root.path().join("a/Cargo.toml")),
        config: None,
        baseline: None,
        today,
        cache: false,
    };
    let text = boundaries::check(&options).expect_err("the manifest is not listed").text();
    assert!(text.contains("believes it's in a workspace when it's not"), "{text}");
}

/// Each lexes, or nearly so.
#[test]
fn sources_that_are_no_rust() {
    check(
        r#"
//- boundaries.toml
version = 1
[[layer]]
name = "all"
members = ["*"]
//- binary
//- binary/src/main.rs
fn main() {}
<<<<<<< ours
use a::b;
=======
use a::c;
//- character
//- character/src/lib.rs
use a::{b, §};
//- included
//- included/src/lib.rs
const ONE: u8 = include!("one.in.rs");
//- included/src/one.in.rs
1 + 0
//- text
//- text/src/lib.rs
#[cfg(windows)]
mod notes;
//- text/src/notes.rs
A word, and "another".
"#,
        expect![[r#"
            error[source]: the sources of `binary` cannot be read as a whole: binary/src/main.rs is no Rust source: an item was expected
             --> binary/src/main.rs:2:1
              |
            2 | <<<<<<< ours
              | ^
              = help: mend it: of what cannot be read nobody knows which rules it breaks

            error[source]: the sources of `character` cannot be read as a whole: character/src/lib.rs is no Rust source: a character that no Rust has
             --> character/src/lib.rs:1:12
              |
            1 | use a::{b, §};
              |            ^
              = help: mend it: of what cannot be read nobody knows which rules it breaks

            error[source]: the sources of `text` cannot be read as a whole: text/src/notes.rs is no Rust source: an item was expected
             --> text/src/notes.rs:1:1
              |
            1 | A word, and "another".
              | ^
              = help: mend it: of what cannot be read nobody knows which rules it breaks

            could not check the boundaries: 3 problems
        "#]],
    );
}
