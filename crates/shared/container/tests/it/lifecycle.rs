use std::{
    future::pending,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use container::{Builder, HookReason, Phase};
use expect_test::expect;
use tokio::time::timeout;

use crate::text::{shortened, with_causes};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }
    fn taken(&self) -> String {
        self.0.lock().unwrap().drain(..).collect::<Vec<_>>().join(", ")
    }
}

trait Store: Send + Sync {}
struct Pool;
impl Store for Pool {}
struct Ledger;
struct Server;

/// A server that needs a ledger that needs a pool, registered the other way round; each with both hooks.
fn wired(log: &Log) -> Builder {
    let mut b = Builder::new();
    b.singleton(|_: Arc<Ledger>| Server).singleton(|_: Arc<dyn Store>| Ledger).bind::<dyn Store, Pool>(|s| s);
    let made = log.clone();
    b.singleton_async(move || {
        made.note("make pool");
        async { Ok::<_, io::Error>(Pool) }
    });
    hooks::<Server>(&mut b, log, "server");
    hooks::<Pool>(&mut b, log, "pool");
    hooks::<Ledger>(&mut b, log, "ledger");
    b
}

fn hooks<T: Send + Sync + 'static>(b: &mut Builder, log: &Log, name: &'static str) {
    let (start, stop) = (log.clone(), log.clone());
    b.on_start(move |_: Arc<T>| {
        let log = start.clone();
        async move {
            log.note(format!("start {name}"));
            Ok::<_, io::Error>(())
        }
    });
    b.on_stop(move |_: Arc<T>| {
        let log = stop.clone();
        async move {
            log.note(format!("stop {name}"));
            Ok::<_, io::Error>(())
        }
    });
}

#[tokio::test]
async fn starts_in_dependency_order_and_stops_in_reverse() {
    let log = Log::default();
    let container = wired(&log).build().unwrap();
    assert_eq!(log.taken(), "");
    container.start(SECOND).await.unwrap();
    assert_eq!(log.taken(), "make pool, start pool, start ledger, start server");
    container.get::<Server>();
    container.start(SECOND).await.unwrap();
    assert_eq!(log.taken(), "", "started already");
    container.stop(SECOND).await.unwrap();
    assert_eq!(log.taken(), "stop server, stop ledger, stop pool");
    container.stop(SECOND).await.unwrap();
    assert_eq!(log.taken(), "", "stopped already");
    container.clone().start(SECOND).await.unwrap();
    assert_eq!(log.taken(), "start pool, start ledger, start server", "the values are still there");
}

#[tokio::test]
async fn failed_start_stops_what_had_started_and_can_be_repeated() {
    let log = Log::default();
    let mut b = wired(&log);
    let refusals = Mutex::new(vec!["port in use"]);
    b.on_start(move |_: Arc<Server>| {
        let refusal = refusals.lock().unwrap().pop();
        async move { refusal.map_or(Ok(()), |refusal| Err(io::Error::other(refusal))) }
    });
    b.on_stop(|_: Arc<Pool>| async { Err::<(), _>("still in use") });
    let container = b.build().unwrap();
    let error = container.start(SECOND).await.unwrap_err();
    expect![
        "could not start; what had started was stopped, but the stop hook of `Pool`, registered at lifecycle.rs, failed: still in use: the start hook of `Server`, registered at lifecycle.rs, failed: port in use"
    ]
    .assert_eq(&with_causes(&error));
    assert_eq!((error.failed.phase, error.rollback.len()), (Phase::Start, 1));
    assert_eq!(log.taken(), "make pool, start pool, start ledger, start server, stop ledger, stop pool");
    container.start(SECOND).await.unwrap();
    assert_eq!(log.taken(), "start pool, start ledger, start server");
}

