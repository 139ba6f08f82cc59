//! What must hold of leases: rule 3.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use event_sourcing::{Store, Write};
use serde::Deserialize;

use super::world::{World, lock};

/// Short, so that it runs out while a node stands still, and when the store is late.
pub(super) const LEASE: Duration = Duration::from_secs(1);

/// Follows who holds which slot.
#[derive(Default)]
pub(super) struct Leases(Mutex<State>);

#[derive(Default)]
struct State {
    /// By slot.
    owners: BTreeMap<String, Option<String>>,
    /// By node, how much the clock of any of its runs was ahead at most.
    ahead: BTreeMap<String, TimeDelta>,
}

/// As the bus stores whose a slot is.
#[derive(Deserialize)]
struct Claim {
    #[serde(default)]
    owner: Option<String>,
}

/// As the bus stores that a process lives.
#[derive(Deserialize)]
struct Member {
    until: DateTime<Utc>,
}

impl Leases {
    /// A run of a node begins, with a clock that is so much ahead.
    pub fn begins(&self, node: &str, ahead: TimeDelta) {
        let mut state = lock(&self.0);
        let most = state.ahead.entry(node.to_owned()).or_insert(ahead);
        *most = ahead.max(*most);
    }

    /// Looks at what was just written: who takes a slot from another one does so when the lease of that has ended, by the clock of
    /// whoever takes it. A clock that was set back since is believed what it has shown before.
    pub async fn committed(&self, world: &World, writes: &[Write]) {
        for write in writes {
            let Write::Put { collection, key: slot, body, .. } = write else { continue };
            if collection != "event_bus.leases" {
                continue;
            }
            let Claim { owner } = body.read().expect("this is how the bus writes them");
            let before = lock(&self.0).owners.insert(slot.clone(), owner.clone()).flatten();
            let (Some(before), Some(after)) = (before, owner) else { continue };
            world.count("lease runs out");
            let member = world.memory.document("event_bus.members", &before).await;
            let Some(member) = member.expect("the store in memory answers") else { continue };
            let Member { until } = member.body.read().expect("this is how the bus writes them");
            let now = world.clock.highest() + self.ahead(&after);
            if until > now {
                world.failed(format!("rule 3: `{after}` takes {slot} from `{before}` until {until}, and it is {now}"));
            }
        }
    }

    /// Of a member, which is called by its node and its session.
    fn ahead(&self, member: &str) -> TimeDelta {
        let node = member.split_once('/').map_or(member, |(node, _)| node);
        lock(&self.0).ahead.get(node).copied().unwrap_or_default()
    }
}
