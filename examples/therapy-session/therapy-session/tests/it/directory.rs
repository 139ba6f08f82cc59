//! The user directory fails and recovers.

use chrono::TimeDelta;
use kernel::{Error, ErrorKind};
use request::ModuleState;
use resilience::{BreakerChange, BreakerState};
use therapy_contracts::{GetSession, IsUserActive, Person, SessionView};
use therapy_session::Practice;
use tokio::sync::broadcast::Receiver;

use crate::arrange;

const CHECK: &str = "users.is-user-active";

/// The module's own error, and what it was made of.
fn unavailable(error: &Error) -> &str {
    assert_eq!((error.kind, error.code()), (ErrorKind::Unavailable, "mental_health.users_unavailable"));
    let (code, _) = error.detail.as_deref().unwrap().split_once(": ").unwrap();
    code
}

fn changes(changes: &mut Receiver<BreakerChange>) -> Vec<(String, BreakerState)> {
    let next = || changes.try_recv().ok().map(|change| (change.target.to_string(), change.state));
    std::iter::from_fn(next).collect()
}

#[tokio::test(start_paused = true)]
async fn the_directory_fails_and_recovers() {
    let mut practice = Practice::open().await.unwrap();
    let mut breakers = practice.application.requests.breakers().changes();

    // A hiccup: the second of three calls is the first one again.
    practice.directory.fail(1);
    let session = arrange(&practice).await.unwrap();
    assert_eq!(practice.directory.calls(), 3);
    practice.settle().await.unwrap();

    // It is down: asked three times, then an error of the module's own. What is only shown is shown without names.
    practice.directory.cut();
    practice.directory.calls();
    let down = arrange(&practice).await.unwrap_err();
    assert_eq!(unavailable(&down), "unavailable");
    assert!((3..=6).contains(&practice.directory.calls()), "three times for one of two users");
    let view = view(&practice, &session.session_id).await;
    assert_eq!((view.patient.name, view.therapist.name), (None, None));
    assert_eq!(changes(&mut breakers), []);

    // Ten failures are too many: nobody calls it any more, and everybody hears when to try again.
    let cx = practice.work_of("reception").unwrap();
    for _ in 0..10 {
        let asked = practice.application.requests.ask(&cx, IsUserActive { user_id: Practice::ADA });
        assert_eq!(asked.await.unwrap_err().kind, ErrorKind::Unavailable);
    }
    assert_eq!(changes(&mut breakers), [(CHECK.to_owned(), BreakerState::Open)]);
    practice.directory.calls();
    practice.directory.mend();
    practice.clock.advance(TimeDelta::seconds(4));
    let open = arrange(&practice).await.unwrap_err();
    assert_eq!((unavailable(&open), open.retry_after.unwrap().as_secs()), ("resilience.open", 6));
    assert_eq!(practice.directory.calls(), 0);

    // Its time is over: two probes for one session, the third one closes the breaker.
    practice.clock.advance(TimeDelta::seconds(6));
    arrange(&practice).await.unwrap();
    assert_eq!(changes(&mut breakers), [(CHECK.to_owned(), BreakerState::HalfOpen)]);
    arrange(&practice).await.unwrap();
    assert_eq!(changes(&mut breakers), [(CHECK.to_owned(), BreakerState::Closed)]);
    practice.settle().await.unwrap();
    assert_eq!(practice.mail.sent().len(), 6, "of three sessions");
}

/// A probe that fails opens the breaker again, for as long.
#[tokio::test(start_paused = true)]
async fn a_directory_that_is_still_down_is_left_alone_again() {
    let practice = Practice::open().await.unwrap();
    let mut breakers = practice.application.requests.breakers().changes();
    practice.directory.cut();
    let cx = practice.work_of("reception").unwrap();
    for _ in 0..10 {
        let asked = practice.application.requests.ask(&cx, IsUserActive { user_id: Practice::ADA });
        asked.await.unwrap_err();
    }
    practice.clock.advance(TimeDelta::seconds(10));
    practice.directory.calls();
    assert_eq!(unavailable(&arrange(&practice).await.unwrap_err()), "resilience.open");
    assert_eq!(practice.directory.calls(), 1);
    let states: Vec<_> = changes(&mut breakers).into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, [BreakerState::Open, BreakerState::HalfOpen, BreakerState::Open]);
}

#[tokio::test(start_paused = true)]
async fn a_module_that_is_stopped_is_not_available() {
    let practice = Practice::open().await.unwrap();
    let session = arrange(&practice).await.unwrap();
    practice.directory.calls();
    let states = practice.application.requests.states();
    states.set("users", ModuleState::Stopped);
    let stopped = arrange(&practice).await.unwrap_err();
    assert_eq!((unavailable(&stopped), stopped.retry_after.unwrap().as_secs()), ("module.stopped", 5));
    let SessionView { patient, .. } = view(&practice, &session.session_id).await;
    assert_eq!(patient, Person { user_id: Practice::ADA, name: None });
    assert_eq!(practice.directory.calls(), 0);

    states.set("users", ModuleState::Up);
    arrange(&practice).await.unwrap();
}

async fn view(practice: &Practice, session_id: &therapy_contracts::SessionId) -> SessionView {
    let cx = practice.work_of("reception").unwrap();
    practice.application.requests.ask(&cx, GetSession { session_id: *session_id }).await.unwrap()
}
