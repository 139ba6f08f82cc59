use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use container::Builder;

use crate::{
    Module,
    descriptor::{Needed, Served},
};

/// Which user has which permissions, by name.
pub type Grants = BTreeMap<String, BTreeSet<String>>;

/// Something wrong with an assembly.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub level: FindingLevel,
    pub module: String,
    pub problem: String,
    pub fix: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingLevel {
    /// The assembly cannot work.
    Error,
    /// It works, and something in it is probably forgotten.
    Warning,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "module `{}`: {}: {}", self.module, self.problem, self.fix)
    }
}

/// Everything that is wrong with an assembly, errors first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings(pub Vec<Finding>);

impl std::error::Error for Findings {}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the modules do not fit together:")?;
        self.0.iter().try_for_each(|finding| write!(f, "\n  {finding}"))
    }
}

impl Findings {
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter().filter(|finding| finding.level == FindingLevel::Error)
    }

    fn error(&mut self, module: &str, problem: String, fix: impl Into<String>) {
        self.0.push(Finding { level: FindingLevel::Error, module: module.into(), problem, fix: fix.into() });
    }

    fn warning(&mut self, module: &str, problem: String, fix: impl Into<String>) {
        self.0.push(Finding { level: FindingLevel::Warning, module: module.into(), problem, fix: fix.into() });
    }
}

/// Looks at the descriptors and the container's graph; builds nothing.
pub(crate) fn verify(modules: &[Module], builder: &Builder, grants: &Grants) -> Findings {
    let mut findings = Findings::default();
    names(modules, &mut findings);
    requests(modules, &mut findings);
    events(modules, &mut findings);
    permissions(modules, grants, &mut findings);
    needs(modules, builder, &mut findings);
    for finding in builder.validate() {
        let (problem, fix) = (finding.to_string(), "mend the registrations in `.provides`");
        if finding.is_warning() {
            findings.warning("container", problem, fix);
        } else {
            findings.error("container", problem, fix);
        }
    }
    findings.0.sort();
    findings.0.dedup();
    findings
}

/// Names that must not be used twice: modules, subscribers, sagas, collections.
fn names(modules: &[Module], findings: &mut Findings) {
    let mut seen: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for module in modules {
        let subscribers = module.subscribes.iter().map(|s| ("subscriber", s.subscriber));
        let sagas = module.sagas.iter().map(|s| ("saga", s.name));
        let collections = module.collections.iter().map(|c| ("collection", *c));
        for (kind, name) in [("module", module.name)].into_iter().chain(subscribers).chain(sagas).chain(collections) {
            if let Some(first) = seen.insert((kind, name), module.name) {
                let problem = format!("{kind} `{name}` is also declared by module `{first}`");
                findings.error(module.name, problem, "give one of them another name");
            }
        }
    }
}

fn requests(modules: &[Module], findings: &mut Findings) {
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
        for name in module.asks.iter().filter(|name| !served.contains_key(**name)) {
            let problem = format!("asks `{name}`, which no module serves");
            findings.error(module.name, problem, "add the module that serves it to the composition root");
        }
    }
}

fn events(modules: &[Module], findings: &mut Findings) {
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
    let subscribed: BTreeSet<&str> = modules.iter().flat_map(|m| &m.subscribes).map(|s| s.event).collect();
    for module in modules {
        for subscription in module.subscribes.iter().filter(|s| !published.contains_key(s.event)) {
            let problem = format!(
                "subscriber `{}` waits for event `{}`, which no module publishes",
                subscription.subscriber, subscription.event
            );
            findings.error(module.name, problem, "declare it with `.publishes` in the module that does");
        }
        for event in module.publishes.iter().filter(|e| !subscribed.contains(e.name)) {
            let problem = format!("publishes event `{}`, to which nobody subscribes", event.name);
            findings.warning(module.name, problem, "fine if it is for the log only");
        }
    }
}

fn permissions(modules: &[Module], grants: &Grants, findings: &mut Findings) {
    let granted: BTreeSet<&str> = grants.values().flatten().map(String::as_str).collect();
    let declared: BTreeSet<&str> = modules.iter().flat_map(|m| &m.permissions).map(|p| p.name()).collect();
    for module in modules {
        for permission in module.permissions.iter().filter(|p| !granted.contains(p.name())) {
            let problem = format!("permission `{}` is granted to nobody", permission.name());
            findings.error(module.name, problem, "grant it under [access.grants] in the settings");
        }
    }
    for (user, permissions) in grants {
        for permission in permissions.iter().filter(|p| !declared.contains(p.as_str())) {
            let close = declared.iter().filter(|d| d.split(':').next() == permission.split(':').next());
            let close: Vec<&str> = close.copied().collect();
            let problem = format!("user `{user}` is granted `{permission}`, which no module declares");
            let fix = if close.is_empty() { "remove it".into() } else { format!("did you mean {}?", close.join(", ")) };
            findings.error("settings", problem, fix);
        }
    }
}

fn needs(modules: &[Module], builder: &Builder, findings: &mut Findings) {
    for module in modules {
        let serves = module.serves.iter().map(|s| (format!("request `{}`", s.info.name), s.needs));
        let subscribes = module.subscribes.iter().map(|s| (format!("subscriber `{}`", s.subscriber), s.needs));
        let sagas = module.sagas.iter().map(|s| (format!("saga `{}`", s.name), s.needs));
        let missing = |(_, needed): &(String, Needed)| !(needed.registered)(builder);
        for (what, needed) in serves.chain(subscribes).chain(sagas).filter(missing) {
            let problem = format!("{what} needs `{}`, which is not registered", needed.type_name);
            findings.error(module.name, problem, "register it with `.provides(|c| c.singleton(..))`");
        }
    }
}
