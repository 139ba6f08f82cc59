//! Rules about the graph as a whole, about single edges, and those that a crate states in its own manifest.

use std::path::Path;
use std::process::Command;

use boundaries::{Rule, Severity};
use expect_test::expect;

use crate::cli::{run, stdout};
use crate::fixture::{check, outcome, plain, workspace, write};

/// What `explain` shows of every rule but the resolved one: its rules, with a file that breaks them.
#[test]
fn every_rule_is_broken_by_the_example_that_explains_it() {
    for rule in Rule::ALL.into_iter().filter(|rule| *rule != Rule::ExternalReachable) {
        let text = stdout(&run(Path::new("."), &["explain", rule.name()]));
        let (_, text) = text.split_once("boundaries.toml\n").expect("the rules are shown");
        let (rules, rest) = text.split_once("\nbroken by ").expect("a file is shown");
        let (files, _) = rest.split_once("\n[severity]").expect("the severity is shown");
        let unindented = |text: &str| text.lines().map(|line| format!("{}\n", line.trim_start())).collect::<String>();
        let crates = "//- shared/kernel\n//- shared/bus\n[dependencies]\nkernel = { path = \"../kernel\" }\n\
                      //- domains/orders\n//- domains/billing\n";
        // Whatever is the matter with the bus does not belong to the other examples.
        let of_bus = rule == Rule::Cycle || rules.contains("bus -> kernel");
        let crates = if of_bus { crates } else { &crates.replace("kernel = { path", "# { path") };
        let root = workspace(&format!("//- boundaries.toml\n{}{crates}", unindented(rules)));
        let files: Vec<_> = files.split("\nwith ").filter_map(|file| file.split_once('\n')).collect();
        for (file, text) in &files {
            let mut lines = unindented(text);
            if file.ends_with(".toml") && !lines.starts_with("[package]") {
                let name = file.split('/').nth(1).expect("the manifest lies in a folder");
                lines = format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n{lines}");
            }
            write(root.path(), file, &lines);
        }
        let report =
            outcome(root.path()).unwrap_or_else(|error| panic!("{rule:?}: {}", plain(&error.text(), root.path())));
        let found: Vec<_> = report.violations.iter().map(|one| (one.rule, one.site.file.as_str())).collect();
        assert_eq!(found, [(rule, files[0].0)], "{}", report.text());
    }
}

