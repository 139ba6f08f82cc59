//! Rules that match nothing: whoever wrote them believes in something that is not so.

use expect_test::expect;

use crate::fixture::check;

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
