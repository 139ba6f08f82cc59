use std::{pin::Pin, time::Duration};

use expect_test::expect;
use kernel::ErrorKind;
use resilience::{Bulkhead, BulkheadOptions, Slot};
use tower::{Layer, Service};

use crate::world::{Users, poll};

fn bulkhead(concurrent: u32, queue: u32) -> Bulkhead {
    Bulkhead::try_new("users", BulkheadOptions { concurrent, queue }).unwrap()
}

type Entering<'a> = Pin<Box<dyn Future<Output = Result<Slot<'a>, kernel::Error>> + 'a>>;

fn entering(bulkhead: &Bulkhead) -> Entering<'_> {
    Box::pin(bulkhead.enter())
}

#[tokio::test]
async fn so_many_run_so_many_wait_and_one_more_is_refused() {
    let bulkhead = bulkhead(2, 1);
    let [first, _second] = [bulkhead.enter().await.unwrap(), bulkhead.enter().await.unwrap()];
    let mut third = entering(&bulkhead);
    assert!(poll(&mut third).await.is_pending());
    let refused = bulkhead.enter().await.unwrap_err();
    assert_eq!((refused.kind, refused.code()), (ErrorKind::Unavailable, "resilience.full"));
    expect![
        "`users` is busy, 2 calls run and 1 wait: try again later, or raise `concurrent` or `queue` of its bulkhead"
    ]
    .assert_eq(&refused.message);
    assert_eq!(bulkhead.running(), 2);

    drop(first);
    let third = third.await.unwrap();
    let mut fourth = entering(&bulkhead);
    assert!(poll(&mut fourth).await.is_pending(), "its place was free again");
    assert_eq!(bulkhead.running(), 2);
    drop(third);
    assert!(fourth.await.is_ok());
}

#[tokio::test]
async fn who_waits_longest_goes_first() {
    let bulkhead = bulkhead(1, 2);
    let running = bulkhead.enter().await.unwrap();
    let [mut first, mut second] = [entering(&bulkhead), entering(&bulkhead)];
    assert!(poll(&mut first).await.is_pending());
    assert!(poll(&mut second).await.is_pending());
    drop(running);
    let mut late = entering(&bulkhead);
    assert!(poll(&mut late).await.is_pending());
    assert!(poll(&mut second).await.is_pending());
    assert!(poll(&mut first).await.is_ready());
}

#[tokio::test]
async fn who_gives_up_waiting_leaves_the_queue() {
    let bulkhead = bulkhead(1, 1);
    let running = bulkhead.enter().await.unwrap();
    let mut waiting = entering(&bulkhead);
    assert!(poll(&mut waiting).await.is_pending());
    assert!(bulkhead.enter().await.is_err());
    drop(waiting);
    let mut waiting = entering(&bulkhead);
    assert!(poll(&mut waiting).await.is_pending(), "the queue has a place again");
    drop(running);
    // It was handed the slot and does not come to take it.
    drop(waiting);
    assert_eq!(bulkhead.running(), 0);
    assert!(bulkhead.enter().await.is_ok());
}

#[tokio::test]
async fn without_a_queue_nobody_waits() {
    let bulkhead = bulkhead(1, 0);
    let running = bulkhead.enter().await.unwrap();
    assert!(bulkhead.enter().await.is_err());
    drop(running);
    assert!(bulkhead.enter().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_service_behind_it_is_never_called_more_often_at_once() {
    let bulkhead = bulkhead(3, 100);
    let users = Users { takes: Duration::from_millis(10), ..Users::default() };
    let most = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let service = tower::service_fn({
        let (users, most, bulkhead) = (users.clone(), most.clone(), bulkhead.clone());
        move |()| {
            let users = users.clone();
            most.fetch_max(bulkhead.running(), std::sync::atomic::Ordering::Relaxed);
            async move { users.ask().await }
        }
    });
    let mut guarded = bulkhead.layer(service);
    let start = tokio::time::Instant::now();
    let calls: Vec<_> = (0..30).map(|_| tokio::spawn(guarded.call(()))).collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(users.calls(), 30);
    assert_eq!(most.load(std::sync::atomic::Ordering::Relaxed), 3);
    assert_eq!(start.elapsed(), Duration::from_millis(100), "ten rounds of three");
}
