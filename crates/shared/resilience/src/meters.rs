//! What is counted. The handles are made with what they count for, so that a call looks nothing up; a recorder has to be
//! installed before that. The label `target` has as many values as the composition names.

use std::sync::Arc;

use metrics::{Counter, Unit, counter, describe_counter};

const CHANGES: &str = "borough_breaker_changes_total";
const REJECTED: &str = "borough_rejected_total";
const RETRIES: &str = "borough_retries_total";
const GIVEN_UP: &str = "borough_retries_given_up_total";
const TIMEOUTS: &str = "borough_timeouts_total";
const FALLBACKS: &str = "borough_fallbacks_total";

/// For what is about one target.
pub(crate) struct Meters<'a>(&'a Arc<str>);

impl<'a> Meters<'a> {
    /// Also tells the recorder what the metrics mean.
    pub(crate) fn of(target: &'a Arc<str>) -> Self {
        describe_counter!(CHANGES, Unit::Count, "Changes of state of breakers, by the state that it became");
        describe_counter!(REJECTED, Unit::Count, "Calls not made, by what did not let them through");
        describe_counter!(RETRIES, Unit::Count, "Calls made again");
        describe_counter!(GIVEN_UP, Unit::Count, "Calls not made again, by what there was no more of");
        describe_counter!(TIMEOUTS, Unit::Count, "Calls dropped because they took too long");
        describe_counter!(FALLBACKS, Unit::Count, "Errors in place of which there was another answer");
        Self(target)
    }

    pub(crate) fn changes(&self, to: &'static str) -> Counter {
        counter!(CHANGES, "target" => Arc::clone(self.0), "to" => to)
    }

    pub(crate) fn rejected(&self, by: &'static str) -> Counter {
        counter!(REJECTED, "target" => Arc::clone(self.0), "by" => by)
    }

    pub(crate) fn retries(&self) -> Counter {
        counter!(RETRIES, "target" => Arc::clone(self.0))
    }

    pub(crate) fn given_up(&self, out_of: &'static str) -> Counter {
        counter!(GIVEN_UP, "target" => Arc::clone(self.0), "out_of" => out_of)
    }

    pub(crate) fn timeouts(&self) -> Counter {
        counter!(TIMEOUTS, "target" => Arc::clone(self.0))
    }

    pub(crate) fn fallbacks(&self) -> Counter {
        counter!(FALLBACKS, "target" => Arc::clone(self.0))
    }
}
