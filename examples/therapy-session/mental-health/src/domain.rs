use chrono::{DateTime, TimeDelta, Utc};
use event_bus::ScheduleId;
use event_sourcing::Document;
use serde::{Deserialize, Serialize};
use therapy_contracts::{Session, SessionReminderDue, TherapySessionCancelled, TherapySessionScheduled};

/// How long before a session its patient is reminded.
const NOTICE: TimeDelta = TimeDelta::days(1);

/// A session as it is kept, under its id, until it is called off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSession {
    #[serde(flatten)]
    pub session: Session,
    /// Absent where there was no time left for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminder: Option<ScheduleId>,
}

impl Document for StoredSession {
    const COLLECTION: &'static str = "mental_health.sessions";
}

/// What others hear of it.
pub fn scheduled(session: &Session) -> TherapySessionScheduled {
    let Session { session_id, patient_id, therapist_id, scheduled_at, session_type } = *session;
    TherapySessionScheduled { session_id, patient_id, therapist_id, scheduled_at, session_type }
}

/// What others hear when there is none any more.
pub fn cancelled(session: &Session) -> TherapySessionCancelled {
    let Session { session_id, patient_id, therapist_id, scheduled_at, .. } = *session;
    TherapySessionCancelled { session_id, patient_id, therapist_id, scheduled_at }
}

/// The reminder and its time, if that is to come.
pub fn reminder(session: &Session, now: DateTime<Utc>) -> Option<(SessionReminderDue, DateTime<Utc>)> {
    let Session { session_id, patient_id, scheduled_at, .. } = *session;
    let due = scheduled_at - NOTICE;
    (due > now).then_some((SessionReminderDue { session_id, patient_id, scheduled_at }, due))
}