#[test]
fn a_cycle_is_cut_where_fewest_lines_go() {
    check(
        r#"
//- boundaries.toml
version = 1
[cycles]
[[layer]]
name = "all"
members = ["*"]
edges = ["* -> *"]
//- a
[dependencies]
b = { path = "../b" }
[dev-dependencies]
a = { path = "." }
//- b
[dependencies]
c = { path = "../c" }
//- c
[dev-dependencies]
a = { path = "../a" }
//- d
[dev-dependencies]
a = { path = "../a" }
"#,
        expect![[r#"
            c (layer `all`): 1 violation

            error[cycle]: `c` must not depend on `a`
             --> c/Cargo.toml:7:1
              |
            7 | a = { path = "../a" }
              | ^ dev-dependency on a
              |
             ::: boundaries.toml:2:1
              |
            2 | [cycles]
              | ^^^^^^^^ normal, build, dev dependencies form no cycle
              = note: the cycle: c -> a -> b -> c
              = note: without this line there is none among these crates
              = help: delete the line; what both need belongs into a crate that both may use

            checked 4 crates, 5 edges, 0 external dependencies, 4 files: 1 violation
        "#]],
    );
}

#[test]
fn an_exception_opens_a_cycle_and_needs_one() {
    let rules = r#"
//- boundaries.toml
version = 1
[cycles]
[[layer]]
name = "all"
members = ["*"]
edges = ["* -> *"]
[[except]]
from = "a"
to = "b"
reason = "an old one"
//- a
[dependencies]
b = { path = "../b" }
"#;
    check(
        &format!("{rules}//- b\n[dev-dependencies]\na = {{ path = \"../a\" }}\n"),
        expect![[r#"
            checked 2 crates, 2 edges, 0 external dependencies, 2 files, 1 exception: clean
        "#]],
    );
    check(
        &format!("{rules}//- b\n"),
        expect![[r#"
        error[matches-nothing]: the exception from `a` to `b` excuses no dependency
         --> boundaries.toml:7:1
          |
        7 | [[except]]
          | ^^^^^^^^^^
          = help: delete the entry: the dependency is gone, or no rule forbids it

        could not check the boundaries: 1 problem
    "#]],
    );
}

#[test]
fn a_crate_is_stricter_than_the_workspace() {
    check(
        r#"
//- boundaries.toml
version = 1
[[layer]]
name = "low"
members = ["low/*"]
[[layer]]
name = "high"
members = ["high/*"]
//- low/a
[package.metadata.boundaries]
visible-to = ["high/x"]
//- low/b
[package.metadata.boundaries]
deny = [{ to = "serde", reason = "b is read by no machine", kinds = ["normal"] }]
[dependencies]
serde = "1"
//- high/x
[dependencies]
a = { path = "../../low/a" }
//- high/y
[dependencies]
a = { path = "../../low/a" }
"#,
        expect![[r#"
            high/y (layer `high`): 1 violation

            error[visibility]: `y` must not depend on `a`
             --> high/y/Cargo.toml:7:1
              |
            7 | a = { path = "../../low/a" }
              | ^ normal dependency on low/a
              |
             ::: low/a/Cargo.toml:7:1
              |
            7 | visible-to = ["high/x"]
              | ^^^^^^^^^^ all that may use `a`
              = note: only high/x may use `a`
              = note: no path in its sources names it
              = help: delete the line; or make `a` visible, if the architecture is to change

            low/b (layer `low`): 1 violation

            error[forbid]: `b` must not depend on `serde`
             --> low/b/Cargo.toml:9:1
              |
            9 | serde = "1"
              | ^^^^^ normal dependency on serde
              |
             ::: low/b/Cargo.toml:7:9
              |
            7 | deny = [{ to = "serde", reason = "b is read by no machine", kinds = ["normal"] }]
              |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ b is read by no machine
              = help: delete the line

            checked 4 crates, 2 edges, 1 external dependency, 4 files: 2 violations
        "#]],
    );
}

#[test]
fn mistakes_in_a_manifest_are_findings() {
    check(
        r#"
//- boundaries.toml
version = 1
[[layer]]
name = "all"
members = ["*"]
//- a
[package.metadata.boundaries]
visible_to = ["b"]
deny = [{ to = "nobody", reason = "r" }]
//- b
"#,
        expect![[r#"
            error[unknown-key]: unknown key `visible_to` in [package.metadata.boundaries]
             --> a/Cargo.toml:7:1
              |
            7 | visible_to = ["b"]
              | ^^^^^^^^^^
              = help: write `visible-to`

            could not check the boundaries: 1 problem
        "#]],
    );
}

#[test]
fn rules_that_match_nothing() {
    check(
        r#"
//- boundaries.toml
version = 1
[severity]
may-us = "warn"
same-layer = "loud"
[cycle]
[hygiene]
folder-names = true
[[layer]]
name = "all"
members = ["*"]
//- a
"#,
        expect![[r#"
            error[unknown-key]: unknown key `may-us` in [severity]
             --> boundaries.toml:3:1
              |
            3 | may-us = "warn"
              | ^^^^^^
              = help: write `may-use`

            error[bad-value]: expected `error` or `warn` or `off`, found `loud`
             --> boundaries.toml:4:14
              |
            4 | same-layer = "loud"
              |              ^^^^^^
              = help: write `error` or `warn` or `off`

            error[unknown-key]: unknown key `cycle` in the configuration
             --> boundaries.toml:5:2
              |
            5 | [cycle]
              |  ^^^^^
              = help: write `cycles`

            error[unknown-key]: unknown key `folder-names` in [hygiene]
             --> boundaries.toml:7:1
              |
            7 | folder-names = true
              | ^^^^^^^^^^^^
              = help: write `folder-name`

            could not check the boundaries: 4 problems
        "#]],
    );
    check(
        r#"
//- boundaries.toml
version = 1
[hygiene]
except = ["a"]
[[layer]]
name = "all"
members = ["*"]
visible-to = ["b"]
[[forbid]]
from = "a"
to = "sered"
reason = "r"
[[deprecated]]
from = "a"
to = "a"
reason = "r"
//- a
"#,
        expect![[r#"
            error[contradiction]: `except` has no effect: no rule of [hygiene] is switched on
             --> boundaries.toml:3:1
              |
            3 | except = ["a"]
              | ^^^^^^
              = help: switch one on, or delete the key

            error[matches-nothing]: `b` matches nothing: it is no layer and no directory of a crate
             --> boundaries.toml:7:15
              |
            7 | visible-to = ["b"]
              |               ^^^
              = help: write `a`, or delete the entry

            error[matches-nothing]: `sered` matches nothing: it is no layer, no directory of a crate and no external crate
              --> boundaries.toml:10:6
               |
            10 | to = "sered"
               |      ^^^^^^^
               = help: write a directory relative to the workspace root, or delete the entry

            error[matches-nothing]: no dependency on `a` is left of those that are deprecated here
              --> boundaries.toml:12:1
               |
            12 | [[deprecated]]
               | ^^^^^^^^^^^^^^
               = help: delete the entry, or make it a [[forbid]]

            could not check the boundaries: 4 problems
        "#]],
    );
}

#[test]
fn severities() {
    let rules = |severity: &str, until: &str| {
        workspace(&format!(
            "//- boundaries.toml\nversion = 1\n[severity]\n{severity}\n[[layer]]\nname = \"all\"\nmembers = [\"*\"]\n\
             [[deprecated]]\nfrom = \"a\"\nto = \"b\"\nreason = \"r\"\n{until}\n\
             //- a\n[dependencies]\nb = {{ path = \"../b\" }}\n//- b\n"
        ))
    };
    let found = |severity: &str, until: &str| {
        let root = rules(severity, until);
        let report = outcome(root.path()).unwrap_or_else(|error| panic!("{}", plain(&error.text(), root.path())));
        report.violations.iter().map(|one| (one.rule, one.severity)).collect::<Vec<_>>()
    };
    use Rule::{Deprecated, SameLayer};
    assert_eq!(found("", ""), [(SameLayer, Severity::Error)], "what fails is said before what warns");
    assert_eq!(found("same-layer = \"off\"", ""), [(Deprecated, Severity::Warning)]);
    assert_eq!(found("same-layer = \"off\"", "until = 2026-11-21"), [(Deprecated, Severity::Warning)]);
    assert_eq!(found("same-layer = \"off\"", "until = 2026-11-20"), [(Deprecated, Severity::Error)]);
    let both = "same-layer = \"warn\"";
    assert_eq!(found(both, "until = 2026-11-20"), [(Deprecated, Severity::Error)], "a warning hides no error");
    assert_eq!(found("same-layer = \"warn\"\ndeprecated = \"error\"", ""), [(Deprecated, Severity::Error)]);
    assert_eq!(found("same-layer = \"off\"\ndeprecated = \"off\"", ""), []);
}

fn lock(root: &Path) {
    let mut cargo = Command::new("cargo");
    let status = cargo.args(["generate-lockfile", "--offline", "--quiet"]).current_dir(root).status();
    assert!(status.expect("cargo starts").success());
}

#[test]
fn a_self_test_makes_something_reachable() {
    let root = workspace(
        r#"
//- Cargo.toml
[workspace]
resolver = "2"
members = ["low", "high"]
//- boundaries.toml
version = 1
[[layer]]
name = "low"
members = ["low"]
[[layer]]
name = "high"
members = ["high"]
external.deny = [{ name = "far", reason = "it is far", reachable = true, may-be-absent = true }]
//- low
//- high
[dependencies]
low = { path = "../low" }
"#,
    );
    lock(root.path());
    let clean = stdout(&run(root.path(), &[]));
    assert!(clean.ends_with(": clean\n"), "{clean}");
    let tested = stdout(&run(root.path(), &["self-test"]));
    assert!(tested.contains("found   external-reachable  high -> .. -> far\n"), "{tested}");
}

/// Two crates outside of the workspace: `near` brings `far` along.
#[test]
fn what_is_reachable_is_shown_with_its_path() {
    let rules = r#"
//- Cargo.toml
[workspace]
resolver = "2"
members = ["low", "high"]
exclude = ["vendor"]
//- boundaries.toml
version = 1
[[layer]]
name = "low"
members = ["low"]
[[layer]]
name = "high"
members = ["high"]
external.deny = [{ name = "far", reason = "it is far", reachable = true }]
//- vendor/near
[dependencies]
far = { path = "../far" }
//- vendor/far
//- low
[dependencies]
near = { path = "../vendor/near" }
//- high
[dependencies]
low = { path = "../low" }
"#;
    check(
        rules,
        expect![[r#"
            error[workspace]: cannot tell what is reachable: cannot create the lock file <root>/Cargo.lock because --locked was passed to prevent this
            help: to generate the lock file without accessing the network, remove the --locked flag and use --offline instead.
              = help: run `cargo fetch --manifest-path <root>/Cargo.toml`: a rule with `reachable = true` needs Cargo.lock and the crates in it

            could not check the boundaries: 1 problem
        "#]],
    );
    let root = workspace(rules);
    lock(root.path());
    let said = || match outcome(root.path()) {
        Ok(report) => plain(&report.text(), root.path()),
        Err(error) => plain(&error.text(), root.path()),
    };
    expect![[r#"
        high (layer `high`): 1 violation

        error[external-reachable]: `high` must not reach `far`
         --> high/Cargo.toml:7:1
          |
        7 | low = { path = "../low" }
          | ^^^ normal dependency on low
          |
         ::: boundaries.toml:8:27
          |
        8 | external.deny = [{ name = "far", reason = "it is far", reachable = true }]
          |                           ^^^^^ out of reach for layer `high`: it is far
          = note: the shortest path: high -> low -> near -> far
          = help: delete the line, or switch off the feature that brings it along

        checked 2 crates, 1 edge, 1 external dependency, 2 files: 1 violation
    "#]]
    .assert_eq(&said());
    let text = std::fs::read_to_string(root.path().join("boundaries.toml")).expect("the file can be read");
    write(root.path(), "boundaries.toml", &text.replace("\"far\"", "\"fart\""));
    expect![[r#"
        error[matches-nothing]: no crate of this workspace reaches a crate `fart`
         --> boundaries.toml:8:27
          |
        8 | external.deny = [{ name = "fart", reason = "it is far", reachable = true }]
          |                           ^^^^^^
          = help: write `far`; if the name is meant, add `may-be-absent = true`

        could not check the boundaries: 1 problem
    "#]]
    .assert_eq(&said());
}

const CHAIN: &str = r#"
//- boundaries.toml
version = 1
[[layer]]
name = "all"
members = ["*"]
edges = ["* -> *"]
[[forbid]]
from = "a"
to = "c"
reason = "a knows nothing of c"
reachable = true
MORE
//- a
[dependencies]
b = { path = "../b" }
[dev-dependencies]
d = { path = "../d" }
//- a/src/lib.rs
use b as _;
//- b
[dependencies]
c = { path = "../c" }
//- c
//- d
[dev-dependencies]
c = { path = "../c" }
"#;

#[test]
fn a_chain_of_members_is_shown() {
    check(
        &CHAIN.replace("MORE", ""),
        expect![[r#"
        a (layer `all`): 1 violation

        error[forbid]: `a` must not reach `c`
         --> a/Cargo.toml:7:1
          |
        7 | b = { path = "../b" }
          | ^ normal dependency on b
          |
         ::: a/src/lib.rs:1:5
          |
        1 | use b as _;
          |     ^^^^^^ named here
          |
         ::: boundaries.toml:6:1
          |
        6 | [[forbid]]
          | ^^^^^^^^^^ out of reach: a knows nothing of c
          = note: the shortest chain: a -> b -> c
          = help: cut the chain: delete one of its dependencies

        checked 4 crates, 4 edges, 0 external dependencies, 4 files: 1 violation
    "#]],
    );
}

/// What tests of others are built with is no part of a crate.
#[test]
fn a_chain_ends_at_a_dev_dependency() {
    let violations = |text: &str| {
        let root = workspace(&text.replace("MORE", ""));
        outcome(root.path()).expect("the rules can be held").violations.len()
    };
    assert_eq!(violations(&CHAIN.replace("b = { path", "# { path")), 0, "d has c for its tests");
    assert_eq!(
        violations(&CHAIN.replace("[dev-dependencies]\nc =", "[dependencies]\nc =")),
        1,
        "the shortest one of two"
    );
    let direct = CHAIN.replace("b = { path = \"../b\" }", "c = { path = \"../c\" }");
    assert_eq!(violations(&direct), 1, "a direct dependency is told once");
    assert_eq!(violations(&CHAIN.replace("reachable = true", "")), 0);
}

#[test]
fn a_chain_that_is_excused_and_one_to_an_external_crate() {
    let excuse = "[[except]]\nfrom = \"a\"\nto = \"c\"\nreason = \"older\"";
    let root = workspace(&CHAIN.replace("MORE", excuse));
    assert!(outcome(root.path()).expect("the exception excuses the chain").is_clean());
    let external = "[[forbid]]\nfrom = \"a\"\nto = \"serde\"\nmay-be-absent = true\nreachable = true\nreason = \"no\"";
    check(
        &CHAIN.replace("MORE", external),
        expect![[r#"
        error[bad-value]: `reachable` is about crates of the workspace, and `serde` is none
          --> boundaries.toml:15:1
           |
        15 | reachable = true
           | ^^^^^^^^^
           = help: write external.deny = [{ name = "serde", reason = "..", reachable = true }] into the layer

        could not check the boundaries: 1 problem
    "#]],
    );
}

#[test]
fn visibility_for_some_kinds() {
    let rules = "[[visibility]]\nof = [\"c\"]\nto = []\nkinds = [\"normal\"]";
    let root = workspace(&CHAIN.replace("reachable = true\n", "").replace("MORE", rules));
    let report = outcome(root.path()).expect("the rules can be held");
    let found: Vec<_> = report.violations.iter().map(|one| (one.rule, one.from.dir.as_str())).collect();
    assert_eq!(found, [(Rule::Visibility, "b")]);
}

#[test]
fn a_directory_that_is_written_out_goes_before_a_glob() {
    let rules = |rest: &str| {
        CHAIN.replace(
            "[[forbid]]\nfrom = \"a\"\nto = \"c\"\nreason = \"a knows nothing of c\"\nreachable = true\nMORE",
            rest,
        )
    };
    let top = "[[layer]]\nname = \"top\"\nmembers = [\"a\"]\n";
    let root = workspace(&rules(top));
    let report = outcome(root.path()).expect("each crate is in one layer");
    assert!(report.is_clean(), "{}", report.text());
    check(
        &rules(&format!("{top}[[layer]]\nname = \"rest\"\nmembers = [\"{{b,c}}\"]\n")),
        expect![[r#"
            error[ambiguous]: crate b is in two layers, `all` and `rest`
              --> boundaries.toml:11:12
               |
            11 | members = ["{b,c}"]
               |            ^^^^^^^
               = help: narrow `members` of one of them, or write `b` out in the other

            error[ambiguous]: crate c is in two layers, `all` and `rest`
              --> boundaries.toml:11:12
               |
            11 | members = ["{b,c}"]
               |            ^^^^^^^
               = help: narrow `members` of one of them, or write `c` out in the other

            could not check the boundaries: 2 problems
        "#]],
    );
    check(
        &rules("[[layer]]\nname = \"top\"\nmembers = [\"a\", \"b\", \"c\", \"d\"]\n"),
        expect![[r#"
        error[matches-nothing]: layer `all` has no members: other layers write out all its directories
         --> boundaries.toml:4:1
          |
        4 | members = ["*"]
          | ^^^^^^^
          = help: name other directories, or delete the layer

        error[matches-nothing]: layer `all` has no crate `*`
         --> boundaries.toml:5:10
          |
        5 | edges = ["* -> *"]
          |          ^^^^^^^^
          = help: name the folder of a member of the layer, or delete the entry

        error[matches-nothing]: layer `all` has no crate `*`
         --> boundaries.toml:5:10
          |
        5 | edges = ["* -> *"]
          |          ^^^^^^^^
          = help: name the folder of a member of the layer, or delete the entry

        could not check the boundaries: 3 problems
    "#]],
    );
}

#[test]
fn what_an_open_layer_permits_is_said() {
    let rules = "
//- boundaries.toml
version = 1
[workspace]
same-layer = \"allow\"
[[layer]]
name = \"low\"
members = [\"a\", \"b\"]
[[layer]]
name = \"high\"
members = [\"c\"]
//- a
[dependencies]
c = { path = \"../c\" }
//- b
//- c
";
    let root = workspace(rules);
    let report = outcome(root.path()).expect("the rules can be held");
    assert_eq!(report.violations[0].notes[0], "`a` may use layer low");
}

/// What a new dependency leads to is asked as well.
#[test]
fn can_knows_chains_and_cycles() {
    let rules = CHAIN.replace("MORE", "[cycles]").replace("b = { path = \"../b\" }", "");
    let root = workspace(&rules.replace("use b as _;", ""));
    let can = |from: &str, to: &str| {
        let output = run(root.path(), &["can", from, to]);
        (output.status.code(), stdout(&output).lines().nth(1).unwrap_or_default().trim().to_owned())
    };
    let (code, said) = can("a", "b");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.starts_with("normal no  forbid: out of reach: a knows nothing of c"), "{said}");
    assert!(said.ends_with("; a -> b -> c"), "{said}");
    let (code, said) = can("c", "b");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.ends_with("; c -> b -> c"), "{said}");
    assert_eq!(can("d", "b").0, Some(0));
}
