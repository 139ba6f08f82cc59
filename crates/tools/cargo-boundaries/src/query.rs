//! Questions about single crates: `why`, `can` and `describe`.

mod path;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;

pub(crate) use path::can_name;
use serde::Serialize;

use crate::architecture::Architecture;
use crate::judge::{Breach, Case};
use crate::report::{Cause, Finding, Rule};
use crate::rules::{Located, Severity, closest};
use crate::source::Site;
use crate::workspace::{Dependency, Kind, Target, Workspace};

/// What a verb says, and its exit code.
#[derive(Debug)]
pub(crate) struct Answer {
    pub text: String,
    pub code: u8,
}

impl Answer {
    /// The value as JSON, or in words.
    pub fn of(value: &impl Serialize, json: bool, code: u8, words: impl FnOnce() -> String) -> Self {
        Self { text: if json { crate::text::json(value) } else { words() }, code }
    }
}

/// The member that a word on the command line means: its directory, package or folder.
pub(crate) fn member(workspace: &Workspace, word: &str) -> Result<usize, Vec<Finding>> {
    member_or(workspace, word, &BTreeSet::new())
}

/// As [`member`], where one of these other names may be meant.
fn member_or(workspace: &Workspace, word: &str, others: &BTreeSet<String>) -> Result<usize, Vec<Finding>> {
    let word = if word == "." { word } else { word.trim_start_matches("./").trim_end_matches('/') };
    let members = || workspace.members.iter().enumerate();
    let called = |name: &dyn Fn(&crate::workspace::Member) -> bool| -> Vec<usize> {
        members().filter(|(_, member)| name(member)).map(|(index, _)| index).collect()
    };
    let ways = [called(&|m| m.dir == word), called(&|m| m.name == word), called(&|m| m.folder() == word)];
    match ways.iter().find(|found| !found.is_empty()).map(Vec::as_slice) {
        Some([member]) => Ok(*member),
        Some(many) => {
            let dirs: Vec<_> = many.iter().map(|member| workspace.members[*member].dir.as_str()).collect();
            let message = format!("more than one crate is called `{word}`");
            Err(vec![Finding::new(Cause::Argument, message, format!("write one of {}", dirs.join(", ")))])
        }
        None => {
            let names = workspace.members.iter().flat_map(|member| [member.name.as_str(), member.dir.as_str()]);
            let help = match closest(word, names.chain(others.iter().map(String::as_str))) {
                Some(close) => format!("write `{close}`"),
                None => "write the directory or the package name of a member of the workspace".to_owned(),
            };
            Err(vec![Finding::new(Cause::Argument, format!("no crate of this workspace is called `{word}`"), help)])
        }
    }
}

/// A member, or else an external crate that a manifest names; `unknown` when there may be one that none does.
fn target(workspace: &Workspace, word: &str, unknown: bool) -> Result<Target, Vec<Finding>> {
    if word.contains("::") {
        let help = "name the file that would have it in the place of the crate: can crates/a/src/lib.rs b::c";
        return Err(vec![Finding::new(Cause::Argument, format!("`{word}` is a path and no crate"), help)]);
    }
    let found = member_or(workspace, word, &workspace.external);
    let external = workspace.external.contains(word);
    match found {
        Ok(member) => Ok(Target::Member(member)),
        // One that is close to a name is more likely mistyped than a crate that nobody has yet.
        Err(_) if external || (unknown && is_new(workspace, word)) => {
            Ok(Target::External { name: word.to_owned(), dir: None })
        }
        Err(findings) => Err(findings),
    }
}

fn is_new(workspace: &Workspace, word: &str) -> bool {
    let members = workspace.members.iter().flat_map(|member| [member.name.as_str(), member.dir.as_str()]);
    closest(word, members.chain(workspace.external.iter().map(String::as_str))).is_none()
}

#[derive(Debug, Serialize)]
struct Step<'a> {
    from: &'a str,
    to: &'a str,
    kind: Kind,
    site: &'a Site,
}

