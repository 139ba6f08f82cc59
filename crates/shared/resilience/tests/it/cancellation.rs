//! A call may be dropped at every one of its awaits. Whatever it held is there again.

use std::{pin::Pin, time::Duration};

use kernel::{Error, ErrorKind};
use resilience::{Bulkhead, BulkheadOptions, Outcome, Timeout, TimeoutOptions};
use tower::{ServiceBuilder, ServiceExt};

use crate::world::{due_for_a_probe, error, poll, retry};

type Call = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

/// Fails after three awaits.
async fn fail() -> Result<(), Error> {
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
    Err(error(ErrorKind::Unavailable))
}

/// Drops a fresh call after each possible number of polls, and looks at what it leaves.
async fn dropped_everywhere(begin: impl Fn() -> (Call, Box<dyn Fn(u32)>)) -> u32 {
    for polls in 0.. {
        let (mut call, look) = begin();
        for _ in 0..polls {
            if poll(&mut call).await.is_ready() {
                return polls;
            }
            tokio::time::advance(Duration::from_millis(7)).await;
        }
        drop(call);
        look(polls);
    }
    unreachable!("every call ends")
}

#[tokio::test(start_paused = true)]
async fn a_stack_of_layers_leaves_nothing_behind() {
    let polls = dropped_everywhere(|| {
        let (breaker, _) = due_for_a_probe(1);
        let bulkhead = Bulkhead::try_new("users", BulkheadOptions { concurrent: 1, queue: 0 }).unwrap();
        let service = ServiceBuilder::new()
            .layer(retry(3))
            .layer(bulkhead.clone())
            .layer(breaker.clone())
            .layer(Timeout::try_new("users", &TimeoutOptions { limit_ms: 1_000 }).unwrap())
            .service(tower::service_fn(|()| fail()));
        let look = move |polls| {
            assert_eq!(bulkhead.running(), 0, "after {polls} polls");
            // The one probe has failed by now or is there again, and not twice.
            let opened = polls > 3;
            let probe = breaker.admit();
            assert_eq!(probe.is_err(), opened, "after {polls} polls");
            assert!(breaker.admit().is_err());
        };
        (Box::pin(service.oneshot(())), Box::new(look))
    });
    assert!(polls.await > 5, "it waited between attempts too");
}

#[tokio::test(start_paused = true)]
async fn plain_calls_leave_nothing_behind() {
    let polls = dropped_everywhere(|| {
        let (breaker, _) = due_for_a_probe(1);
        let bulkhead = Bulkhead::try_new("users", BulkheadOptions { concurrent: 1, queue: 0 }).unwrap();
        let timeout = Timeout::try_new("users", &TimeoutOptions { limit_ms: 1_000 }).unwrap();
        let call = {
            let (breaker, bulkhead, retry) = (breaker.clone(), bulkhead.clone(), retry(3));
            async move { retry.run(|| bulkhead.run(breaker.run(timeout.run(fail())))).await }
        };
        let look = move |polls| {
            assert_eq!(bulkhead.running(), 0, "after {polls} polls");
            assert_eq!(breaker.admit().is_err(), polls > 3, "after {polls} polls");
        };
        (Box::pin(call), Box::new(look))
    });
    assert!(polls.await > 5, "it waited between attempts too");
}

/// What hangs is dropped by its timeout, and that is a failure: the permit is outside of it.
#[tokio::test(start_paused = true)]
async fn a_target_that_hangs_opens_its_breaker() {
    let (breaker, _) = due_for_a_probe(1);
    breaker.admit().unwrap().record(Outcome::Success);
    let timeout = Timeout::try_new("users", &TimeoutOptions { limit_ms: 100 }).unwrap();
    let hangs = breaker.run(timeout.run::<()>(std::future::pending())).await.unwrap_err();
    assert_eq!(hangs.kind, ErrorKind::Unavailable);
    assert!(breaker.admit().is_err());
}
