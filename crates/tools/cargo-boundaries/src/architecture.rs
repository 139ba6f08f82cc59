//! The rules compared with the workspace: every name in them stands for crates, or is a finding.

mod resolver;

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use resolver::Resolver;

use crate::report::{Crate, Finding, Rule};
use crate::rules::{EdgeBan, Layer, List, ModuleRules, Rules};
use crate::source::Site;
use crate::workspace::{Kind, Target, Workspace};

/// Indices of members.
type Crates = BTreeSet<usize>;

#[derive(Debug)]
pub(crate) struct Architecture<'a> {
    pub workspace: &'a Workspace,
    pub rules: &'a Rules,
    /// The day on which exceptions have to hold.
    today: NaiveDate,
    /// The layer of each member.
    layer_of: Vec<usize>,
    permissions: Vec<Permissions>,
    /// Who may name the crates of each `[[external]]`.
    only: Vec<Crates>,
    /// From and to of each `[[except]]`.
    exceptions: Vec<Excused>,
    visibility: Vec<Visible<'a>>,
    /// `[[forbid]]` and what crates state about themselves.
    forbidden: Vec<Ban<'a>>,
    deprecated: Vec<Ban<'a>>,
    /// Members that `[hygiene]` leaves alone.
    unkempt: Crates,
    /// The crates that each `[[modules]]` governs.
    pub modular: Vec<Crates>,
}

/// Who may use some crates.
#[derive(Debug)]
pub(crate) struct Visible<'a> {
    of: Crates,
    to: Crates,
    kinds: &'a [Kind],
    pub site: Site,
    /// The list as it is written.
    pub users: &'a List<String>,
    pub reason: Option<&'a str>,
}

/// Dependencies that are not wanted.
#[derive(Debug)]
pub(crate) struct Ban<'a> {
    from: Crates,
    to: FarEnd,
    pub rule: &'a EdgeBan,
}

impl Ban<'_> {
    fn covers(&self, from: usize, to: &Target, kind: Kind) -> bool {
        self.from.contains(&from) && self.to.contains(to) && self.rule.kinds.contains(&kind)
    }
}

/// The lists of one layer.
#[derive(Debug, Default)]
struct Permissions {
    may_use: Crates,
    dev_may_use: Crates,
    edges: BTreeSet<(usize, usize)>,
    dev_only: BTreeMap<usize, Site>,
}

/// The two ends of an exception; a module stands for what is in it as well.
#[derive(Debug)]
struct Excused {
    from: Crates,
    from_module: Option<String>,
    to: FarEnd,
    to_module: Option<String>,
}

