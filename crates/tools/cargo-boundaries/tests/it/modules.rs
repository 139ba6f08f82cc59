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
              = note: 2 more places do
              = help: move what both need into `domain`, which may use none of the others

            checked 2 crates, 0 edges, 0 external dependencies, 6 files: 2 violations
            not seen: 1 path that begins with a name from nowhere
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
        let [(message, text, 3)] = &found(line)[..] else { panic!("{line}") };
        assert!(message.starts_with("`domain") && message.ends_with("must not name `api`"), "{message}");
        assert_eq!(text, line);
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
    assert_eq!((violation.to.as_deref(), violation.notes.as_slice()), (Some("orders::api"), [].as_slice()));
}

#[test]
fn a_baseline_excuses_it() {
    let root = workspace(&crates("use crate::api;"));
    let entry = "{ rule = \"module-order\", from = \"orders::domain\", to = \"orders::api\", reason = \"older\" }";
    write(root.path(), "boundaries-baseline.toml", &format!("version = 1\nentries = [{entry}]\n"));
    assert!(outcome(root.path()).expect("the baseline can be read").is_clean());
    write(root.path(), "orders/src/domain.rs", "pub mod price;");
    let report = outcome(root.path()).expect("the baseline can be read");
    let stale: Vec<_> = report.stale.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(
        stale,
        ["the baseline excuses what orders::domain names in orders::api (module-order), which is no violation"]
    );
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
            error[ambiguous]: `domain` stands twice in the list
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
               = help: write the name of a module as it follows `crate::`, or delete it

            could not check the boundaries: 2 problems
        "#]],
    );
}

