//! What sources name: the places in the messages of other rules, re-exports, and dependencies that nothing names.

use boundaries::{Rule, Violation};
use expect_test::expect;
use tempfile::tempdir;

use crate::fixture::{check, outcome, plain, workspace};

/// `shared` re-exports `rusqlite` in several ways, `orders` must not name it.
fn crates(orders: &str) -> String {
    format!(
        r#"
//- boundaries.toml
version = 1
[[layer]]
name = "kernel"
members = ["kernel"]
[[layer]]
name = "shared"
members = ["shared"]
[[layer]]
name = "domains"
members = ["orders"]
may-use = ["shared"]
external.deny = [{{ name = "rusqlite", reason = "domains write no SQL", use = "the store" }}]
[[forbid]]
from = "orders"
to = "kernel"
reason = "an inner part of shared"
[hygiene]
except = ["kernel"]
no-glob-re-exports = true
[severity]
no-glob-re-exports = "off"
//- kernel
[dependencies]
rusqlite = "0.41"
//- kernel/src/lib.rs
pub use rusqlite::Row;
pub struct Clock;
//- shared
[dependencies]
sql = {{ package = "rusqlite", version = "0.41" }}
kernel = {{ path = "../kernel" }}
//- shared/src/lib.rs
pub use sql as driver;
pub mod store {{
    pub use sql::{{Connection as Handle, types::*}};
    pub struct Store;
}}
pub mod inner {{ pub use kernel::Row; }}
pub use kernel::Clock;
pub struct Own;
//- orders
[dependencies]
store-kit = {{ path = "../shared", package = "shared" }}
//- orders/src/lib.rs
{orders}
"#
    )
}

fn violations(orders: &str) -> Vec<Violation> {
    let root = workspace(&crates(orders));
    outcome(root.path()).unwrap_or_else(|error| panic!("{}", plain(&error.text(), root.path()))).violations
}

