//! What is done to nodes and to their subscribers.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::sleep;

use super::{Action, Director};
use crate::simulation::subscribers::Part;

impl Director {
    /// It starts again, without those of its subscribers that others take over meanwhile.
    pub(super) async fn end_a_node(&mut self, action: Action) {
        let index = self.a_node();
        if action != Action::Stop && self.world.views.is_rebuilding() {
            self.world.count("node dies in a rebuild");
        }
        let node = self.nodes.remove(&index).expect("between two acts all nodes run");
        match action {
            Action::Stop => {
                self.world.count("node stops");
                node.stop().await;
            }
            Action::Kill => {
                self.world.count("node is killed");
                node.process.kill();
                node.crash().await;
            }
            _ => {
                self.world.count("node crashes");
                node.crash().await;
            }
        }
        for part in self.world.scenario.parts {
            let is_alone = self.nodes.is_empty() || self.world.has_leases();
            if self.homes[part.name] == index && !is_alone && self.world.below(2) == 0 {
                let others: Vec<usize> = self.nodes.keys().copied().collect();
                self.add(part, others[self.world.below(others.len())]).await;
            }
        }
        self.wait().await;
        self.start(index).await;
    }

    pub(super) fn set_clock(&mut self, by: TimeDelta) {
        let is_back = by < TimeDelta::zero();
        self.world.count(if is_back { "clock jumps back" } else { "clock jumps forward" });
        if is_back {
            self.set_back -= by;
        }
        self.world.clock.set(by);
    }

    pub(super) async fn hold(&self, action: Action) {
        let part = self.a_part();
        let bus = &self.home_of(part).bus;
        let (kind, answer) = match action {
            Action::Pause => ("subscriber is paused", self.call("pauses", bus.pause(part.name)).await),
            _ => ("subscriber is resumed", self.call("resumes", bus.resume(part.name)).await),
        };
        if matches!(answer, Some(Ok(()))) {
            self.world.count(kind);
        }
    }

    pub(super) async fn move_a_subscriber(&mut self) {
        let part = self.a_part();
        let is_shared = self.world.has_leases();
        let home = if is_shared { self.a_node() } else { self.homes[part.name] };
        let _unknown = self.call(&format!("removes {}", part.name), self.nodes[&home].bus.remove(part.name)).await;
        if self.has(home, part).await {
            return;
        }
        self.world.count("subscriber is removed");
        self.wait().await;
        // Of one that is shared the others take its place meanwhile.
        let next = if is_shared { home } else { self.a_node() };
        self.add(part, next).await;
    }

    /// Until it runs there.
    async fn add(&mut self, part: &'static Part, home: usize) {
        loop {
            let node = &self.nodes[&home];
            let _unknown = self.call(&format!("adds {}", part.name), node.bus.add(node.subscription(part))).await;
            if self.has(home, part).await {
                self.homes.insert(part.name, home);
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Or will have it, when it is started again.
    async fn has(&self, node: usize, part: &Part) -> bool {
        loop {
            if self.nodes[&node].process.is_killed() {
                return true;
            }
            match self.nodes[&node].bus.status().await {
                Ok(status) => return status.iter().any(|status| status.name == part.name),
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// For longer than a lease, mostly.
    pub(super) fn stand_still(&mut self) {
        let (index, time) = (self.a_node(), Duration::from_millis(300 + self.world.seed.below(3000)));
        self.world.count("node stands still");
        self.nodes.get_mut(&index).expect("between two acts all nodes run").stand_still(time);
    }
}