/// The shortest chain of declared dependencies. Dev-dependencies count for the first step only: nobody inherits them.
pub(crate) fn why(
    workspace: &Workspace,
    from: &str,
    to: &str,
    kinds: &[Kind],
    json: bool,
) -> Result<Answer, Vec<Finding>> {
    let (start, goal) = (member(workspace, from)?, target(workspace, to, false)?);
    let chain = chain(workspace, start, &goal, kinds);
    let name = |member: usize| workspace.members[member].name.as_str();
    let steps = chain.iter().flatten().map(|dependency| {
        let to = match &dependency.to {
            Target::Member(member) => name(*member),
            Target::External { name, .. } => name,
        };
        Step { from: name(dependency.from), to, kind: dependency.kind, site: &dependency.site }
    });
    let steps: Vec<_> = steps.collect();
    let words = || match &chain {
        None => format!("`{}` does not depend on `{to}`\n", name(start)),
        Some(_) => steps.iter().fold(String::new(), |mut text, Step { from, to, kind, site }| {
            let Site { file, line, text: source, .. } = site;
            writeln!(text, "{from} -> {to} ({kind})\n  {file}:{line}: {}", source.trim()).expect("a string accepts it");
            text
        }),
    };
    Ok(Answer::of(&serde_json::json!({ "chain": steps }), json, u8::from(chain.is_none()), words))
}

/// The shortest chain of declared dependencies; dev-dependencies count for the first step only: nobody inherits them.
pub(crate) fn chain<'a>(
    workspace: &'a Workspace,
    start: usize,
    goal: &Target,
    kinds: &[Kind],
) -> Option<Vec<&'a Dependency>> {
    let counts = |one: &Dependency| kinds.contains(&one.kind) && (one.kind != Kind::Dev || one.from == start);
    shortest(workspace, start, goal, counts)
}

/// The shortest chain of those dependencies that count.
fn shortest<'a>(
    workspace: &'a Workspace,
    start: usize,
    goal: &Target,
    counts: impl Fn(&Dependency) -> bool,
) -> Option<Vec<&'a Dependency>> {
    let is_goal = |dependency: &Dependency| match (&dependency.to, goal) {
        (Target::External { name, .. }, Target::External { name: wanted, .. }) => name == wanted,
        (to, goal) => to == goal,
    };
    let mut before: BTreeMap<usize, &Dependency> = BTreeMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(node) = open.pop_front() {
        let declared = workspace.dependencies.iter().filter(|one| one.from == node && counts(one));
        for dependency in declared {
            if is_goal(dependency) {
                let mut chain = vec![dependency];
                while chain[chain.len() - 1].from != start {
                    chain.push(before[&chain[chain.len() - 1].from]);
                }
                chain.reverse();
                return Some(chain);
            }
            if let Target::Member(next) = dependency.to
                && next != start
                && !before.contains_key(&next)
            {
                before.insert(next, dependency);
                open.push_back(next);
            }
        }
    }
    None
}

#[derive(Debug, Serialize)]
struct Verdict {
    kind: Kind,
    allowed: bool,
    rule: Option<&'static str>,
    why: Option<String>,
    notes: Vec<String>,
    rule_site: Option<Site>,
}

/// Whether a crate may declare a dependency, whether or not it does.
pub(crate) fn can(
    architecture: &Architecture<'_>,
    from: &str,
    to: &str,
    kind: Kind,
    json: bool,
) -> Result<Answer, Vec<Finding>> {
    let workspace = architecture.workspace;
    let (from, target) = (member(workspace, from)?, target(workspace, to, true)?);
    let verdicts: Vec<_> = Kind::ALL.into_iter().map(|kind| verdict(architecture, from, &target, kind)).collect();
    let allowed = verdicts.iter().any(|verdict| verdict.kind == kind && verdict.allowed);
    let words = || {
        let name = &workspace.members[from].name;
        let answer = if allowed { "yes" } else { "no" };
        let mut text = format!("{answer}: `{name}` -> `{}` as a {kind}\n", architecture.target_name(&target));
        for Verdict { kind, allowed, rule, why, rule_site, notes } in &verdicts {
            let mark = if *allowed { "yes" } else { "no" };
            write!(text, "  {:<7}{mark:<3}", kind.name()).expect("a string accepts it");
            if let (Some(rule), Some(why), Some(site)) = (rule, why, rule_site) {
                write!(text, " {rule}: {why} ({}:{})", site.file, site.line).expect("a string accepts it");
                text.extend(notes.iter().map(|note| format!("; {note}")));
            }
            text.push('\n');
        }
        if matches!(&target, Target::External { name, .. } if !workspace.external.contains(name)) {
            writeln!(text, "  no manifest of this workspace names `{to}` today").expect("a string accepts it");
        }
        text
    };
    Ok(Answer::of(&serde_json::json!({ "allowed": allowed, "kinds": verdicts }), json, u8::from(!allowed), words))
}

