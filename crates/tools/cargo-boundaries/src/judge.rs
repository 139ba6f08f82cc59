//! Holds the workspace against the architecture. No clock; of files only sources, and those for the places in them.

mod case;
mod graph;
mod modules;
mod names;

use case::instead;
pub(crate) use case::{Breach, Case};
pub(crate) use modules::{Hidden, broken_inside, deepest, hidden, hidden_why};

use crate::architecture::Architecture;
use crate::report::{By, Cause, Code, Finding, Rule, Severity, State, Violation};
use crate::resolved::Resolved;
use crate::rules;
use crate::source::Site;
use crate::sources::Sources;
use crate::workspace::{Dependency, Kind, Target};

/// The violations, of every rule that a dependency breaks, or the exceptions that excuse nothing. Without `resolved` no rule about what is
/// reachable is held.
pub(crate) fn judge(
    architecture: &Architecture<'_>,
    resolved: Option<&Resolved>,
    sources: &Sources<'_>,
) -> Result<Vec<Violation>, Vec<Finding>> {
    let mut court = Court { architecture, sources, used: vec![false; architecture.rules.exceptions.len()] };
    let mut violations = Vec::new();
    for dependency in &architecture.workspace.dependencies {
        let case = Case::new(architecture, dependency.from, dependency.kind);
        for breach in case.broken(&dependency.to) {
            violations.extend(court.declared(dependency, &dependency.to, breach));
        }
    }
    let (cycles, used) = graph::cycles(architecture);
    for index in used {
        court.used[index] = true;
    }
    for (dependency, breach) in cycles {
        let charge = court.dependency(dependency, &dependency.to, breach.rule);
        violations.extend(court.violation(charge, breach));
    }
    for (dependency, name, breach) in
        resolved.map(|resolved| graph::reachable(architecture, resolved)).into_iter().flatten()
    {
        let to = Target::External { name, dir: None };
        violations.extend(court.declared(dependency, &to, breach));
    }
    for (dependency, to, breach) in graph::out_of_reach(architecture) {
        let exceptions: Vec<usize> = architecture.exceptions(dependency.from, &to, dependency.kind).collect();
        let (from, name) = (&architecture.workspace.members[dependency.from].name, architecture.target_name(&to));
        let message = format!("`{from}` must not reach `{name}`");
        let charge = Charge { message, by: Some(By::Chain), ..court.dependency(dependency, &to, breach.rule) };
        violations.extend(court.sentence(&exceptions, charge, breach));
    }
    for (charge, breach) in graph::hygiene(architecture) {
        violations.extend(court.violation(charge, breach));
    }
    violations.extend(names::through_re_exports(&mut court));
    violations.extend(names::unused(&mut court));
    violations.extend(names::foreign_files(&mut court));
    violations.extend(names::globs(&court));
    violations.extend(modules::violations(&mut court));
    violations.sort_by(|a, b| (&a.from.dir, &a.site).cmp(&(&b.from.dir, &b.site)));
    let stale = court.stale();
    if stale.is_empty() { Ok(violations) } else { Err(stale) }
}

/// What a crate is found to have done, whatever rule that breaks.
struct Charge {
    from: usize,
    /// The module of it, from `crate` on.
    module: Option<String>,
    to: Option<String>,
    kind: Option<Kind>,
    by: Option<By>,
    message: String,
    site: Site,
    what: String,
    code: Option<Code>,
}

struct Court<'a> {
    architecture: &'a Architecture<'a>,
    sources: &'a Sources<'a>,
    /// Which exceptions excused something, or would have but for their date.
    used: Vec<bool>,
}

impl Court<'_> {
    /// The violation by a dependency that a manifest declares, unless an exception excuses it.
    fn declared(&mut self, dependency: &Dependency, to: &Target, mut breach: Breach) -> Option<Violation> {
        let exceptions: Vec<usize> = self.architecture.exceptions(dependency.from, to, dependency.kind).collect();
        let charge = self.dependency(dependency, to, breach.rule);
        // What the library of an external crate is called is not known.
        if charge.code.is_none() && matches!(to, Target::Member(_)) {
            breach.notes.push("no path in its sources names it".to_owned());
        }
        self.sentence(&exceptions, charge, breach)
    }

    /// The violation, unless one of these exceptions excuses it.
    fn sentence(&mut self, exceptions: &[usize], charge: Charge, mut breach: Breach) -> Option<Violation> {
        let mut excused = false;
        for &index in exceptions {
            let exception = &self.architecture.rules.exceptions[index];
            if !exception.covers(breach.rule) {
                continue;
            }
            self.used[index] = true;
            match exception.until.filter(|until| self.architecture.has_ended(Some(*until))) {
                None => excused = true,
                Some(until) => {
                    let Site { file, line, .. } = &exception.site;
                    breach.notes.push(format!("the exception in {file}:{line} held until {until}"));
                }
            }
        }
        if excused { None } else { self.violation(charge, breach) }
    }

    fn dependency(&self, dependency: &Dependency, to: &Target, rule: Rule) -> Charge {
        let workspace = self.architecture.workspace;
        let (from, name) = (&workspace.members[dependency.from].name, self.architecture.target_name(to));
        let message = match rule {
            Rule::ExternalReachable => format!("`{from}` must not reach `{name}`"),
            Rule::Deprecated => format!("`{from}` should no longer depend on `{name}`"),
            _ => format!("`{from}` must not depend on `{name}`"),
        };
        Charge {
            from: dependency.from,
            module: None,
            to: Some(identity(to, self.architecture)),
            kind: Some(dependency.kind),
            by: None,
            message,
            site: dependency.site.clone(),
            what: what(dependency, self.architecture),
            code: self.code(dependency.from, &dependency.extern_name, dependency.kind),
        }
    }

    /// Where a member first names a crate as a dependency of this kind lets it.
    fn code(&self, member: usize, extern_name: &str, kind: Kind) -> Option<Code> {
        let places = self.sources.of(member).first_use(extern_name, kind)?;
        Some(Code { site: self.sources.site(member, places.first), further: places.further })
    }

    fn violation(&self, charge: Charge, breach: Breach) -> Option<Violation> {
        let severity = said(breach.severity)?;
        let from = self.architecture.describe(charge.from);
        Some(Violation {
            rule: breach.rule,
            severity,
            state: State::New,
            message: charge.message,
            module: charge.module.map(|module| of_crate(&from.dir, &module)),
            from,
            to: charge.to,
            kind: charge.kind,
            by: charge.by,
            site: charge.site,
            what: charge.what,
            code: charge.code,
            rule_site: breach.site,
            why: breach.why,
            notes: breach.notes,
            help: breach.help,
        })
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

/// What makes a target the same in two reports.
fn identity(to: &Target, architecture: &Architecture<'_>) -> String {
    match to {
        Target::Member(member) => architecture.workspace.members[*member].dir.clone(),
        Target::External { name, .. } => name.clone(),
    }
}

/// A module from `crate` on, as reports, baselines and exceptions call it.
fn of_crate(dir: &str, module: &str) -> String {
    dir.to_owned() + module.trim_start_matches("crate")
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
