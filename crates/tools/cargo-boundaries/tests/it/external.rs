//! Rules for external crates.

use expect_test::expect;

use crate::fixture::check;

#[test]
fn denied_crates() {
    check(
        r#"
//- boundaries.toml
version = 1
[[layer]]
name = "domains"
members = ["domains/*"]
external.deny = [
    { name = "rusqlite", reason = "domains write no SQL", use = "the store" },
    { name = ["axum", "hyper"], reason = "domains know no transport" },
    { name = "mockall", kinds = ["dev"], reason = "no mocks" },
    { name = "tokio-postgres", may-be-absent = true, reason = "domains write no SQL" },
]
[[layer]]
name = "adapters"
members = ["adapters/*"]
//- adapters/sqlite
[dependencies]
rusqlite = "0.41"
//- domains/fine
[dependencies]
serde = "1"
mockall = "0.13"
[dev-dependencies]
rusqlite = "0.41"
//- domains/wrong
[dependencies]
sql = { package = "rusqlite", version = "0.41" }
[build-dependencies]
hyper = "1"
[target.'cfg(unix)'.dependencies]
axum = { version = "0.8", optional = true }
[dev-dependencies]
mockall = "0.13"
"#,
        expect![[r#"
            domains/wrong (layer `domains`): 4 violations

            error[external-deny]: `wrong` must not depend on `rusqlite`
             --> domains/wrong/Cargo.toml:7:1
              |
            7 | sql = { package = "rusqlite", version = "0.41" }
              | ^^^ normal dependency on rusqlite, here called `sql`
              |
             ::: boundaries.toml:6:14
              |
            6 |     { name = "rusqlite", reason = "domains write no SQL", use = "the store" },
              |              ^^^^^^^^^^ denied in layer `domains`: domains write no SQL
              = help: delete the line and use the store

            error[external-deny]: `wrong` must not depend on `hyper`
             --> domains/wrong/Cargo.toml:9:1
              |
            9 | hyper = "1"
              | ^^^^^ build-dependency on hyper
              |
             ::: boundaries.toml:7:23
              |
            7 |     { name = ["axum", "hyper"], reason = "domains know no transport" },
              |                       ^^^^^^^ denied in layer `domains`: domains know no transport
              = help: delete the line

            error[external-deny]: `wrong` must not depend on `axum`
              --> domains/wrong/Cargo.toml:11:1
               |
            11 | axum = { version = "0.8", optional = true }
               | ^^^^ normal dependency on axum, optional: feature `axum`, only for cfg(unix)
               |
              ::: boundaries.toml:7:15
               |
             7 |     { name = ["axum", "hyper"], reason = "domains know no transport" },
               |               ^^^^^^ denied in layer `domains`: domains know no transport
               = help: delete the line

            error[external-deny]: `wrong` must not depend on `mockall`
              --> domains/wrong/Cargo.toml:13:1
               |
            13 | mockall = "0.13"
               | ^^^^^^^ dev-dependency on mockall
               |
              ::: boundaries.toml:8:14
               |
             8 |     { name = "mockall", kinds = ["dev"], reason = "no mocks" },
               |              ^^^^^^^^^ denied in layer `domains`: no mocks
               = help: delete the line

            checked 3 crates, 0 edges, 8 external dependencies, 3 files: 4 violations
        "#]],
    );
}

#[test]
fn a_list_of_allowed_crates_denies_all_others() {
    check(
        r#"
//- boundaries.toml
version = 1
[[layer]]
name = "contracts"
members = ["contracts/*"]
external.allow = ["serde", { name = "schemars", kinds = ["build"] }]
[[layer]]
name = "bare"
members = ["bare"]
external.allow = []
[[layer]]
name = "others"
members = ["others"]
//- contracts/fine
[dependencies]
serde = "1"
[build-dependencies]
schemars = "1"
[dev-dependencies]
proptest = "1"
//- contracts/wrong
[dependencies]
schemars = "1"
[build-dependencies]
tokio = "1"
//- bare
[dependencies]
serde = "1"
//- others
[dependencies]
tokio = "1"
"#,
        expect![[r#"
            bare (layer `bare`): 1 violation

            error[external-allow]: `bare` must not depend on `serde`
             --> bare/Cargo.toml:7:1
              |
            7 | serde = "1"
              | ^^^^^ normal dependency on serde
              |
             ::: boundaries.toml:9:10
              |
            9 | external.allow = []
              |          ^^^^^ all external crates that layer `bare` may name
              = note: `bare` may name no external crate
              = help: delete the line; or add "serde" to `external.allow`, if the architecture is to change

            contracts/wrong (layer `contracts`): 2 violations

            error[external-allow]: `wrong` must not depend on `schemars`
             --> contracts/wrong/Cargo.toml:7:1
              |
            7 | schemars = "1"
              | ^^^^^^^^ normal dependency on schemars
              |
             ::: boundaries.toml:5:10
              |
            5 | external.allow = ["serde", { name = "schemars", kinds = ["build"] }]
              |          ^^^^^ all external crates that layer `contracts` may name
              = note: `contracts` may name serde
              = help: delete the line; or add "schemars" to `external.allow`, if the architecture is to change

            error[external-allow]: `wrong` must not depend on `tokio`
             --> contracts/wrong/Cargo.toml:9:1
              |
            9 | tokio = "1"
              | ^^^^^ build-dependency on tokio
              |
             ::: boundaries.toml:5:10
              |
            5 | external.allow = ["serde", { name = "schemars", kinds = ["build"] }]
              |          ^^^^^ all external crates that layer `contracts` may name
              = note: `contracts` may name serde, schemars
              = help: delete the line; or add "tokio" to `external.allow`, if the architecture is to change

            checked 4 crates, 0 edges, 7 external dependencies, 4 files: 3 violations
        "#]],
    );
}

#[test]
fn crates_that_only_some_may_name() {
    check(
        r#"
//- boundaries.toml
version = 1
[[layer]]
name = "shared"
members = ["shared/*"]
[[layer]]
name = "root"
members = ["app"]
[[external]]
name = ["arrow", "parquet"]
only = ["shared/dataset"]
reason = "one reader"
use = "shared/dataset"
[[external]]
name = "arrow"
kinds = ["dev"]
only = ["shared/dataset", "root"]
reason = "tests make their input"
[[external]]
name = "openssl"
only = []
reason = "rustls everywhere"
//- shared/dataset
[dependencies]
arrow = "59"
parquet = "59"
//- shared/kernel
[dependencies]
parquet = "59"
[dev-dependencies]
arrow = "59"
//- app
[dependencies]
arrow = "59"
openssl = "0.10"
[dev-dependencies]
arrow = "59"
parquet = "59"
"#,
        expect![[r#"
            app (layer `root`): 2 violations

            error[external-only]: `app` must not depend on `arrow`
              --> app/Cargo.toml:7:1
               |
             7 | arrow = "59"
               | ^^^^^ normal dependency on arrow
               |
              ::: boundaries.toml:10:1
               |
            10 | only = ["shared/dataset"]
               | ^^^^ one reader
               = note: only shared/dataset may name `arrow`
               = help: delete the line and use shared/dataset

            error[external-only]: `app` must not depend on `openssl`
              --> app/Cargo.toml:8:1
               |
             8 | openssl = "0.10"
               | ^^^^^^^ normal dependency on openssl
               |
              ::: boundaries.toml:20:1
               |
            20 | only = []
               | ^^^^ rustls everywhere
               = note: no crate may name `openssl`
               = help: delete the line

            shared/kernel (layer `shared`): 2 violations

            error[external-only]: `kernel` must not depend on `parquet`
              --> shared/kernel/Cargo.toml:7:1
               |
             7 | parquet = "59"
               | ^^^^^^^ normal dependency on parquet
               |
              ::: boundaries.toml:10:1
               |
            10 | only = ["shared/dataset"]
               | ^^^^ one reader
               = note: only shared/dataset may name `parquet`
               = help: delete the line and use shared/dataset

            error[external-only]: `kernel` must not depend on `arrow`
              --> shared/kernel/Cargo.toml:9:1
               |
             9 | arrow = "59"
               | ^^^^^ dev-dependency on arrow
               |
              ::: boundaries.toml:16:1
               |
            16 | only = ["shared/dataset", "root"]
               | ^^^^ tests make their input
               = note: only shared/dataset, root may name `arrow`
               = help: delete the line

            checked 3 crates, 0 edges, 8 external dependencies, 3 files: 4 violations
        "#]],
    );
}

#[test]
fn a_path_out_of_every_layer_is_external() {
    check(
        r#"
//- Cargo.toml
[workspace]
resolver = "2"
members = ["crates/*"]
exclude = ["vendor/fork"]
//- boundaries.toml
version = 1
[[layer]]
name = "all"
members = ["crates/*"]
external.allow = []
//- crates/a
[dependencies]
fork = { path = "../../vendor/fork" }
//- vendor/fork
"#,
        expect![[r#"
            crates/a (layer `all`): 1 violation

            error[external-allow]: `a` must not depend on `fork`
             --> crates/a/Cargo.toml:7:1
              |
            7 | fork = { path = "../../vendor/fork" }
              | ^^^^ normal dependency on fork
              |
             ::: boundaries.toml:5:10
              |
            5 | external.allow = []
              |          ^^^^^ all external crates that layer `all` may name
              = note: `all` may name no external crate
              = help: delete the line; or add "fork" to `external.allow`, if the architecture is to change

            checked 1 crate, 0 edges, 1 external dependency, 1 file: 1 violation
        "#]],
    );
}

#[test]
fn exceptions_for_external_crates() {
    check(
        r#"
//- boundaries.toml
version = 1
[[layer]]
name = "all"
members = ["*"]
external.deny = [{ name = "rusqlite", reason = "no SQL" }]
[[except]]
from = "a"
to = "rusqlite"
reason = "migrates the old file"
//- a
[dependencies]
rusqlite = "0.41"
//- b
[dependencies]
rusqlite = "0.41"
"#,
        expect![[r#"
            b (layer `all`): 1 violation

            error[external-deny]: `b` must not depend on `rusqlite`
             --> b/Cargo.toml:7:1
              |
            7 | rusqlite = "0.41"
              | ^^^^^^^^ normal dependency on rusqlite
              |
             ::: boundaries.toml:5:27
              |
            5 | external.deny = [{ name = "rusqlite", reason = "no SQL" }]
              |                           ^^^^^^^^^^ denied in layer `all`: no SQL
              = help: delete the line

            checked 2 crates, 0 edges, 2 external dependencies, 2 files, 1 exception: 1 violation
        "#]],
    );
}
