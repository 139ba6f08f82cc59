use std::{any::type_name, collections::BTreeMap, fmt};

use event_bus::{DayPassed, HourPassed, MonthPassed, SubscriptionFault};
use kernel::Event;
use request::CommandRecorded;

use crate::{
    Findings, Module,
    descriptor::{Message, Served},
};

const ONE_TYPE: &str = "use one of them, that of the contracts, or rename the other";

pub(super) fn requests(modules: &[Module], findings: &mut Findings) {
    let mut served: BTreeMap<&str, (&Module, &Served)> = BTreeMap::new();
    for module in modules {
        for request in &module.serves {
            let Some((other, first)) = served.insert(request.info.name, (module, request)) else {
                continue;
            };
            if first.type_name == request.type_name {
                let problem = format!("request `{}` is also served by module `{}`", request.info.name, other.name);
                findings.error(module.name, problem, "a request has exactly one service: remove one");
            } else {
                let problem =
                    format!("`{}` and `{}` are both named `{}`", first.type_name, request.type_name, request.info.name);
                findings.error(module.name, problem, "rename one");
            }
        }
    }
    for module in modules {
        for Message { name, type_name } in &module.asks {
            match served.get(name) {
                Some((_, served)) if served.type_name == *type_name => {}
                Some((server, served)) => {
                    let (other, served) = (server.name, served.type_name);
                    let problem = format!("asks `{name}` as `{type_name}`, module `{other}` serves it as `{served}`");
                    findings.error(module.name, problem, ONE_TYPE);
                }
                None => {
                    let problem = format!("asks `{name}`, which no module serves");
                    findings.error(module.name, problem, "add the module that serves it to the composition root");
                }
            }
        }
    }
}

/// An event and a request of one wire name that are two types: whoever reads the log, the metrics or a trace cannot tell them apart.
pub(super) fn kinds(modules: &[Module], findings: &mut Findings) {
    let served = modules.iter().flat_map(|module| module.serves.iter().map(move |served| (module, served)));
    let served: BTreeMap<&str, (&Module, &Served)> =
        served.map(|(m, served)| (served.info.name, (m, served))).collect();
    for module in modules {
        let events = module.publishes.iter().map(|event| (event.name, event.type_name));
        let taken = module.subscribes.iter().filter_map(|subscribed| Some((subscribed.event, subscribed.type_name?)));
        let projected = module.projects.iter().flat_map(|p| &p.events).map(|event| (event.name, event.type_name));
        for (name, event) in events.chain(taken).chain(projected) {
            let Some((other, request)) = served.get(name).filter(|(_, request)| request.type_name != event) else {
                continue;
            };
            let (other, request) = (other.name, request.type_name);
            let problem =
                format!("event `{name}` (`{event}`) has the name of a request of module `{other}` (`{request}`)");
            findings.error(module.name, problem, "rename one");
        }
    }
}

/// Subscribers that no bus would take.
pub(super) fn subscriptions(modules: &[Module], findings: &mut Findings) {
    for module in modules {
        for subscribed in &module.subscribes {
            if let Some(SubscriptionFault { problem, fix }) = subscribed.subscription.fault() {
                findings.error(module.name, format!("subscriber `{}`: {problem}", subscribed.subscriber), fix);
            }
        }
    }
}

/// Caches and regulations of requests.
pub(super) fn rules(modules: &[Module], findings: &mut Findings) {
    let published = publishers(modules, |_, _, _, _| {});
    for module in modules {
        for rule in &module.rules {
            if !module.serves.iter().any(|served| served.type_name == rule.type_name) {
                let problem = format!("`{}` is cached or regulated here and not served here", rule.request);
                findings.error(module.name, problem, "say it in the module that serves it");
            }
            for event in rule.events.iter().filter(|event| !published.contains_key(**event)) {
                let problem =
                    format!("answers of `{}` are kept until `{event}`, which no module publishes", rule.request);
                findings.error(module.name, problem, "declare it with `.publishes` in the module that does");
            }
        }
    }
}

/// Who publishes an event.
#[derive(Clone, Copy)]
enum Publisher<'a> {
    Module(&'a str),
    /// Time passes and commands are recorded whatever modules there are.
    Framework,
}

impl fmt::Display for Publisher<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Module(name) => write!(f, "module `{name}`"),
            Self::Framework => f.write_str("the framework"),
        }
    }
}

/// By wire name, who publishes it and the name of its type.
type Publishers<'a> = BTreeMap<&'a str, (Publisher<'a>, &'a str)>;

fn of_framework<E: Event>() -> (&'static str, (Publisher<'static>, &'static str)) {
    (E::NAME, (Publisher::Framework, type_name::<E>()))
}

