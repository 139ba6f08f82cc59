use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use chrono::TimeDelta;
use expect_test::expect;
use kernel::{Error, ErrorKind};
use resilience::{BreakerOptions, BreakerState, Outcome, WindowOptions};
use tokio::sync::broadcast::{Receiver, error::TryRecvError};

use crate::world::{breakers, count, due_for_a_probe, error, poll};

fn heard(changes: &mut Receiver<resilience::BreakerChange>) -> Vec<String> {
    let next = || changes.try_recv().ok().map(|change| format!("{} {:?} {}", change.target, change.state, change.at));
    std::iter::from_fn(next).collect()
}

#[test]
fn a_target_that_fails_is_left_alone_and_tried_again() {
    let (breakers, clock) = breakers(count(4, 2, 2));
    let mut changes = breakers.changes();
    let users = breakers.of("users").unwrap();
    for outcome in [Outcome::Failure, Outcome::Success, Outcome::Failure] {
        users.admit().unwrap().record(outcome);
    }
    let rejected = Error::from(users.admit().unwrap_err());
    assert_eq!((rejected.kind, rejected.code()), (ErrorKind::Unavailable, "resilience.open"));
    assert_eq!(rejected.retry_after, Some(Duration::from_secs(1)));
    expect!["`users` failed too often and is not called since 1970-01-01T00:00:00.000Z: try again at 1970-01-01T00:00:01.000Z"]
        .assert_eq(&rejected.message);

    clock.advance(TimeDelta::milliseconds(999));
    assert_eq!(users.admit().unwrap_err().retry_after, Duration::from_millis(1));
    clock.advance(TimeDelta::milliseconds(1));
    let probes = [users.admit().unwrap(), users.admit().unwrap()];
    expect![
        "`users` is being tried with a few calls since 1970-01-01T00:00:01.000Z: try again at 1970-01-01T00:00:02.000Z"
    ]
    .assert_eq(&users.admit().unwrap_err().to_string());
    for probe in probes {
        probe.record(Outcome::Success);
    }
    assert_eq!(users.status().state, BreakerState::Closed);
    assert_eq!(users.status().retry_at, None);
    expect![[r#"
        [
            "users Open 1970-01-01 00:00:00 UTC",
            "users HalfOpen 1970-01-01 00:00:01 UTC",
            "users Closed 1970-01-01 00:00:01 UTC",
        ]
    "#]]
    .assert_debug_eq(&heard(&mut changes));
}

#[test]
fn a_breaker_that_has_closed_has_forgotten_the_failures_before() {
    let (users, _) = due_for_a_probe(1);
    users.admit().unwrap().record(Outcome::Success);
    assert_eq!(users.status().state, BreakerState::Closed);

    let (breakers, clock) = breakers(count(4, 2, 1));
    let users = breakers.of("users").unwrap();
    users.admit().unwrap().record(Outcome::Failure);
    users.admit().unwrap().record(Outcome::Failure);
    clock.advance(TimeDelta::seconds(1));
    users.admit().unwrap().record(Outcome::Success);
    users.admit().unwrap().record(Outcome::Failure);
    assert_eq!(users.status().state, BreakerState::Closed);
}

#[test]
fn cancelled_calls_count_for_nothing_and_give_their_probe_back() {
    let (breakers, _) = breakers(count(2, 1, 1));
    let users = breakers.of("users").unwrap();
    drop(users.admit().unwrap());
    assert_eq!(users.status().state, BreakerState::Closed);

    let (users, _) = due_for_a_probe(1);
    let probe = users.admit_owned().unwrap();
    assert!(users.admit().is_err());
    drop(probe);
    let probe = users.admit().unwrap();
    assert!(users.admit().is_err(), "one came back and not two");
    probe.record(Outcome::Success);
    assert_eq!(users.status().state, BreakerState::Closed);
}

#[test]
fn probes_that_never_say_anything_have_failed() {
    let (users, clock) = due_for_a_probe(2);
    std::mem::forget(users.admit_owned().unwrap());
    let late = users.admit().unwrap();
    clock.advance(TimeDelta::milliseconds(999));
    assert_eq!(users.admit().unwrap_err().state, BreakerState::HalfOpen);
    clock.advance(TimeDelta::milliseconds(1));
    assert_eq!(users.admit().unwrap_err().state, BreakerState::Open);
    clock.advance(TimeDelta::seconds(1));
    let probes = [users.admit().unwrap(), users.admit().unwrap()];
    late.record(Outcome::Failure);
    for probe in probes {
        probe.record(Outcome::Success);
    }
    assert_eq!(users.status().state, BreakerState::Closed, "the late answer was about the past");
}

#[test]
fn a_success_of_the_past_makes_no_failure_forgotten() {
    let (breakers, clock) = breakers(count(2, 2, 1));
    let users = breakers.of("users").unwrap();
    let late = users.admit().unwrap();
    for _ in 0..2 {
        users.admit().unwrap().record(Outcome::Failure);
    }
    clock.advance(TimeDelta::seconds(1));
    users.admit().unwrap().record(Outcome::Success);
    users.admit().unwrap().record(Outcome::Failure);
    late.record(Outcome::Success);
    users.admit().unwrap().record(Outcome::Failure);
    assert_eq!(users.status().state, BreakerState::Open);
}

#[test]
fn a_panic_is_a_failure() {
    let (breakers, _) = breakers(count(1, 1, 1));
    let users = breakers.of("users").unwrap();
    let call = AssertUnwindSafe(|| {
        let _permit = users.admit().unwrap();
        std::panic::resume_unwind(Box::new("the call"));
    });
    std::panic::catch_unwind(call).unwrap_err();
    assert_eq!(users.status().state, BreakerState::Open);
}

#[tokio::test]
async fn a_panic_of_a_guarded_service_is_a_failure() {
    use tower::{Layer, Service};
    let (breakers, _) = breakers(count(1, 1, 1));
    let users = breakers.of("users").unwrap();
    let panics = tower::service_fn(|()| async {
        tokio::task::yield_now().await;
        std::panic::resume_unwind(Box::new("the service"))
    });
    let mut guarded = users.layer(panics);
    let call: std::pin::Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> = Box::pin(guarded.call(()));
    tokio::spawn(call).await.unwrap_err();
    assert_eq!(users.status().state, BreakerState::Open);
}

#[tokio::test]
async fn what_the_caller_has_to_mend_is_no_failure_of_the_target() {
    use ErrorKind::{Deadline, Internal, Unavailable};
    for kind in ErrorKind::ALL {
        let (breakers, _) = breakers(count(1, 1, 1));
        let users = breakers.of("users").unwrap();
        let answer: Result<(), Error> = users.run(async { Err(error(kind)) }).await;
        assert_eq!(answer, Err(error(kind)));
        let open = users.status().state == BreakerState::Open;
        assert_eq!(open, matches!(kind, Unavailable | Deadline | Internal), "{kind:?}");
    }
}

#[tokio::test]
async fn a_call_that_is_not_let_through_is_not_made() {
    let (users, _) = due_for_a_probe(1);
    let mut probe: std::pin::Pin<Box<dyn Future<Output = _>>> =
        Box::pin(users.run(std::future::pending::<Result<(), Error>>()));
    assert!(poll(&mut probe).await.is_pending());
    let second: Result<(), Error> = users.run(async { unreachable!("the only probe is under way") }).await;
    assert_eq!(second.unwrap_err().kind, ErrorKind::Unavailable);
}

#[test]
fn a_clock_that_is_set_back_prolongs_no_wait() {
    let (breakers, clock) = breakers(count(1, 1, 1));
    let users = breakers.of("users").unwrap();
    users.admit().unwrap().record(Outcome::Failure);
    clock.advance(TimeDelta::hours(-1));
    assert!(users.admit().is_err());
    clock.advance(TimeDelta::seconds(1));
    assert!(users.admit().is_ok());
}

#[test]
fn a_clock_that_is_set_back_leaves_no_outcome_in_the_future() {
    let window = WindowOptions::Rate { over_ms: 1_000, at_least: 2, percent: 50 };
    let (breakers, clock) = breakers(BreakerOptions { window, ..count(1, 1, 1) });
    let users = breakers.of("users").unwrap();
    users.admit().unwrap().record(Outcome::Failure);
    clock.advance(TimeDelta::hours(-1));
    users.admit().unwrap().record(Outcome::Failure);
    assert_eq!(users.status().state, BreakerState::Closed);
    users.admit().unwrap().record(Outcome::Failure);
    assert_eq!(users.status().state, BreakerState::Open);
}

#[test]
fn each_target_has_its_own_breaker_and_there_is_a_limit_to_them() {
    let (breakers, _) = breakers(BreakerOptions { targets: 2, ..count(1, 1, 1) });
    breakers.of("users").unwrap().admit().unwrap().record(Outcome::Failure);
    assert!(breakers.of("users").unwrap().admit().is_err());
    assert!(breakers.of("billing").unwrap().admit().is_ok());
    let error = breakers.of("user-4711").unwrap_err();
    expect!["there are breakers for 2 targets and `user-4711` would be one more: name targets by what they are, not by an id of theirs, or raise `targets` of the breakers"]
        .assert_eq(&error.message);
    let statuses = breakers.statuses();
    let statuses: Vec<_> = statuses.iter().map(|status| (&*status.target, status.state)).collect();
    assert_eq!(statuses, [("billing", BreakerState::Closed), ("users", BreakerState::Open)]);
}

#[test]
fn a_listener_that_does_not_listen_is_told_what_it_missed() {
    let (breakers, clock) = breakers(BreakerOptions { open_ms: 1, ..count(1, 1, 1) });
    let mut changes = breakers.changes();
    let users = breakers.of("users").unwrap();
    for _ in 0..150 {
        users.admit().unwrap().record(Outcome::Failure);
        clock.advance(TimeDelta::milliseconds(1));
    }
    // Opened once, then 149 times half open and open.
    assert_eq!(changes.try_recv(), Err(TryRecvError::Lagged(299 - 256)));
    assert_eq!(heard(&mut changes).len(), 256);
}

#[test]
fn handles_of_a_target_are_one_breaker() {
    let (breakers, _) = breakers(count(1, 1, 1));
    let breakers = Arc::new(breakers);
    let [here, there] = [breakers.of("users").unwrap(), breakers.of("users").unwrap()];
    here.admit().unwrap().record(Outcome::Failure);
    assert!(there.admit().is_err());
}
