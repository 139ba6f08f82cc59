use event_sourcing::Document;
use kernel::{Envelope, Error};
use serde::{Deserialize, Serialize};

/// A delivery that was given up, stored as `subscriber/position`.
///
/// As long as there is one of a key, later events of that key follow it here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The stable name of its subscription.
    pub subscriber: String,
    /// As it stands in the log, its position included.
    pub event: Envelope,
    /// What the last try failed with; where there was none, of kind `rejected`.
    pub error: Error,
    /// 0 when the event was parked behind an earlier one of its key and never tried.
    pub attempts: u32,
}

impl Document for DeadLetter {
    const COLLECTION: &'static str = "event_bus.dead_letters";
}
