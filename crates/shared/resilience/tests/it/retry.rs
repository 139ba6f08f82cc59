use std::{collections::HashSet, time::Duration};

use kernel::{Error, ErrorKind};
use proptest::prelude::*;
use resilience::{GiveUp, Retry, RetryBudget, RetryBudgetOptions, RetryOptions};
use tokio::time::Instant;
use tower::{Layer, ServiceExt};

use crate::world::{Users, error, poll, retry};

fn busy() -> Error {
    error(ErrorKind::Unavailable)
}

fn users(fails: ErrorKind) -> Users {
    Users { fails: Some(fails), ..Users::default() }
}

/// Pays for so many retries within its ten seconds, whatever succeeds.
fn budget(retries: u32) -> RetryBudget {
    assert_eq!(retries % 10, 0);
    let options = RetryBudgetOptions { percent: 1, per_second: retries / 10, window_seconds: 10 };
    RetryBudget::try_new(&options).unwrap()
}

fn with_budget(attempts: u32, budget: &RetryBudget) -> Retry {
    let options = RetryOptions { attempts, first_ms: 1, longest_ms: 2 };
    Retry::try_new("users", &options, budget.clone(), 7).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_may_succeed_later_is_tried_again() {
    let users = users(ErrorKind::Unavailable);
    let start = Instant::now();
    assert_eq!(retry(3).run(|| users.ask()).await, Err(busy()));
    assert_eq!(users.calls(), 3);
    let waited = start.elapsed();
    assert!((Duration::from_millis(30)..=Duration::from_millis(62)).contains(&waited), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_success_ends_it() {
    let mut failures = vec![busy(), busy()];
    let answer = retry(5).run(|| std::future::ready(failures.pop().map_or(Ok("ada"), Err))).await;
    assert_eq!(answer, Ok("ada"));
}

#[tokio::test(start_paused = true)]
async fn what_stays_as_it_is_is_not_tried_again() {
    use ErrorKind::{Conflict, Internal, Unavailable};
    for kind in ErrorKind::ALL {
        let users = users(kind);
        assert_eq!(retry(3).run(|| users.ask()).await, Err(error(kind)));
        assert_eq!(users.calls() > 1, matches!(kind, Conflict | Unavailable), "{kind:?}");
    }
    let users = users(Internal);
    let all = retry(3).on(|_| true);
    assert_eq!(all.run(|| users.ask()).await, Err(error(Internal)));
    assert_eq!(users.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn as_a_layer_it_does_the_same() {
    let users = users(ErrorKind::Unavailable);
    let service = retry(3).layer(tower::service_fn(|_: &str| users.ask()));
    let start = Instant::now();
    assert_eq!(service.clone().oneshot("ada").await, Err(busy()));
    assert_eq!(users.calls(), 3);
    let first = start.elapsed();
    assert!((Duration::from_millis(30)..=Duration::from_millis(62)).contains(&first), "{first:?}");
    let start = Instant::now();
    assert_eq!(service.oneshot("ada").await, Err(busy()));
    assert_eq!(users.calls(), 6, "another call has its own attempts");
    assert_ne!(start.elapsed(), first, "and its own jitter");
}

fn waits(retry: &Retry) -> Vec<Duration> {
    let mut attempts = retry.attempts();
    std::iter::from_fn(|| attempts.after(&busy()).ok()).collect()
}

proptest! {
    /// A wait without its random part doubles from the first one up to half of the longest; that part adds up to as much.
    #[test]
    fn a_wait_is_within_its_bounds(first_ms in 1_u32..1_000, room in 2_u32..50, attempts in 1_u32..12, seed: u64) {
        let options = RetryOptions { attempts, first_ms, longest_ms: first_ms * room };
        let budget = RetryBudget::try_new(&RetryBudgetOptions { per_second: 100, ..RetryBudgetOptions::default() });
        let budget = budget.unwrap();
        let waits = waits(&Retry::try_new("users", &options, budget.clone(), seed).unwrap());
        prop_assert_eq!(waits.len(), attempts as usize - 1);
        let longest = Duration::from_millis(options.longest_ms.into());
        // Delays are computed in f32.
        let about = Duration::from_micros(1).max(longest / 1_000_000);
        for (n, wait) in waits.iter().enumerate() {
            let base = Duration::from_millis(first_ms.into()).saturating_mul(1 << n).min(longest / 2);
            prop_assert!(*wait + about >= base, "wait {n}: {wait:?} below {base:?}");
            prop_assert!(*wait <= base * 2 + about, "wait {n}: {wait:?} above twice {base:?}");
            prop_assert!(*wait <= longest + about, "wait {n}: {wait:?} above {longest:?}");
        }
        let again = Retry::try_new("users", &options, budget, seed).unwrap();
        prop_assert_eq!(&waits, &self::waits(&again), "a seed is a run that repeats");
    }
}

#[test]
fn calls_that_fail_together_do_not_come_back_together() {
    let retry = retry(2);
    let mut first: Vec<Duration> = (0..100).flat_map(|_| waits(&retry)).collect();
    assert_eq!(first.iter().collect::<HashSet<_>>().len(), 100);
    first.sort();
    // 10 to 20 milliseconds: each quarter of that has its part of a hundred.
    for quarter in 0..4 {
        let from = Duration::from_micros(10_000 + 2_500 * quarter);
        let within = first.iter().filter(|wait| (from..from + Duration::from_micros(2_500)).contains(wait)).count();
        assert!((10..=45).contains(&within), "{within} from {from:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn layers_of_retries_pay_from_one_budget() {
    let users = users(ErrorKind::Unavailable);
    let ask = |inner: Retry, outer: Retry| {
        let users = users.clone();
        async move { outer.run(|| inner.run(|| users.ask())).await }
    };
    // Each layer for itself: the attempts multiply.
    assert_eq!(ask(with_budget(4, &budget(1_000)), with_budget(4, &budget(1_000))).await, Err(busy()));
    assert_eq!(users.calls(), 16);

    // Together: 100 requests, and no more retries than the budget has.
    let shared = budget(20);
    let (inner, outer) = (with_budget(4, &shared), with_budget(4, &shared));
    let before = users.calls();
    let start = Instant::now();
    for _ in 0..100 {
        assert_eq!(ask(inner.clone(), outer.clone()).await, Err(busy()));
    }
    assert!(start.elapsed() < Duration::from_secs(10), "within the window of the budget");
    assert_eq!(users.calls() - before, 100 + 20);
}

#[tokio::test(start_paused = true)]
async fn successes_pay_for_retries_and_time_does() {
    let options = RetryBudgetOptions { percent: 10, per_second: 0, window_seconds: 10 };
    let budget = RetryBudget::try_new(&options).unwrap();
    let retry = with_budget(2, &budget);
    let well = Users::default();
    assert_eq!(retry.attempts().after(&busy()), Err(GiveUp::Budget));
    for _ in 0..20 {
        retry.run(|| well.ask()).await.unwrap();
    }
    let after = || retry.attempts().after(&busy()).is_ok();
    assert_eq!([after(), after(), after()], [true, true, false], "two for twenty");
    for _ in 0..20 {
        retry.run(|| well.ask()).await.unwrap();
    }
    tokio::time::advance(Duration::from_secs(12)).await;
    assert!(retry.attempts().after(&busy()).is_err(), "what was not used is worth nothing any more");

    let steady = with_budget(2, &self::budget(10));
    let after = || steady.attempts().after(&busy()).is_ok();
    assert_eq!((0..20).filter(|_| after()).count(), 10);
    tokio::time::advance(Duration::from_secs(12)).await;
    assert_eq!((0..20).filter(|_| after()).count(), 10, "without a success, after a while");
}

#[test]
fn an_error_that_says_when_to_try_again_is_believed() {
    let milliseconds = Duration::from_millis;
    let later = |ms| busy().with_retry_after(milliseconds(ms));
    let after = |ms| retry(2).attempts().after(&later(ms));
    let wait = after(50).unwrap();
    assert!((milliseconds(60)..=milliseconds(71)).contains(&wait), "the jitter comes on top: {wait:?}");
    assert_eq!(after(95), Ok(milliseconds(100)), "the longest wait");
    assert_eq!(after(101), Err(GiveUp::Later));
}

#[test]
fn it_says_why_it_gives_up() {
    let mut attempts = retry(2).attempts();
    assert_eq!(attempts.after(&error(ErrorKind::Invalid)), Err(GiveUp::Permanent));
    assert!(attempts.after(&busy()).is_ok());
    assert_eq!(attempts.after(&busy()), Err(GiveUp::Attempts));
    assert_eq!(with_budget(2, &budget(0)).attempts().after(&busy()), Err(GiveUp::Budget));
}

#[tokio::test(start_paused = true)]
async fn dropped_between_two_calls_it_makes_no_other() {
    let users = users(ErrorKind::Unavailable);
    let retry = retry(3);
    let mut run: std::pin::Pin<Box<dyn Future<Output = _>>> = Box::pin(retry.run(|| users.ask()));
    assert!(poll(&mut run).await.is_pending());
    drop(run);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(users.calls(), 1);
}
