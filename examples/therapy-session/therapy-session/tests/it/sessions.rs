//! A session is made of its events: what each command comes to, and what the modules make of it.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use event_sourcing::{Moment, Repository};
use kernel::{ErrorKind, Event};
use mental_health::{SessionEvent, SessionRefusal, TherapySession};
use testing::{Published, Scenario, given};
use therapy_contracts::{
    CancelSession, CompleteSession, GetSession, Session, SessionId, SessionStatus, SessionType, StartSession,
    TherapySessionCancelled, TherapySessionCompleted, TherapySessionScheduled, TherapySessionStarted,
};
use therapy_session::{Line, Outside, Post, Practice, grants, modules, people};
use uuid::Uuid;

use crate::{at, session};

const ID: SessionId = SessionId::new(Uuid::from_u128(7));

fn scheduled() -> SessionEvent {
    let event = TherapySessionScheduled {
        session_id: ID,
        patient_id: Practice::ADA,
        therapist_id: Practice::INES,
        scheduled_at: at("2026-12-01T09:00:00Z"),
        session_type: SessionType::Intake,
    };
    event.into()
}

fn started(started_at: DateTime<Utc>) -> SessionEvent {
    let (patient_id, therapist_id) = (Practice::ADA, Practice::INES);
    TherapySessionStarted { session_id: ID, patient_id, therapist_id, started_at }.into()
}

fn completed(completed_at: DateTime<Utc>, minutes: u32) -> SessionEvent {
    let (patient_id, therapist_id) = (Practice::ADA, Practice::INES);
    TherapySessionCompleted { session_id: ID, patient_id, therapist_id, completed_at, minutes }.into()
}

fn cancelled() -> SessionEvent {
    let event = TherapySessionCancelled {
        session_id: ID,
        patient_id: Practice::ADA,
        therapist_id: Practice::INES,
        scheduled_at: at("2026-12-01T09:00:00Z"),
    };
    event.into()
}

fn arranged() -> Session {
    Session {
        session_id: ID,
        patient_id: Practice::ADA,
        therapist_id: Practice::INES,
        scheduled_at: at("2026-12-01T09:00:00Z"),
        session_type: SessionType::Intake,
    }
}

#[test]
fn a_session_is_arranged_begun_and_completed() {
    let (begin, end) = (at("2026-12-01T09:05:00Z"), at("2026-12-01T09:55:30Z"));
    let story = given::<TherapySession>([]).when(|session| session.schedule(&arranged())).then([scheduled()]);
    assert_eq!(*story.state(), TherapySession::Scheduled(arranged()));
    let story = story.when(|session| session.start(begin)).then([started(begin)]);
    let story = story.when(|session| session.complete(end)).then([completed(end, 50)]);
    assert_eq!(story.state().shown(), Ok((&arranged(), SessionStatus::Completed)));
}

#[test]
fn a_session_begins_a_quarter_of_an_hour_early_at_most() {
    let from = at("2026-12-01T08:45:00Z");
    let too_early = SessionRefusal::TooEarly { from };
    given::<TherapySession>([scheduled()]).when(|s| s.start(at("2026-12-01T08:44:59Z"))).then_refused(too_early);
    given::<TherapySession>([scheduled()]).when(|session| session.start(from)).then([started(from)]);
}

#[test]
fn only_what_has_not_begun_is_called_off() {
    given::<TherapySession>([scheduled()]).when(TherapySession::cancel).then([cancelled()]);
    let now = at("2026-12-01T09:00:00Z");
    let begun = given::<TherapySession>([scheduled(), started(now)]);
    begun.when(TherapySession::cancel).then_refused(SessionRefusal::Started);
}

