//! All of it around one service, in the order that the crate's documentation gives.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use kernel::{Error, ErrorKind, ManualClock};
use resilience::{
    Breaker, BreakerState, Bulkhead, BulkheadOptions, Fallback, FallbackOptions, Timeout, TimeoutOptions,
};
use tower::{Service, ServiceBuilder, ServiceExt};

use crate::world::{breakers, count, error, retry};

/// A user directory that can be switched off: then it does not answer at all.
#[derive(Clone, Default)]
struct Directory {
    off: Arc<AtomicBool>,
    calls: Arc<AtomicU32>,
}

impl Directory {
    fn calls(&self) -> u32 {
        self.calls.swap(0, Ordering::Relaxed)
    }

    async fn find(self, name: &'static str) -> Result<String, Error> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.off.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        if name.is_empty() { Err(error(ErrorKind::Invalid)) } else { Ok(format!("{name} as she is")) }
    }
}

type Find = tower::util::BoxCloneService<&'static str, String, Error>;

fn stack(directory: &Directory) -> (Find, Breaker, Arc<ManualClock>) {
    let (breakers, clock) = breakers(count(4, 4, 2));
    let breaker = breakers.of("users").unwrap();
    let remembered = |name: &'static str, _| async move { Ok(format!("{name} as she was")) };
    let directory = directory.clone();
    let find = ServiceBuilder::new()
        .layer(Fallback::try_new("users", FallbackOptions::default(), remembered).unwrap())
        .layer(retry(3))
        .layer(Bulkhead::try_new("users", BulkheadOptions { concurrent: 2, queue: 2 }).unwrap())
        .layer(breaker.clone())
        .layer(Timeout::try_new("users", &TimeoutOptions { limit_ms: 100 }).unwrap())
        .service(tower::service_fn(move |name| directory.clone().find(name)));
    (Find::new(find), breaker, clock)
}

#[tokio::test(start_paused = true)]
async fn a_directory_fails_and_recovers() {
    let directory = Directory::default();
    let (find, breaker, clock) = stack(&directory);
    assert_eq!(find.clone().oneshot("ada").await.unwrap(), "ada as she is");
    assert_eq!(
        find.clone().oneshot("").await.unwrap_err().kind,
        ErrorKind::Invalid,
        "nothing repeats or replaces that"
    );
    assert_eq!(directory.calls(), 2);

    directory.off.store(true, Ordering::Relaxed);
    for _ in 0..5 {
        assert_eq!(find.clone().oneshot("ada").await.unwrap(), "ada as she was");
    }
    assert_eq!(breaker.status().state, BreakerState::Open);
    assert_eq!(directory.calls(), 4, "of 15 attempts the breaker let 4 through");

    directory.off.store(false, Ordering::Relaxed);
    assert_eq!(find.clone().oneshot("ada").await.unwrap(), "ada as she was", "it is still left alone");
    assert_eq!(directory.calls(), 0);
    clock.advance(TimeDelta::seconds(1));
    assert_eq!(find.clone().oneshot("ada").await.unwrap(), "ada as she is");
    assert_eq!(find.clone().oneshot("ada").await.unwrap(), "ada as she is");
    assert_eq!(breaker.status().state, BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_crowd_is_answered_as_far_as_there_is_room() {
    let directory = Directory::default();
    directory.off.store(true, Ordering::Relaxed);
    let (find, ..) = stack(&directory);
    let start = tokio::time::Instant::now();
    let crowd: Vec<_> = (0..20).map(|_| tokio::spawn(find.clone().oneshot("ada"))).collect();
    for answer in crowd {
        assert_eq!(answer.await.unwrap().unwrap(), "ada as she was");
    }
    assert_eq!(directory.calls(), 4);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

/// Whatever a service says in `poll_ready`, it is called in a clone that has said it.
#[tokio::test]
async fn a_service_is_asked_whether_it_is_ready() {
    #[derive(Default)]
    struct Careful(bool);
    impl Clone for Careful {
        fn clone(&self) -> Self {
            Self(false)
        }
    }
    impl Service<&'static str> for Careful {
        type Response = String;
        type Error = Error;
        type Future = std::future::Ready<Result<String, Error>>;

        fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Error>> {
            self.0 = true;
            std::task::Poll::Ready(Ok(()))
        }

        fn call(&mut self, name: &'static str) -> Self::Future {
            assert!(std::mem::take(&mut self.0), "called without being ready");
            std::future::ready(Ok(name.into()))
        }
    }
    let (breakers, _) = breakers(count(1, 1, 1));
    let service = ServiceBuilder::new()
        .layer(Fallback::try_new("users", FallbackOptions::default(), |_, error| async { Err(error) }).unwrap())
        .layer(retry(2))
        .layer(Bulkhead::try_new("users", BulkheadOptions { concurrent: 1, queue: 0 }).unwrap())
        .layer(breakers.of("users").unwrap())
        .layer(Timeout::try_new("users", &TimeoutOptions { limit_ms: 100 }).unwrap())
        .service(Careful::default());
    assert_eq!(service.oneshot("ada").await.unwrap(), "ada");
}
