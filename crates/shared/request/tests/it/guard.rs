//! Bulkhead and breaker before each service.

use std::time::Duration;

use chrono::TimeDelta;
use kernel::{Context, ErrorKind};
use request::{Limits, ModuleState, Requests};
use resilience::{BreakerOptions, BreakerState, BulkheadOptions, WindowOptions};

use crate::shop::{Balance, Break, Close, PayIn, Report, Shop, Sleep, after_the_epoch};

fn limits() -> Limits {
    let window = WindowOptions::Count { calls: 4, failures: 2 };
    Limits {
        bulkhead: BulkheadOptions { concurrent: 1, queue: 1 },
        breaker: BreakerOptions { window, open_ms: 60_000, probes: 1, targets: 1 },
        ..Limits::default()
    }
}

/// Two faults open it, a minute later one call is let through, and it closes. Other requests of the module go on.
#[tokio::test]
async fn a_service_that_fails_is_left_alone_for_a_while() {
    let shop = Shop::limited(limits());
    for _ in 0..2 {
        shop.requests.ask(&shop.cx, Break { amount: 2 }).await.unwrap_err();
    }
    let error = shop.requests.ask(&shop.cx, Break { amount: 2 }).await.unwrap_err();
    assert_eq!((error.kind, error.code()), (ErrorKind::Unavailable, "resilience.open"));
    assert!(error.message.contains("`till.break`") && error.retry_after.is_some(), "{error}");
    assert_eq!(shop.requests.ask(&shop.cx, PayIn { amount: 4 }).await.unwrap(), 4);
    let open = |shop: &Shop| {
        let statuses = shop.requests.breakers().statuses();
        statuses.into_iter().filter(|status| status.state != BreakerState::Closed).count()
    };
    assert_eq!(open(&shop), 1);
    let (state, troubles) = shop.requests.standing("till");
    assert_eq!(
        (state, troubles.len(), troubles[0].part.as_str()),
        (ModuleState::Degraded, 1, "service of `till.break`")
    );
    assert!(troubles[0].reason.contains("is refused since 1970-01-01"), "{}", troubles[0].reason);
    assert_eq!(shop.requests.standing("office"), (ModuleState::Up, vec![]), "others are well");
    shop.requests.states().set("till", ModuleState::Stopped);
    assert_eq!(shop.requests.standing("till"), (ModuleState::Stopped, vec![]));
    shop.requests.states().set("till", ModuleState::Up);
    shop.clock.advance(TimeDelta::seconds(61));
    let error = shop.requests.ask(&shop.cx, Break { amount: 2 }).await.unwrap_err();
    assert_eq!(error.code(), "request.panicked", "a probe");
    assert_eq!(shop.requests.ask(&shop.cx, Break { amount: 2 }).await.unwrap_err().code(), "resilience.open");
    let last = shop.audit().await.pop().unwrap();
    assert_eq!(last.code.as_deref(), Some("resilience.open"), "what was not admitted is audited");
}

/// What the caller did wrong says nothing about the service.
#[tokio::test]
async fn refusals_are_no_failures() {
    let shop = Shop::limited(limits());
    for _ in 0..5 {
        let error = shop.requests.ask(&shop.cx, Close { amount: 0 }).await.unwrap_err();
        assert_eq!(error.code(), "till.not_empty");
    }
}

#[tokio::test(start_paused = true)]
async fn not_to_answer_in_time_is_a_failure() {
    let shop = Shop::limited(Limits { patience: Duration::from_secs(5), ..limits() });
    let hurried = shop.cx.clone().until(after_the_epoch(5));
    for code in ["deadline", "deadline", "resilience.open"] {
        assert_eq!(shop.requests.ask(&hurried, Sleep { amount: 2 }).await.unwrap_err().code(), code);
    }
}

/// Who is in a hurry keeps nobody else from a service that is well, and gives the place of a probe back.
#[tokio::test(start_paused = true)]
async fn a_deadline_that_a_caller_cuts_short_says_nothing_about_the_service() {
    let shop = Shop::limited(Limits { patience: Duration::from_secs(5), ..limits() });
    let [hurried, patient] = [4, 5].map(|seconds| shop.cx.clone().until(after_the_epoch(seconds)));
    let sleep = async |cx: &Context| shop.requests.ask(cx, Sleep { amount: 2 }).await.unwrap_err().code().to_owned();
    for _ in 0..5 {
        assert_eq!(sleep(&hurried).await, "deadline");
    }
    assert_eq!(
        [sleep(&patient).await, sleep(&patient).await, sleep(&patient).await],
        ["deadline", "deadline", "resilience.open"]
    );
    shop.clock.advance(TimeDelta::seconds(60));
    let later = shop.cx.clone().until(after_the_epoch(64));
    assert_eq!([sleep(&later).await, sleep(&later).await], ["deadline", "deadline"], "one probe after the other");
}

/// One runs, one waits, the third is refused at once; who waits does so within its deadline.
#[tokio::test]
async fn a_service_takes_no_more_than_it_has_room_for() {
    let shop = Shop::limited(limits());
    shop.clerk.gate.forget_permits(1000);
    let balance = || shop.requests.ask(&shop.cx, Balance { amount: 0 });
    let third = async {
        tokio::task::yield_now().await;
        let error = balance().await.unwrap_err();
        assert_eq!((error.kind, error.code()), (ErrorKind::Unavailable, "resilience.full"));
        shop.clerk.gate.add_permits(1);
    };
    let (first, second, ()) = tokio::join!(balance(), balance(), third);
    assert_eq!((first.unwrap(), second.unwrap()), (0, 0));

    shop.clerk.gate.forget_permits(1000);
    tokio::time::pause();
    let hurried = shop.cx.clone().until(after_the_epoch(5));
    let waiting = shop.requests.ask(&hurried, Balance { amount: 0 });
    let (running, waiting) = tokio::join!(shop.requests.ask(&hurried, Report { amount: 0 }), waiting);
    assert_eq!((running.unwrap_err().kind, waiting.unwrap_err().kind), (ErrorKind::Deadline, ErrorKind::Deadline));
}

/// A caller that goes away gives its slot back and says nothing about the service.
#[tokio::test]
async fn a_dropped_call_leaves_room() {
    let shop = Shop::limited(limits());
    shop.clerk.gate.forget_permits(1000);
    for _ in 0..5 {
        let mut asked = Box::pin(shop.requests.ask(&shop.cx, Balance { amount: 0 }));
        assert!(futures::poll!(&mut asked).is_pending());
    }
    shop.clerk.gate.add_permits(1);
    assert_eq!(shop.requests.ask(&shop.cx, Balance { amount: 0 }).await.unwrap(), 0);
}

#[tokio::test]
async fn limits_out_of_range_are_refused_together_with_what_is_wrong() {
    let shop = Shop::new();
    let closed = |limits| {
        let ids = std::sync::Arc::new(kernel::SequentialIds::default());
        Requests::closed(shop.store.clone(), shop.clock.clone(), ids, limits).map(drop)
    };
    let no_room = BulkheadOptions { concurrent: 0, queue: 1 };
    let error = closed(Limits { bulkhead: no_room, ..Limits::default() }).unwrap_err();
    assert_eq!(error.fields[0].pointer, "/concurrent");
    let never = BreakerOptions { open_ms: 0, probes: 0, ..BreakerOptions::default() };
    assert_eq!(closed(Limits { breaker: never, ..Limits::default() }).unwrap_err().fields.len(), 2);
}
