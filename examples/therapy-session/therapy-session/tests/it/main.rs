//! The practice as a whole: what its modules say to each other, and what they do when one of them fails.
#![expect(clippy::unwrap_used, reason = "tests")]

mod calendar;
mod directory;
mod flow;
mod letters;
mod modules;
mod people;
mod reminders;
mod requests;
mod served;
mod sessions;
mod story;

use chrono::{DateTime, Utc};
use kernel::{Context, Error};
use testing::Published;
use therapy_contracts::{ScheduleSession, Session, SessionType};
use therapy_session::Practice;

/// Ada with Ines.
fn session() -> ScheduleSession {
    ScheduleSession {
        patient_id: Practice::ADA,
        therapist_id: Practice::INES,
        scheduled_at: at("2026-12-01T09:00:00Z"),
        session_type: SessionType::Individual,
    }
}

fn at(time: &str) -> DateTime<Utc> {
    time.parse().unwrap()
}

/// Arranges it, as the reception does.
async fn arrange(practice: &Practice) -> Result<Session, Error> {
    let cx = practice.work_of("reception").unwrap();
    practice.application.requests.ask(&cx, session()).await
}

/// What a piece of work has set off, in order.
async fn trail(practice: &Practice, cx: &Context) -> Published {
    Published::to(&*practice.store).await.within(cx.correlation())
}
