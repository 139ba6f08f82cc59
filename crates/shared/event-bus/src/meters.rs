//! What is measured. The handles are made once for each subscriber, so that a delivery looks nothing up; a recorder has to be
//! installed before that. The label `subscriber` has as many values as there are subscriptions.

use std::time::Duration;

use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use crate::Subscription;

const DELIVERIES: &str = "borough_event_deliveries_total";
const DURATION: &str = "borough_event_delivery_duration_seconds";
const RETRIES: &str = "borough_event_retries_total";
const DROPPED: &str = "borough_event_dropped_total";
const MAILBOX: &str = "borough_event_mailbox_events";
const IN_FLIGHT: &str = "borough_event_in_flight_deliveries";
const LAG: &str = "borough_event_lag_events";
const OLDEST: &str = "borough_event_oldest_age_seconds";
const PARKED: &str = "borough_event_parked_keys";
const OVERLONG: &str = "borough_event_overlong_deliveries";
const SLOTS: &str = "borough_event_held_slots";
const TAKEOVERS: &str = "borough_event_slot_takeovers_total";
const LOST: &str = "borough_event_slots_lost_total";

/// What all subscribers have, those that are inline as well.
pub(crate) struct Tries {
    done: Counter,
    failed: Counter,
    duration: Histogram,
}

impl Tries {
    pub fn new(subscription: &Subscription) -> Self {
        describe();
        let (module, subscriber) = (subscription.module, subscription.name);
        let outcome =
            |outcome| counter!(DELIVERIES, "module" => module, "subscriber" => subscriber, "outcome" => outcome);
        let duration = histogram!(DURATION, "module" => module, "subscriber" => subscriber);
        Self { done: outcome("done"), failed: outcome("failed"), duration }
    }

    pub fn ended<T, E>(&self, result: &Result<T, E>, time: Duration) {
        self.duration.record(time);
        if result.is_ok() { self.done.increment(1) } else { self.failed.increment(1) }
    }
}

/// Of one subscriber that follows the log.
pub(crate) struct Meters {
    pub done: Counter,
    pub failed: Counter,
    pub parked: Counter,
    pub skipped: Counter,
    pub retries: Counter,
    pub dropped: Counter,
    duration: Histogram,
    pub mailbox: Gauge,
    pub in_flight: Gauge,
    pub lag: Gauge,
    pub oldest: Gauge,
    pub parked_keys: Gauge,
    pub overlong: Gauge,
    pub slots: Gauge,
    pub takeovers: Counter,
    pub lost_slots: Counter,
}

impl Meters {
    pub fn new(subscription: &Subscription) -> Self {
        let Tries { done, failed, duration } = Tries::new(subscription);
        let (module, subscriber) = (subscription.module, subscription.name);
        let outcome =
            |outcome| counter!(DELIVERIES, "module" => module, "subscriber" => subscriber, "outcome" => outcome);
        let count = |name| counter!(name, "module" => module, "subscriber" => subscriber);
        let level = |name| gauge!(name, "module" => module, "subscriber" => subscriber);
        Self {
            done,
            failed,
            parked: outcome("parked"),
            skipped: outcome("skipped"),
            retries: count(RETRIES),
            dropped: count(DROPPED),
            duration,
            mailbox: level(MAILBOX),
            in_flight: level(IN_FLIGHT),
            lag: level(LAG),
            oldest: level(OLDEST),
            parked_keys: level(PARKED),
            overlong: level(OVERLONG),
            slots: level(SLOTS),
            takeovers: count(TAKEOVERS),
            lost_slots: count(LOST),
        }
    }

    pub fn took(&self, time: Duration) {
        self.duration.record(time);
    }

    /// Handlers that were not looked at one by one.
    pub fn took_each(&self, deliveries: u32, time: Duration) {
        if deliveries > 0 {
            self.duration.record_many(time, deliveries as usize);
        }
    }
}

/// Tells the recorder what the metrics mean.
fn describe() {
    describe_counter!(DELIVERIES, Unit::Count, "Tries to deliver an event by how they ended, and events given up");
    describe_histogram!(DURATION, Unit::Seconds, "Time that a handler took, without the commit");
    describe_counter!(RETRIES, Unit::Count, "Deliveries tried again");
    describe_counter!(DROPPED, Unit::Count, "Events that a full mailbox did not take or forgot");
    describe_gauge!(MAILBOX, Unit::Count, "Events in memory that are not being handled");
    describe_gauge!(IN_FLIGHT, Unit::Count, "Events that are being handled");
    describe_gauge!(LAG, Unit::Count, "Events of any type between the subscriber and the end of the log");
    describe_gauge!(OLDEST, Unit::Seconds, "Age of the oldest event that is not delivered");
    describe_gauge!(PARKED, Unit::Count, "Keys of which an event is among the dead letters");
    describe_gauge!(OVERLONG, Unit::Count, "Handlers that take longer than they may");
    describe_gauge!(SLOTS, Unit::Count, "Slots that this process works on");
    describe_counter!(TAKEOVERS, Unit::Count, "Slots taken from a process whose lease had ended");
    describe_counter!(LOST, Unit::Count, "Slots that another process has taken");
}