#[test]
fn what_is_named_through_a_re_export_counts_as_named() {
    check(
        &crates("use store_kit::store::Handle;\nfn open() -> store_kit::driver::Result<Handle> { loop {} }"),
        expect![[r#"
            orders (layer `domains`): 1 violation

            error[external-deny]: `orders` must not name `rusqlite`
              --> orders/src/lib.rs:1:5
               |
             1 | use store_kit::store::Handle;
               |     ^^^^^^^^^^^^^^^^^^^^^^^^ leads to rusqlite through a re-export of shared
               |
              ::: boundaries.toml:12:27
               |
            12 | external.deny = [{ name = "rusqlite", reason = "domains write no SQL", use = "the store" }]
               |                           ^^^^^^^^^^ denied in layer `domains`: domains write no SQL
               = note: 1 more place does
               = help: delete the line and use the store

            checked 3 crates, 2 edges, 2 external dependencies, 3 files: 1 violation
        "#]],
    );
}

#[test]
fn every_way_through_a_re_export_leads_there() {
    for (line, to) in [
        ("use store_kit::driver;", "rusqlite"),
        ("use store_kit::{driver::*};", "rusqlite"),
        ("type T = store_kit::store::Handle;", "rusqlite"),
        ("fn f(_: impl Into<store_kit::store::Value>) {}", "rusqlite"),
        ("fn f() { println!(\"{:?}\", store_kit::inner::Row); }", "rusqlite"),
        ("use store_kit as kit; type T = kit::driver::Row;", "rusqlite"),
        ("use store_kit::Clock;", "kernel"),
    ] {
        let found = violations(line);
        assert!(found.iter().any(|one| one.to.as_deref() == Some(to)), "{line}: {found:?}");
        assert!(
            found.iter().all(|one| one.site.file == "orders/src/lib.rs" && one.site.line == 1),
            "{line}: {found:?}"
        );
    }
}

#[test]
fn what_a_crate_declares_itself_is_no_re_export() {
    for line in [
        "use store_kit::Own;",
        "use store_kit::store::Store;",
        "use store_kit::*;",
        "mod driver {} use driver as _;",
        "// store_kit::driver",
        "const TEXT: &str = \"store_kit::driver\";",
    ] {
        assert!(violations(line).is_empty(), "{line}");
    }
}

/// Tests are held to the rules for dev-dependencies: `external.deny` leaves those free, [[forbid]] does not.
#[test]
fn in_tests_the_rules_for_dev_dependencies_hold() {
    let found = violations("#[cfg(test)]\nmod tests { use store_kit::{driver, Clock}; }");
    let found: Vec<_> =
        found.iter().map(|one| (one.rule, one.to.as_deref(), one.kind.map(|kind| kind.to_string()))).collect();
    assert_eq!(found, [(Rule::Forbid, Some("kernel"), Some("dev-dependency".to_owned()))]);
}

#[test]
fn re_exports_can_be_ignored() {
    let text = crates("use store_kit::driver;").replacen(
        "version = 1",
        "version = 1\n[workspace]\nre-exports = \"ignore\"",
        1,
    );
    let text = text.replace("[hygiene]\nexcept = [\"kernel\"]\nno-glob-re-exports = true\n", "");
    let root = workspace(&text);
    let report = outcome(root.path()).expect("the rules hold");
    assert!(report.is_clean());
    assert_eq!((report.summary.files, report.summary.unseen), (0, None), "no source is read");
}

#[test]
fn an_exception_excuses_what_is_named_through_a_re_export() {
    let excused =
        "[[except]]\nfrom = \"orders\"\nto = \"rusqlite\"\nreason = \"until the port is there\"\n//- kernel\n";
    let root = workspace(&crates("use store_kit::driver;").replacen("//- kernel\n", excused, 1));
    assert!(outcome(root.path()).expect("the exception excuses something").is_clean());
}

/// The message of a rule about crates shows where the code names what the manifest declares.
#[test]
fn a_message_shows_the_first_place_in_the_code() {
    check(
        r#"
//- boundaries.toml
version = 1
[[layer]]
name = "all"
members = ["*"]
//- billing
[lib]
name = "bill"
//- orders
[dependencies]
billing = { path = "../billing" }
//- orders/src/lib.rs
#[cfg(test)]
mod tests {
    use bill::Fixture;
}
mod invoice;
//- orders/src/invoice.rs
pub fn total(invoice: &bill::Invoice) -> bill::Money {
    invoice.total()
}
//- stock
[dependencies]
billing = { path = "../billing" }
"#,
        expect![[r#"
            orders (layer `all`): 1 violation

            error[same-layer]: `orders` must not depend on `billing`
             --> orders/Cargo.toml:7:1
              |
            7 | billing = { path = "../billing" }
              | ^^^^^^^ normal dependency on billing
              |
             ::: orders/src/invoice.rs:1:24
              |
            1 | pub fn total(invoice: &bill::Invoice) -> bill::Money {
              |                        ^^^^^^^^^^^^^ named here, and in 2 more places
              |
             ::: boundaries.toml:3:8
              |
            3 | name = "all"
              |        ^^^^^ layer `all` has no `edges` between its crates
              = note: `orders` may use no other crate of this workspace
              = help: delete the line; or add "orders -> billing" to `edges`, if the architecture is to change

            stock (layer `all`): 1 violation

            error[same-layer]: `stock` must not depend on `billing`
             --> stock/Cargo.toml:7:1
              |
            7 | billing = { path = "../billing" }
              | ^^^^^^^ normal dependency on billing
              |
             ::: boundaries.toml:3:8
              |
            3 | name = "all"
              |        ^^^^^ layer `all` has no `edges` between its crates
              = note: `stock` may use no other crate of this workspace
              = note: no path in its sources names it
              = help: delete the line; or add "stock -> billing" to `edges`, if the architecture is to change

            checked 3 crates, 2 edges, 0 external dependencies, 4 files: 2 violations
        "#]],
    );
}

#[test]
fn globs_of_other_crates() {
    check(
        &crates("pub mod all { pub use store_kit::*; }\npub use store_kit::store::*;")
            .replace("[severity]\nno-glob-re-exports = \"off\"\n", ""),
        expect![[r#"
            orders (layer `domains`): 1 violation

            error[no-glob-re-exports]: `orders` must not re-export all of `shared`
              --> orders/src/lib.rs:1:23
               |
             1 | pub mod all { pub use store_kit::*; }
               |                       ^^^^^^^^^^^^ re-exports all of shared
               |
              ::: boundaries.toml:19:1
               |
            19 | no-glob-re-exports = true
               | ^^^^^^^^^^^^^^^^^^ nobody sees which names a glob re-exports, today or after an update
               = note: 1 more place does
               = help: name what of `shared` belongs to the interface of `orders`

            shared (layer `shared`): 1 violation

            error[no-glob-re-exports]: `shared` must not re-export all of `rusqlite`
              --> shared/src/lib.rs:3:41
               |
             3 |     pub use sql::{Connection as Handle, types::*};
               |                                         ^^^^^^^^ re-exports all of rusqlite
               |
              ::: boundaries.toml:19:1
               |
            19 | no-glob-re-exports = true
               | ^^^^^^^^^^^^^^^^^^ nobody sees which names a glob re-exports, today or after an update
               = help: name what of `rusqlite` belongs to the interface of `shared`

            checked 3 crates, 2 edges, 2 external dependencies, 3 files: 2 violations
            not seen: 2 globs that bring names of further crates
        "#]],
    );
}

/// Silence about what only the compiler sees would read as cleanliness.
#[test]
fn what_is_not_seen_is_counted() {
    let root = workspace(&crates(
        "include!(concat!(env!(\"OUT_DIR\"), \"/made.rs\"));\n#[cfg(windows)]\nmod windows;\nfn f(_: made::T, _: made::U) {}",
    ));
    let report = outcome(root.path()).expect("the sources can be read");
    let text = plain(&report.text(), root.path());
    let last = text.lines().last().expect("there is a summary");
    assert_eq!(
        last,
        "not seen: 1 file or module that is generated, 1 missing file behind a cfg, 2 paths that begin with a name from nowhere"
    );
    let unseen = report.summary.unseen.expect("sources were read");
    assert_eq!((unseen.generated, unseen.absent, unseen.unresolved), (1, 1, 2));
}

/// `high` names what `low` re-exports through modules of its own.
fn behind_facades(low: &str, high: &str) -> bool {
    let root = workspace(&format!(
        r#"
//- boundaries.toml
version = 1
[[layer]]
name = "low"
members = ["low"]
[[layer]]
name = "high"
members = ["high"]
external.deny = [{{ name = "serde", reason = "no" }}]
//- low
[dependencies]
serde = "1"
//- low/src/lib.rs
{low}
//- high
[dependencies]
low = {{ path = "../low" }}
//- high/src/lib.rs
{high}
"#
    ));
    let report = outcome(root.path()).unwrap_or_else(|error| panic!("{}", plain(&error.text(), root.path())));
    report.violations.iter().any(|one| one.rule == Rule::ExternalDeny)
}

#[test]
fn a_facade_hides_nothing() {
    for (low, high) in [
        ("mod y { pub use serde; } pub use y::*;", "use low::serde::Q;"),
        ("pub mod y { pub use serde::Q; } pub use crate::y::*;", "use low::Q;"),
        ("mod y { pub use serde::*; } pub use y::*;", "use low::Q;"),
        ("mod y { pub extern crate serde; } pub use y::*;", "use low::serde::Q;"),
        ("mod z { pub use serde; } mod y { pub use crate::z::*; } pub use y::*;", "use low::serde::Q;"),
        ("mod y { pub mod z { pub use serde; } } pub use y::z as other;", "use low::other::serde::Q;"),
        (
            "mod a { pub use crate::b::*; } mod b { pub use crate::a::*; pub use serde; } pub use a::*;",
            "use low::serde;",
        ),
    ] {
        assert!(behind_facades(low, high), "{low} {high}");
    }
    let own = "mod p { pub use low::*; pub struct Own; } mod q { use crate::p::serde::X; }";
    assert!(behind_facades("pub use serde;", own), "a facade of the crate that names it");
    for (low, high) in [
        ("pub use serde;", "mod p { pub use low::*; pub struct Own; } mod q { use crate::p::Own; }"),
        ("mod y { pub use serde; pub struct Own; } pub use y::*;", "use low::Own;"),
        ("mod y { pub use serde::*; pub struct Own; } pub use y::*;", "use low::Own;"),
        ("mod a { pub use crate::b::*; } mod b { pub use crate::a::*; } pub use a::*;", "use low::nothing;"),
    ] {
        assert!(!behind_facades(low, high), "{low} {high}");
    }
}

#[test]
fn what_the_globs_of_the_user_bring_leads_there() {
    let prelude =
        "pub use serde; pub mod prelude { pub use serde; pub struct Own; } pub mod more { pub struct Other; }";
    for (low, high) in [
        (prelude, "use low::prelude::*; fn f() { serde::X }"),
        (prelude, "use low::prelude::*; use low::more::*; fn f() { serde::X }"),
        (prelude, "use low::*; fn f(_: self::serde::X) {}"),
        (prelude, "use low::*; fn f(_: prelude::serde::X) {}"),
        (prelude, "mod p { use low::*; mod inner { fn f() { super::serde::X } } }"),
        (prelude, "mod p { pub(crate) use low::*; } use p::*; fn f() { serde::X }"),
        (prelude, "fn f() { use low::*; { serde::X } }"),
        (prelude, "use low::*; use serde::X;"),
        ("pub mod y { pub use serde; } pub use y as prelude;", "use low::prelude::*; fn f() { serde::X }"),
    ] {
        assert!(behind_facades(low, high), "{low} {high}");
    }
    for (low, high) in [
        (prelude, "use low::prelude::*; mod serde { pub struct X; } fn f() { serde::X }"),
        (prelude, "use low::more::*; fn f() { serde::X }"),
        (prelude, "use low::prelude::*; fn f() { Own::new() }"),
        (prelude, "fn f() { { use low::*; } serde::X }"),
        ("pub use serde::*;", "use low::*; fn f() { Value::X }"),
        ("use serde; pub struct Own;", "use low::*; fn f() { serde::X }"),
    ] {
        assert!(!behind_facades(low, high), "{low} {high}");
    }
}

/// Which of two crates' globs brings a name only the compiler knows, where those hand on what others have.
#[test]
fn names_that_several_globs_may_bring_are_counted() {
    let low = "pub mod a { pub use sql::*; pub struct Own; } pub mod b { pub use sql::types::*; }";
    let high = "use store_kit::a::*; use store_kit::b::*; fn f() { Row::new(); Own::new(); }";
    let root = workspace(&crates(high).replace("pub struct Own;\n", &format!("pub struct Own;\n{low}\n")));
    let report = outcome(root.path()).expect("the sources can be read");
    assert!(report.violations.is_empty(), "{:?}", report.violations);
    let unseen = report.summary.unseen.expect("sources were read");
    assert_eq!((unseen.unresolved, unseen.globs), (1, 2));
    assert!(report.text().contains("2 globs that bring names of further crates"), "{}", report.text());
}

/// To compile a neighbour's file is to use the neighbour, however the file comes there.
#[test]
fn files_of_other_crates() {
    let crates = |low: &str| {
        format!(
            "//- boundaries.toml\nversion = 1\n[[layer]]\nname = \"low\"\nmembers = [\"low\"]\n[[layer]]\nname = \"high\"\nmembers = [\"high\"]\n//- high\n//- high/src/secret.rs\npub struct Secret;\n//- low\n//- low/src/lib.rs\n{low}\n"
        )
    };
    check(
        &crates("#[path = \"../../high/src/secret.rs\"]\nmod secret;"),
        expect![[r#"
        low (layer `low`): 1 violation

        error[may-use]: `low` must not compile files of `high`
         --> high/src/secret.rs:1:1
          |
        1 | pub struct Secret;
          | ^ a file of high is a module of low
          |
         ::: boundaries.toml:3:8
          |
        3 | name = "low"
          |        ^^^^^ layer `low` may use the layers that stand before it
          = note: `low` may use no other crate of this workspace
          = help: delete the line; what both need belongs into a layer before `low`

        checked 2 crates, 0 edges, 0 external dependencies, 3 files: 1 violation
    "#]],
    );
    let included = workspace(&crates("include!(\"../../high/src/secret.rs\");"));
    let linked = workspace(&crates("mod linked;"));
    #[cfg(unix)]
    std::os::unix::fs::symlink(linked.path().join("high/src/secret.rs"), linked.path().join("low/src/linked.rs"))
        .expect("a link can be made");
    #[cfg(not(unix))]
    std::fs::copy(included.path().join("low/src/lib.rs"), linked.path().join("low/src/linked.rs"))
        .expect("it can be copied");
    // All of it behind a link, as `--manifest-path` may name it.
    let (stolen, around) = (workspace(&crates("#[path = \"../../high/src/secret.rs\"]\nmod secret;")), tempdir());
    let around = around.expect("a temporary directory can be made");
    let behind = around.path().join("link");
    #[cfg(unix)]
    std::os::unix::fs::symlink(stolen.path(), &behind).expect("a link can be made");
    #[cfg(not(unix))]
    let behind = stolen.path().to_owned();
    for root in [included.path(), linked.path(), &behind] {
        let report = outcome(root).expect("the sources can be read");
        let found: Vec<_> = report.violations.iter().map(|one| (one.rule, one.to.as_deref())).collect();
        assert_eq!(found, [(Rule::MayUse, Some("high"))]);
    }
}

#[cfg(unix)]
#[test]
fn a_module_without_an_end_is_not_read() {
    let root = workspace(&crates("#[path = \"/dev/zero\"]\nmod endless;"));
    let error = outcome(root.path()).expect_err("nobody reads all of it");
    assert_eq!(
        error.errors[0].message,
        "the sources of `orders` cannot be read as a whole: /dev/zero cannot be read: it is no regular file"
    );
}

#[test]
fn owners_are_named() {
    let root = workspace(&crates("use store_kit::driver;"));
    crate::fixture::write(root.path(), ".github/CODEOWNERS", "* @all\n/orders/ @orders\n/kernel/ @kernel\n");
    let report = outcome(root.path()).expect("the rules can be held");
    assert_eq!(report.violations[0].notes, ["owned: `orders/src/lib.rs` by @orders"]);
    let root = workspace(&crates("use store_kit::Clock;"));
    crate::fixture::write(root.path(), "CODEOWNERS", "* @all\n/kernel/ @kernel @core\n");
    let report = outcome(root.path()).expect("the rules can be held");
    assert_eq!(report.violations[0].notes, ["owned: `orders/src/lib.rs` by @all, `kernel` by @kernel, @core"]);
}

/// `app` must not name `bad`, which `low` re-exports. What `bad` has is known, so only that is taken for it.
fn names_bad(low: &str, app: &[(&str, &str)]) -> (bool, usize) {
    let mut text = format!(
        r#"
//- boundaries.toml
version = 1
[workspace]
same-layer = "allow"
[[layer]]
name = "all"
members = ["bad", "low", "app"]
[[forbid]]
from = "app"
to = "bad"
reason = "no"
//- bad
//- bad/src/lib.rs
pub struct X;
pub enum E {{ A }}
pub mod sub {{ pub struct Y; pub fn f() {{}} }}
//- low
[dependencies]
bad = {{ path = "../bad" }}
//- low/src/lib.rs
{low}
//- app
[dependencies]
low = {{ path = "../low" }}
"#
    );
    for (file, source) in app {
        text.push_str(&format!("//- app/{file}\n{source}\n"));
    }
    let root = workspace(&text);
    let report = outcome(root.path()).unwrap_or_else(|error| panic!("{}", plain(&error.text(), root.path())));
    let unseen = report.summary.unseen.expect("sources were read");
    (report.violations.iter().any(|one| one.rule == Rule::Forbid), unseen.unresolved)
}

#[test]
fn what_a_glob_does_not_bring_is_not_blamed_on_it() {
    let glob = "pub use bad::*; pub struct Own; pub mod prelude { pub use bad::*; pub use bad::E as Error; }";
    for app in [
        "use low;",
        "use low as l;",
        "extern crate low;",
        "use low::{self, Own};",
        "use low::prelude::*; pub fn f<T: Iterator>(_: T::Item) {}",
        "use low::prelude::*; impl<S: Iterator> Q<S> { fn f(_: S::Item) {} } struct Q<S>(S);",
        "use low::prelude::*; fn z<Error: Iterator>(_: Error::Item) {}",
        "use low::prelude::*; fn f() { enum L { A } let _ = L::A; struct S; S::n() }",
        "use low::prelude::*; mod tests { use super::*; fn f() { enum L { A } let _ = L::A; } }",
        "use low::prelude::*; #[rustfmt::skip] fn f() {}",
    ] {
        assert_eq!(names_bad(glob, &[("src/lib.rs", app)]), (false, 0), "{app}");
    }
    let made =
        "use low::prelude::*; macro_rules! d { ($n:ident) => { pub struct $n; } } d!(Foo); fn f() { Foo::new() }";
    assert_eq!(names_bad(glob, &[("src/lib.rs", made)]), (false, 1), "made by a macro: counted");
    let standard = "pub use std::collections::*; pub use bad::*;";
    assert!(!names_bad(standard, &[("src/lib.rs", "use low::HashMap; use low::BTreeMap as B;")]).0, "a glob of std");
    let made = "pub use bad::*; macro_rules! d { ($n:ident) => { pub struct $n; } } d!(Gen);";
    assert_eq!(names_bad(made, &[("src/lib.rs", "use low::Gen;")]), (false, 1), "low makes it by a macro: counted");
}

#[test]
fn what_globs_and_the_own_library_bring_leads_there() {
    let prelude = "pub mod prelude { pub use bad; pub use bad::*; } pub use bad::*; \
                   pub mod several { pub use bad::sub::*; pub use bad::*; }";
    for app in [
        &[("src/lib.rs", "use low::X;")][..],
        &[("src/lib.rs", "use low::prelude::*; fn f(_: X) {} fn g() { E::A }")],
        &[("src/lib.rs", "use low::prelude::*; use bad::*;")],
        &[("src/lib.rs", "use low::prelude::*; use bad as q;")],
        &[("src/lib.rs", "use low::*; use prelude::*; fn f(_: bad::X) {}")],
        &[("src/lib.rs", "use low::*; use self::prelude::*; fn f(_: bad::X) {}")],
        &[("src/lib.rs", "use low::*; mod m { use super::prelude::*; fn f(_: bad::X) {} }")],
        &[("src/lib.rs", "use low::several::*; fn f() { E::A }")],
        &[("src/lib.rs", "use low::several::sub::Y;")],
        &[("src/lib.rs", "pub use low as l;"), ("tests/t.rs", "use app::l::prelude::bad::sub;")],
        &[("src/lib.rs", "pub use low::prelude;"), ("src/main.rs", "fn main() { app::prelude::bad::sub::f() }")],
        &[("src/lib.rs", "pub use low::prelude;"), ("src/main.rs", "use app::prelude::*; fn main() { bad::sub::f() }")],
    ] {
        assert!(names_bad(prelude, app).0, "{app:?}");
    }
}
