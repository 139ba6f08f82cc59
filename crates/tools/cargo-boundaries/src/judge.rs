//! Holds every declared dependency against the architecture. No I/O and no clock.

use chrono::NaiveDate;

use crate::architecture::Architecture;
use crate::report::{Cause, Finding, Rule, Violation};
use crate::rules::{ExternalRule, Layer};
use crate::source::Site;
use crate::workspace::{Dependency, Kind, Target};

/// The violations on the day `today`, or the exceptions that excuse nothing.
pub(crate) fn judge(architecture: &Architecture<'_>, today: NaiveDate) -> Result<Vec<Violation>, Vec<Finding>> {
    let exceptions = &architecture.rules.exceptions;
    let mut used = vec![false; exceptions.len()];
    let mut violations = Vec::new();
    for dependency in &architecture.workspace.dependencies {
        let case = Case {
            architecture,
            from: dependency.from,
            kind: dependency.kind,
            layer: architecture.layer(dependency.from),
        };
        let Some(mut breach) = case.breach(&dependency.to) else {
            continue;
        };
        let mut excused = false;
        for index in architecture.exceptions(dependency.from, &dependency.to, dependency.kind) {
            used[index] = true;
            let exception = &exceptions[index];
            match exception.until.filter(|until| *until < today) {
                None => excused = true,
                Some(until) => {
                    let Site { file, line, .. } = &exception.site;
                    breach.notes.push(format!("the exception in {file}:{line} held until {until}"));
                }
            }
        }
        if !excused {
            violations.push(violation(architecture, dependency, breach));
        }
    }
    let stale = exceptions.iter().zip(used).filter(|(_, used)| !used).map(|(exception, _)| {
        let (from, to) = (&exception.from.value, &exception.to.value);
        let message = format!("the exception from `{from}` to `{to}` excuses no dependency");
        let help = "delete the entry: the dependency is gone, or no rule forbids it";
        Finding::new(Cause::MatchesNothing, message, help).at(&exception.site)
    });
    let stale: Vec<_> = stale.collect();
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

/// A dependency of one kind that a member declares.
struct Case<'a> {
    architecture: &'a Architecture<'a>,
    from: usize,
    kind: Kind,
    /// The layer of the member.
    layer: &'a Layer,
}

