//! Rules for dependencies between members.

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
fn inside_of_a_layer_only_the_edges_are_open() {
    check(
        r#"
//- boundaries.toml
version = 1
[workspace]
same-layer = "deny"
[[layer]]
name = "shared"
members = ["shared/*"]
edges = ["bus -> kernel, store", "shared/test* -> *"]
[[layer]]
name = "domains"
members = ["domains/*"]
//- shared/kernel
//- shared/store
[dependencies]
kernel = { path = "../kernel" }
//- shared/bus
[dependencies]
kernel = { path = "../kernel" }
store = { path = "../store" }
//- shared/testing
[dependencies]
bus = { path = "../bus" }
kernel = { path = "../kernel" }
//- domains/x
//- domains/y
[dependencies]
x = { path = "../x" }
kernel = { path = "../../shared/kernel" }
"#,
        expect![[r#"
            domains/y (layer `domains`): 1 violation

            error[same-layer]: `y` must not depend on `x`
             --> domains/y/Cargo.toml:7:1
              |
            7 | x = { path = "../x" }
              | ^ normal dependency on domains/x
              |
             ::: boundaries.toml:3:1
              |
            3 | same-layer = "deny"
              | ^^^^^^^^^^ crates of one layer need an entry in its `edges`
              = note: `y` may use shared
              = note: no path in its sources names it
              = help: delete the line; or add "y -> x" to `edges`, if the architecture is to change

            shared/store (layer `shared`): 1 violation

            error[same-layer]: `store` must not depend on `kernel`
             --> shared/store/Cargo.toml:7:1
              |
            7 | kernel = { path = "../kernel" }
              | ^^^^^^ normal dependency on shared/kernel
              |
             ::: boundaries.toml:7:1
              |
            7 | edges = ["bus -> kernel, store", "shared/test* -> *"]
              | ^^^^^ all dependencies inside of layer `shared`
              = note: `store` may use no other crate of this workspace
              = note: no path in its sources names it
              = help: delete the line; or add "store -> kernel" to `edges`, if the architecture is to change

            checked 6 crates, 7 edges, 0 external dependencies, 6 files: 2 violations
        "#]],
    );
}

#[test]
fn inside_of_a_layer_everything_is_open_on_demand() {
    check(
        r#"
//- boundaries.toml
version = 1
[workspace]
same-layer = "allow"
[[layer]]
name = "all"
members = ["*"]
independent = false
//- a
//- b
[dependencies]
a = { path = "../a" }
"#,
        expect![[r#"
            checked 2 crates, 1 edge, 0 external dependencies, 2 files: clean
        "#]],
    );
}

/// Not even kinds that the layers do not govern.
#[test]
fn independent_crates_see_each_other_in_no_kind() {
    check(
        r#"
//- boundaries.toml
version = 1
[workspace]
same-layer = "allow"
kinds = ["normal"]
[[layer]]
name = "shared"
members = ["shared"]
[[layer]]
name = "domains"
members = ["domains/*"]
independent = true
//- shared
//- domains/target
//- domains/normal
[dependencies]
shared = { path = "../../shared" }
target = { path = "../target" }
//- domains/build
[build-dependencies]
target = { path = "../target" }
//- domains/dev
[dev-dependencies]
target = { path = "../target" }
"#,
        expect![[r#"
            domains/build (layer `domains`): 1 violation

            error[independent]: `build` must not depend on `target`
              --> domains/build/Cargo.toml:7:1
               |
             7 | target = { path = "../target" }
               | ^^^^^^ build-dependency on domains/target
               |
              ::: boundaries.toml:11:1
               |
            11 | independent = true
               | ^^^^^^^^^^^ no crate of layer `domains` may see another one, in no kind of dependency
               = note: `build` may use shared
               = note: no path in its sources names it
               = help: delete the line; what both need belongs into a crate that both may use

            domains/dev (layer `domains`): 1 violation

            error[independent]: `dev` must not depend on `target`
              --> domains/dev/Cargo.toml:7:1
               |
             7 | target = { path = "../target" }
               | ^^^^^^ dev-dependency on domains/target
               |
              ::: boundaries.toml:11:1
               |
            11 | independent = true
               | ^^^^^^^^^^^ no crate of layer `domains` may see another one, in no kind of dependency
               = note: `dev` may use shared
               = note: no path in its sources names it
               = help: delete the line; what both need belongs into a crate that both may use

            domains/normal (layer `domains`): 1 violation

            error[independent]: `normal` must not depend on `target`
              --> domains/normal/Cargo.toml:8:1
               |
             8 | target = { path = "../target" }
               | ^^^^^^ normal dependency on domains/target
               |
              ::: boundaries.toml:11:1
               |
            11 | independent = true
               | ^^^^^^^^^^^ no crate of layer `domains` may see another one, in no kind of dependency
               = note: `normal` may use shared
               = note: no path in its sources names it
               = help: delete the line; what both need belongs into a crate that both may use

            checked 5 crates, 4 edges, 0 external dependencies, 5 files: 3 violations
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

/// Every way to declare a dependency that Cargo knows.
#[test]
fn every_declaration_counts_and_has_its_line() {
    check(
        r#"
//- Cargo.toml
[workspace]
resolver = "2"
members = ["high", "low/*"]
[workspace.dependencies]
high = { path = "high" }
tall = { path = "high", package = "high" }
[patch.crates-io]
high = { path = "high" }
//- boundaries.toml
version = 1
[[layer]]
name = "low"
members = ["low/*"]
[[layer]]
name = "high"
members = ["high"]
//- low/dotted
[dependencies]
high.path = "../../high"
//- low/table
[dependencies.high]
path = "../../high"
//- low/inherited
[dependencies]
high.workspace = true
//- low/inherited-renamed
[dependencies]
tall = { workspace = true }
//- low/renamed
[dependencies]
store = { path = "../../high", package = "high" }
//- low/optional
[features]
fast = ["dep:high"]
faster = ["high/speed"]
[dependencies]
high = { path = "../../high", optional = true }
//- low/optional-alone
[dependencies]
high = { path = "../../high", optional = true }
//- low/platform
[target.'cfg(all( target_os="linux",unix ))'.dependencies]
high = { path = "../../high" }
[target.'cfg(unix)'.dependencies]
high = { path = "../../high" }
[target.'cfg(windows)'.dependencies]
high = { path = "../../high" }
[target.x86_64-pc-windows-gnu.build-dependencies.high]
path = "../../high"
//- low/underscore
[dev_dependencies]
high = { path = "../../high" }
[build_dependencies]
high = { path = "../../high" }
//- low/patched
[dependencies]
high = "0.1"
//- low/twice
[dependencies]
high = { path = "../../high" }
[dev-dependencies]
high = { path = "../../high" }
//- high
[features]
speed = []
"#,
        expect![[r#"
            low/dotted (layer `low`): 1 violation

            error[may-use]: `dotted` must not depend on `high`
             --> low/dotted/Cargo.toml:7:1
              |
            7 | high.path = "../../high"
              | ^^^^ normal dependency on high
              |
             ::: boundaries.toml:3:8
              |
            3 | name = "low"
              |        ^^^^^ layer `low` may use the layers that stand before it
              = note: `dotted` may use no other crate of this workspace
              = note: no path in its sources names it
              = help: delete the line; what both need belongs into a layer before `low`

            low/inherited (layer `low`): 1 violation

            error[may-use]: `inherited` must not depend on `high`
             --> low/inherited/Cargo.toml:7:1
              |
            7 | high.workspace = true
              | ^^^^ normal dependency on high
              |
             ::: boundaries.toml:3:8
              |
            3 | name = "low"
              |        ^^^^^ layer `low` may use the layers that stand before it
              = note: `inherited` may use no other crate of this workspace
              = note: no path in its sources names it
              = help: delete the line; what both need belongs into a layer before `low`

            low/inherited-renamed (layer `low`): 1 violation

            error[may-use]: `inherited-renamed` must not depend on `high`
             --> low/inherited-renamed/Cargo.toml:7:1
              |
            7 | tall = { workspace = true }
              | ^^^^ normal dependency on high, here called `tall`
              |
             ::: boundaries.toml:3:8
              |
            3 | name = "low"
              |        ^^^^^ layer `low` may use the layers that stand before it
              = note: `inherited-renamed` may use no other crate of this workspace
              = note: no path in its sources names it
              = help: delete the line; what both need belongs into a layer before `low`

            low/optional (layer `low`): 1 violation

            error[may-use]: `optional` must not depend on `high`
              --> low/optional/Cargo.toml:10:1
               |
            10 | high = { path = "../../high", optional = true }
               | ^^^^ normal dependency on high, optional: feature `fast` or `faster`
               |
              ::: boundaries.toml:3:8
               |
             3 | name = "low"
               |        ^^^^^ layer `low` may use the layers that stand before it
               = note: `optional` may use no other crate of this workspace
               = note: no path in its sources names it
               = help: delete the line; what both need belongs into a layer before `low`

            low/optional-alone (layer `low`): 1 violation

            error[may-use]: `optional-alone` must not depend on `high`
             --> low/optional-alone/Cargo.toml:7:1
              |
            7 | high = { path = "../../high", optional = true }
              | ^^^^ normal dependency on high, optional: feature `high`
              |
             ::: boundaries.toml:3:8
              |
            3 | name = "low"
              |        ^^^^^ layer `low` may use the layers that stand before it
              = note: `optional-alone` may use no other crate of this workspace
              = note: no path in its sources names it
              = help: delete the line; what both need belongs into a layer before `low`

            low/patched (layer `low`): 1 violation

            error[may-use]: `patched` must not depend on `high`
             --> low/patched/Cargo.toml:7:1
              |
            7 | high = "0.1"
              | ^^^^ normal dependency on high
              |
             ::: boundaries.toml:3:8
              |
            3 | name = "low"
              |        ^^^^^ layer `low` may use the layers that stand before it
              = note: `patched` may use no other crate of this workspace
              = note: no path in its sources names it
              = help: delete the line; what both need belongs into a layer before `low`

            low/platform (layer `low`): 4 violations

            error[may-use]: `platform` must not depend on `high`
             --> low/platform/Cargo.toml:7:1
              |
            7 | high = { path = "../../high" }
              | ^^^^ normal dependency on high, only for cfg(all(target_os = "linux", unix))
              |
             ::: boundaries.toml:3:8
              |
            3 | name = "low"
              |        ^^^^^ layer `low` may use the layers that stand before it
              = note: `platform` may use no other crate of this workspace
              = note: no path in its sources names it
              = help: delete the line; what both need belongs into a layer before `low`

            error[may-use]: `platform` must not depend on `high`
             --> low/platform/Cargo.toml:9:1
              |
            9 | high = { path = "../../high" }
              | ^^^^ normal dependency on high, only for cfg(unix)
              |
             ::: boundaries.toml:3:8
              |
            3 | name = "low"
              |        ^^^^^ layer `low` may use the layers that stand before it
              = note: `platform` may use no other crate of this workspace
              = note: no path in its sources names it
              = help: delete the line; what both need belongs into a layer before `low`

            error[may-use]: `platform` must not depend on `high`
              --> low/platform/Cargo.toml:11:1
               |
            11 | high = { path = "../../high" }
               | ^^^^ normal dependency on high, only for cfg(windows)
               |
              ::: boundaries.toml:3:8
               |
             3 | name = "low"
               |        ^^^^^ layer `low` may use the layers that stand before it
               = note: `platform` may use no other crate of this workspace
               = note: no path in its sources names it
               = help: delete the line; what both need belongs into a layer before `low`

            error[may-use]: `platform` must not depend on `high`
              --> low/platform/Cargo.toml:12:50
               |
            12 | [target.x86_64-pc-windows-gnu.build-dependencies.high]
               |                                                  ^^^^ build-dependency on high, only for x86_64-pc-windows-gnu
               |
              ::: boundaries.toml:3:8
               |
             3 | name = "low"
               |        ^^^^^ layer `low` may use the layers that stand before it
               = note: `platform` may use no other crate of this workspace
               = note: no path in its sources names it
               = help: delete the line; what both need belongs into a layer before `low`

            low/renamed (layer `low`): 1 violation

            error[may-use]: `renamed` must not depend on `high`
             --> low/renamed/Cargo.toml:7:1
              |
            7 | store = { path = "../../high", package = "high" }
              | ^^^^^ normal dependency on high, here called `store`
              |
             ::: boundaries.toml:3:8
              |
            3 | name = "low"
              |        ^^^^^ layer `low` may use the layers that stand before it
              = note: `renamed` may use no other crate of this workspace
              = note: no path in its sources names it
              = help: delete the line; what both need belongs into a layer before `low`

            low/table (layer `low`): 1 violation

            error[may-use]: `table` must not depend on `high`
             --> low/table/Cargo.toml:6:15
              |
            6 | [dependencies.high]
              |               ^^^^ normal dependency on high
              |
             ::: boundaries.toml:3:8
              |
            3 | name = "low"
              |        ^^^^^ layer `low` may use the layers that stand before it
              = note: `table` may use no other crate of this workspace
              = note: no path in its sources names it
              = help: delete the line; what both need belongs into a layer before `low`

            low/twice (layer `low`): 2 violations

            error[may-use]: `twice` must not depend on `high`
             --> low/twice/Cargo.toml:7:1
              |
            7 | high = { path = "../../high" }
              | ^^^^ normal dependency on high
              |
             ::: boundaries.toml:3:8
              |
            3 | name = "low"
              |        ^^^^^ layer `low` may use the layers that stand before it
              = note: `twice` may use no other crate of this workspace
              = note: no path in its sources names it
              = help: delete the line; what both need belongs into a layer before `low`

            error[may-use]: `twice` must not depend on `high`
             --> low/twice/Cargo.toml:9:1
              |
            9 | high = { path = "../../high" }
              | ^^^^ dev-dependency on high
              |
             ::: boundaries.toml:3:8
              |
            3 | name = "low"
              |        ^^^^^ layer `low` may use the layers that stand before it
              = note: `twice` may use no other crate of this workspace
              = note: no path in its sources names it
              = help: delete the line; what both need belongs into a layer before `low`

            low/underscore (layer `low`): 2 violations

            error[may-use]: `underscore` must not depend on `high`
             --> low/underscore/Cargo.toml:7:1
              |
            7 | high = { path = "../../high" }
              | ^^^^ dev-dependency on high
              |
             ::: boundaries.toml:3:8
              |
            3 | name = "low"
              |        ^^^^^ layer `low` may use the layers that stand before it
              = note: `underscore` may use no other crate of this workspace
              = note: no path in its sources names it
              = help: delete the line; what both need belongs into a layer before `low`

            error[may-use]: `underscore` must not depend on `high`
             --> low/underscore/Cargo.toml:9:1
              |
            9 | high = { path = "../../high" }
              | ^^^^ build-dependency on high
              |
             ::: boundaries.toml:3:8
              |
            3 | name = "low"
              |        ^^^^^ layer `low` may use the layers that stand before it
              = note: `underscore` may use no other crate of this workspace
              = note: no path in its sources names it
              = help: delete the line; what both need belongs into a layer before `low`

            checked 12 crates, 16 edges, 0 external dependencies, 12 files: 16 violations
        "#]],
    );
}

#[test]
fn a_crate_may_use_itself_in_its_tests() {
    check(
        r#"
//- boundaries.toml
version = 1
[[layer]]
name = "domains"
members = ["*"]
independent = true
//- a
[features]
mocks = []
[dev-dependencies]
a = { path = ".", features = ["mocks"] }
"#,
        expect![[r#"
            checked 1 crate, 1 edge, 0 external dependencies, 1 file: clean
        "#]],
    );
}

#[test]
fn a_package_in_the_root_directory() {
    check(
        r#"
//- Cargo.toml
[package]
name = "app"
version = "0.1.0"
edition = "2021"
[workspace]
members = ["low"]
//- src/main.rs
fn main() {}
//- boundaries.toml
version = 1
[[layer]]
name = "low"
members = ["low"]
[[layer]]
name = "app"
members = ["."]
//- low
[dependencies]
app = { path = ".." }
"#,
        expect![[r#"
            low (layer `low`): 1 violation

            error[may-use]: `low` must not depend on `app`
             --> low/Cargo.toml:7:1
              |
            7 | app = { path = ".." }
              | ^^^ normal dependency on the package in the root directory
              |
             ::: boundaries.toml:3:8
              |
            3 | name = "low"
              |        ^^^^^ layer `low` may use the layers that stand before it
              = note: `low` may use no other crate of this workspace
              = note: no path in its sources names it
              = help: delete the line; what both need belongs into a layer before `low`

            checked 2 crates, 1 edge, 0 external dependencies, 2 files: 1 violation
        "#]],
    );
}

#[test]
fn exceptions_excuse_what_they_name() {
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
[[except]]
from = "low/forever"
to = "high"
reason = "decided in 2024"
[[except]]
from = "low/today"
to = "high"
reason = "until the contract moves"
until = 2026-11-21
[[except]]
from = "low/yesterday"
to = "high"
reason = "until the contract moves"
until = 2026-11-20
[[except]]
from = "low/tests"
to = "high"
kinds = ["dev"]
reason = "its tests start the binary"
//- low/forever
[dependencies]
high = { path = "../../high" }
//- low/today
[dependencies]
high = { path = "../../high" }
//- low/yesterday
[dependencies]
high = { path = "../../high" }
//- low/tests
[build-dependencies]
high = { path = "../../high" }
[dev-dependencies]
high = { path = "../../high" }
//- high
"#,
        expect![[r#"
            low/tests (layer `low`): 1 violation

            error[may-use]: `tests` must not depend on `high`
             --> low/tests/Cargo.toml:7:1
              |
            7 | high = { path = "../../high" }
              | ^^^^ build-dependency on high
              |
             ::: boundaries.toml:3:8
              |
            3 | name = "low"
              |        ^^^^^ layer `low` may use the layers that stand before it
              = note: `tests` may use no other crate of this workspace
              = note: no path in its sources names it
              = help: delete the line; what both need belongs into a layer before `low`

            low/yesterday (layer `low`): 1 violation

            error[may-use]: `yesterday` must not depend on `high`
             --> low/yesterday/Cargo.toml:7:1
              |
            7 | high = { path = "../../high" }
              | ^^^^ normal dependency on high
              |
             ::: boundaries.toml:3:8
              |
            3 | name = "low"
              |        ^^^^^ layer `low` may use the layers that stand before it
              = note: `yesterday` may use no other crate of this workspace
              = note: no path in its sources names it
              = note: the exception in boundaries.toml:17 held until 2026-11-20
              = help: delete the line; what both need belongs into a layer before `low`

            checked 5 crates, 5 edges, 0 external dependencies, 5 files, 4 exceptions: 2 violations
        "#]],
    );
}