fn verdict(architecture: &Architecture<'_>, from: usize, to: &Target, kind: Kind) -> Verdict {
    let mut broken = Case::new(architecture, from, kind).broken(to).into_iter();
    let breach = broken.find(|breach| !architecture.excuses(from, to, kind, breach.rule));
    let breach = breach.or_else(|| consequence(architecture, from, to, kind));
    Verdict {
        kind,
        allowed: breach.as_ref().is_none_or(|breach| breach.severity != Severity::Error),
        rule: breach.as_ref().map(|breach| breach.rule.name()),
        why: breach.as_ref().map(|breach| breach.why.clone()),
        notes: breach.as_ref().map(|breach| breach.notes.clone()).unwrap_or_default(),
        rule_site: breach.map(|breach| breach.site),
    }
}

/// What the dependency would lead to: a chain to a crate that is out of reach, or a cycle.
fn consequence(architecture: &Architecture<'_>, from: usize, to: &Target, kind: Kind) -> Option<Breach> {
    let (workspace, rules) = (architecture.workspace, architecture.rules);
    let Target::Member(between) = to else { return None };
    let breach = |rule, site: &Site, why: String, chain: &[&Dependency]| {
        let name = |member: usize| workspace.members[member].name.as_str();
        let end = chain.last().map(|last| architecture.target_name(&last.to));
        let names: Vec<_> =
            [name(from)].into_iter().chain(chain.iter().map(|step| name(step.from))).chain(end).collect();
        let notes = vec![names.join(" -> ")];
        let excused = architecture.excuses(from, to, kind, rule);
        let breach =
            Breach { rule, severity: rules.severity(rule), site: site.clone(), why, notes, help: String::new() };
        Some(breach).filter(|breach| breach.severity != Severity::Off && !excused)
    };
    for (sources, far, ban) in architecture.out_of_reach().filter(|(_, _, ban)| ban.kinds.contains(&kind)) {
        for target in far.iter().filter(|target| sources.contains(&from) && *target != between) {
            if let Some(chain) = chain(workspace, *between, &Target::Member(*target), &[Kind::Normal, Kind::Build]) {
                return breach(Rule::Forbid, &ban.site, format!("out of reach: {}", ban.reason), &chain);
            }
        }
    }
    let cycles = rules.cycles.as_ref().filter(|cycles| cycles.kinds.contains(&kind) && *between != from)?;
    let back = shortest(workspace, *between, &Target::Member(from), |one| cycles.kinds.contains(&one.kind))?;
    breach(Rule::Cycle, &cycles.site, "it would close a cycle".to_owned(), &back)
}

#[derive(Debug, Serialize)]
struct Description<'a> {
    name: &'a str,
    dir: &'a str,
    layer: &'a str,
    uses: BTreeSet<&'a str>,
    used_by: BTreeSet<&'a str>,
    may_use: Vec<String>,
    may_use_in_tests: Vec<String>,
    may_be_used_by: Vec<String>,
    external_allowed: Option<Vec<&'a str>>,
    external_denied: Vec<&'a str>,
    exceptions: Vec<String>,
}

