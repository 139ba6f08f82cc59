//! The calendar of a therapist: a read model of what was arranged and called off.

use std::time::Duration;

use event_sourcing::{ReadModel, RebuildEnd, follow_rebuild};
use mental_health::Calendar;
use testing::Scenario;
use therapy_contracts::{
    Appointment, CancelSession, GetDay, ScheduleSession, Session, TherapySessionCancelled, TherapySessionScheduled,
};
use therapy_session::Practice;

use crate::{at, session};

const SOON: Duration = Duration::from_secs(9);
const CALENDAR: &str = "mental_health.calendar";

async fn arranged(practice: &Practice, time: &str) -> Session {
    let cx = practice.work_of("reception").unwrap();
    let request = ScheduleSession { scheduled_at: at(time), ..session() };
    practice.application.requests.ask(&cx, request).await.unwrap()
}

/// What Ines has to do on the first of December, as far as it is arranged by now.
async fn day(practice: &Practice) -> Vec<String> {
    let model = ReadModel::<Calendar>::new(practice.store.clone());
    model.wait_for(practice.store.head().await.unwrap(), SOON).await.unwrap();
    let cx = practice.work_of("reception").unwrap();
    let request = GetDay { therapist_id: Practice::INES, day: at("2026-12-01T00:00:00Z").date_naive() };
    let day = practice.application.requests.ask(&cx, request).await.unwrap();
    day.iter().map(|appointment| appointment.scheduled_at.format("%H:%M").to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_day_has_what_was_arranged_and_not_called_off() {
    let practice = Practice::open().await.unwrap();
    assert_eq!(day(&practice).await, [""; 0]);
    arranged(&practice, "2026-12-01T14:00:00Z").await;
    let early = arranged(&practice, "2026-12-01T09:00:00Z").await;
    arranged(&practice, "2026-12-02T10:00:00Z").await;
    assert_eq!(day(&practice).await, ["09:00", "14:00"]);
    let cx = practice.work_of("reception").unwrap();
    practice.application.requests.ask(&cx, CancelSession { session_id: early.session_id }).await.unwrap();
    assert_eq!(day(&practice).await, ["14:00"]);
}

/// While it is paused the calendar stands still; written anew, it is the same.
#[tokio::test(start_paused = true)]
async fn the_calendar_is_paused_and_written_anew() {
    let practice = Practice::open().await.unwrap();
    arranged(&practice, "2026-12-01T14:00:00Z").await;
    assert_eq!(day(&practice).await, ["14:00"]);
    let projections = &practice.application.projections;
    projections.pause(CALENDAR).await.unwrap();
    arranged(&practice, "2026-12-01T10:00:00Z").await;
    assert!(!projections.drain(Duration::ZERO).await.unwrap() || projections.standings()[0].paused);
    projections.resume(CALENDAR).await.unwrap();
    assert_eq!(day(&practice).await, ["10:00", "14:00"]);
    let generation = projections.rebuild(CALENDAR).await.unwrap();
    let end = follow_rebuild(&*practice.store, CALENDAR, generation, |_| ()).await.unwrap();
    assert_eq!((generation, end), (2, RebuildEnd::Live));
    assert_eq!(day(&practice).await, ["10:00", "14:00"]);
}

/// From events alone: whoever publishes them need not be here.
#[tokio::test(start_paused = true)]
async fn the_calendar_follows_events() {
    let practice = Practice::open().await.unwrap();
    let first = arranged(&practice, "2026-12-01T09:00:00Z").await;
    let log = testing::Published::to(&*practice.store).await;
    let scheduled = log.of::<TherapySessionScheduled>().remove(0);
    let modules = [mental_health::module()];
    let setup = Scenario::of(modules).answering(|_: therapy_contracts::GetUserById| Ok(None));
    let setup = setup.answering(|_: therapy_contracts::IsUserActive| Ok(true));
    let nobody = |_: therapy_contracts::GetUserProfile| Err(kernel::Error::internal("nobody is shown"));
    let scenario = setup.answering(nobody).start().await;
    let request = GetDay { therapist_id: Practice::INES, day: first.scheduled_at.date_naive() };
    scenario.when_published(scheduled).await;
    let of_the_day = |day: &Vec<Appointment>| day.len() == 1 && day[0].session_id == first.session_id;
    scenario.expect_state(request.clone(), of_the_day).await;
    let Session { session_id, patient_id, therapist_id, scheduled_at, .. } = first;
    scenario.when_published(TherapySessionCancelled { session_id, patient_id, therapist_id, scheduled_at }).await;
    scenario.expect_state(request, Vec::is_empty).await;
}
