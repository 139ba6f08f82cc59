use metrics::{Counter, Gauge, Unit, counter, describe_counter, describe_gauge, gauge};

const KEPT: &str = "borough_event_publishes_kept_total";
const RETRIED: &str = "borough_event_publishes_retried_total";
const REFUSED: &str = "borough_event_publishes_refused_total";
const WAITING: &str = "borough_event_publishes_waiting";

/// Of one publisher.
pub struct Meters {
    pub kept: Counter,
    pub retried: Counter,
    pub refused: Counter,
    pub waiting: Gauge,
}

impl Meters {
    pub fn new(publisher: &'static str) -> Self {
        describe_counter!(KEPT, Unit::Count, "Units of events that were kept because the store did not take them");
        describe_counter!(RETRIED, Unit::Count, "Tries to publish a unit that was kept");
        describe_counter!(REFUSED, Unit::Count, "Units of events that were kept and given up when their turn came");
        describe_gauge!(WAITING, Unit::Count, "Units of events that are kept now");
        let count = |name| counter!(name, "publisher" => publisher);
        let waiting = gauge!(WAITING, "publisher" => publisher);
        Self { kept: count(KEPT), retried: count(RETRIED), refused: count(REFUSED), waiting }
    }
}
