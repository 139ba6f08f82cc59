//! Each module alone: the test plays its neighbours.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use kernel::ErrorKind;
use notifications::{Mail, MemoryMail};
use request::ModuleState;
use testing::Scenario;
use therapy_contracts::{
    GetSessionCharge, GetUserById, GetUserProfile, IsUserActive, NotificationSent, SessionCharged, SessionId,
    SessionReminderDue, SessionType, TherapySessionCancelled, TherapySessionScheduled, User, UserRegistered,
};
use therapy_session::Practice;
use uuid::Uuid;

use crate::{at, session};

fn scheduled(session_type: SessionType) -> TherapySessionScheduled {
    TherapySessionScheduled {
        session_id: SessionId::new(Uuid::from_u128(7)),
        patient_id: Practice::ADA,
        therapist_id: Practice::INES,
        scheduled_at: at("2026-12-01T09:00:00Z"),
        session_type,
    }
}

fn user(request: GetUserById) -> User {
    let user_id = request.user_id;
    User { user_id, name: format!("User {user_id}"), email: format!("{user_id}@example.org"), active: true }
}

#[tokio::test(start_paused = true)]
async fn what_is_arranged_is_charged_by_its_type() {
    let setup = Scenario::of([billing::module()]).publishing::<TherapySessionScheduled>();
    let scenario = setup.publishing::<TherapySessionCancelled>().start().await;
    let event = scheduled(SessionType::Couple);
    scenario.when_published(event.clone()).await;
    scenario.expect::<SessionCharged>(|charged| charged.cents == 14_000).await;
    let request = GetSessionCharge { session_id: event.session_id };
    scenario.expect_state(request, |charge| charge.as_ref().is_some_and(|c| c.patient_id == Practice::ADA)).await;
}

/// The directory hiccups: both are written to nevertheless, once.
#[tokio::test(start_paused = true)]
async fn both_are_written_to_when_the_directory_answers_again() {
    let (mail, asked) = (Arc::new(MemoryMail::default()), AtomicU32::new(0));
    let outside = Arc::clone(&mail) as Arc<dyn Mail>;
    let notifications = notifications::module().provides(move |container| {
        container.instance::<dyn Mail>(outside);
    });
    let directory = move |request| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => Err(kernel::Error::new(ErrorKind::Unavailable, "nobody is there")),
        _ => Ok(Some(user(request))),
    };
    let setup = Scenario::of([notifications]).publishing::<TherapySessionScheduled>();
    let setup =
        setup.publishing::<UserRegistered>().publishing::<SessionReminderDue>().publishing::<TherapySessionCancelled>();
    let scenario = setup.answering::<GetUserById>(directory).start().await;
    scenario.when_published(scheduled(SessionType::Intake)).await;
    scenario.expect::<NotificationSent>(|sent| sent.user_id == Practice::INES).await;
    let to: Vec<String> = mail.sent().into_iter().map(|message| message.to).collect();
    assert_eq!(to, ["1@example.org", "2@example.org"]);
}

/// Whoever is not active cannot take part; then nothing is kept and nothing is told.
#[tokio::test(start_paused = true)]
async fn nothing_is_told_of_a_session_that_is_refused() {
    let setup = Scenario::of([mental_health::module()]).starting_at(at("2026-11-21T08:00:00Z"));
    let setup = setup.answering(|request: IsUserActive| Ok(request.user_id != Practice::RUDI));
    let setup = setup.answering(|request| Ok(Some(user(request))));
    let setup = setup.answering(|_: GetUserProfile| Err(kernel::Error::internal("nobody is shown")));
    let scenario = setup.start().await;
    let with_rudi = therapy_contracts::ScheduleSession { therapist_id: Practice::RUDI, ..session() };
    let refused = scenario.expect_refused(with_rudi, |error| error.kind == ErrorKind::Invalid).await;
    assert_eq!(refused.to_string(), "/therapist_id: User 3 is not active: choose somebody else");
    scenario.expect_none::<TherapySessionScheduled>(|_| true).await;
    assert!(scenario.store().documents("mental_health.reminders", None, 1).await.unwrap().is_empty());
    let arranged = scenario.when(session()).await;
    scenario.expect::<TherapySessionScheduled>(|event| event.session_id == arranged.session_id).await;
    assert!(scenario.application().modules().iter().all(|module| module.state == ModuleState::Up));
}
