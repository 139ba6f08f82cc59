use module::Module;
use therapy_contracts::{
    GetUserById, NotificationSent, SessionReminderDue, TherapySessionCancelled, TherapySessionScheduled,
};

use crate::application::SessionMessages;

/// What this package offers and needs: a [`Mail`](crate::Mail), too, which the composition root chooses.
pub fn module() -> Module {
    Module::new("notifications", "messages about what happened")
        .provides(|container| {
            container.singleton(SessionMessages::new);
        })
        .asks::<GetUserById>()
        .subscribes::<TherapySessionScheduled, SessionMessages>("notifications.session-messages")
        .subscribes::<SessionReminderDue, SessionMessages>("notifications.session-reminders")
        .subscribes::<TherapySessionCancelled, SessionMessages>("notifications.session-cancellations")
        .publishes::<NotificationSent>()
}
