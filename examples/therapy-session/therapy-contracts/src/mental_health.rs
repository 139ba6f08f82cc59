use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{Access, Event, Permission, Priority, Request, RequestKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::UserId;

/// Arrange sessions.
pub const SCHEDULE_SESSIONS: Permission = Permission::new("mental-health:schedule");
/// Say when sessions begin and when they are over.
pub const CONDUCT_SESSIONS: Permission = Permission::new("mental-health:conduct");
/// See sessions.
pub const READ_SESSIONS: Permission = Permission::new("mental-health:read");

/// Identity of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SessionId(Uuid);

impl SessionId {
    /// The session that was given this id.
    pub const fn new(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SessionType {
    /// The first talk.
    Intake,
    /// Of one patient.
    Individual,
    /// Of a patient and somebody close.
    Couple,
}

/// Arrange a session of a patient with a therapist, both of whom must be active.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduleSession {
    /// Who is treated.
    pub patient_id: UserId,
    /// Who treats.
    pub therapist_id: UserId,
    /// When it begins; in the future.
    pub scheduled_at: DateTime<Utc>,
    /// What it is for.
    pub session_type: SessionType,
}

impl Request for ScheduleSession {
    type Response = Session;
    const NAME: &'static str = "mental-health.schedule-session";
    const KIND: RequestKind = RequestKind::Command;
    const ACCESS: Access = Access::Requires(SCHEDULE_SESSIONS);

    fn subject(&self) -> Option<String> {
        Some(format!("patient {}", self.patient_id))
    }
}

/// Call a session off that has not begun. It is no session any more, and nobody is reminded of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CancelSession {
    /// Which one.
    pub session_id: SessionId,
}

impl Request for CancelSession {
    type Response = Session;
    const NAME: &'static str = "mental-health.cancel-session";
    const KIND: RequestKind = RequestKind::Command;
    const ACCESS: Access = Access::Requires(SCHEDULE_SESSIONS);

    fn subject(&self) -> Option<String> {
        Some(format!("session {}", self.session_id))
    }
}

/// The session begins, now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StartSession {
    /// Which one.
    pub session_id: SessionId,
}

impl Request for StartSession {
    type Response = Session;
    const NAME: &'static str = "mental-health.start-session";
    const KIND: RequestKind = RequestKind::Command;
    const ACCESS: Access = Access::Requires(CONDUCT_SESSIONS);

    fn subject(&self) -> Option<String> {
        Some(format!("session {}", self.session_id))
    }
}

/// The session is over, now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CompleteSession {
    /// Which one.
    pub session_id: SessionId,
}

impl Request for CompleteSession {
    type Response = Session;
    const NAME: &'static str = "mental-health.complete-session";
    const KIND: RequestKind = RequestKind::Command;
    const ACCESS: Access = Access::Requires(CONDUCT_SESSIONS);

    fn subject(&self) -> Option<String> {
        Some(format!("session {}", self.session_id))
    }
}

/// A session that was arranged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Session {
    /// Identity.
    pub session_id: SessionId,
    /// Who is treated.
    pub patient_id: UserId,
    /// Who treats.
    pub therapist_id: UserId,
    /// When it begins.
    pub scheduled_at: DateTime<Utc>,
    /// What it is for.
    pub session_type: SessionType,
}

/// Show a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GetSession {
    /// Which one.
    pub session_id: SessionId,
}

impl Request for GetSession {
    type Response = SessionView;
    const NAME: &'static str = "mental-health.get-session";
    const KIND: RequestKind = RequestKind::Query;
    const ACCESS: Access = Access::Requires(READ_SESSIONS);
}

/// Show what a therapist has to do on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GetDay {
    /// Who treats.
    pub therapist_id: UserId,
    /// Which day, in UTC.
    pub day: NaiveDate,
}

impl Request for GetDay {
    type Response = Vec<Appointment>;
    const NAME: &'static str = "mental-health.get-day";
    const KIND: RequestKind = RequestKind::Query;
    const ACCESS: Access = Access::Requires(READ_SESSIONS);
}

/// A session in the calendar of its therapist.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Appointment {
    /// When it begins.
    pub scheduled_at: DateTime<Utc>,
    /// Identity of the session.
    pub session_id: SessionId,
    /// Who is treated.
    pub patient_id: UserId,
}

/// A session, and who takes part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionView {
    /// The session itself.
    pub session: Session,
    /// How far it has come.
    pub status: SessionStatus,
    /// Who is treated.
    pub patient: Person,
    /// Who treats.
    pub therapist: Person,
}

/// How far a session has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SessionStatus {
    /// It is to come.
    Scheduled,
    /// It has begun.
    Started,
    /// It is over.
    Completed,
}

/// Somebody who takes part in a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Person {
    /// Identity.
    pub user_id: UserId,
    /// Absent while the user directory does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A session was arranged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TherapySessionScheduled {
    /// Identity of the session.
    pub session_id: SessionId,
    /// Who is treated.
    pub patient_id: UserId,
    /// Who treats.
    pub therapist_id: UserId,
    /// When it begins.
    pub scheduled_at: DateTime<Utc>,
    /// What it is for.
    pub session_type: SessionType,
}

impl Event for TherapySessionScheduled {
    const NAME: &'static str = "therapy_session.scheduled";
    // Two people wait for their confirmation.
    const PRIORITY: Priority = Priority::High;

    // What one patient is told comes in order.
    fn key(&self) -> String {
        self.patient_id.to_string()
    }
}

/// A session has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TherapySessionStarted {
    /// Identity of the session.
    pub session_id: SessionId,
    /// Who is treated.
    pub patient_id: UserId,
    /// Who treats.
    pub therapist_id: UserId,
    /// When it began, which may be earlier or later than it was to.
    pub started_at: DateTime<Utc>,
}

impl Event for TherapySessionStarted {
    const NAME: &'static str = "therapy_session.started";

    fn key(&self) -> String {
        self.patient_id.to_string()
    }
}

/// A session is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TherapySessionCompleted {
    /// Identity of the session.
    pub session_id: SessionId,
    /// Who was treated.
    pub patient_id: UserId,
    /// Who has treated.
    pub therapist_id: UserId,
    /// When it ended.
    pub completed_at: DateTime<Utc>,
    /// How long it took, in whole minutes.
    pub minutes: u32,
}

impl Event for TherapySessionCompleted {
    const NAME: &'static str = "therapy_session.completed";

    fn key(&self) -> String {
        self.patient_id.to_string()
    }
}

/// A session was called off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TherapySessionCancelled {
    /// Identity of the session.
    pub session_id: SessionId,
    /// Who was to be treated.
    pub patient_id: UserId,
    /// Who was to treat.
    pub therapist_id: UserId,
    /// When it was to begin.
    pub scheduled_at: DateTime<Utc>,
}

impl Event for TherapySessionCancelled {
    const NAME: &'static str = "therapy_session.cancelled";
    // Two people may be on their way.
    const PRIORITY: Priority = Priority::High;

    fn key(&self) -> String {
        self.patient_id.to_string()
    }
}

/// A session is a day away: its patient is to be reminded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionReminderDue {
    /// Identity of the session.
    pub session_id: SessionId,
    /// Who is treated.
    pub patient_id: UserId,
    /// When it begins.
    pub scheduled_at: DateTime<Utc>,
}

impl Event for SessionReminderDue {
    const NAME: &'static str = "therapy_session.reminder_due";

    fn key(&self) -> String {
        self.patient_id.to_string()
    }
}
