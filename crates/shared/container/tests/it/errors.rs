use std::{
    error::Error,
    io,
    panic::AssertUnwindSafe,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use container::{Builder, Container, GetError, Reason};
use expect_test::expect;

use crate::text::{shortened, with_causes};

trait Store: Send + Sync {}
#[derive(Debug)]
struct Sqlite;
struct Memory;
impl Store for Sqlite {}
impl Store for Memory {}
#[derive(Debug)]
struct Ledger;
#[derive(Debug)]
struct Report;
struct Request;

/// Fails so often, then works.
fn flaky(failures: usize) -> impl Fn() -> Result<Sqlite, io::Error> {
    let runs = AtomicUsize::new(0);
    move || match runs.fetch_add(1, Ordering::Relaxed) {
        run if run < failures => Err(io::Error::other(format!("disk full, run {run}"))),
        _ => Ok(Sqlite),
    }
}

#[test]
fn failed_factory_names_its_chain_keeps_its_source_and_is_tried_again() {
    let mut b = Builder::new();
    b.singleton(|_: Arc<Ledger>| Report)
        .singleton(|_: Arc<dyn Store>| Ledger)
        .bind::<dyn Store, Sqlite>(|s| s)
        .try_singleton(flaky(2));
    let container = b.build().unwrap();
    let error = container.try_get::<Report>().unwrap_err();
    expect![[
        "`Report` needs `Ledger` needs `dyn Store` needs `Sqlite`: the factory of `Sqlite`, registered at errors.rs, failed: disk full, run 0"
    ]]
    .assert_eq(&with_causes(&error));
    let GetError::Failed(failure) = error else { panic!("{error}") };
    assert_eq!(failure.chain().len(), 4);
    assert!(matches!(failure.reason(), Reason::Error(error) if error.is::<io::Error>()));

    let error = container.try_get::<dyn Store>().err().unwrap();
    expect!["`dyn Store` needs `Sqlite`: the factory of `Sqlite`, registered at errors.rs, failed: disk full, run 1"]
        .assert_eq(&with_causes(&error));
    assert!(container.try_get::<Report>().is_ok(), "the third run works");
    assert!(Arc::ptr_eq(&container.get::<Report>(), &container.get::<Report>()));
}

#[test]
fn panicking_factory_names_its_chain_and_is_tried_again() {
    let runs = AtomicUsize::new(0);
    let mut b = Builder::new();
    b.scoped(|_: Arc<Ledger>| Report).transient(|_: Vec<Arc<Sqlite>>| Ledger).scoped(move || {
        assert!(runs.fetch_add(1, Ordering::Relaxed) > 0, "no {}", "disk");
        Sqlite
    });
    let scope = b.build().unwrap().scope();
    expect![
        "`Report` needs `Ledger` needs `Sqlite`: the factory of `Sqlite`, registered at errors.rs, panicked with: no disk"
    ]
    .assert_eq(&with_causes(&scope.try_get::<Report>().unwrap_err()));
    assert!(scope.try_get::<Report>().is_ok());
}

#[tokio::test]
async fn warm_up_makes_all_singletons_or_says_which_failed() {
    let mut b = Builder::new();
    b.singleton(|_: Arc<Sqlite>| Ledger)
        .try_singleton(flaky(1))
        .singleton_async(async || Ok::<_, io::Error>(7_u8))
        .transient(|| -> Report { panic!("nobody asked") });
    let container = b.build().unwrap();
    expect!["making `Sqlite`, registered at errors.rs, failed: disk full, run 0"]
        .assert_eq(&with_causes(&container.warm_up(Duration::from_secs(1)).await.unwrap_err()));
    container.warm_up(Duration::from_secs(1)).await.unwrap();
    assert_eq!(*container.get::<u8>(), 7, "what is made can be had at once");
    let made: Vec<u64> = container.tallies().iter().map(|tally| tally.made).collect();
    assert_eq!(made, [1, 1, 1, 0]);
}

#[test]
fn try_singleton_takes_any_error_that_boxes() {
    let mut b = Builder::new();
    b.try_singleton(|| Ok::<_, String>(Sqlite))
        .try_singleton(|_: Arc<Sqlite>| Ok::<_, Box<dyn Error + Send + Sync>>(7_u8))
        .try_scoped(|| Err::<Ledger, _>("no ledger today"))
        .try_transient(|_: Arc<Sqlite>| Ok::<_, io::Error>(Report));
    let container = b.build().unwrap();
    assert_eq!(*container.get::<u8>(), 7);
    assert!(container.try_get::<Report>().is_ok());
    expect!["the factory of `Ledger`, registered at errors.rs, failed: no ledger today"]
        .assert_eq(&with_causes(&container.scope().try_get::<Ledger>().unwrap_err()));
}

/// What a factory asks for past its parameters is refused, or it could wait for itself.
#[test]
fn factory_that_asks_the_container_past_its_parameters() {
    let container = Arc::new(OnceLock::<Container>::new());
    let (for_ledger, for_report) = (Arc::clone(&container), Arc::clone(&container));
    let mut b = Builder::new();
    b.singleton(move || {
        for_ledger.get().unwrap().get::<Report>();
        Ledger
    })
    .try_singleton(move || for_report.get().unwrap().try_get::<Ledger>().map(|_| Report))
    .value(Sqlite);
    let container = container.get_or_init(|| b.build().unwrap());
    expect![
        "the factory of `Report`, registered at errors.rs, failed: the factory of `Report` asked the container for `Ledger`: make it a parameter of the factory"
    ]
    .assert_eq(&with_causes(&container.try_get::<Report>().unwrap_err()));
    expect![
        "the factory of `Ledger`, registered at errors.rs, panicked with: the factory of `Ledger` asked the container for `Report`: make it a parameter of the factory"
    ]
    .assert_eq(&with_causes(&container.try_get::<Ledger>().unwrap_err()));
}

#[test]
fn factory_that_builds_a_container_of_its_own() {
    let mut b = Builder::new();
    b.singleton(|_: Arc<Sqlite>| {
        let mut inner = Builder::new();
        inner.singleton(|_: Arc<Sqlite>| 5_u8).singleton(|| Sqlite);
        *inner.build().unwrap().get::<u8>()
    })
    .singleton(|| Sqlite);
    assert_eq!(*b.build().unwrap().get::<u8>(), 5);
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
fn get_panics_with_the_reason_and_its_causes() {
    let mut b = Builder::new();
    b.try_singleton(flaky(1));
    let container = b.build().unwrap();
    let message = |ask: &dyn Fn()| {
        let panic = std::panic::catch_unwind(AssertUnwindSafe(ask)).err().unwrap();
        shortened(panic.downcast_ref::<String>().unwrap())
    };
    expect!["`Ledger` is not registered"].assert_eq(&message(&|| drop(container.get::<Ledger>())));
    expect!["the factory of `Sqlite`, registered at errors.rs, failed: disk full, run 0"]
        .assert_eq(&message(&|| drop(container.scope().get::<Sqlite>())));
}
