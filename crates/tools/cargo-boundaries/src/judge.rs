//! Holds the workspace against the architecture. No I/O and no clock.

mod case;
mod graph;
mod modules;

pub(crate) use case::Case;
use case::{Breach, instead};

use crate::architecture::Architecture;
use crate::modules::Modules;
use crate::report::{Cause, Finding, Rule, Severity, State, Violation};
use crate::resolved::Resolved;
use crate::rules;
use crate::source::Site;
use crate::workspace::{Dependency, Target};

/// The violations, or the exceptions that excuse nothing. Without `resolved` no rule about what is
/// reachable is held.
pub(crate) fn judge(
    architecture: &Architecture<'_>,
    resolved: Option<&Resolved>,
    modules: &Modules,
) -> Result<Vec<Violation>, Vec<Finding>> {
    let mut court = Court { architecture, used: vec![false; architecture.rules.exceptions.len()] };
    let mut violations = Vec::new();
    for dependency in &architecture.workspace.dependencies {
        let case = Case::new(architecture, dependency.from, dependency.kind);
        if let Some(breach) = case.breach(&dependency.to) {
            violations.extend(court.sentence(dependency, &dependency.to, breach));
        }
    }
    let (cycles, used) = graph::cycles(architecture);
    for index in used {
        court.used[index] = true;
    }
    violations.extend(
        cycles.into_iter().filter_map(|(dependency, breach)| court.violation(dependency, &dependency.to, breach)),
    );
    for (dependency, name, breach) in
        resolved.map(|resolved| graph::reachable(architecture, resolved)).into_iter().flatten()
    {
        let to = Target::External { name, dir: None };
        violations.extend(court.sentence(dependency, &to, breach));
    }
    violations.extend(graph::hygiene(architecture).into_iter().filter_map(|untidy| court.untidy(untidy)));
    violations.extend(modules::upwards(architecture, modules));
    violations.sort_by(|a, b| (&a.from.dir, &a.site).cmp(&(&b.from.dir, &b.site)));
    let stale = court.stale();
    if stale.is_empty() { Ok(violations) } else { Err(stale) }
}

struct Court<'a> {
    architecture: &'a Architecture<'a>,
    /// Which exceptions excused something, or would have but for their date.
    used: Vec<bool>,
}

impl Court<'_> {
    /// The violation, unless an exception excuses it.
    fn sentence(&mut self, dependency: &Dependency, to: &Target, mut breach: Breach) -> Option<Violation> {
        let mut excused = false;
        for index in self.architecture.exceptions(dependency.from, to, dependency.kind) {
            self.used[index] = true;
            let exception = &self.architecture.rules.exceptions[index];
            match exception.until.filter(|until| self.architecture.has_ended(Some(*until))) {
                None => excused = true,
                Some(until) => {
                    let Site { file, line, .. } = &exception.site;
                    breach.notes.push(format!("the exception in {file}:{line} held until {until}"));
                }
            }
        }
        if excused { None } else { self.violation(dependency, to, breach) }
    }

    fn violation(&self, dependency: &Dependency, to: &Target, breach: Breach) -> Option<Violation> {
        let severity = said(breach.severity)?;
        let (from, name) = (self.architecture.describe(dependency.from), self.architecture.target_name(to));
        let used = match to {
            Target::Member(member) => self.architecture.describe(*member).dir,
            Target::External { name, .. } => name.clone(),
        };
        let verb = if breach.rule == Rule::Deprecated { "should no longer" } else { "must not" };
        let message = match breach.rule {
            Rule::ExternalReachable => format!("`{}` must not reach `{name}`", from.name),
            _ => format!("`{}` {verb} depend on `{name}`", from.name),
        };
        Some(Violation {
            rule: breach.rule,
            severity,
            state: State::New,
            message,
            what: what(dependency, self.architecture),
            from,
            to: Some(used),
            kind: Some(dependency.kind),
            site: dependency.site.clone(),
            rule_site: breach.site,
            why: breach.why,
            notes: breach.notes,
            help: breach.help,
        })
    }

    fn untidy(&self, untidy: graph::Untidy<'_>) -> Option<Violation> {
        let graph::Untidy { member, dependency, what: of_crate, message, breach } = untidy;
        let severity = said(breach.severity)?;
        let Some(dependency) = dependency else {
            return Some(Violation {
                rule: breach.rule,
                severity,
                state: State::New,
                message,
                from: self.architecture.describe(member),
                to: None,
                kind: None,
                site: self.architecture.workspace.members[member].site.clone(),
                what: of_crate.to_owned(),
                rule_site: breach.site,
                why: breach.why,
                notes: breach.notes,
                help: breach.help,
            });
        };
        Some(Violation { message, ..self.violation(dependency, &dependency.to, breach)? })
    }

    fn stale(&self) -> Vec<Finding> {
        let exceptions = self.architecture.rules.exceptions.iter().zip(&self.used);
        let stale = exceptions.filter(|(_, used)| !**used).map(|(exception, _)| {
            let (from, to) = (&exception.from.value, &exception.to.value);
            let message = format!("the exception from `{from}` to `{to}` excuses no dependency");
            let help = "delete the entry: the dependency is gone, or no rule forbids it";
            Finding::new(Cause::MatchesNothing, message, help).at(&exception.site)
        });
        stale.collect()
    }
}

/// Nothing for a rule that is off.
fn said(severity: rules::Severity) -> Option<Severity> {
    match severity {
        rules::Severity::Error => Some(Severity::Error),
        rules::Severity::Warn => Some(Severity::Warning),
        rules::Severity::Off => None,
    }
}

/// The dependency in words; one that only some features or platforms enable counts all the same.
fn what(dependency: &Dependency, architecture: &Architecture<'_>) -> String {
    let to = match &dependency.to {
        Target::Member(member) => architecture.workspace.members[*member].dir.as_str(),
        Target::External { name, .. } => name,
    };
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
