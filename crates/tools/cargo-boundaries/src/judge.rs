//! Holds every declared dependency against the architecture. No I/O and no clock.

use chrono::NaiveDate;

use crate::architecture::Architecture;
use crate::report::{Cause, Finding, Rule, Violation};
use crate::rules::ExternalRule;
use crate::source::Site;
use crate::workspace::{Dependency, Kind, Target};

/// The violations on the day `today`, or the exceptions that excuse nothing.
pub(crate) fn judge(architecture: &Architecture<'_>, today: NaiveDate) -> Result<Vec<Violation>, Vec<Finding>> {
    let exceptions = &architecture.rules.exceptions;
    let mut used = vec![false; exceptions.len()];
    let mut violations = Vec::new();
    for dependency in &architecture.workspace.dependencies {
        let Some(mut breach) = breach(architecture, dependency) else {
            continue;
        };
        let mut excused = false;
        for index in architecture.exceptions(dependency.from, &dependency.to, dependency.kind) {
            used[index] = true;
            let exception = &exceptions[index];
            match exception.until.filter(|until| *until < today) {
                None => excused = true,
                Some(until) => breach
                    .notes
                    .push(format!("excused until {until} by {}", place(&exception.site))),
            }
        }
        if !excused {
            violations.push(violation(architecture, dependency, breach));
        }
    }
    let stale = exceptions.iter().zip(used).filter(|(_, used)| !used);
    let stale: Vec<_> = stale
        .map(|(exception, _)| {
            let message = format!("the exception for `{}` excuses no dependency", exception.from.value);
            let help = "delete the entry: the dependency is gone, or no rule forbids it";
            Finding::new(Cause::MatchesNothing, message, help).at(&exception.site)
        })
        .collect();
    if stale.is_empty() { Ok(violations) } else { Err(stale) }
}

/// What a dependency breaks.
struct Breach {
    rule: Rule,
    site: Site,
    why: String,
    notes: Vec<String>,
    help: String,
}

fn breach(architecture: &Architecture<'_>, dependency: &Dependency) -> Option<Breach> {
    let &Dependency { from, kind, .. } = dependency;
    match &dependency.to {
        // A crate's own dev-dependency on itself switches its features on for its tests.
        Target::Member(to) if *to == from => None,
        Target::Member(to) => between_members(architecture, from, *to, kind),
        Target::External { name, .. } => denied(architecture, from, name, kind)
            .or_else(|| not_among_only(architecture, from, name, kind))
            .or_else(|| not_allowed(architecture, from, name, kind)),
    }
}

fn between_members(architecture: &Architecture<'_>, from: usize, to: usize, kind: Kind) -> Option<Breach> {
    let (own, used) = (architecture.describe(from), architecture.describe(to));
    let layer = architecture.layer(from);
    let permitted = architecture.permitted(from, kind);
    let may_use = match permitted.as_slice() {
        [] => format!("`{}` may use no other crate of this workspace", own.name),
        permitted => format!("`{}` may use {}", own.name, permitted.join(", ")),
    };
    let same_layer = architecture.in_one_layer(from, to);
    if let Some(site) = layer.independent.as_ref().filter(|_| same_layer) {
        return Some(Breach {
            rule: Rule::Independent,
            site: site.clone(),
            why: format!(
                "no crate of layer `{}` may see another one, not even in tests",
                own.layer
            ),
            notes: vec![may_use],
            help: "delete the line; what both need belongs into a crate that both may use".to_owned(),
        });
    }
    if let Some(site) = architecture.dev_only(to).filter(|_| kind != Kind::Dev) {
        return Some(Breach {
            rule: Rule::DevOnly,
            site: site.clone(),
            why: format!("`{}` may be used as a dev-dependency only", used.name),
            notes: Vec::new(),
            help: "move the line to [dev-dependencies], or delete it".to_owned(),
        });
    }
    if !architecture.rules.kinds.contains(&kind) || architecture.allows(from, to, kind) {
        return None;
    }
    if !same_layer {
        let (site, why) = match &layer.may_use {
            Some(list) => (&list.key, format!("what layer `{}` may use", own.layer)),
            None => (
                &layer.name.site,
                format!("layer `{}` may use the layers that stand before it", own.layer),
            ),
        };
        let change = match &layer.may_use {
            Some(_) => "move what you need to a crate that both may use, or change `may-use`",
            None => "move what you need to a lower layer",
        };
        let help = format!("delete the line; {change}");
        return Some(Breach {
            rule: Rule::MayUse,
            site: site.clone(),
            why,
            notes: vec![may_use],
            help,
        });
    }
    let same_layer = architecture.rules.same_layer.as_ref();
    if same_layer.is_some_and(|same_layer| same_layer.value) {
        return None;
    }
    let (site, why) = match (&layer.edges, same_layer) {
        (Some(edges), _) => (
            &edges.key,
            format!("the only dependencies inside of layer `{}`", own.layer),
        ),
        (None, Some(same_layer)) => (
            &same_layer.site,
            "crates of one layer need an entry in its `edges`".to_owned(),
        ),
        (None, None) => (
            &layer.name.site,
            format!("layer `{}` has no `edges` between its crates", own.layer),
        ),
    };
    let folder = |member: usize| architecture.workspace.members[member].folder();
    let edge = format!("\"{} -> {}\"", folder(from), folder(to));
    let help = format!(
        "delete the line, or add {edge} to `edges` of layer `{}` if the architecture is to change",
        own.layer
    );
    Some(Breach {
        rule: Rule::SameLayer,
        site: site.clone(),
        why,
        notes: vec![may_use],
        help,
    })
}

