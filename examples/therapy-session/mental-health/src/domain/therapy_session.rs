use std::mem;

use chrono::{DateTime, TimeDelta, Utc};
use event_sourcing::{Aggregate, event_set};
use kernel::{Error, ErrorKind};
use therapy_contracts::{
    Session, SessionId, SessionStatus, TherapySessionCancelled, TherapySessionCompleted, TherapySessionScheduled,
    TherapySessionStarted,
};

/// How long before its time a session may begin.
const EARLY: TimeDelta = TimeDelta::minutes(15);

event_set! {
    /// What happens to a session: what others hear of it is what it is made of.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum SessionEvent {
        Scheduled(TherapySessionScheduled),
        Started(TherapySessionStarted),
        Completed(TherapySessionCompleted),
        Cancelled(TherapySessionCancelled),
    }
}

/// A session, from when it is arranged until it is over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TherapySession {
    /// Nobody has arranged it.
    #[default]
    Unknown,
    Scheduled(Session),
    Started {
        session: Session,
        at: DateTime<Utc>,
    },
    Completed(Session),
    Cancelled,
}

impl Aggregate for TherapySession {
    type Id = SessionId;
    type Event = SessionEvent;
    const STREAM: &'static str = "mental_health.session";

    fn apply(&mut self, event: SessionEvent) {
        *self = match (mem::take(self), event) {
            (Self::Unknown, SessionEvent::Scheduled(event)) => Self::Scheduled(arranged(&event)),
            (Self::Scheduled(session), SessionEvent::Started(event)) => Self::Started { session, at: event.started_at },
            (Self::Started { session, .. }, SessionEvent::Completed(_)) => Self::Completed(session),
            (Self::Scheduled(_), SessionEvent::Cancelled(_)) => Self::Cancelled,
            // No command leads here.
            (state, _) => state,
        };
    }
}

/// Why a session does not do what it is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionRefusal {
    #[error("there is no such session")]
    Unknown,
    #[error("the session was called off")]
    Cancelled,
    #[error("the session is arranged already")]
    Arranged,
    #[error("it is too early for the session: start it from {} UTC on", from.format("%-d %B %Y at %H:%M"))]
    TooEarly { from: DateTime<Utc> },
    #[error("the session has not begun: start it first")]
    NotStarted,
    #[error("the session has begun")]
    Started,
    #[error("the session is over")]
    Completed,
}

impl From<SessionRefusal> for Error {
    fn from(refusal: SessionRefusal) -> Self {
        let kind = match refusal {
            // What was called off is no session any more.
            SessionRefusal::Unknown | SessionRefusal::Cancelled => ErrorKind::NotFound,
            SessionRefusal::Arranged
            | SessionRefusal::TooEarly { .. }
            | SessionRefusal::NotStarted
            | SessionRefusal::Started
            | SessionRefusal::Completed => ErrorKind::Rejected,
        };
        Self::new(kind, refusal.to_string())
    }
}

impl TherapySession {
    /// What there is to show of it, and how far it has come.
    pub fn shown(&self) -> Result<(&Session, SessionStatus), SessionRefusal> {
        match self {
            Self::Scheduled(session) => Ok((session, SessionStatus::Scheduled)),
            Self::Started { session, .. } => Ok((session, SessionStatus::Started)),
            Self::Completed(session) => Ok((session, SessionStatus::Completed)),
            Self::Unknown => Err(SessionRefusal::Unknown),
            Self::Cancelled => Err(SessionRefusal::Cancelled),
        }
    }

    pub fn schedule(&self, session: &Session) -> Result<SessionEvent, SessionRefusal> {
        let Session { session_id, patient_id, therapist_id, scheduled_at, session_type } = *session;
        match self {
            Self::Unknown => {
                let event =
                    TherapySessionScheduled { session_id, patient_id, therapist_id, scheduled_at, session_type };
                Ok(event.into())
            }
            Self::Scheduled(_) => Err(SessionRefusal::Arranged),
            Self::Started { .. } => Err(SessionRefusal::Started),
            Self::Completed(_) => Err(SessionRefusal::Completed),
            Self::Cancelled => Err(SessionRefusal::Cancelled),
        }
    }

    pub fn start(&self, now: DateTime<Utc>) -> Result<SessionEvent, SessionRefusal> {
        match self {
            Self::Scheduled(Session { session_id, patient_id, therapist_id, scheduled_at, .. }) => {
                let from = *scheduled_at - EARLY;
                if now < from {
                    return Err(SessionRefusal::TooEarly { from });
                }
                let (session_id, patient_id, therapist_id) = (*session_id, *patient_id, *therapist_id);
                Ok(TherapySessionStarted { session_id, patient_id, therapist_id, started_at: now }.into())
            }
            Self::Started { .. } => Err(SessionRefusal::Started),
            Self::Completed(_) => Err(SessionRefusal::Completed),
            Self::Cancelled => Err(SessionRefusal::Cancelled),
            Self::Unknown => Err(SessionRefusal::Unknown),
        }
    }

    pub fn complete(&self, now: DateTime<Utc>) -> Result<SessionEvent, SessionRefusal> {
        match self {
            Self::Started { session: Session { session_id, patient_id, therapist_id, .. }, at } => {
                let (session_id, patient_id, therapist_id) = (*session_id, *patient_id, *therapist_id);
                let minutes = u32::try_from((now - at).num_minutes()).unwrap_or(0);
                let completed_at = now;
                Ok(TherapySessionCompleted { session_id, patient_id, therapist_id, completed_at, minutes }.into())
            }
            Self::Scheduled(_) => Err(SessionRefusal::NotStarted),
            Self::Completed(_) => Err(SessionRefusal::Completed),
            Self::Cancelled => Err(SessionRefusal::Cancelled),
            Self::Unknown => Err(SessionRefusal::Unknown),
        }
    }

    pub fn cancel(&self) -> Result<SessionEvent, SessionRefusal> {
        match self {
            Self::Scheduled(Session { session_id, patient_id, therapist_id, scheduled_at, .. }) => {
                let (session_id, patient_id) = (*session_id, *patient_id);
                let (therapist_id, scheduled_at) = (*therapist_id, *scheduled_at);
                Ok(TherapySessionCancelled { session_id, patient_id, therapist_id, scheduled_at }.into())
            }
            Self::Started { .. } => Err(SessionRefusal::Started),
            Self::Completed(_) => Err(SessionRefusal::Completed),
            Self::Cancelled => Err(SessionRefusal::Cancelled),
            Self::Unknown => Err(SessionRefusal::Unknown),
        }
    }
}

fn arranged(event: &TherapySessionScheduled) -> Session {
    let TherapySessionScheduled { session_id, patient_id, therapist_id, scheduled_at, session_type } = *event;
    Session { session_id, patient_id, therapist_id, scheduled_at, session_type }
}
