//! Looks up what every name in the rules stands for, and goes on after a name that stands for nothing.

mod permissions;

use std::collections::BTreeMap;

use super::{Ban, Crates, Excused, FarEnd, Visible};
use crate::report::{Cause, Finding};
use crate::rules::{
    EdgeBan, Exception, ExternalRule, Layer, List, Located, OnlyRule, Pattern, Rules, alternatives, closest,
};
use crate::source::Site;
use crate::workspace::{Kind, Member, Target, Workspace};

pub(super) struct Resolver<'a> {
    rules: &'a Rules,
    workspace: &'a Workspace,
    /// The layer of each member that has one.
    layer_of: Vec<Option<usize>>,
    findings: Vec<Finding>,
}

/// That a layer has a member.
#[derive(Clone)]
struct Claim<'r> {
    layer: usize,
    site: &'r Site,
    /// The directory is written out.
    exact: bool,
}

impl<'a> Resolver<'a> {
    /// Puts each member into its layer.
    pub fn new(rules: &'a Rules, workspace: &'a Workspace) -> Self {
        let mut resolver = Self { rules, workspace, layer_of: Vec::new(), findings: Vec::new() };
        let mut claims: Vec<Vec<Claim<'_>>> = vec![Vec::new(); workspace.members.len()];
        let mut patterns = Vec::new();
        for (index, layer) in rules.layers.iter().enumerate() {
            resolver.check_layer(layer, &rules.layers[..index]);
            for entry in &layer.members.items {
                let Some(pattern) = resolver.pattern(&entry.value, &entry.site) else {
                    continue;
                };
                let found = resolver.in_dirs(&pattern);
                match found.is_empty() {
                    true => resolver.nothing_matches(entry, "no crate of the workspace lies there", &[]),
                    false => resolver.check_alternatives(entry),
                }
                for member in found {
                    let exact = workspace.members[member].dir == entry.value;
                    claims[member].push(Claim { layer: index, site: &entry.site, exact });
                }
                patterns.push((layer, &entry.site, pattern));
            }
        }
        resolver.check_unlisted(&patterns);
        let one_layer = |(member, claims): (usize, Vec<_>)| resolver.one_layer(&workspace.members[member], &claims);
        let layer_of: Vec<_> = claims.into_iter().enumerate().map(one_layer).collect();
        let placed = resolver.findings.is_empty();
        for (index, layer) in rules.layers.iter().enumerate().filter(|_| placed) {
            let taken = patterns
                .iter()
                .any(|(of, _, pattern)| std::ptr::eq(*of, layer) && !resolver.in_dirs(pattern).is_empty());
            if taken && !layer_of.contains(&Some(index)) {
                let message =
                    format!("layer `{}` has no members: other layers write out all its directories", layer.name.value);
                resolver.report(
                    Cause::MatchesNothing,
                    &layer.members.key,
                    message,
                    "name other directories, or delete the layer",
                );
            }
        }
        Self { layer_of, ..resolver }
    }

    /// The layer of each member, if nothing was found.
    pub fn finish(self) -> Result<Vec<usize>, Vec<Finding>> {
        let layers: Option<Vec<usize>> = self.layer_of.into_iter().collect();
        match layers {
            Some(layers) if self.findings.is_empty() => Ok(layers),
            // A member without a layer is one of the findings.
            _ => Err(self.findings),
        }
    }

    /// Who may name the crates of an `[[external]]`.
    pub fn only(&mut self, rule: &OnlyRule) -> Crates {
        self.check_external([&rule.rule]);
        self.all(&rule.only)
    }

    pub fn exception(&mut self, exception: &Exception) -> Excused {
        let (from, from_module) = split(&exception.from);
        let (to, to_module) = split(&exception.to);
        Excused { from: self.crates(&from), from_module, to: self.far_end(&to, false), to_module }
    }

