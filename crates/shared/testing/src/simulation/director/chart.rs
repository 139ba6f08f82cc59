//! What is done to the chart.

use std::time::Duration;

use event_sourcing::{ProjectionStatus, Receipt, projections};
use tokio::time::{sleep, timeout};

use super::{Action, Director, PATIENCE};
use crate::simulation::chart::{CHART, NEWEST};

/// Words of a flood at least, and how many more at most. Two floods are more than a batch of a projection.
const FLOOD: [usize; 2] = [100, 150];

impl Director {
    /// Of the program that is started next: the newest one mostly, and now and then one that is newer still, or older.
    pub(super) fn version(&mut self) -> u32 {
        if !self.world.scenario.has_chart {
            return 1;
        }
        if self.world.is_calm() {
            return NEWEST;
        }
        match self.world.below(6) {
            0 | 1 if self.newest < NEWEST => {
                self.world.count("program is newer");
                self.newest += 1;
            }
            2 if self.newest > 1 => {
                self.world.count("program is older");
                return 1 + self.world.seed.below(u64::from(self.newest) - 1) as u32;
            }
            _ => {}
        }
        self.newest
    }

    pub(super) async fn flood(&mut self) {
        let words = FLOOD[0] + self.world.below(FLOOD[1]);
        let (unit, numbers) = self.unit(words);
        let bus = &self.nodes[&self.a_node()].bus;
        if let Some(Ok(_)) = self.call(&format!("commits {words} words"), bus.commit(unit)).await {
            self.world.rules.confirmed(&numbers);
        }
    }

    /// Whoever has written waits for the chart, where there is one.
    pub(super) fn look_for(&mut self, index: usize, receipt: Receipt, numbers: Vec<u64>) {
        if self.world.scenario.has_chart {
            let node = self.nodes.get_mut(&index).expect("between two acts all nodes run");
            node.look_for(receipt, numbers);
        }
    }

    pub(super) async fn rebuild(&self) {
        let node = &self.nodes[&self.a_node()];
        if let Some(Ok(_)) = self.call("rebuilds the chart", node.projections().rebuild(CHART)).await {
            self.world.count("projection is rebuilt");
        }
    }

    pub(super) async fn hold_chart(&self, action: Action) {
        let projections = self.nodes[&self.a_node()].projections();
        let (kind, answer) = match action {
            Action::PauseChart => {
                ("projection is paused", self.call("pauses the chart", projections.pause(CHART)).await)
            }
            _ => ("projection is resumed", self.call("resumes the chart", projections.resume(CHART)).await),
        };
        if matches!(answer, Some(Ok(()))) {
            self.world.count(kind);
        }
    }

    /// It comes to the end of the log; and once more, when all of it is written anew.
    pub(super) async fn rest_of_chart(&self) {
        self.hold_chart(Action::ResumeChart).await;
        self.chart_rests().await;
        self.rebuild().await;
        self.chart_rests().await;
    }

    /// At the end of the log, by the newest program, with nothing left to fill or to remove.
    async fn chart_rests(&self) {
        let world = &self.world;
        let resting = async {
            loop {
                let found = projections(&world.memory).await.expect("the store in memory answers");
                if let [status @ ProjectionStatus { live, rebuild: None, retired: 0, .. }] = &found[..]
                    && (live.behind, live.version) == (0, NEWEST)
                {
                    return status.clone();
                }
                sleep(Duration::from_millis(100)).await;
            }
        };
        match timeout(PATIENCE, resting).await {
            Ok(status) => world.views.judge(world, &status).await,
            Err(_) => {
                let found = projections(&world.memory).await;
                world.failed(format!("rule 13: the chart never comes to rest: {found:?}"));
            }
        }
    }
}
