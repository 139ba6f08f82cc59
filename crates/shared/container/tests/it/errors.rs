use std::{error::Error, panic::AssertUnwindSafe, sync::Arc};

use container::Builder;
use expect_test::expect;

use crate::findings::shortened;

trait Store: Send + Sync {}
struct Sqlite;
struct Memory;
impl Store for Sqlite {}
impl Store for Memory {}
struct Ledger;
struct Report;
struct Request;

#[test]
fn failed_factory_names_its_chain_and_keeps_its_source() {
    let mut b = Builder::new();
    b.singleton(|_: Arc<Ledger>| Report)
        .singleton(|_: Arc<dyn Store>| Ledger)
        .bind::<dyn Store, Sqlite>(|s| s)
        .try_singleton(|| Err::<Sqlite, _>(std::io::Error::other("disk full")));
    let error = b.build().unwrap_err();
    expect!["the factory of `Sqlite` (errors.rs) failed; needed by Report -> Ledger -> dyn Store"]
        .assert_eq(&shortened(&error.to_string()));
    expect!["disk full"].assert_eq(&error.source().unwrap().to_string());
}

#[test]
fn try_singleton_takes_any_error_that_boxes() {
    let mut b = Builder::new();
    b.try_singleton(|| Ok::<_, String>(Sqlite))
        .try_singleton(|_: Arc<Sqlite>| Ok::<_, Box<dyn Error + Send + Sync>>(7_u8));
    assert_eq!(*b.build().unwrap().get::<u8>(), 7);
}

#[test]
fn asking_for_what_cannot_be_had() {
    let mut b = Builder::new();
    b.value(Sqlite).value(Memory).scoped(|| Request).transient(|_: Arc<Request>| Report);
    b.bind::<dyn Store, Sqlite>(|s| s).bind::<dyn Store, Memory>(|s| s);
    let container = b.build().unwrap();
    let refusals = [
        container.try_get::<Ledger>().err().unwrap(),
        container.try_get::<Arc<Sqlite>>().err().unwrap(),
        container.try_get::<dyn Store>().err().unwrap(),
        container.try_get::<Request>().err().unwrap(),
        container.try_get::<Report>().err().unwrap(),
        container.scope().try_get::<Ledger>().err().unwrap(),
    ];
    let refusals: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    expect![[r#"
        `Ledger` is not registered
        `alloc::sync::Arc<Sqlite>` is not registered; similar, and registered: Sqlite
        several are bound to `dyn Store`: take `Vec<Arc<dyn Store>>` in a factory
        `Request` lives in a scope: ask `container.scope()` for it
        `Report` lives in a scope: ask `container.scope()` for it
        `Ledger` is not registered"#]]
    .assert_eq(&shortened(&refusals.join("\n")));
}

#[test]
fn get_panics_with_the_reason() {
    let container = Builder::new().build().unwrap();
    let panic = std::panic::catch_unwind(AssertUnwindSafe(|| container.get::<Ledger>())).err().unwrap();
    expect!["`Ledger` is not registered"].assert_eq(&shortened(panic.downcast_ref::<String>().unwrap()));
}
