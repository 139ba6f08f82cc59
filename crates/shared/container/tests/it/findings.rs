use std::sync::Arc;

use container::{BuildError, Builder};
use expect_test::{Expect, expect};

trait Store: Send + Sync {}
struct Sqlite;
struct Memory;
impl Store for Sqlite {}
impl Store for Memory {}

struct Clock;
struct Ledger;
struct Report;
struct Page;
struct Request;

mod mailing {
    pub struct Clock;
}

/// `validate` and `build` say the same, and no factory has run.
fn check(builder: Builder, expected: Expect) {
    let findings: Vec<String> = builder.validate().iter().map(ToString::to_string).collect();
    let findings = findings.join("\n");
    match builder.build() {
        Err(BuildError::Graph(all)) => assert_eq!(all.to_string(), findings),
        Err(other) => panic!("{other}"),
        Ok(_) => assert_eq!(findings, ""),
    }
    expected.assert_eq(&shortened(&findings));
}

/// Without the test's own path, and without positions, which change whenever a test file does:
/// `it::findings::Page (crates/shared/.../findings.rs:30:10)` -> `Page (findings.rs)`.
pub fn shortened(text: &str) -> String {
    let text = text.replace('\\', "/").replace("crates/shared/container/tests/it/", "");
    let text = text.replace("it::findings::", "").replace("it::errors::", "");
    let mut parts = text.split(".rs:");
    let mut result = parts.next().unwrap().to_string();
    for part in parts {
        result.push_str(".rs");
        result.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':'));
    }
    result
}

fn unreachable<T>() -> T {
    panic!("a factory ran although the graph is wrong")
}

#[test]
fn sound_graph_has_no_findings() {
    let mut b = Builder::new();
    b.singleton(|_: Arc<dyn Store>, _: Option<Arc<Clock>>, _: Vec<Arc<dyn Store>>| Ledger)
        .bind::<dyn Store, Sqlite>(|s| s)
        .value(Sqlite);
    check(b, expect![[""]]);
}

#[test]
fn missing_with_its_chain_and_what_is_alike() {
    let mut b = Builder::new();
    b.singleton(|_: Arc<Report>| Page)
        .singleton(|_: Arc<Ledger>| Report)
        .singleton(|_: Arc<Clock>, _: Arc<dyn Store>| -> Ledger { unreachable() })
        .singleton(|| -> mailing::Clock { unreachable() });
    check(
        b,
        expect![[r#"
            missing `Clock`: needed by Page -> Report -> Ledger (findings.rs); register or bind it; similar, and registered: mailing::Clock
            missing `dyn Store`: needed by Page -> Report -> Ledger (findings.rs); register or bind it"#]],
    );
}

#[test]
fn missing_target_of_a_binding() {
    let mut b = Builder::new();
    b.bind::<dyn Store, Sqlite>(|s| s).singleton(|_: Vec<Arc<dyn Store>>| Ledger);
    check(b, expect!["missing `Sqlite`: needed by Ledger -> dyn Store (findings.rs); register or bind it"]);
}

#[test]
fn cycles_with_their_paths() {
    let mut b = Builder::new();
    b.singleton(|_: Arc<Report>| Page)
        .bind::<dyn Store, Sqlite>(|s| s)
        .transient(|_: Arc<Ledger>, _: Option<Arc<Page>>| Report)
        .singleton(|_: Vec<Arc<dyn Store>>| Ledger)
        .singleton(|_: Arc<Ledger>| Sqlite)
        .singleton(|_: Arc<Clock>| Clock);
    check(
        b,
        expect![[r#"
            cycle: Ledger -> dyn Store -> Sqlite -> Ledger (findings.rs); let one of them take what it needs as an argument of its methods
            cycle: Page -> Report -> Page (findings.rs); let one of them take what it needs as an argument of its methods
            cycle: Clock -> Clock (findings.rs); let one of them take what it needs as an argument of its methods"#]],
    );
}

#[test]
fn singleton_captures_scoped_directly_or_through_others() {
    let mut b = Builder::new();
    b.scoped(|| Request)
        .singleton(|_: Arc<Request>| Page)
        .transient(|_: Option<Arc<Request>>| Sqlite)
        .bind::<dyn Store, Sqlite>(|s| s)
        .singleton(|_: Vec<Arc<dyn Store>>| Ledger)
        // Neither of these captures anything itself.
        .singleton(|_: Arc<Ledger>| Report)
        .scoped(|_: Arc<Request>| Clock);
    check(
        b,
        expect![[r#"
            singleton captures a scoped value: Page -> Request (findings.rs); make the first scoped or the last a singleton
            singleton captures a scoped value: Ledger -> dyn Store -> Sqlite -> Request (findings.rs); make the first scoped or the last a singleton"#]],
    );
}

#[test]
fn duplicates_of_factories_and_of_bindings() {
    let mut b = Builder::new();
    b.value(Sqlite).singleton(|| -> Sqlite { unreachable() }).transient(|| -> Sqlite { unreachable() });
    b.bind::<dyn Store, Sqlite>(|s| s).bind::<dyn Store, Sqlite>(|s| s);
    check(
        b,
        expect![[r#"
            duplicate `Sqlite`: registered at findings.rs and at findings.rs and at findings.rs; keep one
            duplicate `dyn Store`: registered at findings.rs and at findings.rs; keep one"#]],
    );
}

#[test]
fn one_of_several_is_ambiguous() {
    let mut b = Builder::new();
    b.value(Sqlite).bind::<dyn Store, Sqlite>(|s| s).value(Memory).bind::<dyn Store, Memory>(|s| s);
    b.instance::<dyn Store>(Arc::new(Memory));
    b.singleton(|_: Vec<Arc<dyn Store>>| Report).singleton(|_: Option<Arc<dyn Store>>| Ledger);
    check(
        b,
        expect![
            "ambiguous `dyn Store`: Ledger (findings.rs) needs one, 3 are bound: Sqlite, Memory, dyn Store; bind one, or take `Vec<Arc<dyn Store>>`"
        ],
    );
}

#[test]
fn all_findings_at_once() {
    let mut b = Builder::new();
    b.value(Page).value(Page);
    b.singleton(|_: Arc<Sqlite>| Ledger);
    b.singleton(|_: Arc<Clock>| Clock);
    b.scoped(|| Request).singleton(|_: Arc<Request>| Report);
    check(
        b,
        expect![[r#"
            duplicate `Page`: registered at findings.rs and at findings.rs; keep one
            missing `Sqlite`: needed by Ledger (findings.rs); register or bind it
            cycle: Clock -> Clock (findings.rs); let one of them take what it needs as an argument of its methods
            singleton captures a scoped value: Report -> Request (findings.rs); make the first scoped or the last a singleton"#]],
    );
}
