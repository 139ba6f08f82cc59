use module::Module;
use therapy_contracts::{
    GetUserById, NotificationFailed, NotificationSent, SessionReminderDue, TherapySessionCancelled,
    TherapySessionScheduled, UserRegistered,
};

use crate::application::{MODULE, SessionMessages, Welcome};

/// What this package offers and needs: a [`Mail`](crate::Mail), too, which the composition root chooses.
pub fn module() -> Module {
    Module::new(MODULE, "messages about what happened")
        .provides(|container| {
            container.singleton(SessionMessages::new).singleton(Welcome::new);
        })
        .asks::<GetUserById>()
        .subscribes::<TherapySessionScheduled, SessionMessages>("notifications.session-messages")
        .subscribes::<SessionReminderDue, SessionMessages>("notifications.session-reminders")
        .subscribes::<TherapySessionCancelled, SessionMessages>("notifications.session-cancellations")
        .subscribes::<UserRegistered, Welcome>("notifications.welcome")
        .publishes::<NotificationSent>()
        .publishes::<NotificationFailed>()
        .announces()
}
