//! `can FILE PATH`: what a source file may name.

use std::path::Path;

use expect_test::{Expect, expect};

use crate::cli::{run, stdout};
use crate::fixture::{plain, workspace, write};

const SHOP: &str = r#"
//- boundaries.toml
version = 1
[[layer]]
name = "shared"
members = ["shared"]
[[layer]]
name = "domains"
members = ["orders", "billing"]
independent = true
external.deny = [{ name = "rusqlite", reason = "domains write no SQL", use = "the store" }]
[[modules]]
crates = ["orders"]
order = ["domain", "api"]
[[modules]]
crates = ["shared"]
private = ["inner"]
[[except]]
from = "billing"
to = "shared::inner"
reason = "older"
//- shared
[dependencies]
rusqlite = "0.41"
//- shared/src/lib.rs
pub use rusqlite as sql;
pub mod inner { pub struct Row; }
pub struct Clock;
//- orders
[dependencies]
shared = { path = "../shared" }
//- orders/src/lib.rs
mod domain;
mod api;
//- orders/src/domain.rs
pub struct Order;
//- orders/src/api.rs
//- billing
[lib]
name = "bill"
[dependencies]
kit = { path = "../shared", package = "shared" }
//- billing/src/lib.rs
use kit::inner::Row;
"#;

#[track_caller]
fn can(root: &Path, file: &str, path: &str, code: i32, expect: Expect) {
    let output = run(root, &["can", file, path]);
    let said = format!("{}{}", plain(&stdout(&output), root), plain(&String::from_utf8_lossy(&output.stderr), root));
    assert_eq!(output.status.code(), Some(code), "{said}");
    expect.assert_eq(&said);
}

