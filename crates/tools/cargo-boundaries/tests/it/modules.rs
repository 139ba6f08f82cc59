//! The order of the modules inside of crates.

use std::fs;
use std::path::Path;

use boundaries::Cause;
use expect_test::expect;

use crate::cli::{run, stdout};
use crate::fixture::{check, outcome, plain, workspace, write};

const RULES: &str = r#"
//- boundaries.toml
version = 1
[[layer]]
name = "all"
members = ["*"]
[[modules]]
crates = ["*"]
order = ["domain", "application", "api"]
"#;

/// Two crates: one library with every module, and one that has only some.
fn crates(domain: &str) -> String {
    format!(
        "{RULES}//- orders
//- orders/src/lib.rs
mod api;
mod application {{
    use super::domain::Order;
}}
mod domain;
mod telemetry;
//- orders/src/api.rs
use crate::{{application::*, domain}};
pub use serde::Serialize;
pub struct Route;
//- orders/src/domain.rs
pub mod price;
pub struct Order;
{domain}
//- orders/src/domain/price.rs
//- orders/src/telemetry.rs
//- billing
//- billing/src/lib.rs
mod domain {{ pub struct Invoice; }}
use domain::Invoice;
"
    )
}

fn found(domain: &str) -> Vec<(String, String, usize)> {
    let root = workspace(&crates(domain));
    let report = outcome(root.path()).unwrap_or_else(|error| panic!("{}", plain(&error.text(), root.path())));
    report.violations.into_iter().map(|one| (one.message, one.site.text, one.site.line)).collect()
}

