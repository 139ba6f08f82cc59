//! What may change while a subscriber runs.

use chrono::{DateTime, Utc};
use event_sourcing::Document;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// A subscriber takes no new events as long as this document is there, under its name. It survives restarts, and any process
/// may put or delete it: the bus looks every second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Since when.
    pub since: DateTime<Utc>,
}

impl Document for Pause {
    const COLLECTION: &'static str = "event_bus.pauses";
}

/// Somebody has resumed a subscriber that several processes work on, stored under its name: one that has halted in another process
/// hears of it by the revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Resumption {}

impl Document for Resumption {
    const COLLECTION: &'static str = "event_bus.resumptions";
}

/// To one follower.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Orders {
    pub paused: bool,
    pub stop: bool,
    /// To end what is under way and begin with nothing more, since somebody else is to go on.
    pub leaving: bool,
    /// Counts how often the operator has asked a halted subscriber to go on.
    pub resumed: u64,
    /// Counts changes of the dead letters that others have made.
    pub letters: u64,
    /// Counts what this process has said about `paused`: a look at the store that began before it is out of date.
    pub said: u64,
}

/// When the order to stop has come, or nobody is left who could give it.
pub(crate) async fn stopped(orders: &mut watch::Receiver<Orders>) {
    let _nobody = orders.wait_for(|orders| orders.stop).await;
}