/// Which rules apply to a crate.
pub(crate) fn describe(architecture: &Architecture<'_>, word: &str, json: bool) -> Result<Answer, Vec<Finding>> {
    let workspace = architecture.workspace;
    let index = member(workspace, word)?;
    let (found, layer) = (&workspace.members[index], architecture.layer(index));
    let dir = |member: usize| workspace.members[member].dir.as_str();
    let between = workspace.dependencies.iter().filter_map(|dependency| match dependency.to {
        Target::Member(to) if to != dependency.from => Some((dependency.from, to)),
        Target::Member(_) | Target::External { .. } => None,
    });
    let between: BTreeSet<(usize, usize)> = between.collect();
    let allowed = |from: usize, to: usize, kind: Kind| verdict(architecture, from, &Target::Member(to), kind).allowed;
    let others = || (0..workspace.members.len()).filter(|other| *other != index);
    let may_use = |kind| -> Vec<usize> { others().filter(|to| allowed(index, *to, kind)).collect() };
    let users: Vec<usize> = others().filter(|from| allowed(*from, index, Kind::Normal)).collect();
    let exceptions = architecture.rules.exceptions.iter().enumerate().filter(|(exception, _)| {
        let declared = workspace.dependencies.iter().filter(|one| one.from == index || one.to == Target::Member(index));
        declared
            .into_iter()
            .any(|one| architecture.exceptions(one.from, &one.to, one.kind).any(|found| found == *exception))
    });
    let description = Description {
        name: &found.name,
        dir: &found.dir,
        layer: &layer.name.value,
        uses: between.iter().filter(|(from, _)| *from == index).map(|(_, to)| dir(*to)).collect(),
        used_by: between.iter().filter(|(_, to)| *to == index).map(|(from, _)| dir(*from)).collect(),
        may_use: by_layer(architecture, &may_use(Kind::Normal), index),
        may_use_in_tests: by_layer(architecture, &may_use(Kind::Dev), index),
        may_be_used_by: by_layer(architecture, &users, index),
        external_allowed: layer.allow.as_ref().map(|allow| {
            let names = allow.items.iter().flat_map(|entry| &entry.value.names.items);
            names.map(|name| name.value.as_str()).collect()
        }),
        external_denied: denied(architecture, index),
        exceptions: exceptions.map(|(_, one)| one).map(|one| in_words(&one.from, &one.to, &one.site)).collect(),
    };
    Ok(Answer::of(&description, json, 0, || description.text()))
}

fn in_words(from: &Located<String>, to: &Located<String>, site: &Site) -> String {
    format!("{} -> {} ({}:{})", from.value, to.value, site.file, site.line)
}

/// The external crates that a rule keeps from a crate.
fn denied<'a>(architecture: &Architecture<'a>, member: usize) -> Vec<&'a str> {
    let layer = architecture.layer(member).deny.iter();
    let only = architecture.rules.external.iter().enumerate();
    let only = only.filter(|(index, _)| !architecture.is_among_only(*index, member)).map(|(_, rule)| &rule.rule);
    let names: BTreeSet<&str> =
        layer.chain(only).flat_map(|rule| &rule.names.items).map(|name| name.value.as_str()).collect();
    names.into_iter().collect()
}

/// Directories; a layer's name where it is all of the layer, `but` one crate.
fn by_layer(architecture: &Architecture<'_>, members: &[usize], but: usize) -> Vec<String> {
    let mut names = Vec::new();
    for (index, layer) in architecture.rules.layers.iter().enumerate() {
        let all = (0..architecture.workspace.members.len()).filter(|member| architecture.layer_index(*member) == index);
        let all: Vec<usize> = all.filter(|member| *member != but).collect();
        let found: Vec<_> = all.iter().filter(|member| members.contains(member)).collect();
        if !all.is_empty() && found.len() == all.len() {
            names.push(format!("layer {}", layer.name.value));
        } else {
            names.extend(found.into_iter().map(|member| architecture.workspace.members[*member].dir.clone()));
        }
    }
    names
}

impl Description<'_> {
    fn text(&self) -> String {
        let listed = |items: Vec<&str>| if items.is_empty() { "nothing".to_owned() } else { items.join(", ") };
        let strings = |items: &[String]| listed(items.iter().map(String::as_str).collect());
        let set = |items: &BTreeSet<&str>| listed(items.iter().copied().collect());
        let mut text = format!("{} in {} (layer `{}`)\n", self.name, self.dir, self.layer);
        let mut row = |name: &str, value: String| {
            writeln!(text, "  {name:<17} {value}").expect("a string accepts it");
        };
        row("may use", strings(&self.may_use));
        row("in tests", strings(&self.may_use_in_tests));
        row("may be used by", strings(&self.may_be_used_by));
        row("uses", set(&self.uses));
        row("is used by", set(&self.used_by));
        row(
            "external crates",
            match &self.external_allowed {
                Some(allowed) => format!("only {}", listed(allowed.clone())),
                None if self.external_denied.is_empty() => "all".to_owned(),
                None => format!("all but {}", self.external_denied.join(", ")),
            },
        );
        row("exceptions", strings(&self.exceptions));
        text
    }
}
