use event_sourcing::{Document, Unit};
use kernel::{Envelope, Error, Json};
use serde::{Deserialize, Serialize};

/// A delivery that was given up, stored as `subscriber/position`.
///
/// As long as there is one of a key, later events of that key follow it here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The stable name of its subscription.
    pub subscriber: String,
    /// As it stands in the log, its position included. Its data is `null` where no letter has room for it, which is so for events
    /// that an earlier version has published: it is taken from the log when the letter is tried again.
    pub event: Envelope,
    /// What the last try failed with; where there was none, of kind `rejected`.
    pub error: Error,
    /// 0 when the event was parked behind an earlier one of its key and never tried.
    pub attempts: u32,
}

impl Document for DeadLetter {
    const COLLECTION: &'static str = "event_bus.dead_letters";
}

impl DeadLetter {
    /// The unit that somebody writes with this letter; with the letter without data where a store would refuse it otherwise, so that
    /// whatever is in a log can be parked.
    pub(crate) fn into_unit(mut self, unit: impl Fn(&Self) -> Unit) -> Unit {
        let whole = unit(&self);
        if whole.check().is_ok() {
            return whole;
        }
        self.event.data = nothing();
        unit(&self)
    }

    /// Whether its event must be read from the log.
    pub(crate) fn has_no_data(&self) -> bool {
        self.event.data == nothing()
    }
}

fn nothing() -> Json {
    Json::of(&()).expect("nothing is JSON")
}