#[test]
fn what_a_file_may_name() {
    let shop = workspace(SHOP);
    let root = shop.path();
    can(
        root,
        "orders/src/domain.rs",
        "shared::Clock",
        0,
        expect![[r#"
        yes: `crate::domain` of orders -> `shared::Clock` (normal)
    "#]],
    );
    can(
        root,
        "orders/src/domain.rs",
        "std::fs::read",
        0,
        expect![[r#"
        yes: `crate::domain` of orders -> `std::fs::read` (normal)
    "#]],
    );
    can(
        root,
        "orders/src/domain.rs",
        "super::api::Route",
        1,
        expect![[r#"
        no: `crate::domain` of orders -> `super::api::Route` (normal)
          orders::api: module-order: low to high: no module names one that stands after it (boundaries.toml:12)
    "#]],
    );
    can(
        root,
        "orders/src/api.rs",
        "crate::domain::Order",
        0,
        expect![[r#"
        yes: `crate::api` of orders -> `crate::domain::Order` (normal)
    "#]],
    );
    can(
        root,
        "orders/src/domain.rs",
        "shared::inner::Row",
        1,
        expect![[r#"
        no: `crate::domain` of orders -> `shared::inner::Row` (normal)
          shared::inner: module-private: no other crate names a private module (boundaries.toml:15)
    "#]],
    );
    can(
        root,
        "billing/src/lib.rs",
        "kit::inner::Row",
        0,
        expect![[r#"
        yes: `crate` of billing -> `kit::inner::Row` (normal)
    "#]],
    );
    can(
        root,
        "billing/src/lib.rs",
        "kit::sql::Connection",
        1,
        expect![[r#"
        no: `crate` of billing -> `kit::sql::Connection` (normal)
          rusqlite: external-deny: denied in layer `domains`: domains write no SQL (boundaries.toml:9)
    "#]],
    );
    can(
        root,
        "orders/src/api.rs",
        "bill::Invoice",
        1,
        expect![[r#"
        no: `crate::api` of orders -> `bill::Invoice` (normal)
          billing: independent: no crate of layer `domains` may see another one, in no kind of dependency; `orders` may use shared (boundaries.toml:8)
          its manifest declares no `bill`
    "#]],
    );
    can(
        root,
        "orders/src/api.rs",
        "::rusqlite::Row",
        1,
        expect![[r#"
        no: `crate::api` of orders -> `::rusqlite::Row` (normal)
          rusqlite: external-deny: denied in layer `domains`: domains write no SQL (boundaries.toml:9)
          its manifest declares no `rusqlite`
    "#]],
    );
}

/// What is not there yet is taken from where it is to be.
#[test]
fn a_file_that_is_not_there_yet() {
    let shop = workspace(SHOP);
    let root = shop.path();
    can(
        root,
        "orders/src/domain/price.rs",
        "crate::api::Route",
        1,
        expect![[r#"
        no: `crate::domain::price` of orders -> `crate::api::Route` (normal)
          orders::api: module-order: low to high: no module names one that stands after it (boundaries.toml:12)
    "#]],
    );
    can(
        root,
        "orders/tests/it.rs",
        "rusqlite::Row",
        0,
        expect![[r#"
        yes: `crate::it` of orders -> `rusqlite::Row` (dev)
          its manifest declares no `rusqlite`
    "#]],
    );
    can(
        &root.join("orders"),
        "src/domain.rs",
        "crate::api",
        1,
        expect![[r#"
        no: `crate::domain` of orders -> `crate::api` (normal)
          orders::api: module-order: low to high: no module names one that stands after it (boundaries.toml:12)
    "#]],
    );
}

#[test]
fn questions_without_an_answer() {
    let shop = workspace(SHOP);
    let root = shop.path();
    can(
        root,
        "orders/src/domain.rs",
        "shraed::Clock",
        2,
        expect![[r#"
        error[argument]: nothing here is called `shraed`
          = help: write `shared`

        could not check the boundaries: 1 problem
    "#]],
    );
    can(
        root,
        "elsewhere/src/domain.rs",
        "shared::Clock",
        2,
        expect![[r#"
        error[argument]: `elsewhere/src/domain.rs` lies in no crate of this workspace
          = help: name a file below the directory of a member of the workspace

        could not check the boundaries: 1 problem
    "#]],
    );
}

/// Names that are close to others are mistyped, not new.
#[test]
fn mistyped_names() {
    let shop = workspace(SHOP);
    let root = shop.path();
    let refused = [
        (["orders", "bilingl"], "`billing`"),
        (["ordesr", "billing"], "`orders`"),
        (["orders", "rusqlit"], "`rusqlite`"),
        (["orders/src/domain.rs", "rusqlit::Row"], "`rusqlite`"),
        (["orders/src/domain.rs", "bilingl::Invoice"], "`billing`"),
    ];
    for (args, help) in refused {
        let output = run(root, &["can", args[0], args[1]]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}{said}", stdout(&output));
        assert!(said.contains(&format!("help: write {help}\n")), "{args:?}: {said}");
    }
    can(
        root,
        "orders",
        "tokio",
        0,
        expect![[r#"
            yes: `orders` -> `tokio` as a normal dependency
              normal yes
              build  yes
              dev    yes
              no manifest of this workspace names `tokio` today
        "#]],
    );
}

/// What a file may name depends on who compiles it.
#[test]
fn test_files() {
    let shop = workspace(SHOP);
    let root = shop.path();
    let files = [
        ("orders/src/lib.rs", "#[cfg(test)] mod tests; mod both; mod domain; mod api;"),
        ("orders/src/tests.rs", "mod deeper;"),
        ("orders/src/tests/deeper.rs", ""),
        ("orders/src/both.rs", ""),
        ("orders/src/main.rs", "fn main() {}"),
        ("orders/tests/it/main.rs", "mod kit; #[path = \"../../src/both.rs\"] mod both;"),
        ("orders/tests/it/kit.rs", ""),
        ("orders/examples/small.rs", "fn main() {}"),
        ("orders/benches/fast.rs", "fn main() {}"),
        ("orders/build.rs", "fn main() {}"),
    ];
    for (file, text) in files {
        write(root, file, text);
    }
    let new = ["orders/src/tests/new.rs", "orders/src/new.rs", "orders/tests/it/new.rs", "orders/benches/new.rs"];
    let told = files.map(|(file, _)| file).into_iter().chain(new).map(|file| {
        let said = stdout(&run(root, &["can", file, "rusqlite::Row"]));
        format!("{file:28} {}\n", said.lines().next().expect("it says something"))
    });
    expect![[r#"
        orders/src/lib.rs            no: `crate` of orders -> `rusqlite::Row` (normal)
        orders/src/tests.rs          yes: `crate::tests` of orders -> `rusqlite::Row` (dev)
        orders/src/tests/deeper.rs   yes: `crate::tests::deeper` of orders -> `rusqlite::Row` (dev)
        orders/src/both.rs           no: `crate::both` of orders -> `rusqlite::Row` (normal)
        orders/src/main.rs           no: `crate` of orders -> `rusqlite::Row` (normal)
        orders/tests/it/main.rs      yes: `crate` of orders -> `rusqlite::Row` (dev)
        orders/tests/it/kit.rs       yes: `crate::kit` of orders -> `rusqlite::Row` (dev)
        orders/examples/small.rs     yes: `crate` of orders -> `rusqlite::Row` (dev)
        orders/benches/fast.rs       yes: `crate` of orders -> `rusqlite::Row` (dev)
        orders/build.rs              no: `crate` of orders -> `rusqlite::Row` (build)
        orders/src/tests/new.rs      yes: `crate::tests::new` of orders -> `rusqlite::Row` (dev)
        orders/src/new.rs            no: `crate::new` of orders -> `rusqlite::Row` (normal)
        orders/tests/it/new.rs       yes: `crate::it::new` of orders -> `rusqlite::Row` (dev)
        orders/benches/new.rs        yes: `crate::new` of orders -> `rusqlite::Row` (dev)
    "#]]
    .assert_eq(&told.collect::<String>());
}

#[test]
fn json() {
    let shop = workspace(SHOP);
    let said = stdout(&run(shop.path(), &["can", "orders/src/domain.rs", "crate::api::Route", "--json"]));
    let said: serde_json::Value = serde_json::from_str(&said).expect("it is JSON");
    assert_eq!(said["allowed"], false);
    assert_eq!((&said["from"], &said["module"]), (&"orders".into(), &"crate::domain".into()));
    assert_eq!(said["obstacles"][0]["rule"], "module-order");
    assert_eq!(said["obstacles"][0]["rule_site"]["line"], 12);
}

/// What imports and globs of the file bring is followed, as `check` would.
#[test]
fn paths_through_what_the_file_imports() {
    let root = workspace(
        r#"
//- boundaries.toml
version = 1
[[layer]]
name = "bad"
members = ["bad"]
[[layer]]
name = "low"
members = ["low"]
[[layer]]
name = "app"
members = ["app"]
[[forbid]]
from = "app"
to = "bad"
reason = "no"
[[modules]]
crates = ["app"]
private = ["outer::inner"]
//- bad
//- bad/src/lib.rs
pub struct X;
//- low
[dependencies]
bad = { path = "../bad" }
//- low/src/lib.rs
pub mod prelude { pub use bad; pub struct Fine; }
//- app
[dependencies]
low = { path = "../low" }
//- app/src/lib.rs
use low::prelude::*;
use low::prelude as kit;
mod user;
pub mod outer;
//- app/src/outer.rs
pub mod inner {}
pub use self::inner as shown;
//- app/src/user.rs
use crate::outer;
//- app/src/main.rs
"#,
    );
    let answers = |file: &str, path: &str| {
        let output = run(root.path(), &["can", file, path]);
        let said = format!("{}{}", stdout(&output), plain(&String::from_utf8_lossy(&output.stderr), root.path()));
        format!("{} {said}", output.status.code().unwrap_or(-1))
    };
    let asked = [
        ("app/src/lib.rs", "self::bad::X"),
        ("app/src/lib.rs", "crate::bad::X"),
        ("app/src/lib.rs", "bad::X"),
        ("app/src/lib.rs", "kit::bad::X"),
        ("app/src/lib.rs", "kit::Fine"),
        ("app/src/lib.rs", "crate::Fine"),
        ("app/src/user.rs", "outer::inner::X"),
        ("app/src/user.rs", "crate::kit::bad::X"),
        ("app/src/main.rs", "app::outer::inner::X"),
        ("app/src/main.rs", "app::user"),
        ("app/src/lib.rs", "low::{prelude::bad}"),
        ("app/src/lib.rs", "low::"),
        ("app/src/lib.rs", "low::*"),
        ("app", "low::prelude::bad"),
    ];
    let all: String = asked.into_iter().map(|(file, path)| answers(file, path)).collect();
    expect![[r#"
        1 no: `crate` of app -> `self::bad::X` (normal)
          bad: forbid: no (boundaries.toml:11)
        1 no: `crate` of app -> `crate::bad::X` (normal)
          bad: forbid: no (boundaries.toml:11)
        1 no: `crate` of app -> `bad::X` (normal)
          bad: forbid: no (boundaries.toml:11)
        1 no: `crate` of app -> `kit::bad::X` (normal)
          bad: forbid: no (boundaries.toml:11)
        0 yes: `crate` of app -> `kit::Fine` (normal)
        0 yes: `crate` of app -> `crate::Fine` (normal)
        1 no: `crate::user` of app -> `outer::inner::X` (normal)
          app::outer::inner: module-private: only the module around a private one names it (boundaries.toml:17)
        1 no: `crate::user` of app -> `crate::kit::bad::X` (normal)
          bad: forbid: no (boundaries.toml:11)
        1 no: `crate` of app -> `app::outer::inner::X` (normal)
          app::outer::inner: module-private: only the module around a private one names it (boundaries.toml:17)
        0 yes: `crate` of app -> `app::user` (normal)
        2 error[argument]: `low::{prelude::bad}` is no path
          = help: write one path, as the file would have it: `a::b::C`

        could not check the boundaries: 1 problem
        2 error[argument]: `low::` is no path
          = help: write one path, as the file would have it: `a::b::C`

        could not check the boundaries: 1 problem
        2 error[argument]: `low::*` is no path
          = help: write one path, as the file would have it: `a::b::C`

        could not check the boundaries: 1 problem
        2 error[argument]: `low::prelude::bad` is a path and no crate
          = help: name the file that would have it in the place of the crate: can crates/a/src/lib.rs b::c

        could not check the boundaries: 1 problem
    "#]]
    .assert_eq(&all);
}