fn denied(architecture: &Architecture<'_>, from: usize, name: &str, kind: Kind) -> Option<Breach> {
    let layer = architecture.layer(from);
    let (rule, site) = layer
        .deny
        .iter()
        .find_map(|rule| Some((rule, names(rule, name, kind)?)))?;
    Some(Breach {
        rule: Rule::ExternalDeny,
        site: site.clone(),
        why: format!("denied in layer `{}`: {}", layer.name.value, rule.reason),
        notes: Vec::new(),
        help: instead(rule),
    })
}

fn not_among_only(architecture: &Architecture<'_>, from: usize, name: &str, kind: Kind) -> Option<Breach> {
    let mut rules = architecture.rules.external.iter().enumerate();
    let only = rules.find_map(|(index, only)| {
        names(&only.rule, name, kind)?;
        (!architecture.is_among_only(index, from)).then_some(only)
    })?;
    let users: Vec<_> = only.only.items.iter().map(|item| item.value.as_str()).collect();
    Some(Breach {
        rule: Rule::ExternalOnly,
        site: only.only.key.clone(),
        why: only.rule.reason.clone(),
        notes: vec![match users.as_slice() {
            [] => format!("no crate may name `{name}`"),
            users => format!("`{name}` may be named by {}", users.join(", ")),
        }],
        help: instead(&only.rule),
    })
}

fn not_allowed(architecture: &Architecture<'_>, from: usize, name: &str, kind: Kind) -> Option<Breach> {
    let layer = architecture.layer(from);
    let allow = layer.allow.as_ref().filter(|_| kind != Kind::Dev)?;
    if allow
        .items
        .iter()
        .any(|entry| names(&entry.value, name, kind).is_some())
    {
        return None;
    }
    let entries = allow.items.iter().filter(|entry| entry.value.kinds.contains(&kind));
    let allowed: Vec<_> = entries
        .flat_map(|entry| &entry.value.names.items)
        .map(|name| name.value.as_str())
        .collect();
    let layer = &layer.name.value;
    Some(Breach {
        rule: Rule::ExternalAllow,
        site: allow.key.clone(),
        why: format!("the only external crates that layer `{layer}` may name"),
        notes: vec![match allowed.as_slice() {
            [] => format!("layer `{layer}` may name no external crate"),
            allowed => format!("layer `{layer}` may name {}", allowed.join(", ")),
        }],
        help: format!("delete the line, or add \"{name}\" to `external.allow` if the architecture is to change"),
    })
}

/// Where the rule names the crate, if it governs this kind of dependency.
fn names<'r>(rule: &'r ExternalRule, name: &str, kind: Kind) -> Option<&'r Site> {
    let found = rule.names.items.iter().find(|item| item.value == name)?;
    rule.kinds.contains(&kind).then_some(&found.site)
}

fn instead(rule: &ExternalRule) -> String {
    match &rule.instead {
        Some(instead) => format!("delete the line and use {instead}"),
        None => "delete the line".to_owned(),
    }
}

fn violation(architecture: &Architecture<'_>, dependency: &Dependency, breach: Breach) -> Violation {
    let from = architecture.describe(dependency.from);
    let (to, name) = match &dependency.to {
        Target::Member(member) => {
            let used = architecture.describe(*member);
            (used.dir, used.name)
        }
        Target::External { name, .. } => (name.clone(), name.clone()),
    };
    Violation {
        rule: breach.rule,
        message: format!("`{}` must not depend on `{name}`", from.name),
        what: what(dependency, &to),
        from,
        to,
        kind: dependency.kind,
        site: dependency.site.clone(),
        rule_site: breach.site,
        why: breach.why,
        notes: breach.notes,
        help: breach.help,
    }
}

/// The dependency in words; one that only some features or platforms enable counts all the same.
fn what(dependency: &Dependency, to: &str) -> String {
    let mut what = format!("{} on {to}", dependency.kind);
    if let Some(rename) = &dependency.rename {
        what.push_str(&format!(", here called `{rename}`"));
    }
    match dependency.features.as_deref() {
        None => {}
        Some([]) => what.push_str(", optional"),
        Some(features) => what.push_str(&format!(", optional: feature `{}`", features.join("` or `"))),
    }
    if let Some(platform) = &dependency.platform {
        what.push_str(&format!(", only for {platform}"));
    }
    what
}

fn place(site: &Site) -> String {
    format!("{}:{}, no longer", site.file, site.line)
}
