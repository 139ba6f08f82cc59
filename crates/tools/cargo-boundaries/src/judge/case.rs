//! One dependency of one kind, declared or only thought of, against the rules for dependencies.

use crate::architecture::{Architecture, Visible};
use crate::report::Rule;
use crate::rules::{EdgeBan, ExternalRule, Layer, Severity};
use crate::source::Site;
use crate::workspace::{Kind, Target};

/// What a dependency breaks.
pub(crate) struct Breach {
    pub rule: Rule,
    pub severity: Severity,
    pub site: Site,
    pub why: String,
    pub notes: Vec<String>,
    pub help: String,
}

/// A dependency of one kind that a member declares.
pub(crate) struct Case<'a> {
    architecture: &'a Architecture<'a>,
    from: usize,
    kind: Kind,
    /// The layer of the member.
    layer: &'a Layer,
}

impl<'a> Case<'a> {
    pub fn new(architecture: &'a Architecture<'a>, from: usize, kind: Kind) -> Self {
        Self { architecture, from, kind, layer: architecture.layer(from) }
    }

    /// Every rule broken by a dependency on `to`, errors first.
    pub fn broken(&self, to: &Target) -> Vec<Breach> {
        let mut broken = self.breaches(to);
        broken.retain(|breach| breach.severity != Severity::Off);
        broken.sort_by_key(|breach| breach.severity);
        broken
    }

    /// As [`Self::broken`], for a crate that is named without a dependency on it: of the rules that say what must not be
    /// used.
    pub fn broken_by_name(&self, to: &Target) -> Vec<Breach> {
        let lists = [Rule::MayUse, Rule::SameLayer, Rule::Visibility];
        let mut broken = self.broken(to);
        broken.retain(|breach| !lists.contains(&breach.rule));
        broken
    }

    /// Every rule that a dependency on `to` would break.
    fn breaches(&self, to: &Target) -> Vec<Breach> {
        let banned = self.architecture.forbidden(self.from, to, self.kind).map(|ban| self.not_wanted(ban));
        let broken = match to {
            // A crate's own dev-dependency on itself switches its features on for its tests.
            Target::Member(to) if *to == self.from => return Vec::new(),
            Target::Member(to) => self.between_members(*to),
            Target::External { name, .. } => {
                [self.denied(name), self.not_among_only(name), self.not_allowed(name)].into_iter().flatten().collect()
            }
        };
        let deprecated = self.architecture.deprecated(self.from, to, self.kind).map(|ban| self.outdated(ban));
        broken.into_iter().chain(banned).chain(deprecated).collect()
    }

    /// `independent`, `dev-only` and visibility hold for every kind of dependency, the others for the `kinds` of the
    /// workspace.
    fn between_members(&self, to: usize) -> Vec<Breach> {
        let same_layer = self.architecture.in_one_layer(self.from, to);
        let mut broken = Vec::new();
        if let Some(site) = self.layer.independent.as_ref().filter(|_| same_layer) {
            broken.push(self.not_independent(site));
        }
        if let Some(site) = self.architecture.dev_only(to).filter(|_| self.kind != Kind::Dev) {
            broken.push(self.not_dev(to, site));
        }
        broken.extend(self.architecture.hidden(self.from, to, self.kind).map(|rule| self.hidden(to, rule)));
        let governed = self.architecture.rules.kinds.contains(&self.kind);
        if governed && !self.architecture.allows(self.from, to, self.kind) {
            if same_layer {
                // Of a layer that is independent no edge inside is open, but one rule is enough to say so.
                broken.extend(self.inside_of_layer(to).filter(|_| self.layer.independent.is_none()));
            } else {
                broken.push(self.outside_of_layer());
            }
        }
        broken
    }

    fn hidden(&self, to: usize, rule: &Visible<'_>) -> Breach {
        let name = &self.architecture.workspace.members[to].name;
        let users: Vec<_> = rule.users.items.iter().map(|item| item.value.as_str()).collect();
        Breach {
            rule: Rule::Visibility,
            severity: self.severity(Rule::Visibility),
            site: rule.site.clone(),
            why: rule.reason.map_or_else(|| format!("all that may use `{name}`"), str::to_owned),
            notes: vec![match users.as_slice() {
                [] => format!("no crate may use `{name}`"),
                users => format!("only {} may use `{name}`", users.join(", ")),
            }],
            help: format!("delete the line; or make `{name}` visible, if the architecture is to change"),
        }
    }

    fn not_independent(&self, site: &Site) -> Breach {
        let layer = &self.layer.name.value;
        Breach {
            rule: Rule::Independent,
            severity: self.severity(Rule::Independent),
            site: site.clone(),
            why: format!("no crate of layer `{layer}` may see another one, in no kind of dependency"),
            notes: vec![self.permitted()],
            help: "delete the line; what both need belongs into a crate that both may use".to_owned(),
        }
    }

    fn not_dev(&self, to: usize, site: &Site) -> Breach {
        Breach {
            rule: Rule::DevOnly,
            severity: self.severity(Rule::DevOnly),
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
        let severity = self.severity(Rule::MayUse);
        Breach { rule: Rule::MayUse, severity, site: site.clone(), why, notes: vec![self.permitted()], help }
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
        let severity = self.severity(Rule::SameLayer);
        Some(Breach { rule: Rule::SameLayer, severity, site: site.clone(), why, notes: vec![self.permitted()], help })
    }

    /// A rule about what is reachable denies what is direct as well.
    fn denied(&self, name: &str) -> Option<Breach> {
        let mut rules = self.layer.deny.iter();
        let (rule, site) = rules.find_map(|rule| Some((rule, self.named_in(rule, name)?)))?;
        Some(Breach {
            rule: Rule::ExternalDeny,
            severity: self.severity(Rule::ExternalDeny),
            site: site.clone(),
            why: format!("denied in layer `{}`: {}", self.layer.name.value, rule.reason),
            notes: Vec::new(),
            help: instead(rule.instead.as_ref()),
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
            severity: self.severity(Rule::ExternalOnly),
            site: only.only.key.clone(),
            why: only.rule.reason.clone(),
            notes: vec![match users.as_slice() {
                [] => format!("no crate may name `{name}`"),
                users => format!("only {} may name `{name}`", users.join(", ")),
            }],
            help: instead(only.rule.instead.as_ref()),
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
            severity: self.severity(Rule::ExternalAllow),
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

    fn not_wanted(&self, ban: &EdgeBan) -> Breach {
        let rule = Rule::Forbid;
        Breach {
            rule,
            severity: self.severity(rule),
            site: ban.site.clone(),
            why: ban.reason.clone(),
            notes: Vec::new(),
            help: instead(ban.instead.as_ref()),
        }
    }

    fn outdated(&self, ban: &EdgeBan) -> Breach {
        let rule = Rule::Deprecated;
        let severity = self.severity(rule);
        let ended = self.architecture.has_ended(ban.until) && severity != Severity::Off;
        let note = |until| match ended {
            true => format!("was only a warning until {until}"),
            false => format!("fails the check from the day after {until} on"),
        };
        Breach {
            rule,
            severity: if ended { Severity::Error } else { severity },
            site: ban.site.clone(),
            why: format!("deprecated: {}", ban.reason),
            notes: ban.until.map(note).into_iter().collect(),
            help: instead(ban.instead.as_ref()),
        }
    }

    fn severity(&self, rule: Rule) -> Severity {
        self.architecture.rules.severity(rule)
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

pub(crate) fn instead(instead: Option<&String>) -> String {
    match instead {
        Some(instead) => format!("delete the line and use {instead}"),
        None => "delete the line".to_owned(),
    }
}