/// Each command in each state in which it must not succeed.
#[test]
fn a_session_does_nothing_out_of_turn() {
    let now = at("2026-12-01T09:00:00Z");
    let (over, off) = (vec![scheduled(), started(now), completed(now, 0)], vec![scheduled(), cancelled()]);
    let cases = [
        (vec![], [None, Some(SessionRefusal::Unknown), Some(SessionRefusal::Unknown), Some(SessionRefusal::Unknown)]),
        (vec![scheduled()], [Some(SessionRefusal::Arranged), None, Some(SessionRefusal::NotStarted), None]),
        (
            vec![scheduled(), started(now)],
            [Some(SessionRefusal::Started), Some(SessionRefusal::Started), None, Some(SessionRefusal::Started)],
        ),
        (over, [(); 4].map(|()| Some(SessionRefusal::Completed))),
        (off, [(); 4].map(|()| Some(SessionRefusal::Cancelled))),
    ];
    for (history, expected) in cases {
        let state = || given::<TherapySession>(history.clone());
        let came = [
            state().state().schedule(&arranged()).err(),
            state().state().start(now).err(),
            state().state().complete(now).err(),
            state().state().cancel().err(),
        ];
        assert_eq!(came, expected, "after {history:?}");
    }
}

fn practice() -> testing::Setup {
    let outside = Outside { records: Arc::new(Line::new(people())), mail: Arc::new(Post::default()) };
    Scenario::of(modules(outside)).granted(grants()).starting_at(at("2026-12-01T08:00:00Z"))
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_held_is_told_of_and_cannot_be_called_off() {
    let scenario = practice().start().await;
    let session_id = scenario.by("reception").when(session()).await.session_id;
    let start = StartSession { session_id };
    let refused = scenario.expect_refused(start.clone(), |error| error.kind == ErrorKind::Rejected).await;
    let told = "it is too early for the session: start it from 1 December 2026 at 08:45 UTC on";
    assert_eq!(refused.message, told);
    scenario.when_time_passes(Duration::from_secs(3600)).await;
    scenario.when(start.clone()).await;
    scenario.expect::<TherapySessionStarted>(|event| event.session_id == session_id).await;
    scenario.expect_refused(start, |error| error.kind == ErrorKind::Rejected).await;
    scenario.expect_refused(CancelSession { session_id }, |error| error.message == "the session has begun").await;
    scenario.when_time_passes(Duration::from_secs(3000)).await;
    scenario.when(CompleteSession { session_id }).await;
    scenario.expect::<TherapySessionCompleted>(|event| event.minutes == 50).await;
    scenario.expect_state(GetSession { session_id }, |view| view.status == SessionStatus::Completed).await;
    let published = Published::to(&**scenario.store()).await;
    let mine = published.types().into_iter().filter(|name| name.starts_with("therapy_session."));
    let (scheduled, started) = (TherapySessionScheduled::NAME, TherapySessionStarted::NAME);
    assert_eq!(mine.collect::<Vec<_>>(), [scheduled, started, TherapySessionCompleted::NAME]);

    // What it was before is still there to see.
    let sessions = Repository::<TherapySession>::new(Arc::clone(scenario.store()));
    for (version, status) in [(1, SessionStatus::Scheduled), (2, SessionStatus::Started), (3, SessionStatus::Completed)]
    {
        let then = sessions.as_of(&session_id, Moment::Version(version)).await.unwrap();
        assert_eq!(then.shown().unwrap().1, status);
    }
}

/// Two at the reception do not see each other: one of them is told.
#[tokio::test(start_paused = true)]
async fn two_at_once_do_not_both_start_a_session() {
    let practice = Practice::open().await.unwrap();
    let cx = practice.work_of("reception").unwrap();
    let session_id = crate::arrange(&practice).await.unwrap().session_id;
    practice.clock.advance(chrono::TimeDelta::hours(10 * 24 + 1));
    let (clock, store) = (kernel::Clock::now(&*practice.clock), Arc::clone(&practice.store));
    let sessions = practice.application.container.get::<Repository<TherapySession>>();
    let mut loaded = sessions.load(&session_id).await.unwrap();
    practice.application.requests.ask(&cx, StartSession { session_id }).await.unwrap();
    let mut unit = event_sourcing::Unit::new(testing::origin("mental-health"));
    let event = loaded.start(clock).unwrap();
    sessions.save(&mut loaded, event, &mut unit);
    let error = kernel::Error::from(store.commit(unit).await.unwrap_err());
    assert_eq!(error.kind, ErrorKind::Conflict);
    let refused = practice.application.requests.ask(&cx, CancelSession { session_id }).await.unwrap_err();
    assert_eq!(refused.message, "the session has begun");
}
