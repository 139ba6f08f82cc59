use chrono::{DateTime, TimeDelta, Utc};
use event_bus::ScheduleId;
use event_sourcing::Document;
use serde::{Deserialize, Serialize};
use therapy_contracts::{Session, SessionReminderDue};

/// How long before a session its patient is reminded.
const NOTICE: TimeDelta = TimeDelta::days(1);

/// Which scheduled event reminds of a session, under the id of the session. Absent where there was no time left for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoredReminder(pub ScheduleId);

impl Document for StoredReminder {
    const COLLECTION: &'static str = "mental_health.reminders";
}

/// The reminder and its time, if that is to come.
pub fn reminder(session: &Session, now: DateTime<Utc>) -> Option<(SessionReminderDue, DateTime<Utc>)> {
    let Session { session_id, patient_id, scheduled_at, .. } = *session;
    let due = scheduled_at - NOTICE;
    (due > now).then_some((SessionReminderDue { session_id, patient_id, scheduled_at }, due))
}
