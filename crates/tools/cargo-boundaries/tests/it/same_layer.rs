//! What crates of one layer may do to each other.

use expect_test::expect;

use crate::fixture::check;

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
