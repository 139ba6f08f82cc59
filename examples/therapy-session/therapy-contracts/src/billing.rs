use kernel::{Access, Event, Permission, Request, RequestKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{SessionId, UserId};

/// See what is charged.
pub const READ_CHARGES: Permission = Permission::new("billing:read");

/// What is charged for this session? Nothing yet, maybe: charges follow sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GetSessionCharge {
    /// Which one.
    pub session_id: SessionId,
}

impl Request for GetSessionCharge {
    type Response = Option<SessionCharge>;
    const NAME: &'static str = "billing.get-session-charge";
    const KIND: RequestKind = RequestKind::Query;
    const ACCESS: Access = Access::Requires(READ_CHARGES);
}

/// What a patient owes for a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionCharge {
    /// The session.
    pub session_id: SessionId,
    /// Who owes it.
    pub patient_id: UserId,
    /// How much, in cents.
    pub cents: u32,
}

/// A session was charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionCharged {
    /// The session.
    pub session_id: SessionId,
    /// Who owes it.
    pub patient_id: UserId,
    /// How much, in cents.
    pub cents: u32,
}

impl Event for SessionCharged {
    const NAME: &'static str = "billing.session_charged";

    fn key(&self) -> String {
        self.session_id.to_string()
    }
}

/// What was charged for a session is not owed any more: it was called off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionChargeCancelled {
    /// The session.
    pub session_id: SessionId,
    /// Who owed it.
    pub patient_id: UserId,
}

impl Event for SessionChargeCancelled {
    const NAME: &'static str = "billing.session_charge_cancelled";

    fn key(&self) -> String {
        self.session_id.to_string()
    }
}