/// Each event with the first who publishes it, and what others of that name there are.
fn publishers<'a>(
    modules: &'a [Module],
    mut other: impl FnMut(&'a Module, &Message, Publisher<'a>, &str),
) -> Publishers<'a> {
    let mut published = Publishers::from([
        of_framework::<HourPassed>(),
        of_framework::<DayPassed>(),
        of_framework::<MonthPassed>(),
        of_framework::<CommandRecorded>(),
    ]);
    for module in modules {
        for event in &module.publishes {
            match published.get(event.name) {
                Some((first, type_name)) => other(module, event, *first, type_name),
                None => _ = published.insert(event.name, (Publisher::Module(module.name), event.type_name)),
            }
        }
    }
    published
}

pub(super) fn events(modules: &[Module], findings: &mut Findings) {
    let published = publishers(modules, |module, Message { name, type_name }, first, first_type| {
        let problem = format!("event `{name}` (`{type_name}`) is also published by {first} (`{first_type}`)");
        findings.error(module.name, problem, "an event has one publisher: rename one");
    });
    let mut types = published.clone();
    for module in modules {
        for subscription in &module.subscribes {
            let (subscriber, event) = (subscription.subscriber, subscription.event);
            if event != "*" && !published.keys().any(|known| subscription.takes(known)) {
                let problem = match event.ends_with('*') {
                    false => format!("subscriber `{subscriber}` waits for event `{event}`, which no module publishes"),
                    true => {
                        format!("subscriber `{subscriber}` waits for events `{event}`, and no module publishes any")
                    }
                };
                findings.error(module.name, problem, "declare it with `.publishes` in the module that does");
            }
            let Some(taken) = subscription.type_name else { continue };
            let (other, type_name) = *types.entry(event).or_insert((Publisher::Module(module.name), taken));
            if type_name != taken {
                let problem = format!(
                    "subscriber `{subscriber}` takes event `{event}` as `{taken}`, for {other} it is `{type_name}`"
                );
                findings.error(module.name, problem, ONE_TYPE);
            }
        }
    }
    for module in modules {
        for subscription in &module.subscribes {
            for event in module.publishes.iter().filter(|event| subscription.takes(event.name)) {
                let (subscriber, event) = (subscription.subscriber, event.name);
                let problem = format!("publishes event `{event}`, and its own subscriber `{subscriber}` takes it");
                findings.warning(module.name, problem, "fine unless that one publishes it: then it sets itself off");
            }
        }
    }
    let is_projected = |event: &str| modules.iter().flat_map(|m| &m.projects).any(|p| p.takes(event));
    let is_heard = |event: &str| modules.iter().flat_map(|m| &m.subscribes).any(|s| s.takes(event));
    let is_taken = |event: &str| is_heard(event) || is_projected(event);
    for module in modules {
        for event in module.publishes.iter().filter(|event| !is_taken(event.name)) {
            let problem = format!("publishes event `{}`, to which nobody subscribes", event.name);
            findings.warning(module.name, problem, "fine if it is for the log only");
        }
    }
}

/// Projections without events, with events that nobody publishes, and with types that are not their publishers'.
pub(super) fn projections(modules: &[Module], findings: &mut Findings) {
    let published = publishers(modules, |_, _, _, _| {});
    for (module, projection) in modules.iter().flat_map(|module| module.projects.iter().map(move |p| (module, p))) {
        let name = projection.name;
        if projection.events.is_empty() {
            let problem = format!("projection `{name}` takes no events");
            findings.error(module.name, problem, "name them in its `events`: `Events::default().of::<..>()`");
        }
        if projection.collections.is_empty() {
            let problem = format!("projection `{name}` has no collection to write into");
            findings.error(module.name, problem, "list those of its documents in its `COLLECTIONS`");
        }
        for (index, event) in projection.events.iter().enumerate() {
            if projection.events[..index].iter().any(|earlier| earlier.name == event.name) {
                let problem = format!("projection `{name}` takes event `{}` twice", event.name);
                findings.error(module.name, problem, "remove one of them from its `events`");
            }
            match published.get(event.name) {
                Some((_, known)) if *known == event.type_name => {}
                Some((other, known)) => {
                    let (event, taken) = (event.name, event.type_name);
                    let problem =
                        format!("projection `{name}` takes event `{event}` as `{taken}`, for {other} it is `{known}`");
                    findings.error(module.name, problem, ONE_TYPE);
                }
                None => {
                    let problem =
                        format!("projection `{name}` takes event `{}`, which no module publishes", event.name);
                    findings.error(module.name, problem, "declare it with `.publishes` in the module that does");
                }
            }
        }
    }
}
