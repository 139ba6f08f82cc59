//! Rules that match nothing: whoever wrote them believes in something that is not so.

use expect_test::expect;

use crate::configuration::check_rules;
use crate::fixture::check;

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

/// What is allowed and done by nobody lets the next one in unseen.
#[test]
fn edges_that_no_dependency_takes() {
    check(
        r#"
//- boundaries.toml
version = 1
[workspace]
kinds = ["normal", "build"]
[[layer]]
name = "shared"
members = ["shared/*"]
edges = [
    "bus -> kernel, store, clock",
    "store -> kernel",
    "kernel -> *",
    "{bus,store} -> clock",
    "* -> shared/kernel",
    "clock -> clock",
]
//- shared/kernel
//- shared/clock
[dev-dependencies]
clock = { path = "." }
//- shared/store
[build-dependencies]
clock = { path = "../clock" }
[dev-dependencies]
kernel = { path = "../kernel" }
//- shared/bus
[dependencies]
kernel = { path = "../kernel" }
store = { path = "../store" }
"#,
        expect![[r#"
            error[matches-nothing]: no dependency that the layers govern goes from `bus` to `clock`
             --> boundaries.toml:8:5
              |
            8 |     "bus -> kernel, store, clock",
              |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
              = help: delete `clock` from the entry

            error[matches-nothing]: no dependency that the layers govern goes from `store` to `kernel`
             --> boundaries.toml:9:5
              |
            9 |     "store -> kernel",
              |     ^^^^^^^^^^^^^^^^^
              = help: delete the entry

            error[matches-nothing]: no dependency that the layers govern goes from `kernel` to `*`
              --> boundaries.toml:10:5
               |
            10 |     "kernel -> *",
               |     ^^^^^^^^^^^^^
               = help: delete the entry

            error[matches-nothing]: no dependency that the layers govern goes from `clock` to `clock`
              --> boundaries.toml:13:5
               |
            13 |     "clock -> clock",
               |     ^^^^^^^^^^^^^^^^
               = help: delete the entry

            could not check the boundaries: 4 problems
        "#]],
    );
}

/// Nobody declares `std`, so that a rule about it would govern nothing for ever.
#[test]
fn the_standard_library_is_no_dependency() {
    check(
        r#"
//- boundaries.toml
version = 1
[[layer]]
name = "all"
members = ["a"]
external.deny = [{ name = ["std", "stdx", "core"], reason = "no I/O" }]
//- a
[dependencies]
stdio = "1"
"#,
        expect![[r#"
            error[matches-nothing]: no manifest of this workspace names an external crate `std`
             --> boundaries.toml:5:28
              |
            5 | external.deny = [{ name = ["std", "stdx", "core"], reason = "no I/O" }]
              |                            ^^^^^
              = help: no manifest declares it; clippy's `disallowed-methods` and `-types` ban its items

            error[matches-nothing]: no manifest of this workspace names an external crate `stdx`
             --> boundaries.toml:5:35
              |
            5 | external.deny = [{ name = ["std", "stdx", "core"], reason = "no I/O" }]
              |                                   ^^^^^^
              = help: write `stdio`; if the name is meant, write { name = "stdx", may-be-absent = true, .. }

            error[matches-nothing]: no manifest of this workspace names an external crate `core`
             --> boundaries.toml:5:43
              |
            5 | external.deny = [{ name = ["std", "stdx", "core"], reason = "no I/O" }]
              |                                           ^^^^^^
              = help: no manifest declares it; clippy's `disallowed-methods` and `-types` ban its items

            could not check the boundaries: 3 problems
        "#]],
    );
}

/// What is well formed, names what is there, and can forbid nothing all the same.
#[test]
fn rules_that_cannot_hold() {
    check_rules(
        r#"
version = 1
[[layer]]
name = "low"
members = ["low/{a,b,c}"]
edges = ["{a,d} -> b"]
may-use = ["low"]
external.deny = [{ name = "high", reason = "r", may-be-absent = true }]
[[layer]]
name = "high"
members = ["{high,higher}"]
may-use = ["low", "low/{a,z}"]
[[forbid]]
from = "high"
to = "high"
reason = "r"
[[forbid]]
from = "low"
to = "low"
reason = "r"
"#,
        expect![[r#"
            error[matches-nothing]: `low/c` matches nothing: an alternative of `low/{a,b,c}` where no crate lies
             --> boundaries.toml:4:12
              |
            4 | members = ["low/{a,b,c}"]
              |            ^^^^^^^^^^^^^
              = help: write `low/a`, or delete the entry

            error[matches-nothing]: layer `low` has no crate `d`, an alternative of `{a,d}`
             --> boundaries.toml:5:10
              |
            5 | edges = ["{a,d} -> b"]
              |          ^^^^^^^^^^^^
              = help: delete the alternative

            error[matches-nothing]: no dependency that the layers govern goes from `{a,d}` to `b`
             --> boundaries.toml:5:10
              |
            5 | edges = ["{a,d} -> b"]
              |          ^^^^^^^^^^^^
              = help: delete the entry

            error[contradiction]: layer `low` lists itself
             --> boundaries.toml:6:12
              |
            6 | may-use = ["low"]
              |            ^^^^^
              = help: delete the entry; `edges` and `same-layer` say what its crates may use of each other

            error[contradiction]: `high` is a crate of this workspace, and the rule is about external ones
             --> boundaries.toml:7:27
              |
            7 | external.deny = [{ name = "high", reason = "r", may-be-absent = true }]
              |                           ^^^^^^
              = help: write a [[forbid]] about it, or delete the entry

            error[matches-nothing]: `higher` matches nothing: an alternative of `{high,higher}` where no crate lies
              --> boundaries.toml:10:12
               |
            10 | members = ["{high,higher}"]
               |            ^^^^^^^^^^^^^^^
               = help: write `high`, or delete the entry

            error[matches-nothing]: `low/z` matches nothing: an alternative of `low/{a,z}` where no crate lies
              --> boundaries.toml:11:19
               |
            11 | may-use = ["low", "low/{a,z}"]
               |                   ^^^^^^^^^^^
               = help: write `low/a`, or delete the entry

            error[contradiction]: the rule keeps `high` from itself alone
              --> boundaries.toml:14:6
               |
            14 | to = "high"
               |      ^^^^^^
               = help: name two crates, or delete the entry

            could not check the boundaries: 8 problems
        "#]],
    );
    check_rules(
        "version = 1\n[[layer]]\nname = \"all\"\nmembers = [\"**\"]\n[[modules]]\ncrates = [\"high\"]\norder = [\"x\", \"x::y\", \"*\"]\n",
        expect![[r#"
            error[bad-value]: `x::y` has no place in an order, which is one of modules directly below the root
             --> boundaries.toml:7:15
              |
            7 | order = ["x", "x::y", "*"]
              |               ^^^^^^
              = help: name such a module: what is in it has its place

            error[bad-value]: `*` has no place in an order, which is one of modules directly below the root
             --> boundaries.toml:7:23
              |
            7 | order = ["x", "x::y", "*"]
              |                       ^^^
              = help: name such a module: what is in it has its place

            could not check the boundaries: 2 problems
        "#]],
    );
    check(
        r#"
//- boundaries.toml
version = 1
[[layer]]
name = "all"
members = ["**"]
//- Cargo.toml
[package]
name = "root"
version = "0.1.0"
[package.metadata.boundary]
deny = [{ to = "a", reason = "r" }]
[package.metadata.binaries]
[package.metadata.bundle]
[workspace]
members = ["a"]
//- src/lib.rs
//- a
"#,
        expect![[r#"
            error[unknown-key]: unknown table [package.metadata.boundary]
             --> Cargo.toml:4:19
              |
            4 | [package.metadata.boundary]
              |                   ^^^^^^^^
              = help: write `boundaries`

            could not check the boundaries: 1 problem
        "#]],
    );
    check(
        r#"
//- boundaries.toml
version = 1
[[layer]]
name = "all"
members = ["**"]
//- Cargo.toml
[package]
name = "root"
version = "0.1.0"
[workspace]
members = ["a"]
//- src/lib.rs
//- a
[package.metadata.boundaries]
deny = [{ to = "a", reason = "r" }]
"#,
        expect![[r#"
            error[unclassified]: crate . is in no layer
             --> Cargo.toml:2:8
              |
            2 | name = "root"
              |        ^^^^^^
              = help: add "." to `members` of a [[layer]]: no wildcard stands for the root

            error[contradiction]: the rule keeps `a` from itself alone
             --> a/Cargo.toml:7:16
              |
            7 | deny = [{ to = "a", reason = "r" }]
              |                ^^^
              = help: name two crates, or delete the entry

            could not check the boundaries: 2 problems
        "#]],
    );
}
