mod messages;

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::Location,
};

use container::Builder;
use settings::Settings;

use crate::{Findings, Module, Options, closest::way_out, options::GRANTED_MODULE};

/// What is verified: the descriptors of all modules, and what those have registered that run in this process.
pub(crate) struct Assembly<'a> {
    pub modules: &'a [Module],
    pub selected: &'a BTreeSet<usize>,
    pub builder: &'a Builder,
    pub options: &'a Options,
}

/// Looks at the descriptors and the container's graph; builds nothing. `wrong` is what was found in the settings, with the fix.
pub(crate) fn verify(assembly: &Assembly<'_>, wrong: Vec<(String, String)>) -> Findings {
    let Assembly { modules, options, .. } = assembly;
    let mut findings = Findings::default();
    for (problem, fix) in wrong {
        findings.error("settings", problem, fix);
    }
    words(modules, &mut findings);
    names(modules, &mut findings);
    messages::requests(modules, &mut findings);
    messages::rules(modules, &mut findings);
    messages::events(modules, &mut findings);
    messages::kinds(modules, &mut findings);
    messages::projections(modules, &mut findings);
    messages::subscriptions(modules, &mut findings);
    permissions(modules, options, &mut findings);
    settings(modules, options, &mut findings);
    needs(assembly, &mut findings);
    registrations(assembly, &mut findings);
    findings.0.sort();
    findings.0.dedup();
    findings
}

/// Names that stand in metrics, logs, addresses and settings are words. Those of subscribers are the bus's matter.
fn words(modules: &[Module], findings: &mut Findings) {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.:/".contains(c);
    for module in modules {
        let requests = module.serves.iter().map(|served| ("request", served.info.name));
        let events = module.publishes.iter().map(|event| ("event", event.name));
        let sagas = module.sagas.iter().map(|saga| ("saga", saga.name));
        let projections = module.projects.iter().map(|projection| ("projection", projection.name));
        let collections = collections(module).map(|collection| ("collection", collection));
        let all = [("module", module.name)].into_iter().chain(requests).chain(events);
        for (kind, name) in all.chain(sagas).chain(projections).chain(collections) {
            if name.is_empty() || !name.chars().all(is_part) {
                let problem = format!("{kind} `{}` has no name that can be written everywhere", name.escape_debug());
                findings.error(module.name, problem, "give it one of letters, digits, `-`, `_` and `.`");
            }
        }
    }
}

/// Names that must not be used twice: of modules, subscribers, sagas, projections, collections; and within a module, of what it does.
fn names(modules: &[Module], findings: &mut Findings) {
    let mut seen: BTreeMap<(&str, &str, &str), &str> = BTreeMap::new();
    for module in modules {
        let subscribers = module.subscribes.iter().map(|s| ("", "subscriber", s.subscriber));
        let sagas = module.sagas.iter().map(|s| ("", "saga", s.name));
        let projections = module.projects.iter().map(|p| ("", "projection", p.name));
        let collections = collections(module).map(|c| ("", "collection", c));
        let jobs = module.jobs.iter().map(|job| (module.name, "background job", job.name));
        let checks = module.checks.iter().map(|check| (module.name, "health check", check.name));
        let everywhere = [("", "module", module.name)].into_iter().chain(subscribers).chain(sagas);
        let everywhere = everywhere.chain(projections).chain(collections);
        for (within, kind, name) in everywhere.chain(jobs).chain(checks) {
            if let Some(first) = seen.insert((within, kind, name), module.name) {
                let problem = format!("{kind} `{name}` is also declared by module `{first}`");
                findings.error(module.name, problem, "give one of them another name");
            }
        }
    }
}

/// Its own, and those of its projections.
fn collections(module: &Module) -> impl Iterator<Item = &'static str> {
    let projected = module.projects.iter().flat_map(|projection| projection.collections.iter().copied());
    module.collections.iter().map(|(name, _)| *name).chain(projected)
}

fn permissions(modules: &[Module], Options { grants, .. }: &Options, findings: &mut Findings) {
    let granted: BTreeSet<&str> = grants.values().flatten().map(String::as_str).collect();
    let declared: BTreeSet<&str> = modules.iter().flat_map(|m| &m.permissions).map(|p| p.name()).collect();
    for module in modules {
        for permission in module.permissions.iter().filter(|p| !granted.contains(p.name())) {
            let problem = format!("permission `{}` is granted to nobody", permission.name());
            findings.error(module.name, problem, "grant it under [access.grants] in the settings");
        }
    }
    for (user, permissions) in grants {
        if let Some(name) =
            user.strip_prefix(GRANTED_MODULE).filter(|name| modules.iter().all(|module| module.name != *name))
        {
            let problem = format!("permissions are granted to `{user}`, and there is no module `{name}`");
            findings.error("settings", problem, way_out(name, modules.iter().map(|module| module.name)));
        }
        for permission in permissions.iter().filter(|p| !declared.contains(p.as_str())) {
            let close = declared.iter().filter(|d| d.split(':').next() == permission.split(':').next());
            let close: Vec<&str> = close.copied().collect();
            let problem = format!("user `{user}` is granted `{permission}`, which no module declares");
            let fix = if close.is_empty() { "remove it".into() } else { format!("did you mean {}?", close.join(", ")) };
            findings.error("settings", problem, fix);
        }
    }
}

fn settings(modules: &[Module], options: &Options, findings: &mut Findings) {
    let known = options.settings.as_ref().map(Settings::keys).unwrap_or_default();
    for module in modules {
        for read in module.settings.iter().filter(|read| !known.iter().any(|key| key == read.section)) {
            let problem = format!("reads the settings [{}], which there are not", read.section);
            findings.error(module.name, problem, way_out(read.section, known.iter().map(String::as_str)));
        }
    }
}

/// What the descriptors take from the container, each as a whole and not only the first that misses something.
fn needs(Assembly { modules, selected, builder, .. }: &Assembly<'_>, findings: &mut Findings) {
    for module in selected.iter().map(|&module| &modules[module]) {
        for (what, needed) in module.needs() {
            if !(needed.registered)(builder) {
                let problem = format!("{what} needs `{}`, which is not registered", needed.type_name);
                findings.error(module.name, problem, "register it with `.provides(|c| c.singleton(..))`");
            } else if (needed.scoped)(builder) {
                let problem =
                    format!("{what} needs `{}`, which lives in a scope and is shared by all here", needed.type_name);
                findings.error(
                    module.name,
                    problem,
                    "register it, and what it needs, with `.provides(|c| c.singleton(..))`",
                );
            }
        }
    }
}

/// The container's graph. A finding is that of the module that has registered what has to be mended.
fn registrations(Assembly { modules, builder, .. }: &Assembly<'_>, findings: &mut Findings) {
    for finding in builder.validate() {
        let module = registrar(modules, finding.place());
        let (problem, fix) = (finding.to_string(), "mend the registrations in `.provides`");
        if finding.is_warning() {
            findings.warning(module, problem, fix);
        } else {
            findings.error(module, problem, fix);
        }
    }
}

/// Whose registration stands at this place.
pub(crate) fn registrar(modules: &[Module], place: &Location<'_>) -> &'static str {
    let is_here = |module: &&Module| module.registered.iter().any(|(_, own)| *own == place);
    modules.iter().rfind(is_here).map_or("container", |module| module.name)
}
