//! Contracts of the therapy practice: what its modules may ask of each other, and what they publish.
#![warn(missing_docs)]

mod billing;
mod contracts;
mod mental_health;
mod notifications;
mod users;

pub use billing::{GetSessionCharge, READ_CHARGES, SessionCharge, SessionChargeCancelled, SessionCharged};
pub use contracts::contracts;
pub use mental_health::{
    Appointment, CONDUCT_SESSIONS, CancelSession, CompleteSession, GetDay, GetSession, Person, READ_SESSIONS,
    SCHEDULE_SESSIONS, ScheduleSession, Session, SessionId, SessionReminderDue, SessionStatus, SessionType,
    SessionView, StartSession, TherapySessionCancelled, TherapySessionCompleted, TherapySessionScheduled,
    TherapySessionStarted,
};
pub use notifications::{NotificationFailed, NotificationSent};
pub use users::{
    DeactivateUser, GetUserById, GetUserProfile, IsUserActive, MANAGE_USERS, READ_USERS, RegisterUser, UpdateUser,
    User, UserDeactivated, UserId, UserProfile, UserRegistered, UserUpdated,
};
