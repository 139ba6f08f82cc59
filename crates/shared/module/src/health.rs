//! How a process is: alive, ready for work, and how each of its components does.

use std::{fmt, time::Duration};

use event_bus::SubscriberStatus;
use event_sourcing::ProjectionStanding;
use kernel::Error;
use observability::{Gauge, Label, Metric};
use request::{ModuleState, Trouble};
use serde::{Deserialize, Serialize};

use crate::{Application, ModuleStatus, lifecycle};

const STATE: Metric<Gauge, 2> = Metric::gauge(
    "borough_module_state",
    "1 for the state that a module is in, 0 for the others",
    [Label::open("module"), Label::of("state", &["up", "degraded", "stopped", "unreachable"])],
);
const READY: Metric<Gauge> = Metric::gauge("borough_ready", "1 if the process is ready for work, else 0", []);

/// How this process is, at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// All of it in one word.
    pub status: HealthStatus,
    /// Its runtime gets round to its tasks. If not, only starting it anew helps.
    pub live: bool,
    /// It can take on work: it is not about to stop, every module answers, no event waits for too long, and no subscriber and no projection has halted.
    pub ready: bool,
    /// Why it is not alive or not ready.
    pub reasons: Vec<String>,
    /// Every module of this process, each followed by its parts: all health checks, and of the rest what does not work.
    pub components: Vec<Component>,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// It works.
    Healthy,
    /// It works, and a part of it does not.
    Degraded,
    /// It does not work.
    Unhealthy,
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        })
    }
}

/// A module, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// The module.
    pub module: String,
    /// What it is of it: `health check `index``. Absent for the module itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// How it is.
    pub status: HealthStatus,
    /// Why it is not healthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Health {
    pub(crate) fn of(application: &Application, subscribers: Result<&[SubscriberStatus], &Error>) -> Self {
        let live = application.lifecycle.is_live();
        let mut reasons = Vec::new();
        if !live {
            reasons.push("nothing has looked at its health for too long: its threads are held by something".into());
        }
        if application.lifecycle.is_stopping {
            reasons.push("the process is stopping".into());
        }
        let here = application.description.modules.iter().filter(|module| !module.left_out);
        let here: Vec<&str> = here.map(|module| module.name).collect();
        let mut components = Vec::new();
        let standings = application.projections.standings();
        for module in application.modules().iter().filter(|module| here.contains(&module.name)) {
            publish(module);
            if matches!(module.state, ModuleState::Stopped | ModuleState::Unreachable) {
                reasons.push(format!("module `{}` is {}", module.name, module.state));
            }
            components.extend(parts(module, application.lifecycle.checks()));
            components.extend(standings.iter().filter(|standing| standing.module == module.name).map(projection));
        }
        let longest = application.lifecycle.timeouts().projection;
        reasons.extend(standings.iter().filter_map(|standing| unread(standing, longest)));
        let limit = application.lifecycle.timeouts().delivery;
        match subscribers {
            Ok(subscribers) => reasons.extend(subscribers.iter().filter_map(|subscriber| too_long(subscriber, limit))),
            Err(error) => reasons.push(format!("which events wait is not known: {error}")),
        }
        let ready = reasons.is_empty();
        READY.of([]).set(f64::from(u8::from(ready)));
        let is_whole = components.iter().all(|component| component.status == HealthStatus::Healthy);
        let status = match (ready, is_whole) {
            (false, _) => HealthStatus::Unhealthy,
            (true, false) => HealthStatus::Degraded,
            (true, true) => HealthStatus::Healthy,
        };
        Self { status, live, ready, reasons, components }
    }
}

/// Why the process is not ready, if it is not because of this one. Parked events do not wait any more, nor do those of a
/// subscriber that somebody has paused.
fn too_long(subscriber: &SubscriberStatus, limit: Duration) -> Option<String> {
    let SubscriberStatus { name, module, oldest, paused, .. } = subscriber;
    if let Some(why) = &subscriber.halted {
        return Some(format!("subscriber `{name}` of module `{module}` has halted: {why}: see `borough status`"));
    }
    let age = oldest.filter(|age| !paused && *age > limit)?;
    Some(format!(
        "an event has waited for subscriber `{name}` of module `{module}` for {} s, and {} s are allowed: see `borough status`, \
         or raise `events.delivery_seconds`",
        age.as_secs(),
        limit.as_secs()
    ))
}

/// Why the process is not ready, if it is not because of what readers of a projection do not see.
fn unread(standing: &ProjectionStanding, limit: Duration) -> Option<String> {
    let ProjectionStanding { module, name, age, paused, .. } = standing;
    if let Some(halt) = &standing.halted {
        // What to do about a damaged event is for the store to say.
        let advice = if halt.event_type.is_some() { ": mend it, raise its version and start anew" } else { "" };
        return Some(format!("projection `{name}` of module `{module}` has halted before {halt}{advice}"));
    }
    let age = age.filter(|age| !paused && *age > limit)?;
    Some(format!(
        "an event has waited for projection `{name}` of module `{module}` for {} s, and {} s are allowed: see \
         `borough projections list`, or raise `projections.age_seconds`",
        age.as_secs(),
        limit.as_secs()
    ))
}

fn projection(standing: &ProjectionStanding) -> Component {
    let before = |halt: &event_sourcing::Halt| format!("halted before the event at {}: {}", halt.position, halt.error);
    let rebuild = standing.rebuild_halted.as_ref().map(|halt| format!("its rebuild has {}", before(halt)));
    let (status, reason) = match (&standing.halted, standing.trouble.clone().or(rebuild)) {
        (Some(halt), _) => (HealthStatus::Unhealthy, Some(before(halt))),
        (None, Some(trouble)) => (HealthStatus::Degraded, Some(trouble)),
        (None, None) => (HealthStatus::Healthy, None),
    };
    let part = Some(format!("projection `{}`", standing.name));
    Component { module: standing.module.into(), part, status, reason }
}

fn publish(module: &ModuleStatus) {
    let states = [ModuleState::Up, ModuleState::Degraded, ModuleState::Stopped, ModuleState::Unreachable];
    for state in states {
        let gauge = STATE.of([module.name, &state.to_string()]);
        gauge.set(f64::from(u8::from(module.state == state)));
    }
}

/// The module and its parts.
fn parts(module: &ModuleStatus, checks: impl Iterator<Item = (&'static str, &'static str)>) -> Vec<Component> {
    let status = match module.state {
        ModuleState::Up => HealthStatus::Healthy,
        ModuleState::Degraded => HealthStatus::Degraded,
        ModuleState::Stopped | ModuleState::Unreachable => HealthStatus::Unhealthy,
    };
    let component = |part, status, reason| Component { module: module.name.into(), part, status, reason };
    let mut components = vec![component(None, status, None)];
    let failing = |part: &str| module.troubles.iter().any(|trouble| trouble.part == part);
    let checks = checks.filter(|(of, _)| *of == module.name && status != HealthStatus::Unhealthy);
    let sound = checks.map(|(_, check)| lifecycle::part(check)).filter(|part| !failing(part));
    components.extend(sound.map(|part| component(Some(part), HealthStatus::Healthy, None)));
    let trouble = |trouble: &Trouble| {
        component(Some(trouble.part.clone()), HealthStatus::Unhealthy, Some(trouble.reason.clone()))
    };
    components.extend(module.troubles.iter().map(trouble));
    components
}
