//! The form of an export: one JSON object a line, the first of which says so and the last of which says that nothing is missing.

use chrono::TimeDelta;
use kernel::{Envelope, Json};
use serde::{Deserialize, Serialize};

/// What the first line says.
pub(super) const FORMAT: &str = "borough-store";
/// Of the form of the lines.
pub(super) const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Line {
    Header { format: String, version: u32 },
    Collection { name: String, version: u32, migrated: bool },
    Event(EventLine),
    Document { collection: String, key: String, revision: u64, version: u32, body: Json },
    Checkpoint { subscriber: String, position: u64 },
    End { events: u64, documents: u64, checkpoints: u64, sha256: String },
}

/// Where a line stands among the others: lines of one sort are together, and in the order of these names.
pub(super) type Place = (u8, String, String);

impl Line {
    pub fn place(&self) -> Place {
        let place = |sort, first: &str, second: &str| (sort, first.to_owned(), second.to_owned());
        match self {
            Self::Header { .. } => place(0, "", ""),
            Self::Collection { name, .. } => place(1, name, ""),
            Self::Event(_) => place(2, "", ""),
            Self::Document { collection, key, .. } => place(3, collection, key),
            Self::Checkpoint { subscriber, .. } => place(4, subscriber, ""),
            Self::End { .. } => place(5, "", ""),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EventLine {
    pub stream: String,
    pub version: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Behind the milliseconds of the wire form.
    #[serde(default, skip_serializing_if = "is_zero")]
    nanoseconds: u32,
    event: Envelope,
}

impl EventLine {
    pub fn new(stream: String, version: u64, tags: Vec<String>, mut event: Envelope) -> Self {
        let nanoseconds = event.timestamp.timestamp_subsec_nanos() % 1_000_000;
        event.data = in_one_line(event.data);
        Self { stream, version, tags, nanoseconds, event }
    }

    /// Its event, or what of it no export says.
    pub fn into_event(self) -> Result<Envelope, &'static str> {
        let mut event = self.event;
        if !self.tags.is_sorted_by(|one, next| one < next) {
            return Err("its tags are not in order, each once");
        }
        // Those of a second that was left in are in the milliseconds.
        let is_within = self.nanoseconds < 1_000_000 && event.timestamp.timestamp_subsec_millis() < 1000;
        let at = event.timestamp.checked_add_signed(TimeDelta::nanoseconds(self.nanoseconds.into()));
        match at.filter(|at| is_within && at.timestamp_nanos_opt().is_some()) {
            Some(at) => event.timestamp = at,
            None => return Err("its time is none that a store keeps"),
        }
        Ok(event)
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Between the values of a JSON text a line may end; within them it never does.
pub(super) fn in_one_line(json: Json) -> Json {
    if !json.text().contains(['\n', '\r']) {
        return json;
    }
    let text = json.text().replace(['\n', '\r'], " ");
    Json::from_text(text).expect("a blank in place of another one")
}
