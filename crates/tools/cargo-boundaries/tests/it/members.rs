//! Which layer may use which, by kind of dependency.

use expect_test::expect;

use crate::fixture::check;

#[test]
fn a_layer_uses_what_stands_before_it() {
    check(
        r#"
//- boundaries.toml
version = 1
[[layer]]
name = "low"
members = ["low/*"]
[[layer]]
name = "high"
members = ["high"]
//- low/a
[dependencies]
high = { path = "../../high" }
//- low/b
//- high
[dependencies]
b = { path = "../low/b" }
"#,
        expect![[r#"
            low/a (layer `low`): 1 violation

            error[may-use]: `a` must not depend on `high`
             --> low/a/Cargo.toml:7:1
              |
            7 | high = { path = "../../high" }
              | ^^^^ normal dependency on high
              |
             ::: boundaries.toml:3:8
              |
            3 | name = "low"
              |        ^^^^^ layer `low` may use the layers that stand before it
              = note: `a` may use no other crate of this workspace
              = note: no path in its sources names it
              = help: delete the line; what both need belongs into a layer before `low`

            checked 3 crates, 2 edges, 0 external dependencies, 3 files: 1 violation
        "#]],
    );
}

#[test]
fn a_list_replaces_the_order() {
    check(
        r#"
//- boundaries.toml
version = 1
[[layer]]
name = "base"
members = ["base/*"]
[[layer]]
name = "contracts"
members = ["contracts"]
may-use = ["base/{kernel,ids}"]
[[layer]]
name = "tools"
members = ["tools"]
may-use = []
[[layer]]
name = "root"
members = ["app"]
may-use = ["base", "contracts"]
//- base/kernel
//- base/ids
//- base/bus
//- contracts
[dependencies]
kernel = { path = "../base/kernel" }
ids = { path = "../base/ids" }
bus = { path = "../base/bus" }
//- tools
[build-dependencies]
kernel = { path = "../base/kernel" }
//- app
[dependencies]
contracts = { path = "../contracts" }
bus = { path = "../base/bus" }
"#,
        expect![[r#"
            contracts (layer `contracts`): 1 violation

            error[may-use]: `contracts` must not depend on `bus`
             --> contracts/Cargo.toml:9:1
              |
            9 | bus = { path = "../base/bus" }
              | ^^^ normal dependency on base/bus
              |
             ::: boundaries.toml:8:1
              |
            8 | may-use = ["base/{kernel,ids}"]
              | ^^^^^^^ all that layer `contracts` may use
              = note: `contracts` may use base/{kernel,ids}
              = note: no path in its sources names it
              = help: delete the line; what both need belongs into a crate that both may use

            tools (layer `tools`): 1 violation

            error[may-use]: `tools` must not depend on `kernel`
              --> tools/Cargo.toml:7:1
               |
             7 | kernel = { path = "../base/kernel" }
               | ^^^^^^ build-dependency on base/kernel
               |
              ::: boundaries.toml:12:1
               |
            12 | may-use = []
               | ^^^^^^^ all that layer `tools` may use
               = note: `tools` may use no other crate of this workspace
               = note: no path in its sources names it
               = help: delete the line; what both need belongs into a crate that both may use

            checked 6 crates, 6 edges, 0 external dependencies, 6 files: 2 violations
        "#]],
    );
}

#[test]
fn kinds_that_are_not_governed_are_free() {
    check(
        r#"
//- boundaries.toml
version = 1
[workspace]
kinds = ["normal", "build"]
[[layer]]
name = "low"
members = ["low/*"]
[[layer]]
name = "high"
members = ["high"]
//- low/dev
[dev-dependencies]
high = { path = "../../high" }
//- low/build
[build-dependencies]
high = { path = "../../high" }
//- high
"#,
        expect![[r#"
            low/build (layer `low`): 1 violation

            error[may-use]: `build` must not depend on `high`
             --> low/build/Cargo.toml:7:1
              |
            7 | high = { path = "../../high" }
              | ^^^^ build-dependency on high
              |
             ::: boundaries.toml:5:8
              |
            5 | name = "low"
              |        ^^^^^ layer `low` may use the layers that stand before it
              = note: `build` may use no other crate of this workspace
              = note: no path in its sources names it
              = help: delete the line; what both need belongs into a layer before `low`

            checked 3 crates, 2 edges, 0 external dependencies, 3 files: 1 violation
        "#]],
    );
}

#[test]
fn dev_dependencies_may_have_more() {
    check(
        r#"
//- boundaries.toml
version = 1
[[layer]]
name = "low"
members = ["low/*"]
dev-may-use = ["low/testing", "high"]
[[layer]]
name = "high"
members = ["high"]
//- low/testing
//- low/fine
[dev-dependencies]
testing = { path = "../testing" }
high = { path = "../../high" }
//- low/wrong
[dependencies]
testing = { path = "../testing" }
[dev-dependencies]
fine = { path = "../fine" }
//- high
"#,
        expect![[r#"
            low/wrong (layer `low`): 2 violations

            error[same-layer]: `wrong` must not depend on `testing`
             --> low/wrong/Cargo.toml:7:1
              |
            7 | testing = { path = "../testing" }
              | ^^^^^^^ normal dependency on low/testing
              |
             ::: boundaries.toml:3:8
              |
            3 | name = "low"
              |        ^^^^^ layer `low` has no `edges` between its crates
              = note: `wrong` may use no other crate of this workspace
              = note: no path in its sources names it
              = help: delete the line; or add "wrong -> testing" to `edges`, if the architecture is to change

            error[same-layer]: `wrong` must not depend on `fine`
             --> low/wrong/Cargo.toml:9:1
              |
            9 | fine = { path = "../fine" }
              | ^^^^ dev-dependency on low/fine
              |
             ::: boundaries.toml:3:8
              |
            3 | name = "low"
              |        ^^^^^ layer `low` has no `edges` between its crates
              = note: `wrong` may use low/testing, high
              = note: no path in its sources names it
              = help: delete the line; or add "wrong -> fine" to `edges`, if the architecture is to change

            checked 4 crates, 4 edges, 0 external dependencies, 4 files: 2 violations
        "#]],
    );
}

#[test]
fn a_crate_for_tests_is_a_dev_dependency_only() {
    check(
        r#"
//- boundaries.toml
version = 1
[[layer]]
name = "shared"
members = ["shared/*"]
dev-only = ["testing"]
[[layer]]
name = "domains"
members = ["domains/*"]
//- shared/testing
//- domains/fine
[dev-dependencies]
testing = { path = "../../shared/testing" }
//- domains/wrong
[dependencies]
testing = { path = "../../shared/testing" }
[build-dependencies]
testing = { path = "../../shared/testing" }
"#,
        expect![[r#"
            domains/wrong (layer `domains`): 2 violations

            error[dev-only]: `wrong` must not depend on `testing`
             --> domains/wrong/Cargo.toml:7:1
              |
            7 | testing = { path = "../../shared/testing" }
              | ^^^^^^^ normal dependency on shared/testing
              |
             ::: boundaries.toml:5:13
              |
            5 | dev-only = ["testing"]
              |             ^^^^^^^^^ `testing` may be a dev-dependency only
              = note: no path in its sources names it
              = help: move the line to [dev-dependencies], or delete it

            error[dev-only]: `wrong` must not depend on `testing`
             --> domains/wrong/Cargo.toml:9:1
              |
            9 | testing = { path = "../../shared/testing" }
              | ^^^^^^^ build-dependency on shared/testing
              |
             ::: boundaries.toml:5:13
              |
            5 | dev-only = ["testing"]
              |             ^^^^^^^^^ `testing` may be a dev-dependency only
              = note: no path in its sources names it
              = help: move the line to [dev-dependencies], or delete it

            checked 3 crates, 3 edges, 0 external dependencies, 3 files: 2 violations
        "#]],
    );
}
