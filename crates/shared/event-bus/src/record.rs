use chrono::{DateTime, Utc};
use event_sourcing::{Document, Found, Position, Store, StoreError, StoreErrorKind, StoreExt};
use kernel::{CorrelationId, Error, EventId};
use serde::{Deserialize, Serialize};

/// Records read from the store at once: an event has as many as it has subscribers.
const PAGE: usize = 32;

/// What became of one event at one subscriber, stored as `position/subscriber` in the unit of the delivery itself, for as long as
/// [`Retention`](crate::Retention) says. There is none where the handler wrote nothing and did not fail.
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
    /// What it published in the unit of the delivery: at most [`EVENTS`](Self::EVENTS) of it. Of what is handled in batches, what the
    /// events of the batch set off is with the one of them that caused it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventId>,
    /// What the tries before the last one failed with, in their order: the latest [`FAILURES`](Self::FAILURES) of those of this
    /// process. They are kept in memory until the delivery ends. Of an event that was tried with others, those
    /// of the batch; tried by itself afterwards, those of these tries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Error>,
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
    /// Given up for good: it was among the dead letters.
    Discarded,
    /// Not handled, because it cannot be read and the subscription says so.
    Skipped,
}

impl Document for DeliveryRecord {
    const COLLECTION: &'static str = "event_bus.deliveries";
}

impl DeliveryRecord {
    /// Tries before the last one whose errors are kept.
    pub const FAILURES: usize = 10;

    /// Published events that are kept.
    pub const EVENTS: usize = 100;

    /// Those of the event at this place of the log, by subscriber. One that cannot be read is left out.
    ///
    /// # Errors
    /// What the store says.
    pub async fn of(store: &dyn Store, event: Position) -> Result<Vec<Self>, StoreError> {
        let prefix = prefix(event);
        let (mut records, mut after) = (Vec::new(), prefix.clone());
        loop {
            let page = store.list_each::<Self>(Some(&after), PAGE).await?;
            let Some(last) = page.last() else { return Ok(records) };
            after = match last {
                Ok(found) => found.key.clone(),
                Err(unreadable) => unreadable.key.clone(),
            };
            let is_past = !after.starts_with(&prefix);
            let found = page.into_iter().flatten().filter(|found| found.key.starts_with(&prefix));
            records.extend(found.map(|found| found.value));
            if is_past {
                return Ok(records);
            }
        }
    }

    /// The one of this event and this subscriber.
    pub(crate) async fn one(
        store: &dyn Store,
        event: Position,
        subscriber: &str,
    ) -> Result<Option<Found<Self>>, StoreError> {
        match store.get(&(prefix(event) + subscriber)).await {
            // Of an earlier or a later program, or damaged: as if there were none.
            Err(error) if error.kind == StoreErrorKind::Corrupt => Ok(None),
            found => found,
        }
    }

    pub(crate) fn position_in(key: &str) -> Option<Position> {
        key.split_once('/').and_then(|(position, _)| position.parse().ok()).map(Position)
    }

    pub(crate) fn key(&self) -> String {
        prefix(self.position) + &self.subscriber
    }
}

fn prefix(event: Position) -> String {
    format!("{:020}/", event.0)
}
