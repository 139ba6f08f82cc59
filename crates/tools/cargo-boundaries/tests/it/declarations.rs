//! The ways to declare a dependency, and the places of packages.

use expect_test::expect;

use crate::fixture::check;

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
