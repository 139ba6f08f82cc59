//! A file of `docs/contracts`.

use std::num::NonZeroU32;

use kernel::{Contract, ContractKind, Priority, RequestKind};
use schemars::Schema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::Side;

/// What was promised of a message: one file. Every schema in it has an `$id`, so that its references are its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Document {
    Query(Asked),
    Command(Asked),
    Event(Published),
    Envelope(Frame),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    message: String,
    /// What callers write.
    request: Schema,
    /// What they read.
    response: Schema,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Published {
    message: String,
    #[serde(deserialize_with = "from_one_on")]
    version: u32,
    priority: Priority,
    /// What subscribers read.
    event: Schema,
    /// What of events of before is understood; as `event` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stored: Option<Schema>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Frame {
    message: String,
    event: Schema,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stored: Option<Schema>,
}

fn from_one_on<'de, D: Deserializer<'de>>(version: D) -> Result<u32, D::Error> {
    NonZeroU32::deserialize(version).map(NonZeroU32::get)
}

/// One of the two schemas of a message.
pub(crate) struct Part<'a> {
    pub name: &'static str,
    pub side: Side,
    pub schema: &'a Schema,
}

impl Document {
    pub fn of(contract: &Contract) -> Self {
        let Contract { name, kind, read, written, .. } = contract;
        let message = (*name).to_owned();
        // An `$id` tells them apart, so they are compared without.
        let stored = (read != written).then(|| identified(read, &message, *kind, "stored"));
        match *kind {
            ContractKind::Request(request) => {
                let asked = Asked {
                    request: identified(read, &message, *kind, "request"),
                    response: identified(written, &message, *kind, "response"),
                    message,
                };
                match request {
                    RequestKind::Query => Self::Query(asked),
                    RequestKind::Command => Self::Command(asked),
                }
            }
            ContractKind::Event { version, priority } => {
                let event = identified(written, &message, *kind, "event");
                Self::Event(Published { message, version, priority, event, stored })
            }
            ContractKind::Envelope => {
                let event = identified(written, &message, *kind, "event");
                Self::Envelope(Frame { message, event, stored })
            }
        }
    }

    pub fn message(&self) -> &str {
        match self {
            Self::Query(asked) | Self::Command(asked) => &asked.message,
            Self::Event(published) => &published.message,
            Self::Envelope(frame) => &frame.message,
        }
    }

    /// Of an event.
    pub fn version(&self) -> Option<u32> {
        match self {
            Self::Event(published) => Some(published.version),
            Self::Query(_) | Self::Command(_) | Self::Envelope(_) => None,
        }
    }

    pub fn kind(&self) -> &'static str {
        match self {
            Self::Query(_) => "query",
            Self::Command(_) => "command",
            Self::Event(_) => "event",
            Self::Envelope(_) => "envelope",
        }
    }

    /// How its file is called: an event has one for each version, a request one for ever.
    pub fn file(&self) -> String {
        match self.version() {
            Some(version) => format!("{}.v{version}.json", self.message()),
            None => format!("{}.json", self.message()),
        }
    }

    pub fn parts(&self) -> [Part<'_>; 2] {
        match self {
            Self::Query(Asked { request, response, .. }) | Self::Command(Asked { request, response, .. }) => [
                Part { name: "request", side: Side::Read, schema: request },
                Part { name: "response", side: Side::Written, schema: response },
            ],
            Self::Event(Published { event, stored, .. }) | Self::Envelope(Frame { event, stored, .. }) => [
                Part { name: "event", side: Side::Written, schema: event },
                Part { name: "stored", side: Side::Read, schema: stored.as_ref().unwrap_or(event) },
            ],
        }
    }

    pub fn text(&self) -> String {
        let json = serde_json::to_string_pretty(self);
        json.expect("every key is a text and no schema's serialisation can fail") + "\n"
    }
}

fn identified(schema: &Schema, message: &str, kind: ContractKind, part: &str) -> Schema {
    let version = match kind {
        ContractKind::Event { version, .. } => format!(":v{version}"),
        ContractKind::Request(_) | ContractKind::Envelope => String::new(),
    };
    let mut schema = schema.clone();
    schema.insert("$id".to_owned(), Value::String(format!("urn:borough:contract:{message}{version}:{part}")));
    schema
}