    /// Who may use whom, from layers, `[[visibility]]` and the crates themselves.
    pub fn visibility(&mut self) -> Vec<Visible<'a>> {
        let (rules, workspace) = (self.rules, self.workspace);
        let mut visibility = Vec::new();
        for (index, layer) in rules.layers.iter().enumerate() {
            if let Some(users) = &layer.visible_to {
                let of = self.of_layer(index);
                // What members of one layer may do to each other is said by `edges` and `independent`.
                let to = self.all(users).union(&of).copied().collect();
                visibility.push(Visible { of, to, kinds: &Kind::ALL, site: users.key.clone(), users, reason: None });
            }
        }
        for rule in &rules.visibility {
            let of = self.all(&rule.of);
            if rule.of.items.is_empty() {
                let message = "`of` is empty: the rule governs no crate";
                self.report(
                    Cause::MatchesNothing,
                    &rule.of.key,
                    message,
                    "name a crate or a layer, or delete the entry",
                );
            }
            let to = self.all(&rule.to).union(&of).copied().collect();
            let reason = rule.reason.as_deref();
            let site = rule.to.key.clone();
            visibility.push(Visible { of, to, kinds: &rule.kinds, site, users: &rule.to, reason });
        }
        for (member, users) in workspace.members.iter().enumerate() {
            if let Some(users) = &users.own.visible_to {
                let (of, to) = (Crates::from([member]), self.all(users));
                visibility.push(Visible { of, to, kinds: &Kind::ALL, site: users.key.clone(), users, reason: None });
            }
        }
        visibility
    }

    fn ban(&mut self, rule: &'a EdgeBan) -> Ban<'a> {
        let from = rule.from.as_ref().map(|from| self.crates(from)).unwrap_or_default();
        let to = self.far_end(&rule.to, rule.may_be_absent);
        if let (Some(site), FarEnd::External(name)) = (&rule.reachable, &to) {
            let message = format!("`reachable` is about crates of the workspace, and `{name}` is none");
            let help = format!(
                "write external.deny = [{{ name = \"{name}\", reason = \"..\", reachable = true }}] into the layer"
            );
            self.report(Cause::BadValue, site, message, help);
        }
        Ban { from, to, rule }
    }

    pub fn forbidden(&mut self, rule: &'a EdgeBan) -> Ban<'a> {
        let ban = self.ban(rule);
        self.check_ends(&ban);
        ban
    }

    /// No crate depends on itself but for its tests.
    fn check_ends(&mut self, ban: &Ban<'_>) {
        let FarEnd::Members(to) = &ban.to else { return };
        if ban.from.len() == 1 && ban.from == *to {
            let message = format!("the rule keeps `{}` from itself alone", ban.rule.to.value);
            self.report(Cause::Contradiction, &ban.rule.to.site, message, "name two crates, or delete the entry");
        }
    }

    /// What a crate denies itself.
    pub fn own_bans(&mut self) -> Vec<Ban<'a>> {
        let members = self.workspace.members.iter().enumerate();
        let rules = members.flat_map(|(member, found)| found.own.deny.iter().map(move |rule| (member, rule)));
        let bans = rules.map(|(member, rule)| Ban { from: Crates::from([member]), ..self.ban(rule) });
        let bans: Vec<Ban<'_>> = bans.collect();
        bans.iter().for_each(|ban| self.check_ends(ban));
        bans
    }

    /// A deprecated dependency that nobody has any more is a forbidden one.
    pub fn deprecated(&mut self, rule: &'a EdgeBan) -> Ban<'a> {
        let ban = self.ban(rule);
        let mut declared = self.workspace.dependencies.iter();
        if !declared.any(|dependency| ban.covers(dependency.from, &dependency.to, dependency.kind)) {
            let message = format!("no dependency on `{}` is left of those that are deprecated here", rule.to.value);
            let help = "delete the entry, or make it a [[forbid]]";
            self.report(Cause::MatchesNothing, &rule.site, message, help);
        }
        ban
    }

    /// Members that `[hygiene]` leaves alone.
    pub fn unkempt(&mut self) -> Crates {
        let hygiene = &self.rules.hygiene;
        match &hygiene.except {
            Some(except) if !hygiene.is_on() => {
                let message = "`except` has no effect: no rule of [hygiene] is switched on";
                self.report(Cause::Contradiction, &except.key, message, "switch one on, or delete the key");
                Crates::new()
            }
            Some(except) => self.all(except),
            None => Crates::new(),
        }
    }

    fn far_end(&mut self, entry: &Located<String>, may_be_absent: bool) -> FarEnd {
        match self.lookup(entry) {
            Some(found) if !found.is_empty() => {
                self.check_alternatives(entry);
                FarEnd::Members(found)
            }
            Some(_) if !may_be_absent && !self.workspace.external.contains(&entry.value) => {
                let external: Vec<_> = self.workspace.external.iter().map(String::as_str).collect();
                let why = "it is no layer, no directory of a crate and no external crate";
                self.nothing_matches(entry, why, &external);
                FarEnd::Members(Crates::new())
            }
            _ => FarEnd::External(entry.value.clone()),
        }
    }

    fn check_layer(&mut self, layer: &Layer, earlier: &[Layer]) {
        let name = &layer.name;
        if let Some(other) = earlier.iter().find(|other| other.name.value == name.value) {
            let message = format!("two layers are called `{}`", name.value);
            let help = format!("rename one of them; the other stands in line {}", other.name.site.line);
            self.report(Cause::Ambiguous, &name.site, message, help);
        }
        if layer.members.items.is_empty() {
            let message = format!("layer `{}` has no members", name.value);
            self.report(
                Cause::MatchesNothing,
                &layer.members.key,
                message,
                "name its directories, or delete the layer",
            );
        }
    }

    /// A directory that is written out goes before one that a glob takes in.
    fn one_layer(&mut self, member: &Member, claims: &[Claim<'_>]) -> Option<usize> {
        let exact = claims.iter().any(|claim| claim.exact);
        let mut claims: Vec<_> = claims.iter().filter(|claim| claim.exact || !exact).collect();
        claims.dedup_by_key(|claim| claim.layer);
        match claims.as_slice() {
            [] => {
                let message = format!("crate {} is in no layer", member.dir);
                let help = match &*member.dir {
                    "." => "add \".\" to `members` of a [[layer]]: no wildcard stands for the root",
                    _ => "add its directory to `members` of a [[layer]]",
                };
                self.findings.push(Finding::new(Cause::Unclassified, message, help).at(&member.site));
                None
            }
            [claim] => Some(claim.layer),
            [first, second, ..] => {
                let name = |claim: &Claim<'_>| &self.rules.layers[claim.layer].name.value;
                let message =
                    format!("crate {} is in two layers, `{}` and `{}`", member.dir, name(first), name(second));
                let help = format!("narrow `members` of one of them, or write `{}` out in the other", member.dir);
                self.report(Cause::Ambiguous, second.site, message, help);
                Some(first.layer)
            }
        }
    }

    /// A crate in a layer's place that Cargo does not count among the members would escape every rule.
    fn check_unlisted(&mut self, patterns: &[(&Layer, &Site, Pattern)]) {
        let depth = patterns.iter().map(|(_, _, pattern)| pattern.depth()).max().unwrap_or(0);
        let used = self.workspace.dependencies.iter().filter_map(|dependency| match &dependency.to {
            Target::External { dir: Some(dir), .. } => Some((dir.clone(), Some(&dependency.site))),
            Target::External { dir: None, .. } | Target::Member(_) => None,
        });
        let mut dirs: BTreeMap<String, Option<&Site>> = used.collect();
        for dir in self.workspace.unlisted(depth) {
            dirs.entry(dir).or_default();
        }
        for (dir, user) in dirs {
            let claim = patterns.iter().find(|(_, _, pattern)| pattern.matches(&dir));
            if let Some((layer, site, _)) = claim {
                let name = &layer.name.value;
                let message = format!("{dir}/Cargo.toml lies where layer `{name}` has its crates, but is no member");
                let help =
                    "add it to `members` of the workspace; or move it; or, if no member uses it, add it to `exclude`";
                self.report(Cause::Unlisted, user.unwrap_or(site), message, help);
            }
        }
    }

    /// A name no manifest has forbids and allows nothing: a typing error, unless the rule says otherwise.
    fn check_external<'r>(&mut self, rules: impl IntoIterator<Item = &'r ExternalRule>) {
        let known = &self.workspace.external;
        let rules: Vec<&ExternalRule> = rules.into_iter().collect();
        let absent = rules.iter().filter(|rule| rule.may_be_absent && !rule.reachable);
        let names = absent.flat_map(|rule| &rule.names.items).filter(|name| !known.contains(&name.value));
        for name in names.filter(|name| self.workspace.members.iter().any(|member| member.name == name.value)) {
            let message = format!("`{}` is a crate of this workspace, and the rule is about external ones", name.value);
            let help = "write a [[forbid]] about it, or delete the entry";
            self.findings.push(Finding::new(Cause::Contradiction, message, help).at(&name.site));
        }
        // What is reachable has to be named by no manifest of this workspace; the resolved graph is asked for it.
        for rule in rules.iter().filter(|rule| !rule.may_be_absent && !rule.reachable) {
            for name in rule.names.items.iter().filter(|name| !known.contains(&name.value)) {
                let meant =
                    format!("if the name is meant, write {{ name = \"{}\", may-be-absent = true, .. }}", name.value);
                let standard = ["std", "core", "alloc"].contains(&name.value.as_str());
                let help = match closest(&name.value, known.iter().map(String::as_str)) {
                    _ if standard => {
                        "no manifest declares it; clippy's `disallowed-methods` and `-types` ban its items".to_owned()
                    }
                    Some(close) => format!("write `{close}`; {meant}"),
                    None => meant,
                };
                let message = format!("no manifest of this workspace names an external crate `{}`", name.value);
                self.report(Cause::MatchesNothing, &name.site, message, help);
            }
        }
    }

    pub fn all(&mut self, list: &List<String>) -> Crates {
        list.items.iter().flat_map(|entry| self.crates(entry)).collect()
    }

    /// The members of a layer, of a directory or of a glob over directories.
    fn crates(&mut self, entry: &Located<String>) -> Crates {
        let found = self.lookup(entry);
        match found.as_ref().map(Crates::is_empty) {
            Some(true) => self.nothing_matches(entry, "it is no layer and no directory of a crate", &[]),
            Some(false) => self.check_alternatives(entry),
            None => {}
        }
        found.unwrap_or_default()
    }

    /// As [`Self::crates`]; nothing is not a finding yet, `None` is one already.
    fn lookup(&mut self, entry: &Located<String>) -> Option<Crates> {
        let pattern = self.pattern(&entry.value, &entry.site)?;
        let in_dirs = self.in_dirs(&pattern);
        let Some(layer) = self.rules.layers.iter().position(|layer| layer.name.value == entry.value) else {
            return Some(in_dirs);
        };
        let of_layer = self.of_layer(layer);
        if in_dirs.is_empty() || in_dirs == of_layer {
            return Some(of_layer);
        }
        let message = format!("`{}` is a layer and a directory of other crates than the layer's", entry.value);
        self.report(Cause::Ambiguous, &entry.site, message, "rename the layer");
        None
    }

    fn of_layer(&self, layer: usize) -> Crates {
        let members = self.layer_of.iter().enumerate();
        members.filter(|(_, of)| **of == Some(layer)).map(|(member, _)| member).collect()
    }

    fn in_dirs(&self, pattern: &Pattern) -> Crates {
        let members = self.workspace.members.iter().enumerate();
        members.filter(|(_, member)| pattern.matches(&member.dir)).map(|(index, _)| index).collect()
    }

    fn pattern(&mut self, text: &str, site: &Site) -> Option<Pattern> {
        let pattern = Pattern::new(text);
        if let Err(error) = &pattern {
            let help = "`*` stands for one folder, `**` for any number of them, `{a,b}` for a choice";
            self.report(Cause::BadValue, site, error.to_string(), help);
        }
        pattern.ok()
    }

    /// Each alternative of a choice in a pattern that matches something has to.
    fn check_alternatives(&mut self, entry: &Located<String>) {
        for one in alternatives(&entry.value) {
            let matches = Pattern::new(&one).is_ok_and(|pattern| !self.in_dirs(&pattern).is_empty());
            if !matches {
                let one = Located { value: one, site: entry.site.clone() };
                self.nothing_matches(&one, &format!("an alternative of `{}` where no crate lies", entry.value), &[]);
            }
        }
    }

    fn nothing_matches(&mut self, entry: &Located<String>, why: &str, candidates: &[&str]) {
        let layers = self.rules.layers.iter().map(|layer| layer.name.value.as_str());
        let dirs = self.workspace.members.iter().map(|member| member.dir.as_str());
        let help = match closest(&entry.value, layers.chain(dirs).chain(candidates.iter().copied())) {
            Some(close) => format!("write `{close}`, or delete the entry"),
            None => "write a directory relative to the workspace root, or delete the entry".to_owned(),
        };
        self.report(Cause::MatchesNothing, &entry.site, format!("`{}` matches nothing: {why}", entry.value), help);
    }

    fn report(&mut self, cause: Cause, site: &Site, message: impl Into<String>, help: impl Into<String>) {
        self.findings.push(Finding::new(cause, message, help).at(site));
    }
}

/// `DIR::MODULE`, or crates alone.
fn split(entry: &Located<String>) -> (Located<String>, Option<String>) {
    match entry.value.split_once("::") {
        Some((of, module)) => (Located { value: of.to_owned(), site: entry.site.clone() }, Some(module.to_owned())),
        None => (Located { value: entry.value.clone(), site: entry.site.clone() }, None),
    }
}

fn items<T>(list: Option<&List<T>>) -> impl Iterator<Item = &Located<T>> {
    list.into_iter().flat_map(|list| &list.items)
}
