use event_sourcing::Repository;
use module::Module;
use therapy_contracts::{
    CancelSession, CompleteSession, GetDay, GetSession, GetUserById, GetUserProfile, IsUserActive, ScheduleSession,
    SessionReminderDue, StartSession, TherapySessionCancelled, TherapySessionCompleted, TherapySessionScheduled,
    TherapySessionStarted,
};

use crate::{
    application::{Attendance, Calendar, Canceller, Days, Scheduler, Sessions, UserDirectory},
    domain::{StoredReminder, TherapySession},
};

/// What this package offers and needs.
pub fn module() -> Module {
    Module::new("mental-health", "therapy sessions")
        .provides(|container| {
            container
                .try_singleton(UserDirectory::try_new)
                .singleton(Repository::<TherapySession>::new)
                .singleton(Scheduler::new)
                .singleton(Canceller::new)
                .singleton(Attendance::new)
                .singleton(Sessions::new)
                .singleton(Days::new);
        })
        .serves::<ScheduleSession, Scheduler>()
        .serves::<CancelSession, Canceller>()
        .serves::<StartSession, Attendance>()
        .serves::<CompleteSession, Attendance>()
        .serves::<GetSession, Sessions>()
        .serves::<GetDay, Days>()
        .asks::<GetUserById>()
        .asks::<IsUserActive>()
        .asks::<GetUserProfile>()
        .publishes::<TherapySessionScheduled>()
        .publishes::<TherapySessionStarted>()
        .publishes::<TherapySessionCompleted>()
        .publishes::<TherapySessionCancelled>()
        .publishes::<SessionReminderDue>()
        .keeps::<StoredReminder>()
        .projects::<Calendar>()
}
