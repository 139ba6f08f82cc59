use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer, de::DeserializeOwned};

use crate::{CausationId, CorrelationId, DecodeError, EventId, Json, UpcastError, decode::current};

/// Something that happened, in the past tense. A published contract: versioned, never edited.
pub trait Event: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// Wire name, `package.what_happened`.
    const NAME: &'static str;
    /// Version of the form of the data, from 1. A subscriber refuses events of a later one than it knows: raise it with a
    /// change that those who know the earlier form would misread, and [upcast](Self::upcast) what is stored of that form.
    const VERSION: u32 = 1;
    /// Stamped on every event of this type.
    const PRIORITY: Priority = Priority::Normal;

    /// Events of one key reach each subscriber in publish order.
    fn key(&self) -> String;

    /// What else it is about, each as `name:value`: `student:7`. The log can be asked for the events that have a tag, and a unit
    /// be guarded against them. They belong to the store and are no part of the wire form.
    fn tags(&self) -> Vec<String> {
        Vec::new()
    }

    /// Brings data of version `from`, which is below [`VERSION`](Self::VERSION), to the form of the version after it. What is
    /// stored is never changed: it passes through here, one step after the other, whenever it is [decoded](Envelope::decode).
    ///
    /// # Errors
    /// [`UpcastError::Unknown`] for a version that has no step, as there is none by default; data that do not have the form of
    /// their version.
    fn upcast(from: u32, data: &Json) -> Result<Json, UpcastError> {
        _ = (from, data);
        Err(UpcastError::Unknown)
    }
}

/// Which ready event a subscriber takes next. Never reorders the events of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Nobody waits for it: statistics, progress.
    Low,
    #[default]
    /// What an event has whose type says nothing else.
    Normal,
    /// People or other modules wait for what it sets off.
    High,
    /// Must not stand behind anything else: an alarm.
    Critical,
}

/// An event as it is stored and sent: the wire form, a published contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Envelope {
    /// Identity of this one event: what the `causation_id` of those that it sets off names.
    pub event_id: EventId,
    /// UTC with milliseconds: `2026-11-21T09:00:00.000Z`.
    #[serde(serialize_with = "milliseconds")]
    pub timestamp: DateTime<Utc>,
    /// Name of the module that published it: `data-quality`.
    pub source_module: Cow<'static, str>,
    /// Wire name of what happened: `data_quality.check_completed`.
    pub event_type: Cow<'static, str>,
    /// What happened, in the form of this `event_type` and `schema_version`.
    pub data: Json,
    /// Where it belongs: whose work it is part of, what it is about, its place in the log.
    pub metadata: Metadata,
}

/// What is known about an event beside its data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Metadata {
    /// Shared by everything that one piece of work set off, in all modules and processes.
    pub correlation_id: CorrelationId,
    /// The event that set this one off. Absent where it was a person or a program that began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<CausationId>,
    /// Name of the user on whose behalf it happened.
    pub user_id: String,
    /// Version of the form of `data`, counted from 1.
    pub schema_version: u32,
    /// What it is about, such as a model's name. Events of one key reach each subscriber in publish order.
    pub key: String,
    /// How urgent events of this type are.
    pub priority: Priority,
    /// Place in the log's one gap-free order; absent until committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
}

impl Envelope {
    /// The typed event, if this is one of type `E`: what every subscriber, aggregate and reader has it from. An earlier version
    /// is upcast before.
    ///
    /// # Errors
    /// A version that is later than `E` knows, or earlier than it has upcasters for; data that do not have the form of their
    /// version.
    pub fn decode<E: Event>(&self) -> Result<E, DecodeError> {
        current(self)
    }
}

fn milliseconds<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true))
}
