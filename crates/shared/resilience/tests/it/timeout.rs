use std::time::Duration;

use expect_test::expect;
use kernel::ErrorKind;
use resilience::{Timeout, TimeoutOptions};
use tokio::time::Instant;
use tower::{Layer, ServiceExt};

use crate::world::Users;

fn users(takes: u64) -> Users {
    Users { takes: Duration::from_millis(takes), ..Users::default() }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_takes_too_long_is_dropped() {
    let timeout = Timeout::try_new("users", &TimeoutOptions { limit_ms: 200 }).unwrap();
    let start = Instant::now();
    assert_eq!(timeout.run(users(199).ask()).await, Ok(1));
    assert_eq!(start.elapsed(), Duration::from_millis(199));

    let start = Instant::now();
    let error = timeout.run(users(3_600_000).ask()).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_millis(200));
    assert_eq!((error.kind, error.code()), (ErrorKind::Unavailable, "resilience.timeout"));
    assert!(error.kind.is_transient(), "another attempt may succeed");
    expect!["`users` did not answer within 200 ms: try again later"].assert_eq(&error.message);
}

#[tokio::test(start_paused = true)]
async fn a_service_behind_it_has_the_same_limit() {
    let timeout = Timeout::try_new("users", &TimeoutOptions { limit_ms: 200 }).unwrap();
    let quick = timeout.layer(tower::service_fn(|takes| async move { users(takes).ask().await }));
    assert_eq!(quick.clone().oneshot(199).await, Ok(1));
    let start = Instant::now();
    let error = quick.oneshot(201).await.unwrap_err();
    assert_eq!((error.kind, start.elapsed()), (ErrorKind::Unavailable, Duration::from_millis(200)));
}

#[tokio::test(start_paused = true)]
async fn an_error_in_time_is_the_errors_own() {
    let timeout = Timeout::try_new("users", &TimeoutOptions { limit_ms: 200 }).unwrap();
    let users = Users { fails: Some(ErrorKind::NotFound), ..users(100) };
    assert_eq!(timeout.run(users.ask()).await.unwrap_err().kind, ErrorKind::NotFound);
}
