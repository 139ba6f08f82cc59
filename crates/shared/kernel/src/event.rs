use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer, de::DeserializeOwned};

use crate::{CausationId, CorrelationId, EventId, Json};

/// Something that happened, in the past tense. A published contract: versioned, never edited.
pub trait Event: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// Wire name, `package.what_happened`.
    const NAME: &'static str;
    const VERSION: u32 = 1;
    const PRIORITY: Priority = Priority::Normal;

    /// Events of one key reach each subscriber in publish order.
    fn key(&self) -> String;
}

/// Which ready event a subscriber takes next. Never reorders the events of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    Low,
    #[default]
    Normal,
    High,
    Critical,
}

/// An event as it is stored and sent: the wire form, a published contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Envelope {
    pub event_id: EventId,
    /// UTC with milliseconds: `2026-11-21T09:00:00.000Z`.
    #[serde(serialize_with = "milliseconds")]
    pub timestamp: DateTime<Utc>,
    pub source_module: Cow<'static, str>,
    pub event_type: Cow<'static, str>,
    pub data: Json,
    pub metadata: Metadata,
}

/// What is known about an event beside its data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Metadata {
    pub correlation_id: CorrelationId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<CausationId>,
    pub user_id: String,
    pub schema_version: u32,
    pub key: String,
    pub priority: Priority,
    /// Place in the log's one gap-free order; absent until committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
}

impl Envelope {
    /// The typed event, if this is one of type `E` in the version that `E` understands.
    pub fn decode<E: Event>(&self) -> Result<E, serde_json::Error> {
        self.data.read()
    }
}

fn milliseconds<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true))
}
