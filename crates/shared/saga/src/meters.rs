//! What is measured of sagas. Each commit of a journal takes so much longer that looking the metrics up does not matter.

use std::time::Duration;

use kernel::Error;
use observability::{Counter, Histogram, Label, Metric};

use crate::SagaState;

const RUNS: Metric<Counter, 3> = Metric::counter(
    "borough_saga_runs_total",
    "Runs of sagas that came to an end or got stuck, by the state that they are in",
    [Label::open("module"), Label::open("saga"), Label::of("outcome", &["completed", "compensated", "stuck"])],
);
const TRIES: Metric<Counter, 3> = Metric::counter(
    "borough_saga_step_tries_total",
    "Tries of steps and of undoing them, by how they ended: ok, or the kind of the error",
    [Label::open("saga"), Label::open("step"), Label::open("outcome")],
);
const DURATION: Metric<Histogram, 2> = Metric::seconds(
    "borough_saga_step_duration_seconds",
    "Time of one try of a step or of undoing it, without the commit",
    [Label::open("saga"), Label::open("step")],
);

pub(crate) fn ended(module: &str, saga: &str, state: SagaState) {
    RUNS.of([module, saga, state.name()]).increment(1);
}

pub(crate) fn tried(saga: &str, step: &str, took: Duration, error: Option<&Error>) {
    DURATION.of([saga, step]).record(took);
    TRIES.of([saga, step, error.map_or("ok", |error| error.kind.code())]).increment(1);
}
