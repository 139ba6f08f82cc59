//! `used-dependencies`: what a manifest declares, the sources name.

use expect_test::expect;

use crate::fixture::{check, outcome, plain, workspace};

#[test]
fn dependencies_that_nothing_names() {
    let rules = "
//- boundaries.toml
version = 1
[hygiene]
used-dependencies = true
[[layer]]
name = \"all\"
members = [\"*\"]
edges = [\"* -> *\"]
//- billing
//- stock
[lib]
name = \"stock_keeping\"
";
    check(
        &format!(
            "{rules}//- orders
[dependencies]
billing = {{ path = \"../billing\" }}
stock = {{ path = \"../stock\", optional = true }}
[build-dependencies]
billing = {{ path = \"../billing\" }}
[dev-dependencies]
stock = {{ path = \"../stock\" }}
//- orders/src/lib.rs
#[test]
fn bills() {{ billing::bill(); }}
"
        ),
        expect![[r#"
            orders (layer `all`): 4 violations

            error[used-dependencies]: `orders` must not depend on `billing` for its tests alone
             --> orders/Cargo.toml:7:1
              |
            7 | billing = { path = "../billing" }
              | ^^^^^^^ normal dependency on billing
              |
             ::: orders/src/lib.rs:2:14
              |
            2 | fn bills() { billing::bill(); }
              |              ^^^^^^^^^^^^^ named here
              |
             ::: boundaries.toml:3:1
              |
            3 | used-dependencies = true
              | ^^^^^^^^^^^^^^^^^ every dependency on a crate of the workspace is named in the sources
              = help: move the line to [dev-dependencies]

            error[used-dependencies]: `orders` must not depend on `stock` without naming it
             --> orders/Cargo.toml:8:1
              |
            8 | stock = { path = "../stock", optional = true }
              | ^^^^^ normal dependency on stock, optional: feature `stock`
              |
             ::: boundaries.toml:3:1
              |
            3 | used-dependencies = true
              | ^^^^^^^^^^^^^^^^^ every dependency on a crate of the workspace is named in the sources
              = help: delete the line; or, if a macro or a feature needs it, excuse it with an [[except]]

            error[used-dependencies]: `orders` must not depend on `billing` without naming it
              --> orders/Cargo.toml:10:1
               |
            10 | billing = { path = "../billing" }
               | ^^^^^^^ build-dependency on billing
               |
              ::: boundaries.toml:3:1
               |
             3 | used-dependencies = true
               | ^^^^^^^^^^^^^^^^^ every dependency on a crate of the workspace is named in the sources
               = help: delete the line; or, if a macro or a feature needs it, excuse it with an [[except]]

            error[used-dependencies]: `orders` must not depend on `stock` without naming it
              --> orders/Cargo.toml:12:1
               |
            12 | stock = { path = "../stock" }
               | ^^^^^ dev-dependency on stock
               |
              ::: boundaries.toml:3:1
               |
             3 | used-dependencies = true
               | ^^^^^^^^^^^^^^^^^ every dependency on a crate of the workspace is named in the sources
               = help: delete the line; or, if a macro or a feature needs it, excuse it with an [[except]]

            checked 3 crates, 4 edges, 0 external dependencies, 3 files: 4 violations
        "#]],
    );
    let named = [
        "use stock_keeping as _;",
        "#[macro_use] extern crate stock_keeping;",
        "fn f() { stock_keeping::count!(); }",
        "#[stock_keeping::counted] fn f() {}",
        "/// ```\n/// stock_keeping::count();\n/// ```\nfn f() {}",
        "#[derive(stock_keeping::Count)] struct S;",
        "#[cfg(feature = \"stock\")] mod counted { use stock_keeping::Count; }",
    ];
    for line in named {
        let root = workspace(&format!(
            "{rules}//- orders\n[dependencies]\nstock = {{ path = \"../stock\" }}\n//- orders/src/lib.rs\n{line}\n"
        ));
        let report = outcome(root.path()).unwrap_or_else(|error| panic!("{}", plain(&error.text(), root.path())));
        assert!(report.is_clean(), "{line}: {}", report.text());
    }
}

#[test]
fn what_only_a_macro_needs_is_excused() {
    let root = workspace(
        "
//- boundaries.toml
version = 1
[hygiene]
used-dependencies = true
[[layer]]
name = \"all\"
members = [\"*\"]
edges = [\"* -> *\"]
[[except]]
from = \"orders\"
to = \"billing\"
reason = \"its macro names it\"
//- billing
//- orders
[dependencies]
billing = { path = \"../billing\" }
",
    );
    assert!(outcome(root.path()).expect("the exception excuses something").is_clean());
}

/// A build script sees [build-dependencies] and no others.
#[test]
fn dependencies_that_only_the_build_script_names() {
    check(
        r#"
//- boundaries.toml
version = 1
[hygiene]
used-dependencies = true
[[layer]]
name = "all"
members = ["*"]
edges = ["* -> *"]
//- codes
//- moved
[dependencies]
codes = { path = "../codes" }
//- moved/build.rs
mod steps;
fn main() { steps::all() }
//- moved/steps.rs
pub fn all() { codes::write("codes::ALL") }
//- deleted
[dependencies]
codes = { path = "../codes" }
[build-dependencies]
codes = { path = "../codes" }
[dev-dependencies]
codes = { path = "../codes" }
//- deleted/build.rs
use codes as _;
//- fine
[build-dependencies]
codes = { path = "../codes" }
//- fine/build.rs
fn main() { codes::write() }
"#,
        expect![[r#"
            deleted (layer `all`): 2 violations

            error[used-dependencies]: `deleted` must not depend on `codes` for its build script alone
             --> deleted/Cargo.toml:7:1
              |
            7 | codes = { path = "../codes" }
              | ^^^^^ normal dependency on codes
              |
             ::: deleted/build.rs:1:5
              |
            1 | use codes as _;
              |     ^^^^^^^^^^ named here
              |
             ::: boundaries.toml:3:1
              |
            3 | used-dependencies = true
              | ^^^^^^^^^^^^^^^^^ every dependency on a crate of the workspace is named in the sources
              = help: delete the line: build scripts see [build-dependencies] alone, which have it too

            error[used-dependencies]: `deleted` must not depend on `codes` for its build script alone
              --> deleted/Cargo.toml:11:1
               |
            11 | codes = { path = "../codes" }
               | ^^^^^ dev-dependency on codes
               |
              ::: deleted/build.rs:1:5
               |
             1 | use codes as _;
               |     ^^^^^^^^^^ named here
               |
              ::: boundaries.toml:3:1
               |
             3 | used-dependencies = true
               | ^^^^^^^^^^^^^^^^^ every dependency on a crate of the workspace is named in the sources
               = help: delete the line: build scripts see [build-dependencies] alone, which have it too

            moved (layer `all`): 1 violation

            error[used-dependencies]: `moved` must not depend on `codes` for its build script alone
             --> moved/Cargo.toml:7:1
              |
            7 | codes = { path = "../codes" }
              | ^^^^^ normal dependency on codes
              |
             ::: moved/steps.rs:1:16
              |
            1 | pub fn all() { codes::write("codes::ALL") }
              |                ^^^^^^^^^^^^ named here
              |
             ::: boundaries.toml:3:1
              |
            3 | used-dependencies = true
              | ^^^^^^^^^^^^^^^^^ every dependency on a crate of the workspace is named in the sources
              = help: move the line to [build-dependencies], the only ones that build scripts see

            checked 4 crates, 5 edges, 0 external dependencies, 8 files: 3 violations
        "#]],
    );
}

#[test]
fn what_the_build_script_names_and_others_too() {
    let others = [
        ("src/lib.rs", "pub use codes::ALL;"),
        ("src/lib.rs", "/// See `codes::ALL`.\npub fn all() {}"),
        ("src/lib.rs", "#[path = \"../steps.rs\"] mod steps;"),
        ("src/main.rs", "fn main() { codes::all() }"),
        ("tests/all.rs", "// codes::ALL"),
    ];
    for (file, text) in others {
        let root = workspace(&format!(
            r#"
//- boundaries.toml
version = 1
[hygiene]
used-dependencies = true
[[layer]]
name = "all"
members = ["*"]
edges = ["* -> *"]
//- codes
//- both
[dependencies]
codes = {{ path = "../codes" }}
[build-dependencies]
codes = {{ path = "../codes" }}
//- both/build.rs
mod steps;
fn main() {{ steps::all() }}
//- both/steps.rs
/// codes::ALL
pub fn all() {{ codes::write() }}
//- both/{file}
{text}
"#
        ));
        let report = outcome(root.path()).unwrap_or_else(|error| panic!("{}", plain(&error.text(), root.path())));
        assert!(report.is_clean(), "{file}: {text}: {}", report.text());
    }
}