#[tokio::test]
async fn failed_factory_fails_the_start() {
    let mut b = Builder::new();
    b.singleton(|_: Arc<Pool>| -> Ledger { panic!("out of paper") }).value(Pool);
    let error = b.build().unwrap().start(SECOND).await.unwrap_err();
    expect![
        "could not start; what had started was stopped: making `Ledger`, registered at lifecycle.rs, panicked with: out of paper"
    ]
    .assert_eq(&with_causes(&error));
}

#[tokio::test(start_paused = true)]
async fn every_hook_and_every_awaited_factory_is_under_the_timeout() {
    let mut b = Builder::new();
    b.singleton_async(pending::<Result<Pool, io::Error>>);
    let error = b.build().unwrap().start(SECOND).await.unwrap_err();
    expect![
        "could not start; what had started was stopped: making `Pool`, registered at lifecycle.rs, took longer than 1s"
    ]
    .assert_eq(&with_causes(&error));

    let log = Log::default();
    let mut b = wired(&log);
    b.on_start(|_: Arc<Server>| pending::<Result<(), io::Error>>());
    b.on_stop(|_: Arc<Ledger>| pending::<Result<(), io::Error>>());
    let error = b.build().unwrap().start(SECOND).await.unwrap_err();
    expect![
        "could not start; what had started was stopped, but the stop hook of `Ledger`, registered at lifecycle.rs, took longer than 1s: the start hook of `Server`, registered at lifecycle.rs, took longer than 1s"
    ]
    .assert_eq(&with_causes(&error));
    assert!(matches!(error.failed.reason, HookReason::TimedOut(SECOND)));
    assert_eq!(log.taken(), "make pool, start pool, start ledger, start server, stop ledger, stop pool");
}

#[tokio::test]
async fn stop_runs_all_hooks_and_names_those_that_failed() {
    let log = Log::default();
    let mut b = wired(&log);
    b.on_stop(|_: Arc<Server>| async { Err::<(), _>("socket is gone") });
    b.on_stop(|_: Arc<Pool>| async { if true { panic!("double free") } else { Ok::<_, io::Error>(()) } });
    let container = b.build().unwrap();
    container.start(SECOND).await.unwrap();
    log.taken();
    let error = container.stop(SECOND).await.unwrap_err();
    expect![
        "stopped, but the stop hook of `Server`, registered at lifecycle.rs, failed: socket is gone, and the stop hook of `Pool`, registered at lifecycle.rs, panicked with: double free"
    ]
    .assert_eq(&shortened(&error.to_string()));
    assert_eq!(log.taken(), "stop server, stop ledger, stop pool");
}

#[tokio::test]
async fn hook_of_a_trait_object() {
    let log = Log::default();
    let mut b = wired(&log);
    let stop = log.clone();
    b.on_stop(move |_: Arc<dyn Store>| {
        stop.note("stop store");
        async { Ok::<_, io::Error>(()) }
    });
    let container = b.build().unwrap();
    container.start(SECOND).await.unwrap();
    log.taken();
    container.stop(SECOND).await.unwrap();
    assert_eq!(log.taken(), "stop server, stop ledger, stop store, stop pool");
}

#[tokio::test(start_paused = true)]
async fn cancelled_start_can_be_stopped_or_gone_on_with() {
    let log = Log::default();
    let mut b = wired(&log);
    let waits = Mutex::new(vec![SECOND * 3]);
    b.on_start(move |_: Arc<Ledger>| {
        let wait = waits.lock().unwrap().pop();
        async move {
            tokio::time::sleep(wait.unwrap_or_default()).await;
            Ok::<_, io::Error>(())
        }
    });
    let container = b.build().unwrap();
    assert!(timeout(SECOND, container.start(SECOND * 9)).await.is_err());
    assert_eq!(log.taken(), "make pool, start pool, start ledger");
    container.start(SECOND).await.unwrap();
    assert_eq!(log.taken(), "start ledger, start server");
    container.stop(SECOND).await.unwrap();
    assert_eq!(log.taken(), "stop server, stop ledger, stop pool");
}
