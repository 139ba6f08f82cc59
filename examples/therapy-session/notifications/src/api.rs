use module::Module;
use therapy_contracts::{GetUserById, NotificationSent, TherapySessionScheduled};

use crate::application::SessionMessages;

/// What this package offers and needs: a [`Mail`](crate::Mail), too, which the composition root chooses.
pub fn module() -> Module {
    Module::new("notifications", "messages about what happened")
        .provides(|container| {
            container.singleton(SessionMessages::new);
        })
        .asks::<GetUserById>()
        .subscribes::<TherapySessionScheduled, SessionMessages>("notifications.session-messages")
        .publishes::<NotificationSent>()
}
