use std::sync::Arc;

use container::{Builder, Keyed};
use expect_test::{Expect, expect};

use crate::text::shortened;

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

/// `validate` and `build` say the same, warnings aside, and no factory has run.
fn check(builder: Builder, expected: Expect) {
    let findings = builder.validate();
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    let wrong: Vec<_> = findings.into_iter().filter(|finding| !finding.is_warning()).collect();
    assert_eq!(builder.build().err().map_or_else(Vec::new, |findings| findings.0), wrong);
    expected.assert_eq(&shortened(&lines.join("\n")));
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
            missing `dyn Store`: needed by Page -> Report -> Ledger (findings.rs); register or bind it; nobody needs mailing::Clock so far: if that is meant, `.bind::<dyn Store, mailing::Clock>(|s| s)`"#]],
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
            cycle: Ledger (findings.rs) -> dyn Store (findings.rs) -> Sqlite (findings.rs) -> Ledger (findings.rs); let one of them take what it needs as an argument of its methods
            cycle: Page (findings.rs) -> Report (findings.rs) -> Page (findings.rs); let one of them take what it needs as an argument of its methods
            cycle: Clock (findings.rs) -> Clock (findings.rs); let one of them take what it needs as an argument of its methods"#]],
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
            singleton captures a scoped value: Page (findings.rs) -> Request (findings.rs); make the first scoped or the last a singleton
            singleton captures a scoped value: Ledger (findings.rs) -> dyn Store (findings.rs) -> Sqlite (findings.rs) -> Request (findings.rs); make the first scoped or the last a singleton"#]],
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
fn missing_trait_object_with_what_may_have_been_meant_to_be_bound() {
    let mut b = Builder::new();
    b.value(Sqlite).value(Memory).value(Clock).singleton(|_: Arc<dyn Store>, _: Arc<Clock>| Ledger);
    b.root::<Memory>();
    // What is a root, what others need, and the one who asks are there for something else.
    check(
        b,
        expect![[r#"
            missing `dyn Store`: needed by Ledger (findings.rs); register or bind it; nobody needs Sqlite so far: if that is meant, `.bind::<dyn Store, Sqlite>(|s| s)`
            unused `Sqlite` (findings.rs): nothing that is asked for needs it; remove it, or declare `root::<Sqlite>()` if somebody gets it from the container
            unused `Clock` (findings.rs): nothing that is asked for needs it; remove it, or declare `root::<Clock>()` if somebody gets it from the container
            unused `Ledger` (findings.rs): nothing that is asked for needs it; remove it, or declare `root::<Ledger>()` if somebody gets it from the container"#]],
    );
}

#[test]
fn keyed_is_another_type_for_each_key_and_like_that_of_another_key() {
    enum Primary {}
    enum Replica {}
    let mut b = Builder::new();
    b.value(Keyed::<Replica, _>::of(Sqlite)).singleton(|_: Keyed<Primary, Sqlite>, _: Arc<Sqlite>| Ledger);
    b.singleton(|_: Option<Keyed<Primary, Sqlite>>| Page);
    check(
        b,
        expect![[r#"
        missing `Keyed<keyed_is_another_type_for_each_key_and_like_that_of_another_key::Primary, Sqlite>`: needed by Ledger (findings.rs); register or bind it; similar, and registered: Keyed<keyed_is_another_type_for_each_key_and_like_that_of_another_key::Replica, Sqlite>
        missing `Sqlite`: needed by Ledger (findings.rs); register or bind it; similar, and registered: Keyed<keyed_is_another_type_for_each_key_and_like_that_of_another_key::Replica, Sqlite>"#]],
    );
}

#[test]
fn roots_and_hooks_of_what_is_missing_ambiguous_or_not_kept() {
    let mut b = Builder::new();
    b.root::<Page>();
    b.value(Sqlite).bind::<dyn Store, Sqlite>(|s| s).value(Memory).bind::<dyn Store, Memory>(|s| s);
    b.on_start(|_: Arc<dyn Store>| async { Ok::<_, String>(()) });
    b.on_stop(|_: Arc<Clock>| async { Ok::<_, String>(()) });
    b.transient(|| Ledger).on_stop(|_: Arc<Ledger>| async { Ok::<_, String>(()) });
    trait Session: Send + Sync {}
    impl Session for Request {}
    b.scoped(|| Request).bind::<dyn Session, Request>(|s| s);
    b.on_start(|_: Arc<dyn Session>| async { Ok::<_, String>(()) });
    check(
        b,
        expect![[r#"
        missing `Page`: needed by a root (findings.rs); register or bind it
        ambiguous `dyn Store`: a start hook (findings.rs) needs one, 2 are bound: Sqlite, Memory; bind one, or take `Vec<Arc<dyn Store>>`
        missing `Clock`: needed by a stop hook (findings.rs); register or bind it
        hook (findings.rs) of Ledger (findings.rs), which is transient: no one value could be started and stopped; make it a singleton
        hook (findings.rs) of dyn roots_and_hooks_of_what_is_missing_ambiguous_or_not_kept::Session (findings.rs), which is scoped: no one value could be started and stopped; make it a singleton"#]],
    );
}

#[test]
fn unused_is_what_no_root_and_no_hook_needs() {
    let registered = || {
        let mut b = Builder::new();
        b.singleton(|_: Vec<Arc<dyn Store>>| Page).bind::<dyn Store, Sqlite>(|s| s).value(Sqlite);
        b.singleton(|_: Arc<Clock>| Ledger).value(Clock).value(Memory);
        b
    };
    check(registered(), expect![[""]]);
    let mut b = registered();
    b.root::<Page>().on_stop(|_: Arc<Memory>| async { Ok::<_, String>(()) });
    check(
        b,
        expect![[r#"
        unused `Ledger` (findings.rs): nothing that is asked for needs it; remove it, or declare `root::<Ledger>()` if somebody gets it from the container
        unused `Clock` (findings.rs): nothing that is asked for needs it; remove it, or declare `root::<Clock>()` if somebody gets it from the container"#]],
    );
}

#[test]
fn all_findings_at_once() {
    let mut b = Builder::new();
    b.value(Page).value(Page);
    b.singleton(|_: Arc<Sqlite>| Ledger);
    b.singleton(|_: Arc<Clock>| Clock);
    b.scoped(|| Request).singleton(|_: Arc<Request>| Report);
    b.singleton(|_: Vec<Arc<u8>>| 7_u16).root::<u16>().bind::<dyn Store, Memory>(|s| s);
    b.instance::<dyn Store>(Arc::new(Memory)).transient(|_: Arc<dyn Store>| 8_u32);
    b.on_start(|_: Arc<u32>| async { Ok::<_, String>(()) });
    b.override_with(|b| {
        b.value(9_u64);
    });
    check(
        b,
        expect![[r#"
            duplicate `Page`: registered at findings.rs and at findings.rs; keep one
            missing `Sqlite`: needed by Ledger (findings.rs); register or bind it
            missing `Memory`: needed by u32 -> dyn Store (findings.rs); register or bind it
            ambiguous `dyn Store`: u32 (findings.rs) needs one, 2 are bound: Memory, dyn Store; bind one, or take `Vec<Arc<dyn Store>>`
            cycle: Clock (findings.rs) -> Clock (findings.rs); let one of them take what it needs as an argument of its methods
            singleton captures a scoped value: Report (findings.rs) -> Request (findings.rs); make the first scoped or the last a singleton
            hook (findings.rs) of u32 (findings.rs), which is transient: no one value could be started and stopped; make it a singleton
            unused `Page` (findings.rs): nothing that is asked for needs it; remove it, or declare `root::<Page>()` if somebody gets it from the container
            unused `Ledger` (findings.rs): nothing that is asked for needs it; remove it, or declare `root::<Ledger>()` if somebody gets it from the container
            unused `Clock` (findings.rs): nothing that is asked for needs it; remove it, or declare `root::<Clock>()` if somebody gets it from the container
            unused `Request` (findings.rs): nothing that is asked for needs it; remove it, or declare `root::<Request>()` if somebody gets it from the container
            unused `Report` (findings.rs): nothing that is asked for needs it; remove it, or declare `root::<Report>()` if somebody gets it from the container
            unused `dyn Store` (findings.rs): nothing that is asked for needs it; remove it, or declare `root::<dyn Store>()` if somebody gets it from the container
            unused `u64` (findings.rs): nothing that is asked for needs it; remove it, or declare `root::<u64>()` if somebody gets it from the container
            nothing overridden by `override_with` (findings.rs); override a type that was registered before"#]],
    );
}
