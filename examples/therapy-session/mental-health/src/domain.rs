use event_sourcing::Document;
use serde::{Deserialize, Serialize};
use therapy_contracts::{Session, TherapySessionScheduled};

/// A session as it is kept, under its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoredSession(pub Session);

impl Document for StoredSession {
    const COLLECTION: &'static str = "mental_health.sessions";
}

/// What others hear of it.
pub fn scheduled(session: &Session) -> TherapySessionScheduled {
    let Session { session_id, patient_id, therapist_id, scheduled_at, session_type } = *session;
    TherapySessionScheduled { session_id, patient_id, therapist_id, scheduled_at, session_type }
}
