use module::Module;
use therapy_contracts::{
    CancelSession, GetDay, GetSession, GetUserById, GetUserProfile, IsUserActive, ScheduleSession, SessionReminderDue,
    TherapySessionCancelled, TherapySessionScheduled,
};

use crate::{
    application::{Calendar, Canceller, Days, Scheduler, Sessions, UserDirectory},
    domain::StoredSession,
};

/// What this package offers and needs.
pub fn module() -> Module {
    Module::new("mental-health", "therapy sessions")
        .provides(|container| {
            container
                .try_singleton(UserDirectory::try_new)
                .singleton(Scheduler::new)
                .singleton(Canceller::new)
                .singleton(Sessions::new)
                .singleton(Days::new);
        })
        .serves::<ScheduleSession, Scheduler>()
        .serves::<CancelSession, Canceller>()
        .serves::<GetSession, Sessions>()
        .serves::<GetDay, Days>()
        .asks::<GetUserById>()
        .asks::<IsUserActive>()
        .asks::<GetUserProfile>()
        .publishes::<TherapySessionScheduled>()
        .publishes::<TherapySessionCancelled>()
        .publishes::<SessionReminderDue>()
        .keeps::<StoredSession>()
        .projects::<Calendar>()
}
