use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use event_sourcing::EventLimits;
use request::Limits;
use settings::Settings;

use crate::Selection;

/// Which user has which permissions, by name. What stands under `module:NAME` is what that module may do when it handles an
/// event, whoever caused it.
pub type Grants = BTreeMap<String, BTreeSet<String>>;

/// What the name of a module begins with among those of users.
pub const GRANTED_MODULE: &str = "module:";

/// What the composition root decides about an assembly.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Nobody has a permission that does not stand here.
    pub grants: Grants,
    /// How much a request may take.
    pub limits: Limits,
    /// How large and how far from its cause an event may be.
    pub events: EventLimits,
    /// Into how many slots the keys of a subscriber are divided, by its name, whatever its module says.
    pub slots: BTreeMap<String, u32>,
    /// Which of the modules run in this process.
    pub selection: Selection,
    /// How long modules may take.
    pub timeouts: Timeouts,
    /// Where events are kept that the store does not take from an [`Outlet`](crate::Outlet): a file of its own for each store.
    /// Without one they are lost with the process.
    pub spool: Option<PathBuf>,
    /// Where the modules read their sections.
    pub settings: Option<Settings>,
}

/// How long modules may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For all start hooks of one module.
    pub start: Duration,
    /// For all background jobs of one module to end, and then for each of its stop hooks.
    pub stop: Duration,
    /// For one look at its health, by one check.
    pub check: Duration,
    /// Between two looks.
    pub check_every: Duration,
    /// For an event to be delivered: while one is older, the process is not ready.
    pub delivery: Duration,
    /// For an event to be in what readers of a projection see: while one that is not is older, the process is not ready.
    pub projection: Duration,
}

impl Default for Timeouts {
    /// 30 s, 10 s, 5 s, 10 s; 5 minutes for a delivery and for a projection.
    fn default() -> Self {
        let [start, stop, check, check_every, delivery, projection] =
            [30, 10, 5, 10, 300, 300].map(Duration::from_secs);
        Self { start, stop, check, check_every, delivery, projection }
    }
}