impl Case<'_> {
    fn breach(&self, to: &Target) -> Option<Breach> {
        match to {
            // A crate's own dev-dependency on itself switches its features on for its tests.
            Target::Member(to) if *to == self.from => None,
            Target::Member(to) => self.between_members(*to),
            Target::External { name, .. } => {
                self.denied(name).or_else(|| self.not_among_only(name)).or_else(|| self.not_allowed(name))
            }
        }
    }

    /// The first two rules hold for every kind of dependency, the others for the `kinds` of the workspace.
    fn between_members(&self, to: usize) -> Option<Breach> {
        let same_layer = self.architecture.in_one_layer(self.from, to);
        if let Some(site) = self.layer.independent.as_ref().filter(|_| same_layer) {
            return Some(self.not_independent(site));
        }
        if let Some(site) = self.architecture.dev_only(to).filter(|_| self.kind != Kind::Dev) {
            return Some(self.not_dev(to, site));
        }
        let governed = self.architecture.rules.kinds.contains(&self.kind);
        if !governed || self.architecture.allows(self.from, to, self.kind) {
            return None;
        }
        if same_layer { self.inside_of_layer(to) } else { Some(self.outside_of_layer()) }
    }

    fn not_independent(&self, site: &Site) -> Breach {
        let layer = &self.layer.name.value;
        Breach {
            rule: Rule::Independent,
            site: site.clone(),
            why: format!("no crate of layer `{layer}` may see another one, in no kind of dependency"),
            notes: vec![self.permitted()],
            help: "delete the line; what both need belongs into a crate that both may use".to_owned(),
        }
    }

    fn not_dev(&self, to: usize, site: &Site) -> Breach {
        Breach {
            rule: Rule::DevOnly,
            site: site.clone(),
            why: format!("`{}` may be a dev-dependency only", self.architecture.workspace.members[to].name),
            notes: Vec::new(),
            help: "move the line to [dev-dependencies], or delete it".to_owned(),
        }
    }

    fn outside_of_layer(&self) -> Breach {
        let layer = &self.layer.name.value;
        let (site, why, help) = match &self.layer.may_use {
            Some(list) => (
                &list.key,
                format!("all that layer `{layer}` may use"),
                "delete the line; what both need belongs into a crate that both may use".to_owned(),
            ),
            None => (
                &self.layer.name.site,
                format!("layer `{layer}` may use the layers that stand before it"),
                format!("delete the line; what both need belongs into a layer before `{layer}`"),
            ),
        };
        Breach { rule: Rule::MayUse, site: site.clone(), why, notes: vec![self.permitted()], help }
    }

    fn inside_of_layer(&self, to: usize) -> Option<Breach> {
        let same_layer = self.architecture.rules.same_layer.as_ref();
        if same_layer.is_some_and(|same_layer| same_layer.value) {
            return None;
        }
        let layer = &self.layer.name.value;
        let (site, why) = match (&self.layer.edges, same_layer) {
            (Some(edges), _) => (&edges.key, format!("all dependencies inside of layer `{layer}`")),
            (None, Some(same_layer)) => {
                (&same_layer.site, "crates of one layer need an entry in its `edges`".to_owned())
            }
            (None, None) => (&self.layer.name.site, format!("layer `{layer}` has no `edges` between its crates")),
        };
        let [from, to] = [self.from, to].map(|member| self.architecture.workspace.members[member].folder());
        let help = format!("delete the line; or add \"{from} -> {to}\" to `edges`, if the architecture is to change");
        Some(Breach { rule: Rule::SameLayer, site: site.clone(), why, notes: vec![self.permitted()], help })
    }

    fn denied(&self, name: &str) -> Option<Breach> {
        let mut rules = self.layer.deny.iter();
        let (rule, site) = rules.find_map(|rule| Some((rule, self.named_in(rule, name)?)))?;
        Some(Breach {
            rule: Rule::ExternalDeny,
            site: site.clone(),
            why: format!("denied in layer `{}`: {}", self.layer.name.value, rule.reason),
            notes: Vec::new(),
            help: instead(rule),
        })
    }

    fn not_among_only(&self, name: &str) -> Option<Breach> {
        let rules = self.architecture.rules.external.iter().enumerate();
        let mut broken = rules.filter(|(index, only)| {
            self.named_in(&only.rule, name).is_some() && !self.architecture.is_among_only(*index, self.from)
        });
        let (_, only) = broken.next()?;
        let users: Vec<_> = only.only.items.iter().map(|item| item.value.as_str()).collect();
        Some(Breach {
            rule: Rule::ExternalOnly,
            site: only.only.key.clone(),
            why: only.rule.reason.clone(),
            notes: vec![match users.as_slice() {
                [] => format!("no crate may name `{name}`"),
                users => format!("only {} may name `{name}`", users.join(", ")),
            }],
            help: instead(&only.rule),
        })
    }

    fn not_allowed(&self, name: &str) -> Option<Breach> {
        let allow = self.layer.allow.as_ref().filter(|_| self.kind != Kind::Dev)?;
        if allow.items.iter().any(|entry| self.named_in(&entry.value, name).is_some()) {
            return None;
        }
        let layer = &self.layer.name.value;
        let entries = allow.items.iter().filter(|entry| entry.value.kinds.contains(&self.kind));
        let allowed: Vec<_> = entries.flat_map(|entry| &entry.value.names.items).map(|name| &*name.value).collect();
        Some(Breach {
            rule: Rule::ExternalAllow,
            site: allow.key.clone(),
            why: format!("all external crates that layer `{layer}` may name"),
            notes: vec![match allowed.as_slice() {
                [] => format!("`{layer}` may name no external crate"),
                allowed => format!("`{layer}` may name {}", allowed.join(", ")),
            }],
            help: format!("delete the line; or add \"{name}\" to `external.allow`, if the architecture is to change"),
        })
    }

    /// Where a rule for this kind of dependency names the crate.
    fn named_in<'r>(&self, rule: &'r ExternalRule, name: &str) -> Option<&'r Site> {
        let named = rule.names.items.iter().find(|item| item.value == name)?;
        rule.kinds.contains(&self.kind).then_some(&named.site)
    }

    /// What the member may use instead.
    fn permitted(&self) -> String {
        let name = &self.architecture.workspace.members[self.from].name;
        match self.architecture.permitted(self.from, self.kind).as_slice() {
            [] => format!("`{name}` may use no other crate of this workspace"),
            permitted => format!("`{name}` may use {}", permitted.join(", ")),
        }
    }
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
    let to = if to == "." { "the package in the root directory" } else { to };
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
