use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};

use super::record::Halt;
use crate::Position;

/// How a projection of this process stands, as it has last told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProjectionStanding {
    /// The module that it belongs to.
    pub module: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Everything up to here is applied to what readers see, or of no interest. May be ahead of what the store has.
    pub position: Position,
    /// Events of any type between there and the end of the log.
    pub lag: u64,
    /// When the oldest event happened that is not applied to what readers see. `None`: there is none, or it cannot be read, which
    /// [`halted`](Self::halted) says.
    pub oldest: Option<DateTime<Utc>>,
    /// How long ago that was when it was asked how it stands.
    pub age: Option<Duration>,
    /// Nothing is applied until it is resumed.
    pub paused: bool,
    /// Why what readers see does not go on.
    pub halted: Option<Halt>,
    /// How far the generation is that is being filled, if there is one.
    pub rebuild: Option<Position>,
    /// Why that does not go on.
    pub rebuild_halted: Option<Halt>,
    /// What keeps it from its work: a store that does not answer, a generation that a newer program has made.
    pub trouble: Option<String>,
}

impl ProjectionStanding {
    /// Whether it will do nothing more about what is in the log up to here.
    pub(super) fn is_through(&self, head: Position) -> bool {
        self.position >= head || self.paused || self.halted.is_some() || self.trouble.is_some()
    }
}

/// Where a projector writes how it stands, and others read it.
#[derive(Default)]
pub(super) struct Slate(Mutex<ProjectionStanding>);

impl Slate {
    pub fn of(module: &'static str, name: &'static str) -> Self {
        Self(Mutex::new(ProjectionStanding { module, name, ..ProjectionStanding::default() }))
    }

    pub fn read(&self) -> MutexGuard<'_, ProjectionStanding> {
        // Fields are set one by one, and none of it can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