#[test]
fn sources_that_cannot_be_read() {
    check(
        &crates("mod missing;"),
        expect![[r#"
            error[source]: the sources of `orders` cannot be read as a whole: a file is missing: orders/src/domain/missing.rs or orders/src/domain/missing/mod.rs
             --> orders/src/domain.rs:3:1
              |
            3 | mod missing;
              | ^^^^^^^^^^^
              = help: mend it: of what cannot be read nobody knows which rules it breaks

            could not check the boundaries: 1 problem
        "#]],
    );
    check(
        &crates("fn f() { ("),
        expect![[r#"
            error[source]: the sources of `orders` cannot be read as a whole: orders/src/domain.rs is no Rust source: a bracket has no partner
             --> orders/src/domain.rs:3:8
              |
            3 | fn f() { (
              |        ^
              = help: mend it: of what cannot be read nobody knows which rules it breaks

            could not check the boundaries: 1 problem
        "#]],
    );
    let root = workspace(&crates(""));
    fs::write(root.path().join("orders/src/telemetry.rs"), b"// \xff").expect("the file can be written");
    let error = outcome(root.path()).expect_err("the file is no text");
    let [finding] = &error.errors[..] else { panic!("{}", plain(&error.text(), root.path())) };
    let said =
        "the sources of `orders` cannot be read as a whole: orders/src/telemetry.rs is not UTF-8, from byte 3 on";
    assert_eq!((finding.cause, finding.message.as_str()), (Cause::Source, said));
}

/// Sources that no rule governs may be as they are.
#[test]
fn no_source_is_read_without_a_rule() {
    let text = crates("fn f() { (").replace("crates = [\"*\"]", "crates = [\"billing\"]");
    let text = text.replace("order = [\"domain\", \"application\", \"api\"]", "order = [\"domain\", \"missing\"]");
    let ignored = "version = 1\n[workspace]\nre-exports = \"ignore\"\n";
    let text = text.replacen("version = 1\n", ignored, 1);
    let root = workspace(&text);
    let error = outcome(root.path()).expect_err("billing has no such module");
    let causes: Vec<_> = error.errors.iter().map(|finding| finding.cause).collect();
    assert_eq!(causes, [Cause::MatchesNothing]);
    write(root.path(), "boundaries.toml", &format!("{ignored}[[layer]]\nname = \"all\"\nmembers = [\"*\"]\n"));
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
    assert_eq!(planted(clean.path()), "found   module-order        orders: domain -> api");
    let known = workspace(&crates("use crate::api;"));
    assert_eq!(planted(known.path()), "found   module-order        orders: domain -> application");
    let off = workspace(&crates("").replacen("[[layer]]", "[severity]\nmodule-order = \"off\"\n[[layer]]", 1));
    assert_eq!(planted(off.path()), "-       module-order        nothing here can break it");
}

const PRIVACY: &str = r#"
//- boundaries.toml
version = 1
[[layer]]
name = "orders"
members = ["orders"]
[[layer]]
name = "app"
members = ["app"]
[[modules]]
crates = ["orders"]
RULE
//- orders
//- orders/src/lib.rs
pub mod api { pub struct Order; }
pub mod events { pub mod v1 { pub struct Placed; } }
pub mod cart {
    pub mod store { pub mod row { pub struct Row; } pub struct Table; }
    pub mod total { use super::store::Table; }
    pub use store::Table;
}
pub mod price { PRICE }
pub use cart::Table;
//- app
[dependencies]
orders = { path = "../orders" }
//- app/src/lib.rs
APP
"#;

fn privacy(rule: &str, price: &str, app: &str) -> String {
    PRIVACY.replace("RULE", rule).replace("PRICE", price).replace("APP", app)
}

fn breaks(rule: &str, price: &str, app: &str) -> Vec<(String, Option<String>, Option<String>)> {
    let root = workspace(&privacy(rule, price, app));
    let report = outcome(root.path()).unwrap_or_else(|error| panic!("{}", plain(&error.text(), root.path())));
    report.violations.into_iter().map(|one| (one.rule.name().to_owned(), one.module, one.to)).collect()
}

#[test]
fn a_private_module_is_named_by_what_is_around_it() {
    check(
        &privacy(
            "private = [\"*::store\"]",
            "use crate::cart::store::row::Row;\nfn f(_: crate::cart::store::Table) {}",
            "use orders::cart::store::row::Row;",
        ),
        expect![[r#"
            app (layer `app`): 1 violation

            error[module-private]: `app` must not name `orders::cart::store`
              --> app/src/lib.rs:1:5
               |
             1 | use orders::cart::store::row::Row;
               |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ leads to crate::cart::store
               |
              ::: boundaries.toml:10:12
               |
            10 | private = ["*::store"]
               |            ^^^^^^^^^^ no other crate names a private module
               = help: name what `orders` offers instead, or ask its owners to offer it

            orders (layer `orders`): 1 violation

            error[module-private]: `crate::price` of `orders` must not name `crate::cart::store`
              --> orders/src/lib.rs:8:21
               |
             8 | pub mod price { use crate::cart::store::row::Row;
               |                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ leads to crate::cart::store
               |
              ::: boundaries.toml:10:12
               |
            10 | private = ["*::store"]
               |            ^^^^^^^^^^ only the module around a private one names it
               = note: 1 more place does
               = help: name what `crate::cart` offers of it, or move what both need out of `crate::cart::store`

            checked 2 crates, 1 edge, 0 external dependencies, 2 files: 2 violations
        "#]],
    );
    let store =
        [("module-private".to_owned(), Some("orders::price".to_owned()), Some("orders::cart::store".to_owned()))];
    assert_eq!(breaks("private = [\"cart::store\"]", "use super::cart::store;", ""), store);
    let free =
        ["use crate::cart::Table;", "use crate::Table;", "#[cfg(test)] mod t { use crate::cart::store::Table; }"];
    for line in free {
        let found = breaks("private = [\"*::store\"]", line, "use orders::{Table, cart::Table as T};");
        assert!(found.is_empty(), "{line}: {found:?}");
    }
}

#[test]
fn other_crates_name_the_root_and_the_api() {
    check(
        &privacy(
            "api = [\"api\", \"events::v1\"]",
            "use crate::cart::store::Table;",
            "use orders::{api::Order, cart::{self, Table}, events, Table as T};\nfn f(_: orders::events::v1::Placed) {}",
        ),
        expect![[r#"
            app (layer `app`): 2 violations

            error[module-api]: `app` must not name `orders::cart`
              --> app/src/lib.rs:1:33
               |
             1 | use orders::{api::Order, cart::{self, Table}, events, Table as T};
               |                                 ^^^^ leads to crate::cart
               |
              ::: boundaries.toml:10:1
               |
            10 | api = ["api", "events::v1"]
               | ^^^ all modules that other crates may name
               = note: 1 more place does
               = help: name what stands in the root of `orders` or in `orders::api`, `orders::events::v1`

            error[module-api]: `app` must not name `orders::events`
              --> app/src/lib.rs:1:47
               |
             1 | use orders::{api::Order, cart::{self, Table}, events, Table as T};
               |                                               ^^^^^^ leads to crate::events
               |
              ::: boundaries.toml:10:1
               |
            10 | api = ["api", "events::v1"]
               | ^^^ all modules that other crates may name
               = help: name what stands in the root of `orders` or in `orders::api`, `orders::events::v1`

            checked 2 crates, 1 edge, 0 external dependencies, 2 files: 2 violations
        "#]],
    );
    let found = breaks("api = []", "", "use orders::{Table, api::Order};");
    assert_eq!(found, [("module-api".to_owned(), None, Some("orders::api".to_owned()))]);
    let tests = breaks("api = [\"api\"]", "", "#[cfg(test)] mod t { use orders::cart::Table; }");
    assert_eq!(tests.len(), 1, "tests of another crate are no part of this one");
}

#[test]
fn modules_that_are_excused() {
    let rule = "private = [\"*::store\"]\napi = [\"api\"]\norder = [\"price\", \"cart\"]";
    let price = "use crate::cart::{store::Table, total};";
    let app = "use orders::events::v1::Placed;";
    let all = [("orders::price", "orders::cart"), ("app", "orders::events")];
    let excepted = |pairs: &[(&str, &str)]| {
        let entry =
            |(from, to): &(&str, &str)| format!("\n[[except]]\nfrom = \"{from}\"\nto = \"{to}\"\nreason = \"older\"");
        rule.to_owned() + &pairs.iter().map(entry).collect::<String>()
    };
    assert_eq!(breaks(rule, price, app).len(), 3);
    assert!(breaks(&excepted(&all), price, app).is_empty(), "a module stands for all in it");
    assert_eq!(breaks(&excepted(&all[..1]), price, app).len(), 1);
    assert!(
        breaks(&excepted(&[("orders", "orders::cart"), all[1]]), price, app).is_empty(),
        "a crate stands for its modules"
    );
    let root = workspace(&privacy(&excepted(&[all[0], ("app", "orders::api")]), price, app));
    let error = outcome(root.path()).expect_err("the second one excuses nothing");
    assert_eq!(error.errors[0].message, "the exception from `app` to `orders::api` excuses no dependency");
}

/// Neither another crate that re-exports it nor the package's own binary is a way to a private module.
#[test]
fn a_private_module_behind_a_re_export_and_in_a_binary() {
    let text = privacy("private = [\"*::store\"]", "", "use middle::inner::cart::store::Table;");
    let text = text
        .replace("orders = { path = \"../orders\" }", "middle = { path = \"../middle\" }")
        .replace("members = [\"orders\"]", "members = [\"orders\", \"middle\"]\nedges = [\"middle -> orders\"]");
    let text = text.replace("name = \"orders\"\nmembers", "name = \"shop\"\nmembers");
    let root = workspace(&format!(
        "{text}//- middle\n[dependencies]\norders = {{ path = \"../orders\" }}\n//- middle/src/lib.rs\npub use orders as inner;\n"
    ));
    write(root.path(), "orders/src/main.rs", "use orders::cart::store::Table;\nfn main() {}\n");
    let report = outcome(root.path()).unwrap_or_else(|error| panic!("{}", plain(&error.text(), root.path())));
    let found: Vec<_> = report.violations.iter().map(|one| (one.rule.name(), one.site.file.as_str())).collect();
    assert_eq!(found, [("module-private", "app/src/lib.rs"), ("module-private", "orders/src/main.rs")]);
}

/// What one module is excused for another one is not.
#[test]
fn the_baseline_knows_the_module() {
    let root = workspace(&crates("use crate::api;"));
    let entry = "{ rule = \"module-order\", from = \"orders::domain\", to = \"orders::api\", reason = \"older\" }";
    write(root.path(), "boundaries-baseline.toml", &format!("version = 1\nentries = [{entry}]\n"));
    write(root.path(), "orders/src/domain/price.rs", "use crate::api::Route;");
    let report = outcome(root.path()).expect("the baseline can be read");
    let found: Vec<_> = report.fresh().map(|one| one.module.as_deref()).collect();
    assert_eq!(found, [Some("orders::domain::price")]);
}
