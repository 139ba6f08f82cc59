use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use container::Container;
use futures::future::join_all;
use observability::{Counter, Histogram, Label, Metric};
use request::ModuleStates;
use tokio::time::Instant;

use super::{
    Member,
    error::{Allowed, outcome},
};
use crate::Timeouts;

const DURATION: Metric<Histogram, 2> = Metric::seconds(
    "borough_health_check_duration_seconds",
    "Time of one look at the health of a component",
    [Label::open("module"), Label::open("check")],
);
const FAILURES: Metric<Counter, 2> = Metric::counter(
    "borough_health_check_failures_total",
    "Looks at the health of a component that found it not well",
    [Label::open("module"), Label::open("check")],
);

/// When the last round of looks began. Before the first one there is nothing to say.
#[derive(Clone, Default)]
pub(super) struct Pulse(Arc<Mutex<Option<Instant>>>);

impl Pulse {
    fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    pub fn is_within(&self, limit: Duration) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_none_or(|last| last.elapsed() <= limit)
    }
}

/// What a health check is called among the parts of its module.
pub(crate) fn part(check: &str) -> String {
    format!("health check `{check}`")
}

/// Looks at the health of all modules, again and again, until it is dropped.
pub(super) async fn watch(
    members: Vec<Arc<Member>>,
    container: Container,
    states: ModuleStates,
    timeouts: Timeouts,
    pulse: Pulse,
) {
    loop {
        pulse.beat();
        tokio::time::sleep(timeouts.check_every).await;
        join_all(members.iter().map(|member| look(member, &container, &states, timeouts))).await;
    }
}

/// One look at the health of a module; what it comes to stands in the states.
pub(super) async fn look(member: &Member, container: &Container, states: &ModuleStates, timeouts: Timeouts) {
    let module = member.module;
    let allowed = Allowed::from_now(timeouts.check, "modules.check_seconds");
    let looks = member.checks.iter().map(|check| async move {
        let part = part(check.name);
        let start = Instant::now();
        let outcome = outcome(async { (check.run)(container).await }, allowed).await;
        DURATION.of([module, check.name]).record(start.elapsed());
        FAILURES.of([module, check.name]).increment(u64::from(outcome.is_err()));
        match outcome {
            Ok(()) if states.mend(module, &part) => tracing::info!(module, "{part} is well again"),
            Ok(()) => {}
            Err(cause) => {
                let reason = cause.to_string();
                if states.degrade(module, part.as_str(), reason.as_str()) {
                    tracing::warn!(module, "{part} {reason}");
                }
            }
        }
    });
    join_all(looks).await;
}