#[test]
fn modules_name_none_above_them() {
    let domain = "use crate::{\n    application,\n    api::{Route, self},\n};\nfn f(_: super::api::Route) {}";
    check(
        &crates(domain),
        expect![[r#"
        orders (layer `all`): 2 violations

        error[module-order]: `domain` of `orders` must not name `application`
         --> orders/src/domain.rs:4:5
          |
        4 |     application,
          |     ^^^^^^^^^^^ leads to crate::application
          |
         ::: boundaries.toml:7:1
          |
        7 | order = ["domain", "application", "api"]
          | ^^^^^ low to high: no module names one that stands after it
          = help: move what both need into `domain`, which may use none of the others

        error[module-order]: `domain` of `orders` must not name `api`
         --> orders/src/domain.rs:5:11
          |
        5 |     api::{Route, self},
          |           ^^^^^ leads to crate::api
          |
         ::: boundaries.toml:7:1
          |
        7 | order = ["domain", "application", "api"]
          | ^^^^^ low to high: no module names one that stands after it
          = note: 2 more places in `domain` name `api`
          = help: move what both need into `domain`, which may use none of the others

        checked 2 crates, 0 edges, 0 external dependencies: 2 violations
    "#]],
    );
}

#[test]
fn whatever_leads_upwards_counts() {
    let upwards = [
        "fn f() { let _ = crate::api::Route; }",
        "type T = super::api::Route;",
        "pub mod inner { use super::super::api as other; }",
        "fn f() { println!(\"{:?}\", crate::api::Route); }",
        "#[cfg(unix)] use crate::api::Route;",
        "use crate::api::*;",
        "use crate::api::Serialize;",
        "#[derive(crate::api::Serialize)] struct S;",
    ];
    for line in upwards {
        assert_eq!(
            found(line),
            [("`domain` of `orders` must not name `api`".to_owned(), line.to_owned(), 3)],
            "{line}"
        );
    }
}

#[test]
fn what_is_free() {
    let free = [
        "",
        "use crate::domain::price;",
        "use crate::telemetry;",
        "// use crate::api;",
        "const TEXT: &str = \"use crate::api;\";",
        "#[cfg(test)] mod tests { use crate::api::Route; }",
        "#[test] fn f() { crate::api::Route; }",
        "use other::api::Route;",
        "mod api { pub struct Own; } use api::Own;",
    ];
    for line in free {
        assert_eq!(found(line), [], "{line}");
    }
}

/// Only what is built for users is held to the order, and all of that.
#[test]
fn binaries_are_sources_and_tests_are_not() {
    let upwards = "mod domain { use crate::api; }\nmod api { pub struct Route; }\nuse domain as _;\n";
    let tested = [("tests/it.rs", 0), ("examples/e.rs", 0), ("benches/b.rs", 0), ("build.rs", 0)];
    for (file, violations) in tested.into_iter().chain([("src/main.rs", 1), ("src/bin/tool.rs", 1)]) {
        let root = workspace(&crates(""));
        write(root.path(), &format!("billing/{file}"), upwards);
        let report = outcome(root.path()).unwrap_or_else(|error| panic!("{}", plain(&error.text(), root.path())));
        assert_eq!(report.violations.len(), violations, "{file}");
        assert!(report.violations.iter().all(|one| one.site.file == format!("billing/{file}")), "{file}");
    }
}

#[test]
fn a_library_and_a_binary_of_the_same_files_break_it_once() {
    let root = workspace(&crates("use crate::api;"));
    let library = fs::read_to_string(root.path().join("orders/src/lib.rs")).expect("the library has a root");
    write(root.path(), "orders/src/main.rs", &library);
    let report = outcome(root.path()).expect("the sources can be read");
    let [violation] = &report.violations[..] else { panic!("{}", plain(&report.text(), root.path())) };
    assert_eq!((violation.to.as_deref(), violation.notes.as_slice()), (Some("crate::api"), [].as_slice()));
}

#[test]
fn a_baseline_excuses_it() {
    let root = workspace(&crates("use crate::api;"));
    let entry = "{ rule = \"module-order\", from = \"orders\", to = \"crate::api\", reason = \"older\" }";
    write(root.path(), "boundaries-baseline.toml", &format!("version = 1\nentries = [{entry}]\n"));
    assert!(outcome(root.path()).expect("the baseline can be read").is_clean());
    write(root.path(), "orders/src/domain.rs", "pub mod price;");
    let report = outcome(root.path()).expect("the baseline can be read");
    let stale: Vec<_> = report.stale.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(stale, ["the baseline excuses what orders names of crate::api (module-order), which is no violation"]);
}

#[test]
fn rules_that_cannot_hold() {
    let other = |crates: &str, order: &str| {
        let rules = format!("{RULES}[[modules]]\ncrates = {crates}\norder = {order}\n");
        rules
            + "//- orders\n//- orders/src/lib.rs\nmod domain {} mod application {} mod api {}\nuse {api, application, domain};\n"
    };
    check(
        &other("[\"nowhere/*\"]", "[\"domain\", \"api\"]"),
        expect![[r#"
        error[matches-nothing]: `nowhere/*` matches nothing: it is no layer and no directory of a crate
         --> boundaries.toml:9:11
          |
        9 | crates = ["nowhere/*"]
          |           ^^^^^^^^^^^
          = help: write a directory relative to the workspace root, or delete the entry

        could not check the boundaries: 1 problem
    "#]],
    );
    check(
        &other("[]", "[\"api\"]"),
        expect![[r#"
        error[matches-nothing]: `crates` is empty: the rule governs no crate
         --> boundaries.toml:9:1
          |
        9 | crates = []
          | ^^^^^^
          = help: name a crate or a layer, or delete the entry

        error[bad-value]: an order of fewer than two modules forbids nothing
          --> boundaries.toml:10:1
           |
        10 | order = ["api"]
           | ^^^^^
           = help: name at least two modules, or delete the entry

        could not check the boundaries: 2 problems
    "#]],
    );
    check(
        &other("\"all\"", "[\"domain\", \"api\", \"domain\"]"),
        expect![[r#"
        error[ambiguous]: `domain` stands twice in the order
          --> boundaries.toml:10:27
           |
        10 | order = ["domain", "api", "domain"]
           |                           ^^^^^^^^
           = help: delete one of the two

        could not check the boundaries: 1 problem
    "#]],
    );
    check(
        &other("\"all\"", "[\"domian\", \"api\", \"infrastructure\"]"),
        expect![[r#"
        error[matches-nothing]: `domian` matches nothing: none of these crates has a module `crate::domian`
          --> boundaries.toml:10:10
           |
        10 | order = ["domian", "api", "infrastructure"]
           |          ^^^^^^^^
           = help: write `domain`, or delete the name

        error[matches-nothing]: `infrastructure` matches nothing: none of these crates has a module `crate::infrastructure`
          --> boundaries.toml:10:27
           |
        10 | order = ["domian", "api", "infrastructure"]
           |                           ^^^^^^^^^^^^^^^^
           = help: write the name of a module that stands in the crate's root, or delete it

        could not check the boundaries: 2 problems
    "#]],
    );
}

#[test]
fn sources_that_cannot_be_read() {
    check(
        &crates("mod missing;"),
        expect![[r#"
        error[source]: the modules of `orders` are not all known: a file is missing: orders/src/domain/missing.rs or orders/src/domain/missing/mod.rs
         --> orders/src/domain.rs:3:1
          |
        3 | mod missing;
          | ^^^^^^^^^^^
          = help: make it a crate that compiles

        could not check the boundaries: 1 problem
    "#]],
    );
    check(
        &crates("fn f() { ("),
        expect![[r#"
        error[source]: the modules of `orders` are not all known: orders/src/domain.rs is no Rust source: a bracket has no partner
         --> orders/src/domain.rs:3:8
          |
        3 | fn f() { (
          |        ^
          = help: make it a crate that compiles

        error[source]: the modules of `orders` are not all known: orders/src/domain.rs is no Rust source: a bracket has no partner
         --> orders/src/domain.rs:3:10
          |
        3 | fn f() { (
          |          ^
          = help: make it a crate that compiles

        could not check the boundaries: 2 problems
    "#]],
    );
    let root = workspace(&crates(""));
    fs::write(root.path().join("orders/src/telemetry.rs"), b"// \xff").expect("the file can be written");
    let error = outcome(root.path()).expect_err("the file is no text");
    let [finding] = &error.errors[..] else { panic!("{}", plain(&error.text(), root.path())) };
    let said = "the modules of `orders` are not all known: orders/src/telemetry.rs is not UTF-8, from byte 3 on";
    assert_eq!((finding.cause, finding.message.as_str()), (Cause::Source, said));
}

/// Sources that no rule governs may be as they are.
#[test]
fn no_source_is_read_without_a_rule() {
    let text = crates("fn f() { (").replace("crates = [\"*\"]", "crates = [\"billing\"]");
    let text = text.replace("order = [\"domain\", \"application\", \"api\"]", "order = [\"domain\", \"missing\"]");
    let root = workspace(&text);
    let error = outcome(root.path()).expect_err("billing has no such module");
    let causes: Vec<_> = error.errors.iter().map(|finding| finding.cause).collect();
    assert_eq!(causes, [Cause::MatchesNothing]);
    write(root.path(), "boundaries.toml", "version = 1\n[[layer]]\nname = \"all\"\nmembers = [\"*\"]\n");
    assert!(outcome(root.path()).expect("no rule is about sources").is_clean());
}

#[test]
fn a_self_test_plants_one() {
    let planted = |root: &Path| {
        let said = stdout(&run(root, &["self-test"]));
        let line = said.lines().find(|line| line.contains("module-order")).map(str::to_owned);
        line.unwrap_or_else(|| panic!("{said}"))
    };
    let clean = workspace(&crates(""));
    assert_eq!(planted(clean.path()), "found   module-order        orders: domain -> application");
    let known = workspace(&crates("use crate::application;"));
    assert_eq!(planted(known.path()), "found   module-order        orders: domain -> api");
    let off = workspace(&crates("").replacen("[[layer]]", "[severity]\nmodule-order = \"off\"\n[[layer]]", 1));
    assert_eq!(planted(off.path()), "-       module-order        nothing here can break it");
}