/// A module from `crate` on is the one of an exception, or in it.
fn is_in(module: &str, excused: &str) -> bool {
    let inside = module.strip_prefix("crate::").and_then(|path| path.strip_prefix(excused));
    inside.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// What an exception lets its crates use.
#[derive(Debug)]
enum FarEnd {
    Members(Crates),
    External(String),
}

impl FarEnd {
    fn contains(&self, to: &Target) -> bool {
        match (self, to) {
            (Self::Members(members), Target::Member(member)) => members.contains(member),
            (Self::External(name), Target::External { name: named, .. }) => name == named,
            (Self::Members(_), Target::External { .. }) | (Self::External(_), Target::Member(_)) => false,
        }
    }
}

impl<'a> Architecture<'a> {
    /// # Errors
    /// Everything in the rules or the workspace that cannot be placed; never empty.
    pub fn resolve(rules: &'a Rules, workspace: &'a Workspace, today: NaiveDate) -> Result<Self, Vec<Finding>> {
        let mut resolver = Resolver::new(rules, workspace);
        let permissions = (0..rules.layers.len()).map(|layer| resolver.permissions(layer)).collect();
        let only = rules.external.iter().map(|rule| resolver.only(rule)).collect();
        let exceptions = rules.exceptions.iter().map(|except| resolver.exception(except)).collect();
        let visibility = resolver.visibility();
        let mut forbidden: Vec<Ban<'_>> = rules.forbidden.iter().map(|rule| resolver.forbidden(rule)).collect();
        forbidden.extend(resolver.own_bans());
        let deprecated = rules.deprecated.iter().map(|rule| resolver.deprecated(rule)).collect();
        let unkempt = resolver.unkempt();
        let modular = rules.modules.iter().map(|rule| resolver.all(&rule.crates)).collect();
        let layer_of = resolver.finish()?;
        Ok(Self {
            workspace,
            rules,
            today,
            layer_of,
            permissions,
            only,
            exceptions,
            visibility,
            forbidden,
            deprecated,
            unkempt,
            modular,
        })
    }

    pub fn layer_index(&self, member: usize) -> usize {
        self.layer_of[member]
    }

    /// The rules that hide `to` from `from`.
    pub fn hidden(&self, from: usize, to: usize, kind: Kind) -> impl Iterator<Item = &Visible<'a>> {
        let hides = move |rule: &&Visible<'_>| rule.of.contains(&to) && !rule.to.contains(&from);
        self.visibility.iter().filter(hides).filter(move |rule| rule.kinds.contains(&kind))
    }

    /// The members that some crates must not reach, by any chain of dependencies.
    pub fn out_of_reach(&self) -> impl Iterator<Item = (&Crates, &Crates, &'a EdgeBan)> {
        let bans = self.forbidden.iter().filter(|ban| ban.rule.reachable.is_some());
        bans.filter_map(|ban| match &ban.to {
            FarEnd::Members(to) => Some((&ban.from, to, ban.rule)),
            FarEnd::External(_) => None,
        })
    }

    pub fn forbidden(&self, from: usize, to: &Target, kind: Kind) -> Option<&'a EdgeBan> {
        self.forbidden.iter().find(|ban| ban.covers(from, to, kind)).map(|ban| ban.rule)
    }

    pub fn deprecated(&self, from: usize, to: &Target, kind: Kind) -> Option<&'a EdgeBan> {
        self.deprecated.iter().find(|ban| ban.covers(from, to, kind)).map(|ban| ban.rule)
    }

    pub fn layer(&self, member: usize) -> &'a Layer {
        &self.rules.layers[self.layer_of[member]]
    }

    pub fn in_one_layer(&self, a: usize, b: usize) -> bool {
        self.layer_of[a] == self.layer_of[b]
    }

    /// The layer's lists let `from` use `to`.
    pub fn allows(&self, from: usize, to: usize, kind: Kind) -> bool {
        let permissions = &self.permissions[self.layer_of[from]];
        permissions.may_use.contains(&to)
            || permissions.edges.contains(&(from, to))
            || (kind == Kind::Dev && permissions.dev_may_use.contains(&to))
    }

    /// Where `member` is declared to be for dev-dependencies only.
    pub fn dev_only(&self, member: usize) -> Option<&Site> {
        self.permissions[self.layer_of[member]].dev_only.get(&member)
    }

    /// `member` may name the crates of the `[[external]]` with this index.
    pub fn is_among_only(&self, rule: usize, member: usize) -> bool {
        self.only[rule].contains(&member)
    }

    /// The exceptions, by index, that speak of such a dependency.
    pub fn exceptions(&self, from: usize, to: &Target, kind: Kind) -> impl Iterator<Item = usize> {
        let applies = move |index: &usize| {
            let Excused { from: sources, from_module, to: far_end, to_module } = &self.exceptions[*index];
            let of_crates = from_module.is_none() && to_module.is_none();
            let kinds = &self.rules.exceptions[*index].kinds;
            of_crates && far_end.contains(to) && sources.contains(&from) && kinds.contains(&kind)
        };
        (0..self.exceptions.len()).filter(applies)
    }

    /// The exceptions, by index, that speak of a module naming another one: `from` without one stands for all of them.
    pub fn module_exceptions(&self, from: (usize, &str), to: (usize, &str)) -> impl Iterator<Item = usize> {
        let applies = move |index: &usize| {
            let Excused { from: sources, from_module, to: far_end, to_module } = &self.exceptions[*index];
            sources.contains(&from.0)
                && from_module.as_ref().is_none_or(|module| is_in(from.1, module))
                && far_end.contains(&Target::Member(to.0))
                && to_module.as_ref().is_some_and(|module| is_in(to.1, module))
        };
        (0..self.exceptions.len()).filter(applies)
    }

    /// An exception lets `from` use `to` today.
    pub fn excuses(&self, from: usize, to: &Target, kind: Kind, rule: Rule) -> bool {
        self.exceptions(from, to, kind).any(|index| self.holds(index, rule))
    }

    /// The last day has passed.
    pub fn has_ended(&self, until: Option<NaiveDate>) -> bool {
        until.is_some_and(|until| until < self.today)
    }

    /// The members that `[hygiene]` governs.
    pub fn tidy(&self) -> impl Iterator<Item = usize> {
        (0..self.workspace.members.len()).filter(|member| !self.unkempt.contains(member))
    }

    /// An exception lets a module name another one today.
    pub fn excuses_module(&self, from: (usize, &str), to: (usize, &str), rule: Rule) -> bool {
        self.module_exceptions(from, to).any(|index| self.holds(index, rule))
    }

    /// The exception, by index, excuses from this rule today.
    fn holds(&self, exception: usize, rule: Rule) -> bool {
        let exception = &self.rules.exceptions[exception];
        exception.covers(rule) && !self.has_ended(exception.until)
    }

    /// The rules about the modules of a member.
    pub fn module_rules(&self, member: usize) -> impl Iterator<Item = &'a ModuleRules> {
        let governed = self.rules.modules.iter().zip(&self.modular);
        governed.filter(move |(_, crates)| crates.contains(&member)).map(|(rule, _)| rule)
    }

    /// The members whose sources some rule asks.
    pub fn read_by_rules(&self) -> Crates {
        let (all, rules) = (0..self.workspace.members.len(), self.rules);
        if !rules.ignores_re_exports || rules.hygiene.used.is_some() || rules.hygiene.no_globs.is_some() {
            return all.collect();
        }
        let mut read: Crates = self.modular.iter().flatten().copied().collect();
        let governed = rules.modules.iter().zip(&self.modular);
        let seen: Crates = governed
            .filter(|(rule, _)| rule.private.is_some() || rule.api.is_some())
            .flat_map(|(_, crates)| crates.iter().copied())
            .collect();
        let users = self.workspace.dependencies.iter().filter(|one| match one.to {
            Target::Member(to) => seen.contains(&to),
            Target::External { .. } => false,
        });
        read.extend(users.map(|dependency| dependency.from));
        read
    }

    /// What `member` may use of this workspace, in the words of the rules.
    pub fn permitted(&self, member: usize, kind: Kind) -> Vec<String> {
        let index = self.layer_of[member];
        let layer = &self.rules.layers[index];
        let written = |list: &List<String>| list.items.iter().map(|item| item.value.clone()).collect::<Vec<_>>();
        let lower = || self.rules.layers[..index].iter().map(|lower| lower.name.value.clone()).collect();
        let mut permitted = layer.may_use.as_ref().map_or_else(lower, written);
        let edges = self.permissions[index].edges.range((member, 0)..(member + 1, 0)).filter(|(_, to)| *to != member);
        permitted.extend(edges.map(|(_, to)| self.workspace.members[*to].dir.clone()));
        if self.rules.same_layer.as_ref().is_some_and(|same_layer| same_layer.value) && layer.independent.is_none() {
            permitted.push(format!("layer {}", layer.name.value));
        }
        if kind == Kind::Dev {
            permitted.extend(layer.dev_may_use.as_ref().map(written).unwrap_or_default());
        }
        permitted
    }

    /// What a manifest calls it.
    pub fn target_name<'t>(&self, to: &'t Target) -> &'t str
    where
        'a: 't,
    {
        match to {
            Target::Member(member) => &self.workspace.members[*member].name,
            Target::External { name, .. } => name,
        }
    }

    pub fn describe(&self, member: usize) -> Crate {
        let found = &self.workspace.members[member];
        Crate { name: found.name.clone(), dir: found.dir.clone(), layer: self.layer(member).name.value.clone() }
    }
}
