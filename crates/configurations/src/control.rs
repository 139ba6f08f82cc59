//! The control endpoint: loopback HTTP of the serving process, guarded by a token in a file beside the store.
//!
//! Only what needs the serving process goes over it: its live state, and verbs that write while it holds the store. What is
//! stored is read from the store, by any process, so a client that started a run follows it there.

mod client;
mod follow;
mod server;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use event_bus::{Failing, LetterFilter, Overlong, SubscriberStatus};
use event_sourcing::Position;
use kernel::{EventId, Json};
use module::{Health, ProjectionReport};
use monitoring_prometheus::Reading;
use request::{ModuleState, Trouble};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use client::Client;
pub use follow::{resume_there, run_there};
pub use server::{Order, Server};

/// What the serving process leaves beside the store for those who want to reach it. Readable by its owner only.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Ticket {
    address: SocketAddr,
    token: String,
}

impl Ticket {
    fn path(store: &Path) -> PathBuf {
        let mut name = store.as_os_str().to_owned();
        name.push(".control");
        name.into()
    }
}

/// The live state of the serving process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StatusReport {
    pub version: String,
    pub process: u32,
    pub since: chrono::DateTime<chrono::Utc>,
    pub store: PathBuf,
    pub health: Health,
    /// Last position of the log.
    pub head: Position,
    /// Those that were left out too: they are stopped.
    pub modules: Vec<ModuleReport>,
    pub subscribers: Vec<SubscriberReport>,
    pub projections: Vec<ProjectionReport>,
    /// Runs that this process drives right now.
    pub driving: Vec<Uuid>,
}

/// The metrics of the serving process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MetricsReport {
    /// In the exposition format of Prometheus.
    pub text: String,
    /// The same as data.
    pub metrics: Vec<Reading>,
}

/// One line of the service registry.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModuleReport {
    pub name: String,
    pub state: ModuleState,
    /// Why it is degraded.
    pub troubles: Vec<Trouble>,
    /// The requests that it serves.
    pub services: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SubscriberReport {
    pub name: String,
    pub module: String,
    pub event: String,
    pub position: Position,
    /// Positions of the log that it has not passed yet.
    pub behind: u64,
    /// Events in memory that wait, and those that are being handled.
    pub queued: usize,
    pub in_flight: usize,
    /// Seconds since the oldest event happened that it is not through with.
    pub oldest_seconds: Option<f64>,
    pub parked_keys: usize,
    pub paused: bool,
    /// Why it takes nothing until it is resumed.
    pub halted: Option<String>,
    /// What the store has against its going on just now.
    #[serde(default)]
    pub trouble: Option<String>,
    pub dropped: u64,
    /// What it has been handling for too long.
    pub overlong: Vec<OverlongReport>,
    /// How many events have failed and wait for their next try.
    #[serde(default)]
    pub retrying: usize,
    /// The first of them in the order of the log.
    #[serde(default)]
    pub failing: Vec<FailingReport>,
}

/// An event that has failed and is tried again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FailingReport {
    pub event: String,
    pub event_id: EventId,
    pub key: String,
    pub position: Position,
    /// Tries so far, and what the latest of them failed with.
    pub attempts: u32,
    pub error: String,
    /// Seconds until the next one.
    pub next_seconds: f64,
}

/// A handler that does not end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OverlongReport {
    pub event: String,
    pub event_id: EventId,
    pub key: String,
    pub age_seconds: f64,
}

impl From<SubscriberStatus> for SubscriberReport {
    fn from(status: SubscriberStatus) -> Self {
        let overlong = |Overlong { event_id, event_type, key, age }: Overlong| OverlongReport {
            event: event_type,
            event_id,
            key,
            age_seconds: age.as_secs_f64(),
        };
        let failing = |failing: Failing| FailingReport {
            event: failing.event_type,
            event_id: failing.event_id,
            key: failing.key,
            position: failing.position,
            attempts: failing.attempts,
            error: failing.error,
            next_seconds: failing.next.as_secs_f64(),
        };
        Self {
            name: status.name.into(),
            module: status.module.into(),
            event: status.event_type.into(),
            position: status.position,
            behind: status.head.0.saturating_sub(status.position.0),
            queued: status.queued,
            in_flight: status.in_flight,
            oldest_seconds: status.oldest.map(|age| age.as_secs_f64()),
            parked_keys: status.parked_keys,
            paused: status.paused,
            halted: status.halted,
            trouble: status.trouble,
            dropped: status.dropped,
            overlong: status.overlong.into_iter().map(overlong).collect(),
            retrying: status.retrying,
            failing: status.failing.into_iter().map(failing).collect(),
        }
    }
}

/// A request by its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallOrder {
    pub name: String,
    pub request: Json,
    #[serde(default)]
    pub key: Option<String>,
    #[serde(default)]
    pub purpose: Option<String>,
    /// Seconds.
    #[serde(default)]
    pub timeout: Option<f64>,
    /// W3C Trace Context: where in a trace the caller is.
    #[serde(default)]
    pub traceparent: Option<String>,
}

/// What a person wants of the bus.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum BusOrder {
    Pause { subscriber: String },
    Resume { subscriber: String },
    Retry { letters: LetterFilter },
    Discard { letters: LetterFilter, reason: String },
}

/// What a person wants of a projection.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ProjectionOrder {
    Pause {
        projection: String,
    },
    Resume {
        projection: String,
    },
    /// The answer is the number of the generation.
    Rebuild {
        projection: String,
    },
}

/// Runs to take up.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResumeOrder {
    runs: Vec<Uuid>,
}
