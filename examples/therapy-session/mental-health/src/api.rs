use module::Module;
use therapy_contracts::{
    GetSession, GetUserById, GetUserProfile, IsUserActive, ScheduleSession, TherapySessionScheduled,
};

use crate::{
    application::{Scheduler, Sessions, UserDirectory},
    domain::StoredSession,
};

/// What this package offers and needs.
pub fn module() -> Module {
    Module::new("mental-health", "therapy sessions")
        .provides(|container| {
            container.try_singleton(UserDirectory::try_new).singleton(Scheduler::new).singleton(Sessions::new);
        })
        .serves::<ScheduleSession, Scheduler>()
        .serves::<GetSession, Sessions>()
        .asks::<GetUserById>()
        .asks::<IsUserActive>()
        .asks::<GetUserProfile>()
        .publishes::<TherapySessionScheduled>()
        .keeps::<StoredSession>()
}
