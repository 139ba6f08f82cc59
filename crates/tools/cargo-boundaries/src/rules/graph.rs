//! Rules about the graph as a whole, about single edges, and those that a crate states in its own manifest.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use toml::de::DeTable;

use super::{List, Located, Reader, Section, Value, read_flag, read_kinds, read_reason, read_until};
use crate::report::{Cause, Finding, Rule};
use crate::source::{Site, Source};
use crate::workspace::Kind;

/// What breaking a rule means, from `[severity]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    Error,
    Warn,
    Off,
}

/// `[[visibility]]`: who may use some crates.
#[derive(Debug)]
pub(crate) struct Visibility {
    pub of: List<String>,
    pub to: List<String>,
    pub kinds: Vec<Kind>,
    pub reason: Option<String>,
}

/// `[[forbid]]`, `[[deprecated]]`, or an entry in `deny` of a crate.
#[derive(Debug)]
pub(crate) struct EdgeBan {
    /// Nothing where it is the crate whose manifest says so.
    pub from: Option<Located<String>>,
    pub to: Located<String>,
    pub kinds: Vec<Kind>,
    pub reason: String,
    pub instead: Option<String>,
    /// The last day on which a deprecated edge is only a warning.
    pub until: Option<NaiveDate>,
    pub may_be_absent: bool,
    /// Through other members too.
    pub reachable: Option<Site>,
    pub site: Site,
}

/// `[cycles]`: dependencies of these kinds form none.
#[derive(Debug)]
pub(crate) struct Cycles {
    pub kinds: Vec<Kind>,
    pub site: Site,
}

/// `[hygiene]`: where each rule is switched on, and which crates are free of them.
#[derive(Debug, Default)]
pub(crate) struct Hygiene {
    pub lints: Option<Site>,
    pub versions: Option<Site>,
    pub folder: Option<Site>,
    pub used: Option<Site>,
    pub no_globs: Option<Site>,
    pub except: Option<List<String>>,
}

/// `[package.metadata.boundaries]`.
#[derive(Debug, Default)]
pub(crate) struct OwnRules {
    pub visible_to: Option<List<String>>,
    pub deny: Vec<EdgeBan>,
}

pub(super) fn read_severities(file: &mut Section<'_>) -> BTreeMap<Rule, Severity> {
    let choices = [("error", Severity::Error), ("warn", Severity::Warn), ("off", Severity::Off)];
    let read = |severity: &mut Section<'_>| {
        let of = |rule: Rule| {
            let level = severity.key(rule.name(), |reader, value| reader.choice(value, &choices))?;
            Some((rule, level.value))
        };
        Rule::ALL.into_iter().filter_map(of).collect()
    };
    file.get("severity").and_then(|table| file.reader().section(table, "[severity]", read)).unwrap_or_default()
}

pub(super) fn read_visibility(entry: &mut Section<'_>) -> Option<Visibility> {
    let (of, to) = (entry.required_strings("of"), entry.required_strings("to"));
    let reason = entry.get("reason").is_some().then(|| read_reason(entry));
    let kinds = read_kinds(entry, &Kind::ALL);
    Some(Visibility { of: of?, to: to?, kinds, reason: reason.flatten() })
}

pub(super) fn read_ban(entry: &mut Section<'_>) -> Option<EdgeBan> {
    let from = entry.required_string("from");
    let ban = read_far_end(entry);
    Some(EdgeBan { from: Some(from?), ..ban? })
}

pub(super) fn read_forbidden(entry: &mut Section<'_>) -> Option<EdgeBan> {
    let reachable = read_flag(entry, "reachable");
    Some(EdgeBan { reachable, ..read_ban(entry)? })
}

pub(super) fn read_deprecated(entry: &mut Section<'_>) -> Option<EdgeBan> {
    let until = read_until(entry);
    Some(EdgeBan { until, ..read_ban(entry)? })
}

/// A ban without its `from`.
fn read_far_end(entry: &mut Section<'_>) -> Option<EdgeBan> {
    let to = entry.required_string("to");
    let reason = read_reason(entry);
    let kinds = read_kinds(entry, &Kind::ALL);
    let instead = entry.string("use").map(|instead| instead.value);
    let may_be_absent = read_flag(entry, "may-be-absent").is_some();
    let (to, reason, site) = (to?, reason?, entry.site());
    Some(EdgeBan { from: None, to, kinds, reason, instead, until: None, may_be_absent, reachable: None, site })
}

pub(super) fn read_cycles(section: &mut Section<'_>) -> Cycles {
    Cycles { kinds: read_kinds(section, &Kind::ALL), site: section.site() }
}

pub(super) fn read_hygiene(section: &mut Section<'_>) -> Hygiene {
    Hygiene {
        lints: read_flag(section, Rule::WorkspaceLints.name()),
        versions: read_flag(section, Rule::WorkspaceVersions.name()),
        folder: read_flag(section, Rule::FolderName.name()),
        used: read_flag(section, Rule::UsedDependencies.name()),
        no_globs: read_flag(section, Rule::NoGlobReExports.name()),
        except: section.strings("except"),
    }
}

impl Hygiene {
    /// Some rule is switched on.
    pub fn is_on(&self) -> bool {
        [&self.lints, &self.versions, &self.folder, &self.used, &self.no_globs].into_iter().any(Option::is_some)
    }
}

/// The table below `[package.metadata]`.
const NAME: &str = "boundaries";

/// The rules that a manifest states about its crate.
pub(crate) fn own_rules(source: &Source, manifest: &DeTable<'_>) -> (OwnRules, Vec<Finding>) {
    fn inside<'a, 'i>(table: Option<&'a Value<'i>>, key: &str) -> Option<&'a Value<'i>> {
        table?.get_ref().as_table()?.get(key)
    }
    let reader = Reader::new(source);
    let metadata = inside(manifest.get("package"), "metadata");
    // Other programs have tables there too; one that is all but called like this one is meant for it.
    let tables = metadata.and_then(|value| value.get_ref().as_table()).into_iter().flat_map(|table| table.keys());
    let close = |key: &str| key != NAME && (key.starts_with("boundar") || strsim::osa_distance(key, NAME) <= 2);
    for key in tables.filter(|key| close(key.get_ref())) {
        let message = format!("unknown table [package.metadata.{}]", key.get_ref());
        reader.report(Cause::UnknownKey, key.span(), message, format!("write `{NAME}`"));
    }
    let Some(value) = inside(metadata, NAME) else {
        return (OwnRules::default(), reader.into_findings());
    };
    let own = reader.section(value, "[package.metadata.boundaries]", read_own_rules);
    (own.unwrap_or_default(), reader.into_findings())
}

fn read_own_rules(section: &mut Section<'_>) -> OwnRules {
    let name = "`deny` of [package.metadata.boundaries]";
    OwnRules { visible_to: section.strings("visible-to"), deny: section.sections("deny", name, read_far_end) }
}
