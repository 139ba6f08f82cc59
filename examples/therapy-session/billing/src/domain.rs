use event_sourcing::Document;
use serde::{Deserialize, Serialize};
use therapy_contracts::{SessionCharge, SessionType};

/// A charge as it is kept, under the id of its session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoredCharge(pub SessionCharge);

impl Document for StoredCharge {
    const COLLECTION: &'static str = "billing.session_charges";
}

/// Cents.
pub fn price(session_type: SessionType) -> u32 {
    match session_type {
        SessionType::Intake => 6_000,
        SessionType::Individual => 9_500,
        SessionType::Couple => 14_000,
    }
}
