use super::{
    director::Action,
    subscribers::{Form, Part},
};

/// Who subscribes to what, and what is done to them.
#[derive(Debug)]
pub struct Scenario {
    /// As it is called on the command line.
    pub name: &'static str,
    /// What it shows.
    pub about: &'static str,
    /// Its subscribers.
    pub parts: &'static [Part],
    /// Whether several nodes share the slots of its subscribers by leases; else each subscriber runs on one of them.
    pub(super) is_shared: bool,
    /// Whether each node runs the projection, and reads what it shows.
    pub(super) has_chart: bool,
    /// What its users do, and how often in proportion to each other and to the director's trouble.
    pub(super) work: &'static [(Action, usize)],
    /// How much of both is done in one run.
    pub(super) acts: usize,
    /// How many words may follow from one in a row.
    pub(super) hops: u8,
}

/// All of them.
pub static SCENARIOS: [Scenario; 4] = [
    Scenario {
        name: "orders",
        about: "publishers of keyed events, subscribers of every form: each effect once, in the order of its key",
        parts: &[
            Part { slots: 2, ..part("tally", "simulation.plain", Form::Keys(1)) },
            Part { slots: 3, ..part("ledger", "simulation.*", Form::Keys(3)) },
            Part { slots: 2, ..part("digest", "simulation.plain", Form::Batches(4)) },
            part("archive", "*", Form::Keys(1)),
        ],
        is_shared: true,
        work: &[(Action::Publish, 26), (Action::Commit, 8), (Action::StandStill, 6)],
        acts: 60,
        ..NOTHING
    },
    Scenario {
        name: "storms",
        about: "subscribers that publish what others subscribe to: each answer once, and none without its cause",
        parts: &[
            Part { answers: 1, ..part("echo", "simulation.plain", Form::Keys(3)) },
            Part { answers: 2, ..part("choir", "simulation.plain", Form::Batches(3)) },
            part("count", "simulation.*", Form::Keys(2)),
        ],
        work: &[(Action::Publish, 6), (Action::Commit, 3)],
        acts: 40,
        hops: 2,
        ..NOTHING
    },
    Scenario {
        name: "clockwork",
        about: "events of later and hours that pass, by a clock that jumps: each once, none early, none lost",
        parts: &[part("hours", "time.hour_passed", Form::Keys(1)), part("alarms", "simulation.*", Form::Keys(2))],
        work: &[(Action::Publish, 4), (Action::Schedule, 16), (Action::Cancel, 6)],
        acts: 50,
        ..NOTHING
    },
    Scenario {
        name: "projections",
        about: "a projection that is followed, rebuilt, upgraded and read: whoever looks sees what the log says",
        has_chart: true,
        work: &[
            (Action::Publish, 8),
            (Action::Commit, 12),
            (Action::Flood, 2),
            (Action::Rebuild, 8),
            (Action::PauseChart, 2),
            (Action::ResumeChart, 4),
            (Action::StandStill, 3),
        ],
        acts: 60,
        ..NOTHING
    },
];

const NOTHING: Scenario =
    Scenario { name: "", about: "", parts: &[], is_shared: false, has_chart: false, work: &[], acts: 0, hops: 0 };

const OF_STORES: [&str; 6] = [
    "commit fails",
    "commit is done and not answered",
    "store is busy",
    "read fails",
    "call is late",
    "call is dropped",
];
const OF_NODES: [&str; 5] = ["node crashes", "node is killed", "node stops", "clock jumps forward", "clock jumps back"];
const OF_SUBSCRIBERS: [&str; 7] = [
    "handler fails",
    "handler panics",
    "subscriber is paused",
    "subscriber is resumed",
    "subscriber is removed",
    "letters are retried",
    "letters are discarded",
];
const OF_LEASES: [&str; 2] = ["clocks differ", "lease runs out"];
const OF_PROJECTIONS: [&str; 7] = [
    "projection is paused",
    "projection is resumed",
    "projection is rebuilt",
    "projection halts",
    "node dies in a rebuild",
    "program is newer",
    "program is older",
];

const fn part(name: &'static str, events: &'static str, form: Form) -> Part {
    Part { name, events, form, answers: 0, slots: 1 }
}

impl Scenario {
    /// The one of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SCENARIOS.iter().find(|scenario| scenario.name == name)
    }

    /// Every kind of fault that it has on so many nodes, as [`Outcome::faults`](super::Outcome::faults) counts them.
    pub fn faults(&self, nodes: usize) -> Vec<&'static str> {
        let mut kinds = [OF_STORES.as_slice(), &OF_NODES].concat();
        if !self.parts.is_empty() {
            kinds.extend(OF_SUBSCRIBERS);
        }
        if self.work.iter().any(|(action, _)| *action == Action::StandStill) {
            kinds.push("node stands still");
        }
        if self.has_leases(nodes) {
            kinds.extend(OF_LEASES);
        }
        if self.has_chart {
            kinds.extend(OF_PROJECTIONS);
        }
        kinds
    }

    pub(super) fn has_leases(&self, nodes: usize) -> bool {
        self.is_shared && nodes > 1
    }
}
