use std::time::Duration;

use kernel::{Error, ErrorKind};
use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

const REQUESTS: &str = "borough_requests_total";
const DURATION: &str = "borough_request_duration_seconds";
const IN_FLIGHT: &str = "borough_requests_in_flight";
const CACHE: &str = "borough_request_cache_total";

/// What is measured of one request. The handles are made once: a call looks nothing up.
pub(crate) struct Meters {
    answered: Counter,
    /// In the order of [`ErrorKind::ALL`].
    failed: [Counter; ErrorKind::ALL.len()],
    duration: Histogram,
    in_flight: Gauge,
    pub kept: Counter,
    pub asked: Counter,
}

impl Meters {
    pub fn new(module: &'static str, request: &'static str) -> Self {
        let outcome = |outcome| counter!(REQUESTS, "module" => module, "request" => request, "outcome" => outcome);
        let cache = |result| counter!(CACHE, "module" => module, "request" => request, "result" => result);
        Self {
            answered: outcome("ok"),
            failed: ErrorKind::ALL.map(|kind| outcome(kind.code())),
            duration: histogram!(DURATION, "module" => module, "request" => request),
            in_flight: gauge!(IN_FLIGHT, "module" => module, "request" => request),
            kept: cache("hit"),
            asked: cache("miss"),
        }
    }

    /// Counts as in flight until dropped.
    pub fn enter(&self) -> InFlight<'_> {
        self.in_flight.increment(1.0);
        InFlight(&self.in_flight)
    }

    pub fn ended(&self, took: Duration, error: Option<&Error>) {
        self.duration.record(took);
        let outcome = error.and_then(|error| ErrorKind::ALL.iter().position(|kind| *kind == error.kind));
        outcome.map_or(&self.answered, |index| &self.failed[index]).increment(1);
    }
}

pub(crate) struct InFlight<'a>(&'a Gauge);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// Tells the recorder what the metrics mean.
pub(crate) fn describe() {
    describe_counter!(REQUESTS, Unit::Count, "Requests by how they ended: ok, or the kind of error");
    describe_histogram!(DURATION, Unit::Seconds, "Time from asking to answer, the commit included");
    describe_gauge!(IN_FLIGHT, Unit::Count, "Requests that are being answered");
    describe_counter!(CACHE, Unit::Count, "Cached queries by whether the answer was kept");
}
