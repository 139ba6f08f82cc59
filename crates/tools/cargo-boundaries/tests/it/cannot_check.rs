//! Everything after which the outcome is unknown: exit code 2, never a clean report.

use std::fs;

use boundaries::Options;
use expect_test::{Expect, expect};

use crate::fixture::{check, outcome, plain, workspace};

/// A workspace of `low/a`, `low/b` and `high`, which uses `low/a` and the external crates `serde` and `rusqlite`.
#[track_caller]
fn check_rules(rules: &str, expect: Expect) {
    let crates = r#"
//- low/a
//- low/b
//- high
[dependencies]
a = { path = "../low/a" }
serde = "1"
rusqlite = "0.41"
"#;
    check(&format!("//- boundaries.toml\n{}{crates}", rules.trim_start()), expect);
}

const LAYERS: &str = r#"
version = 1
[[layer]]
name = "low"
members = ["low/*"]
[[layer]]
name = "high"
members = ["high"]
"#;

/// The rules that the other tests of this file break one by one.
#[test]
fn the_unbroken_rules_are_clean() {
    check_rules(
        LAYERS,
        expect![[r#"
            checked 3 crates, 1 edge, 2 external dependencies, 3 files: clean
        "#]],
    );
}

#[test]
fn unknown_keys() {
    check_rules(
        r#"
version = 1
layers = []
[workspace]
same_layer = "deny"
[[layer]]
name = "low"
members = ["low/*"]
edgs = ["a -> b"]
external.allowed = ["serde"]
[[layer]]
name = "high"
members = ["high"]
external.deny = [{ name = "serde", reason = "r", instead = "x" }]
[[external]]
name = "rusqlite"
only = ["high"]
reason = "r"
kind = ["dev"]
[[except]]
from = "high"
to = "low"
reason = "r"
expires = 2027-01-01
"#,
        expect![[r#"
            error[unknown-key]: unknown key `layers` in the configuration
             --> boundaries.toml:2:1
              |
            2 | layers = []
              | ^^^^^^
              = help: write `layer`

            error[unknown-key]: unknown key `same_layer` in [workspace]
             --> boundaries.toml:4:1
              |
            4 | same_layer = "deny"
              | ^^^^^^^^^^
              = help: write `same-layer`

            error[unknown-key]: unknown key `edgs` in [[layer]]
             --> boundaries.toml:8:1
              |
            8 | edgs = ["a -> b"]
              | ^^^^
              = help: write `edges`

            error[unknown-key]: unknown key `allowed` in `external` of a [[layer]]
             --> boundaries.toml:9:10
              |
            9 | external.allowed = ["serde"]
              |          ^^^^^^^
              = help: write `allow`

            error[unknown-key]: unknown key `instead` in `external.deny`
              --> boundaries.toml:13:50
               |
            13 | external.deny = [{ name = "serde", reason = "r", instead = "x" }]
               |                                                  ^^^^^^^
               = help: delete it, or write one of `reachable`, `name`, `reason`, `kinds`, `use`, `may-be-absent`

            error[unknown-key]: unknown key `kind` in [[external]]
              --> boundaries.toml:18:1
               |
            18 | kind = ["dev"]
               | ^^^^
               = help: write `kinds`

            error[unknown-key]: unknown key `expires` in [[except]]
              --> boundaries.toml:23:1
               |
            23 | expires = 2027-01-01
               | ^^^^^^^
               = help: delete it, or write one of `from`, `to`, `reason`, `until`, `kinds`, `rules`, `owner`

            could not check the boundaries: 7 problems
        "#]],
    );
}

#[test]
fn missing_keys() {
    check_rules(
        r#"
[[layer]]
members = ["low/*"]
[[layer]]
name = "high"
[[external]]
name = "rusqlite"
[[except]]
from = "high"
to = "low"
"#,
        expect![[r#"
            error[missing-key]: the configuration has no `version`
             --> boundaries.toml:1:1
              |
            1 | [[layer]]
              | ^
              = help: add `version = ..`

            error[missing-key]: [[layer]] has no `name`
             --> boundaries.toml:1:1
              |
            1 | [[layer]]
              | ^^^^^^^^^
              = help: add `name = ..`

            error[missing-key]: [[layer]] has no `members`
             --> boundaries.toml:3:1
              |
            3 | [[layer]]
              | ^^^^^^^^^
              = help: add `members = ..`

            error[missing-key]: [[external]] has no `only`
             --> boundaries.toml:5:1
              |
            5 | [[external]]
              | ^^^^^^^^^^^^
              = help: add `only = ..`

            error[missing-key]: [[external]] has no `reason`
             --> boundaries.toml:5:1
              |
            5 | [[external]]
              | ^^^^^^^^^^^^
              = help: add `reason = ..`

            error[missing-key]: [[except]] has no `reason`
             --> boundaries.toml:7:1
              |
            7 | [[except]]
              | ^^^^^^^^^^
              = help: add `reason = ..`

            could not check the boundaries: 6 problems
        "#]],
    );
}

#[test]
fn bad_values() {
    check_rules(
        r#"
version = 2
[workspace]
unclassified = "ignore"
same-layer = "denied"
kinds = ["normal", "test"]
[[layer]]
name = "low"
members = ["low/*", 1]
edges = ["a => b", "a -> b,"]
[[layer]]
name = "high"
members = ["high", "{x"]
independent = "yes"
may-use = { low = true }
external = ["serde"]
[[external]]
name = []
only = []
kinds = []
reason = " "
[[except]]
from = "high"
to = "low"
reason = "r"
until = "2027-01-01"
"#,
        expect![[r#"
            error[bad-value]: expected 1, the only version of this format, found 2
             --> boundaries.toml:1:11
              |
            1 | version = 2
              |           ^
              = help: write 1, the only version of this format

            error[bad-value]: expected `error`, found `ignore`
             --> boundaries.toml:3:16
              |
            3 | unclassified = "ignore"
              |                ^^^^^^^^
              = help: write `error`

            error[bad-value]: expected `deny` or `allow`, found `denied`
             --> boundaries.toml:4:14
              |
            4 | same-layer = "denied"
              |              ^^^^^^^^
              = help: write `deny` or `allow`

            error[bad-value]: expected `normal` or `build` or `dev`, found `test`
             --> boundaries.toml:5:20
              |
            5 | kinds = ["normal", "test"]
              |                    ^^^^^^
              = help: write `normal` or `build` or `dev`

            error[bad-value]: expected a string, found 1
             --> boundaries.toml:8:21
              |
            8 | members = ["low/*", 1]
              |                     ^
              = help: write a string

            error[bad-value]: expected an edge such as "a -> b, c", found `a => b`
             --> boundaries.toml:9:10
              |
            9 | edges = ["a => b", "a -> b,"]
              |          ^^^^^^^^
              = help: write an edge such as "a -> b, c"

            error[bad-value]: expected an edge such as "a -> b, c", found `a -> b,`
             --> boundaries.toml:9:20
              |
            9 | edges = ["a => b", "a -> b,"]
              |                    ^^^^^^^^^
              = help: write an edge such as "a -> b, c"

            error[bad-value]: error parsing glob '{x': unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)
              --> boundaries.toml:12:20
               |
            12 | members = ["high", "{x"]
               |                    ^^^^
               = help: `*` stands for one folder, `**` for any number of them, `{a,b}` for a choice

            error[bad-value]: expected `true` or `false`, found `yes`
              --> boundaries.toml:13:15
               |
            13 | independent = "yes"
               |               ^^^^^
               = help: write `true` or `false`

            error[bad-value]: expected a list, found table
              --> boundaries.toml:14:11
               |
            14 | may-use = { low = true }
               |           ^^^^^^^^^^^^^^
               = help: write a list

            error[bad-value]: expected a table, found array
              --> boundaries.toml:15:12
               |
            15 | external = ["serde"]
               |            ^^^^^^^^^
               = help: write a table

            error[bad-value]: an empty list of names
              --> boundaries.toml:17:1
               |
            17 | name = []
               | ^^^^
               = help: name at least one external crate

            error[bad-value]: an empty list of kinds
              --> boundaries.toml:19:1
               |
            19 | kinds = []
               | ^^^^^
               = help: list at least one of "normal", "build", "dev"

            error[bad-value]: expected the reason in words, found ` `
              --> boundaries.toml:20:10
               |
            20 | reason = " "
               |          ^^^
               = help: write the reason in words

            error[bad-value]: expected a date such as 2027-03-31, found `2027-01-01`
              --> boundaries.toml:25:9
               |
            25 | until = "2027-01-01"
               |         ^^^^^^^^^^^^
               = help: write a date such as 2027-03-31

            could not check the boundaries: 15 problems
        "#]],
    );
}

#[test]
fn no_toml() {
    check_rules(
        "version = 1\n[[layer]\nname = low\n",
        expect![[r#"
        error[config]: unclosed array table, expected `]`
         --> boundaries.toml:2:9
          |
        2 | [[layer]
          |         ^
          = help: write the file as TOML

        could not check the boundaries: 1 problem
    "#]],
    );
}

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
fn rules_that_match_nothing() {
    check_rules(
        r#"
version = 1
[[layer]]
name = "low"
members = ["low/*", "lower/*"]
edges = ["c -> b", "a -> high"]
dev-only = ["tests"]
[[layer]]
name = "high"
members = ["high"]
may-use = ["lo", "low/c", "nowhere/*"]
dev-may-use = ["lows"]
external.deny = [
    { name = "rusqlit", reason = "r" },
    { name = "tokio-postgres", reason = "r" },
]
external.allow = ["serd"]
[[external]]
name = "arrow"
only = ["hihg"]
reason = "r"
[[except]]
from = "hgh"
to = "rusqlte"
reason = "r"
"#,
        expect![[r#"
            error[matches-nothing]: `lower/*` matches nothing: no crate of the workspace lies there
             --> boundaries.toml:4:21
              |
            4 | members = ["low/*", "lower/*"]
              |                     ^^^^^^^^^
              = help: write `low/a`, or delete the entry

            error[matches-nothing]: layer `low` has no crate `c`
             --> boundaries.toml:5:10
              |
            5 | edges = ["c -> b", "a -> high"]
              |          ^^^^^^^^
              = help: write `a`

            error[matches-nothing]: layer `low` has no crate `high`
             --> boundaries.toml:5:20
              |
            5 | edges = ["c -> b", "a -> high"]
              |                    ^^^^^^^^^^^
              = help: name the folder of a member of the layer, or delete the entry

            error[matches-nothing]: layer `low` has no crate `tests`
             --> boundaries.toml:6:13
              |
            6 | dev-only = ["tests"]
              |             ^^^^^^^
              = help: name the folder of a member of the layer, or delete the entry

            error[matches-nothing]: `lo` matches nothing: it is no layer and no directory of a crate
              --> boundaries.toml:10:12
               |
            10 | may-use = ["lo", "low/c", "nowhere/*"]
               |            ^^^^
               = help: write `low`, or delete the entry

            error[matches-nothing]: `low/c` matches nothing: it is no layer and no directory of a crate
              --> boundaries.toml:10:18
               |
            10 | may-use = ["lo", "low/c", "nowhere/*"]
               |                  ^^^^^^^
               = help: write `low/a`, or delete the entry

            error[matches-nothing]: `nowhere/*` matches nothing: it is no layer and no directory of a crate
              --> boundaries.toml:10:27
               |
            10 | may-use = ["lo", "low/c", "nowhere/*"]
               |                           ^^^^^^^^^^^
               = help: write a directory relative to the workspace root, or delete the entry

            error[matches-nothing]: `lows` matches nothing: it is no layer and no directory of a crate
              --> boundaries.toml:11:16
               |
            11 | dev-may-use = ["lows"]
               |                ^^^^^^
               = help: write `low`, or delete the entry

            error[matches-nothing]: no manifest of this workspace names an external crate `rusqlit`
              --> boundaries.toml:13:14
               |
            13 |     { name = "rusqlit", reason = "r" },
               |              ^^^^^^^^^
               = help: write `rusqlite`; if the name is meant, write { name = "rusqlit", may-be-absent = true, .. }

            error[matches-nothing]: no manifest of this workspace names an external crate `tokio-postgres`
              --> boundaries.toml:14:14
               |
            14 |     { name = "tokio-postgres", reason = "r" },
               |              ^^^^^^^^^^^^^^^^
               = help: if the name is meant, write { name = "tokio-postgres", may-be-absent = true, .. }

            error[matches-nothing]: no manifest of this workspace names an external crate `serd`
              --> boundaries.toml:16:19
               |
            16 | external.allow = ["serd"]
               |                   ^^^^^^
               = help: write `serde`; if the name is meant, write { name = "serd", may-be-absent = true, .. }

            error[matches-nothing]: no manifest of this workspace names an external crate `arrow`
              --> boundaries.toml:18:8
               |
            18 | name = "arrow"
               |        ^^^^^^^
               = help: if the name is meant, write { name = "arrow", may-be-absent = true, .. }

            error[matches-nothing]: `hihg` matches nothing: it is no layer and no directory of a crate
              --> boundaries.toml:19:9
               |
            19 | only = ["hihg"]
               |         ^^^^^^
               = help: write `high`, or delete the entry

            error[matches-nothing]: `hgh` matches nothing: it is no layer and no directory of a crate
              --> boundaries.toml:22:8
               |
            22 | from = "hgh"
               |        ^^^^^
               = help: write `high`, or delete the entry

            error[matches-nothing]: `rusqlte` matches nothing: it is no layer, no directory of a crate and no external crate
              --> boundaries.toml:23:6
               |
            23 | to = "rusqlte"
               |      ^^^^^^^^^
               = help: write `rusqlite`, or delete the entry

            could not check the boundaries: 15 problems
        "#]],
    );
}

#[test]
fn an_exception_that_excuses_nothing() {
    let exception = r#"
[[except]]
from = "high"
to = "low"
reason = "it is allowed anyway"
[[except]]
from = "low"
to = "high"
reason = "it is gone"
until = 2020-01-01
[[except]]
from = "high"
to = "serde"
reason = "this one is needed"
[[external]]
name = "serde"
only = []
reason = "r"
"#;
    check_rules(
        &format!("{LAYERS}{exception}"),
        expect![[r#"
        error[matches-nothing]: the exception from `high` to `low` excuses no dependency
         --> boundaries.toml:9:1
          |
        9 | [[except]]
          | ^^^^^^^^^^
          = help: delete the entry: the dependency is gone, or no rule forbids it

        error[matches-nothing]: the exception from `low` to `high` excuses no dependency
          --> boundaries.toml:13:1
           |
        13 | [[except]]
           | ^^^^^^^^^^
           = help: delete the entry: the dependency is gone, or no rule forbids it

        could not check the boundaries: 2 problems
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

/// To deny a member as an external crate would deny nothing.
#[test]
fn a_member_is_no_external_crate() {
    check(
        r#"
//- Cargo.toml
[workspace]
members = ["a", "b"]
[workspace.dependencies]
a = { path = "a" }
serde = "1"
openssl = { package = "openssl-sys", version = "0.9" }
//- boundaries.toml
version = 1
[[layer]]
name = "all"
members = ["a", "b"]
external.deny = [
    { name = ["serde", "openssl-sys"], reason = "known from the root manifest" },
    { name = ["a", "b", "openssl"], reason = "unknown" },
]
//- a
//- b
[dependencies]
a = { workspace = true, optional = true }
"#,
        expect![[r#"
            error[matches-nothing]: no manifest of this workspace names an external crate `a`
             --> boundaries.toml:7:15
              |
            7 |     { name = ["a", "b", "openssl"], reason = "unknown" },
              |               ^^^
              = help: if the name is meant, write { name = "a", may-be-absent = true, .. }

            error[matches-nothing]: no manifest of this workspace names an external crate `b`
             --> boundaries.toml:7:20
              |
            7 |     { name = ["a", "b", "openssl"], reason = "unknown" },
              |                    ^^^
              = help: if the name is meant, write { name = "b", may-be-absent = true, .. }

            error[matches-nothing]: no manifest of this workspace names an external crate `openssl`
             --> boundaries.toml:7:25
              |
            7 |     { name = ["a", "b", "openssl"], reason = "unknown" },
              |                         ^^^^^^^^^
              = help: if the name is meant, write { name = "openssl", may-be-absent = true, .. }

            could not check the boundaries: 3 problems
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
fn no_rules() {
    check(
        "//- a\n",
        expect![[r#"
            error[config]: cannot read the rules in boundaries.toml: No such file or directory (os error 2)
              = help: write the rules of this workspace there, name their file with --config, or run `init`

            could not check the boundaries: 1 problem
        "#]],
    );
}

#[test]
fn unreadable_rules() {
    let root = workspace("//- a\n");
    fs::write(root.path().join("boundaries.toml"), b"version = \"\xff\"").expect("the file can be written");
    let error = outcome(root.path()).expect_err("text that is not UTF-8 is no rule");
    expect![[r#"
        error[config]: cannot read the rules in boundaries.toml: stream did not contain valid UTF-8
          = help: write the rules of this workspace there, name their file with --config, or run `init`

        could not check the boundaries: 1 problem
    "#]]
    .assert_eq(&plain(&error.text(), root.path()));
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
