//! The end of a run.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::TimeDelta;
use event_bus::{Drain, LetterFilter};
use tokio::time::{sleep, timeout};

use super::{Director, PATIENCE};
use crate::simulation::leases::LEASE;

/// Nodes by subscriber and slot.
type Owners = BTreeMap<(&'static str, u32), Vec<usize>>;

impl Director {
    /// Nothing fails any more, everything is started again, all is due, and whoever has something to do does it.
    pub(super) async fn come_to_rest(&mut self) {
        let world = Arc::clone(&self.world);
        world.tell("-- calm");
        world.calm();
        // The publishers have kept what they could not publish: they get to that before they are stopped.
        let indexes: Vec<usize> = self.nodes.keys().copied().collect();
        for index in indexes {
            let node = self.nodes.remove(&index).expect("it is one of the keys");
            node.process.stand_still(false);
            if timeout(PATIENCE, node.publisher.drained()).await.is_err() {
                world.failed(format!("{} keeps events for ever: {:?}", node.process.name, node.publisher.status()));
            }
            node.stop().await;
            self.start(index).await;
        }
        world.clock.set(self.set_back + TimeDelta::hours(6));
        for part in world.scenario.parts {
            let _told = self.call("resumes", self.home_of(part).bus.resume(part.name)).await;
        }
        // The timekeeper looks every second.
        sleep(Duration::from_secs(3)).await;
        self.drain().await;
        world.rules.all_is_done(&world);
        world.rules.all_is_published(&world);
        // What failed by chance succeeds now, and sets off more; poison stays.
        loop {
            let mut delivered = 0;
            let owners = self.owners().await;
            for node in self.nodes.values() {
                let retried = self.call("retries all", node.bus.retry_dead_letters(&LetterFilter::default())).await;
                match retried {
                    Some(Ok(retried)) => delivered += retried.delivered,
                    Some(Err(error)) => world.failed(format!("letters cannot be retried at rest: {error}")),
                    None => {}
                }
            }
            self.drain().await;
            if (delivered == 0 && self.owners().await == owners) || world.has_failed() {
                break;
            }
        }
        if world.scenario.has_chart && !world.has_failed() {
            self.rest_of_chart().await;
        }
        for node in std::mem::take(&mut self.nodes).into_values() {
            node.stop().await;
        }
    }

    /// Until nobody has anything to do, and nobody gives anybody anything to do.
    async fn drain(&self) {
        loop {
            let (head, owners) = (self.head().await, self.settled().await);
            for node in self.nodes.values() {
                match node.bus.drain(PATIENCE).await {
                    Ok(Drain::Complete) => {}
                    Ok(Drain::Incomplete) => {
                        let status = node.bus.status().await;
                        return self.world.failed(format!("{} never comes to rest: {status:?}", node.process.name));
                    }
                    Err(error) => return self.world.failed(format!("the store fails at rest: {error}")),
                }
            }
            if self.world.has_failed() || (self.head().await == head && self.owners().await == owners) {
                return;
            }
        }
    }

    /// Waits until each slot has one node that works on it, which stays so for some leases.
    async fn settled(&self) -> Owners {
        let parts = self.world.scenario.parts.iter();
        let slots: Vec<(&str, u32)> = parts.flat_map(|part| (0..part.slots).map(|slot| (part.name, slot))).collect();
        let settling = async {
            loop {
                let owners = self.owners().await;
                if !self.world.has_leases() {
                    return owners;
                }
                sleep(4 * LEASE).await;
                let is_settled = slots.iter().all(|slot| owners.get(slot).is_some_and(|nodes| nodes.len() == 1));
                if is_settled && self.owners().await == owners {
                    return owners;
                }
            }
        };
        let settled = timeout(PATIENCE, settling).await;
        settled.unwrap_or_else(|_| {
            self.world.failed("rule 3: the slots never come to one node each");
            Owners::new()
        })
    }

    /// Who works on what, where that changes by itself.
    async fn owners(&self) -> Owners {
        let mut owners = Owners::new();
        if !self.world.has_leases() {
            return owners;
        }
        for (index, node) in &self.nodes {
            let status = node.bus.status().await.unwrap_or_default();
            for subscriber in status {
                for slot in subscriber.slots.iter().filter(|slot| slot.here) {
                    owners.entry((subscriber.name, slot.index)).or_default().push(*index);
                }
            }
        }
        owners
    }
}
