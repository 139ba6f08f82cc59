//! Rules that cannot be read: exit code 2, never a clean report.

use std::fs;

use expect_test::{Expect, expect};

use crate::fixture::{check, outcome, plain, workspace};

/// A workspace of `low/a`, `low/b` and `high`, which uses `low/a` and the external crates `serde` and `rusqlite`.
#[track_caller]
pub fn check_rules(rules: &str, expect: Expect) {
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

/// The rules that other tests break one by one.
pub const LAYERS: &str = r#"
version = 1
[[layer]]
name = "low"
members = ["low/*"]
[[layer]]
name = "high"
members = ["high"]
"#;

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
