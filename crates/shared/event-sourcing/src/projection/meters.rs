//! What is measured. The label `projection` has as many values as there are projections.

use observability::{Counter, Gauge, Histogram, Label, Metric};

use super::standing::ProjectionStanding;

const APPLIED: Metric<Counter, 3> = Metric::counter(
    "borough_projection_events_total",
    "Events that a projection takes by what became of them, those of rebuilds included",
    [Label::open("module"), Label::open("projection"), Label::of("outcome", &["applied", "skipped", "failed"])],
);
const DURATION: Metric<Histogram, 2> = Metric::seconds(
    "borough_projection_batch_duration_seconds",
    "Time from reading a batch of events to the commit of its effect",
    [Label::open("module"), Label::open("projection")],
);
const LAG: Metric<Gauge, 2> = Metric::gauge(
    "borough_projection_lag_events",
    "Events of any type between what readers of a projection see and the end of the log",
    [Label::open("module"), Label::open("projection")],
);
const OLDEST: Metric<Gauge, 2> = Metric::gauge_seconds(
    "borough_projection_oldest_age_seconds",
    "Age of the oldest event that is not applied to what readers of a projection see",
    [Label::open("module"), Label::open("projection")],
);
const HALTED: Metric<Gauge, 2> = Metric::gauge(
    "borough_projection_halted",
    "1 if a projection stands before an event that it cannot apply, else 0",
    [Label::open("module"), Label::open("projection")],
);
const REBUILD: Metric<Gauge, 2> = Metric::gauge(
    "borough_projection_rebuild_lag_events",
    "Events of any type between a rebuild and the end of the log; 0 without a rebuild",
    [Label::open("module"), Label::open("projection")],
);

/// Of one projection. Made once for each run, so that a batch looks nothing up.
pub(super) struct Meters {
    pub applied: Counter,
    pub skipped: Counter,
    pub failed: Counter,
    pub duration: Histogram,
}

impl Meters {
    pub fn new(module: &str, name: &str) -> Self {
        let outcome = |outcome| APPLIED.of([module, name, outcome]);
        Self {
            applied: outcome("applied"),
            skipped: outcome("skipped"),
            failed: outcome("failed"),
            duration: DURATION.of([module, name]),
        }
    }
}

/// Sets the gauges: by the projector when something has changed, and by whoever looks at health, so that an age grows also
/// while a handler does not end.
pub(super) fn measure(standing: &ProjectionStanding) {
    let labels = [standing.module, standing.name];
    let head = standing.position.0 + standing.lag;
    LAG.of(labels).set(standing.lag as f64);
    OLDEST.of(labels).set(standing.age.unwrap_or_default().as_secs_f64());
    HALTED.of(labels).set(f64::from(u8::from(standing.halted.is_some())));
    REBUILD.of(labels).set(standing.rebuild.map_or(0.0, |at| head.saturating_sub(at.0) as f64));
}
