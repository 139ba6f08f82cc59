use std::collections::{BTreeMap, BTreeSet};

use event_bus::SubscriptionFault;
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
    let published: BTreeSet<&str> = modules.iter().flat_map(|m| &m.publishes).map(|event| event.name).collect();
    for module in modules {
        for rule in &module.rules {
            if !module.serves.iter().any(|served| served.type_name == rule.type_name) {
                let problem = format!("`{}` is cached or regulated here and not served here", rule.request);
                findings.error(module.name, problem, "say it in the module that serves it");
            }
            for event in rule.events.iter().filter(|event| !published.contains(**event)) {
                let problem =
                    format!("answers of `{}` are kept until `{event}`, which no module publishes", rule.request);
                findings.error(module.name, problem, "declare it with `.publishes` in the module that does");
            }
        }
    }
}

pub(super) fn events(modules: &[Module], findings: &mut Findings) {
    let mut published: BTreeMap<&str, (&Module, &str)> = BTreeMap::new();
    for module in modules {
        for event in &module.publishes {
            if let Some((other, type_name)) = published.insert(event.name, (module, event.type_name)) {
                let problem = format!(
                    "event `{}` (`{}`) is also published by module `{}` (`{type_name}`)",
                    event.name, event.type_name, other.name
                );
                findings.error(module.name, problem, "an event has one publisher: rename one");
            }
        }
    }
    let mut types = published.clone();
    for module in modules {
        for subscription in &module.subscribes {
            let (subscriber, event) = (subscription.subscriber, subscription.event);
            // Time passes and commands are recorded whatever modules there are.
            let mut known = published.keys().copied().chain(event_bus::TIME_EVENTS).chain([CommandRecorded::NAME]);
            if event != "*" && !known.any(|known| subscription.takes(known)) {
                let problem = match event.ends_with('*') {
                    false => format!("subscriber `{subscriber}` waits for event `{event}`, which no module publishes"),
                    true => {
                        format!("subscriber `{subscriber}` waits for events `{event}`, and no module publishes any")
                    }
                };
                findings.error(module.name, problem, "declare it with `.publishes` in the module that does");
            }
            let Some(taken) = subscription.type_name else { continue };
            let (other, type_name) = *types.entry(event).or_insert((module, taken));
            if type_name != taken {
                let problem = format!(
                    "subscriber `{subscriber}` takes event `{event}` as `{taken}`, for module `{}` it is `{type_name}`",
                    other.name
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
    let published =
        modules.iter().flat_map(|module| module.publishes.iter().map(move |event| (event.name, (module, event))));
    let published: BTreeMap<&str, (&Module, &Message)> = published.collect();
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
                Some((_, known)) if known.type_name == event.type_name => {}
                Some((other, known)) => {
                    let (event, taken, known, other) = (event.name, event.type_name, known.type_name, other.name);
                    let problem = format!(
                        "projection `{name}` takes event `{event}` as `{taken}`, for module `{other}` it is `{known}`"
                    );
                    findings.error(module.name, problem, ONE_TYPE);
                }
                None if event_bus::TIME_EVENTS.contains(&event.name) => {}
                None => {
                    let problem =
                        format!("projection `{name}` takes event `{}`, which no module publishes", event.name);
                    findings.error(module.name, problem, "declare it with `.publishes` in the module that does");
                }
            }
        }
    }
}
