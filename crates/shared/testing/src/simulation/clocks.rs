//! What time it is, and what a node takes for it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use kernel::Clock;
use tokio::time::Instant;

use super::world::lock;

/// A clock on the wall: goes on with the runtime's time, and is set now and then.
pub(super) struct Wall {
    began: Instant,
    hands: Mutex<Hands>,
}

#[derive(Clone, Copy)]
struct Hands {
    /// When the run began, and by how much it was set since.
    at: DateTime<Utc>,
    /// The latest that it has shown whenever it was set.
    highest: DateTime<Utc>,
}

/// The clock of a node: the wall's, and so much ahead of it; behind it, if that is negative.
pub(super) struct Watch {
    pub wall: Arc<Wall>,
    pub ahead: TimeDelta,
}

impl Wall {
    /// In the middle of an hour, a day and a month.
    pub fn starting() -> Self {
        let at = DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(630);
        Self { began: Instant::now(), hands: Mutex::new(Hands { at, highest: at }) }
    }

    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Back, if that is negative.
    pub fn set(&self, by: TimeDelta) {
        let highest = self.highest();
        let mut hands = lock(&self.hands);
        *hands = Hands { at: hands.at + by, highest };
    }

    /// The latest time that it has ever shown.
    pub fn highest(&self) -> DateTime<Utc> {
        let highest = lock(&self.hands).highest;
        highest.max(self.now())
    }
}

impl Clock for Wall {
    fn now(&self) -> DateTime<Utc> {
        lock(&self.hands).at + self.elapsed()
    }
}

impl Clock for Watch {
    fn now(&self) -> DateTime<Utc> {
        self.wall.now() + self.ahead
    }
}
