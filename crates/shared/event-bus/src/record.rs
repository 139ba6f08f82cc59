use chrono::{DateTime, Utc};
use event_sourcing::{Document, Position};
use kernel::{CorrelationId, Error, EventId};
use serde::{Deserialize, Serialize};

/// What became of one event at one subscriber, stored as `correlation/event_id/subscriber` in the unit of the delivery itself.
/// There is none where the handler wrote nothing and did not fail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeliveryRecord {
    /// The stable name of its subscription.
    pub subscriber: String,
    /// The module that subscribes.
    pub module: String,
    /// What was delivered.
    pub event_id: EventId,
    /// Wire name of that.
    pub event_type: String,
    /// The piece of work that it belongs to.
    pub correlation_id: CorrelationId,
    /// Its place in the log.
    pub position: Position,
    /// Tries in all, this one counted; 0 when it was parked behind an earlier event of its key.
    pub attempts: u32,
    /// When the last try began.
    pub started: DateTime<Utc>,
    /// Seconds that the last try took, without the commit.
    pub seconds: f64,
    /// How it ended.
    pub outcome: DeliveryOutcome,
    /// What the last try failed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryOutcome {
    /// Handled.
    Done,
    /// Among the dead letters.
    Parked,
    /// Not handled, because it cannot be read and the subscription says so.
    Skipped,
}

impl Document for DeliveryRecord {
    const COLLECTION: &'static str = "event_bus.deliveries";
}

impl DeliveryRecord {
    /// Before the keys of the records of one event; those of one piece of work begin with `correlation/`.
    pub fn prefix(correlation: CorrelationId, event: EventId) -> String {
        format!("{correlation}/{event}/")
    }

    pub(crate) fn key(&self) -> String {
        Self::prefix(self.correlation_id, self.event_id) + &self.subscriber
    }
}
