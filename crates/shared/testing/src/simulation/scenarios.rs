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
    /// What its users do, and how often in proportion to each other and to the director's trouble.
    pub(super) work: &'static [(Action, usize)],
    /// How much of both is done in one run.
    pub(super) acts: usize,
    /// How many words may follow from one in a row.
    pub(super) hops: u8,
}

/// All of them.
pub static SCENARIOS: [Scenario; 3] = [
    Scenario {
        name: "orders",
        about: "publishers of keyed events, subscribers of every form: each effect once, in the order of its key",
        parts: &[
            part("tally", "simulation.plain", Form::Keys(1)),
            part("ledger", "simulation.*", Form::Keys(3)),
            part("digest", "simulation.plain", Form::Batches(4)),
            part("archive", "*", Form::Keys(1)),
        ],
        work: &[(Action::Publish, 26), (Action::Commit, 8)],
        acts: 60,
        hops: 0,
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
    },
    Scenario {
        name: "clockwork",
        about: "events of later and hours that pass, by a clock that jumps: each once, none early, none lost",
        parts: &[part("hours", "time.hour_passed", Form::Keys(1)), part("alarms", "simulation.*", Form::Keys(2))],
        work: &[(Action::Publish, 4), (Action::Schedule, 16), (Action::Cancel, 6)],
        acts: 50,
        hops: 0,
    },
];

const fn part(name: &'static str, events: &'static str, form: Form) -> Part {
    Part { name, events, form, answers: 0 }
}

impl Scenario {
    /// The one of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SCENARIOS.iter().find(|scenario| scenario.name == name)
    }
}
