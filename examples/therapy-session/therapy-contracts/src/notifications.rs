use kernel::{Event, Priority};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{SessionId, UserId};

/// A message about a session was handed over to be delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotificationSent {
    /// The session that it is about.
    pub session_id: SessionId,
    /// Who it is for.
    pub user_id: UserId,
}

impl Event for NotificationSent {
    const NAME: &'static str = "notification.sent";
    // For the record: the message itself is on its way.
    const PRIORITY: Priority = Priority::Low;

    fn key(&self) -> String {
        self.session_id.to_string()
    }
}

/// A message about a session could not be handed over. It is tried again some times; then its event is among the dead letters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotificationFailed {
    /// The session that it is about.
    pub session_id: SessionId,
    /// Who it is for.
    pub user_id: UserId,
    /// Why, by the stable code of the error.
    pub code: String,
}

impl Event for NotificationFailed {
    const NAME: &'static str = "notification.failed";
    // For the record: whoever has to know hears of it when the message is given up.
    const PRIORITY: Priority = Priority::Low;

    fn key(&self) -> String {
        self.session_id.to_string()
    }
}
