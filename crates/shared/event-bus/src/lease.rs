//! Who works on which slot.
//!
//! Of several processes over one store each is a [`Node`]. Each slot of a durable subscriber has a [`Claim`], which says whose
//! it is, and each process a [`Member`], which says until when it is to be believed that it lives. A process renews its one
//! `Member` for all that it holds; a claim is written only when it changes hands, so its revision is the **fencing token**.
//!
//! * A claim is taken when there is none, when it was given back, and when the lease of its owner has ended by the clock of
//!   whoever takes it, or ends so far ahead that only a wrong clock can have given it; never because it is old. The unit that takes it requires that the owner has not renewed meanwhile.
//! * Whoever works on a slot has every unit of it require the very revision of the claim: see [`fence`]. A process that was
//!   paused beyond its lease, or whose clock is wrong, may believe what it likes, but what it commits is refused. So a clock
//!   decides when a slot changes hands, and never whether an effect is done twice.
//! * What is to be done follows from the documents, from what this process runs and from the time by a function without
//!   effects, [`decision`]. The [`keeper`] carries it out, and so does the [model](self) that is checked in the tests.

pub(crate) mod decision;
pub(crate) mod fence;
pub(crate) mod keeper;
#[cfg(test)]
mod model;

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use event_sourcing::{Document, Expected};
use serde::{Deserialize, Serialize};

/// One of several processes that share the durable subscribers over one store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What people know it by. Two processes may have the same: each start is a member of its own.
    pub id: String,
    /// So long after it was last heard of, the others take what it works on; from 1 millisecond to a day. It renews after a
    /// third of it.
    pub lease: Duration,
}

/// Whose a slot is, stored under the slot's name and never deleted. Its revision, which grows whenever it changes hands, is the
/// fencing token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    /// Key of a [`Member`]. `None` where it was given back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

impl Document for Claim {
    const COLLECTION: &'static str = "event_bus.leases";
}

/// A process that lives, stored under `node/id`, another one after each start.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Member {
    /// [`Node::id`].
    pub node: String,
    /// When its lease ends.
    pub until: DateTime<Utc>,
    /// How long it is when it has just been renewed; of a process of an earlier version, not said.
    #[serde(default = "Member::longest")]
    pub lease_ms: i64,
    /// The subscribers that it can work on, and in how many slots.
    pub groups: BTreeMap<String, u32>,
}

impl Member {
    /// A day.
    fn longest() -> i64 {
        TimeDelta::days(1).num_milliseconds()
    }
}

impl Document for Member {
    const COLLECTION: &'static str = "event_bus.members";
}

/// Into how many slots a subscriber is divided, stored under its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Group {
    pub slots: u32,
}

impl Document for Group {
    const COLLECTION: &'static str = "event_bus.groups";
}

/// Who holds a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// [`Node::id`] of the process that works on it.
    pub node: String,
    /// Whether that is this process.
    pub here: bool,
    /// Fencing token: it grows whenever the slot changes hands.
    pub token: u64,
    /// When it may be taken by others, if it is not renewed. `None` if nothing is known of its holder any more.
    pub until: Option<DateTime<Utc>>,
}

impl Node {
    /// What of it cannot be carried out.
    pub(crate) fn fault(&self) -> Option<String> {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        if self.id.is_empty() || self.id.contains('/') {
            return Some(format!("the node is called `{}`: give it a name without `/`", self.id));
        }
        let is_out = self.lease < Duration::from_millis(1) || self.lease > DAY;
        is_out.then(|| format!("a lease of {:?}: make it one millisecond to a day", self.lease))
    }

    pub(crate) fn lease(&self) -> TimeDelta {
        TimeDelta::from_std(self.lease).expect("it is a day at most")
    }
}

/// Revision 0 stands for a document that there is not.
pub(crate) fn expected(revision: u64) -> Expected {
    if revision == 0 { Expected::Absent } else { Expected::Exact(revision) }
}
