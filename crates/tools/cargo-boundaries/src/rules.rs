//! `boundaries.toml` as it is written: every value with its place, nothing compared with a workspace yet.

mod graph;
mod modules;
mod pattern;
mod section;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use toml::de::{DeTable, DeValue};

pub(crate) use graph::{Cycles, EdgeBan, Hygiene, OwnRules, Severity, Visibility, own_rules};
pub(crate) use modules::{ModuleRules, below, is_module, rank};
pub(crate) use pattern::{Pattern, alternatives};
pub(crate) use section::{List, Located, Reader, Section, Value, closest};

use crate::report::{Cause, Finding, Rule};
use crate::source::{Site, Source};
use crate::workspace::Kind;

#[derive(Debug)]
pub(crate) struct Rules {
    /// `same-layer`, `true` for `allow`.
    pub same_layer: Option<Located<bool>>,
    /// The kinds of dependencies between members that the layers govern.
    pub kinds: Vec<Kind>,
    /// Paths through re-exports are not followed.
    pub ignores_re_exports: bool,
    /// The file of the baseline, when the rules name it.
    pub baseline: Option<Located<String>>,
    /// What differs from [`Rule::default_severity`].
    pub severities: BTreeMap<Rule, Severity>,
    /// Low to high.
    pub layers: Vec<Layer>,
    pub external: Vec<OnlyRule>,
    pub visibility: Vec<Visibility>,
    pub forbidden: Vec<EdgeBan>,
    pub deprecated: Vec<EdgeBan>,
    pub cycles: Option<Cycles>,
    pub hygiene: Hygiene,
    pub modules: Vec<ModuleRules>,
    pub exceptions: Vec<Exception>,
}

impl Rules {
    pub fn severity(&self, rule: Rule) -> Severity {
        self.severities.get(&rule).copied().unwrap_or(rule.default_severity())
    }
}

#[derive(Debug)]
pub(crate) struct Layer {
    pub name: Located<String>,
    pub members: List<String>,
    /// What the layer may use; every layer below it when absent.
    pub may_use: Option<List<String>>,
    /// What its dev-dependencies may use besides.
    pub dev_may_use: Option<List<String>>,
    pub edges: Option<List<EdgeRule>>,
    /// Members that everybody may use as a dev-dependency only.
    pub dev_only: Option<List<String>>,
    /// Who may use the layer, besides its own members; everybody when absent.
    pub visible_to: Option<List<String>>,
    pub independent: Option<Site>,
    pub allow: Option<List<ExternalRule>>,
    pub deny: Vec<ExternalRule>,
}

/// `"a -> b, c"`.
#[derive(Debug)]
pub(crate) struct EdgeRule {
    pub from: String,
    pub to: Vec<String>,
}

/// External crates by package name, and the kinds of dependencies meant.
#[derive(Debug)]
pub(crate) struct ExternalRule {
    pub names: List<String>,
    pub kinds: Vec<Kind>,
    /// Why the crates are denied; empty where they are allowed.
    pub reason: String,
    /// `use`: what takes their place.
    pub instead: Option<String>,
    /// No manifest has to name them: the name is meant, not mistyped.
    pub may_be_absent: bool,
    /// Denied through other crates too.
    pub reachable: bool,
}

/// `[[external]]`: crates that only some members may name.
#[derive(Debug)]
pub(crate) struct OnlyRule {
    pub rule: ExternalRule,
    pub only: List<String>,
}

/// `[[except]]`.
#[derive(Debug)]
pub(crate) struct Exception {
    pub from: Located<String>,
    pub to: Located<String>,
    pub kinds: Vec<Kind>,
    /// The rules that it excuses from; all of them where it names none.
    rules: Option<List<Rule>>,
    /// The last day on which it holds.
    pub until: Option<NaiveDate>,
    pub site: Site,
}

impl Exception {
    pub fn covers(&self, rule: Rule) -> bool {
        self.rules.as_ref().is_none_or(|rules| rules.items.iter().any(|named| named.value == rule))
    }
}

/// The kinds that end up in what is built for users.
const SHIPPED: [Kind; 2] = [Kind::Normal, Kind::Build];

/// Reads the rules as far as they can be understood, and says what cannot.
pub(crate) fn parse(source: &Source) -> (Option<Rules>, Vec<Finding>) {
    parse_file(source, "the configuration", read_rules)
}

/// Reads a TOML file; `name` is what messages call it.
pub(crate) fn parse_file<T>(
    source: &Source,
    name: &'static str,
    read: impl FnOnce(&mut Section<'_>) -> T,
) -> (Option<T>, Vec<Finding>) {
    let (document, errors) = DeTable::parse_recoverable(&source.text);
    if !errors.is_empty() {
        let finding = |error: toml::de::Error| {
            let site = source.site(error.span().unwrap_or(0..0));
            Finding::new(Cause::Config, error.message(), "write the file as TOML").at(&site)
        };
        return (None, errors.into_iter().map(finding).collect());
    }
    let reader = Reader::new(source);
    let read = reader.table(document.get_ref(), 0..0, name, read);
    (Some(read), reader.into_findings())
}

pub(crate) fn check_version(file: &mut Section<'_>) {
    if let Some(version) = file.required("version")
        && version.get_ref().as_integer().is_none_or(|number| number.as_str() != "1")
    {
        file.reader().wrong::<()>(version, "1, the only version of this format");
    }
}

fn read_rules(file: &mut Section<'_>) -> Rules {
    check_version(file);
    let workspace = file.get("workspace");
    let workspace = workspace.and_then(|table| file.reader().section(table, "[workspace]", read_workspace));
    let workspace = workspace.unwrap_or_default();
    let cycles = file.get("cycles");
    let hygiene = file.get("hygiene");
    Rules {
        same_layer: workspace.same_layer,
        kinds: workspace.kinds,
        ignores_re_exports: workspace.ignores_re_exports,
        baseline: workspace.baseline,
        severities: graph::read_severities(file),
        visibility: file.sections("visibility", "[[visibility]]", graph::read_visibility),
        forbidden: file.sections("forbid", "[[forbid]]", graph::read_forbidden),
        deprecated: file.sections("deprecated", "[[deprecated]]", graph::read_deprecated),
        cycles: cycles.and_then(|table| file.reader().section(table, "[cycles]", graph::read_cycles)),
        hygiene: hygiene
            .and_then(|table| file.reader().section(table, "[hygiene]", graph::read_hygiene))
            .unwrap_or_default(),
        modules: file.sections("modules", "[[modules]]", modules::read_modules),
        layers: file.sections("layer", "[[layer]]", read_layer),
        external: file.sections("external", "[[external]]", read_only_rule),
        exceptions: file.sections("except", "[[except]]", read_exception),
    }
}

/// `[workspace]`.
struct OfAll {
    same_layer: Option<Located<bool>>,
    kinds: Vec<Kind>,
    ignores_re_exports: bool,
    baseline: Option<Located<String>>,
}

impl Default for OfAll {
    fn default() -> Self {
        Self { same_layer: None, kinds: Kind::ALL.to_vec(), ignores_re_exports: false, baseline: None }
    }
}

fn read_workspace(workspace: &mut Section<'_>) -> OfAll {
    workspace.key("unclassified", |reader, value| reader.choice(value, &[("error", ())]));
    let same_layer =
        workspace.key("same-layer", |reader, value| reader.choice(value, &[("deny", false), ("allow", true)]));
    let re_exports =
        workspace.key("re-exports", |reader, value| reader.choice(value, &[("follow", false), ("ignore", true)]));
    OfAll {
        same_layer,
        kinds: read_kinds(workspace, &Kind::ALL),
        ignores_re_exports: re_exports.is_some_and(|ignores| ignores.value),
        baseline: workspace.string("baseline"),
    }
}

fn read_layer(layer: &mut Section<'_>) -> Option<Layer> {
    let name = layer.required_string("name");
    let members = layer.required_strings("members");
    let external = layer.get("external");
    let external = external.and_then(|table| layer.reader().section(table, "`external` of a [[layer]]", read_external));
    let (allow, deny) = external.unwrap_or_default();
    let layer = Layer {
        may_use: layer.strings("may-use"),
        dev_may_use: layer.strings("dev-may-use"),
        edges: layer.list("edges", read_edge),
        dev_only: layer.strings("dev-only"),
        visible_to: layer.strings("visible-to"),
        independent: read_flag(layer, "independent"),
        allow,
        deny,
        name: name?,
        members: members?,
    };
    Some(layer)
}

fn read_edge(reader: &Reader<'_>, value: &Value<'_>) -> Option<EdgeRule> {
    let text = reader.string(value)?;
    let parts = text.split_once("->").map(|(from, to)| {
        let to: Vec<_> = to.split(',').map(|name| name.trim().to_owned()).collect();
        EdgeRule { from: from.trim().to_owned(), to }
    });
    match parts {
        Some(edge) if !edge.from.is_empty() && edge.to.iter().all(|name| !name.is_empty()) => Some(edge),
        _ => reader.wrong(value, "an edge such as \"a -> b, c\""),
    }
}

fn read_external(external: &mut Section<'_>) -> (Option<List<ExternalRule>>, Vec<ExternalRule>) {
    let allow = external.list("allow", |reader, value| match value.get_ref() {
        DeValue::String(_) => {
            let site = reader.site(value.span());
            let name = Located { value: reader.string(value)?, site: site.clone() };
            let names = List { key: site, items: vec![name] };
            let kinds = SHIPPED.to_vec();
            Some(ExternalRule {
                names,
                kinds,
                reason: String::new(),
                instead: None,
                may_be_absent: false,
                reachable: false,
            })
        }
        _ => reader.section(value, "`external.allow`", read_allowed).flatten(),
    });
    let deny = external.list("deny", |reader, value| {
        let read = |entry: &mut Section<'_>| {
            let reachable = read_flag(entry, "reachable").is_some();
            Some(ExternalRule { reachable, ..read_denied(entry)? })
        };
        reader.section(value, "`external.deny`", read).flatten()
    });
    let deny = deny.into_iter().flat_map(|deny| deny.items).map(|item| item.value);
    (allow, deny.collect())
}

fn read_allowed(entry: &mut Section<'_>) -> Option<ExternalRule> {
    let names = read_names(entry);
    let kinds = read_kinds(entry, &SHIPPED);
    if kinds.contains(&Kind::Dev) {
        let message = "`external.allow` governs normal and build dependencies";
        let help = "delete \"dev\": every external crate is allowed there unless `external.deny` names it";
        entry.reader().report(Cause::Contradiction, entry.key_span("kinds"), message.to_owned(), help.to_owned());
    }
    let may_be_absent = read_flag(entry, "may-be-absent").is_some();
    Some(ExternalRule { names: names?, kinds, reason: String::new(), instead: None, may_be_absent, reachable: false })
}

fn read_denied(entry: &mut Section<'_>) -> Option<ExternalRule> {
    let names = read_names(entry);
    let reason = read_reason(entry);
    let rule = ExternalRule {
        kinds: read_kinds(entry, &SHIPPED),
        instead: entry.string("use").map(|instead| instead.value),
        may_be_absent: read_flag(entry, "may-be-absent").is_some(),
        reachable: false,
        names: names?,
        reason: reason?,
    };
    Some(rule)
}

fn read_only_rule(entry: &mut Section<'_>) -> Option<OnlyRule> {
    let only = entry.required_strings("only");
    let rule = read_denied(entry);
    Some(OnlyRule { rule: rule?, only: only? })
}

fn read_exception(entry: &mut Section<'_>) -> Option<Exception> {
    let (from, to) = (entry.required_string("from"), entry.required_string("to"));
    let reason = read_reason(entry);
    let until = read_until(entry);
    let kinds = read_kinds(entry, &Kind::ALL);
    let names = Rule::ALL.map(|rule| (rule.name(), rule));
    let rules = entry.list("rules", |reader, value| reader.choice(value, &names));
    // For people alone.
    entry.string("owner");
    reason?;
    Some(Exception { from: from?, to: to?, kinds, rules, until, site: entry.site() })
}

/// The last day on which something holds.
pub(crate) fn read_until(entry: &mut Section<'_>) -> Option<NaiveDate> {
    let until = entry.key("until", |reader, value| {
        let date = value.get_ref().as_datetime().and_then(|datetime| datetime.date);
        let date = date.and_then(|day| NaiveDate::from_ymd_opt(day.year.into(), day.month.into(), day.day.into()));
        date.or_else(|| reader.wrong(value, "a date such as 2027-03-31"))
    });
    until.map(|until| until.value)
}

fn read_names(entry: &mut Section<'_>) -> Option<List<String>> {
    let names = entry.required_strings("name")?;
    if names.items.is_empty() {
        let help = "name at least one external crate".to_owned();
        entry.reader().report(Cause::BadValue, entry.key_span("name"), "an empty list of names".to_owned(), help);
    }
    Some(names)
}

/// A sentence for whoever runs into the rule, so it cannot be empty.
pub(crate) fn read_reason(entry: &mut Section<'_>) -> Option<String> {
    let value = entry.required("reason")?;
    let reason = entry.reader().string(value)?;
    if reason.trim().is_empty() { entry.reader().wrong(value, "the reason in words") } else { Some(reason) }
}

fn read_kinds(section: &mut Section<'_>, default: &[Kind]) -> Vec<Kind> {
    let choices = Kind::ALL.map(|kind| (kind.name(), kind));
    match section.list("kinds", |reader, value| reader.choice(value, &choices)) {
        None => default.to_vec(),
        Some(kinds) => {
            if kinds.items.is_empty() {
                let help = "list at least one of \"normal\", \"build\", \"dev\"".to_owned();
                let message = "an empty list of kinds".to_owned();
                section.reader().report(Cause::BadValue, section.key_span("kinds"), message, help);
            }
            kinds.items.into_iter().map(|kind| kind.value).collect()
        }
    }
}

/// Where the flag stands, when it is set.
fn read_flag(section: &mut Section<'_>, key: &'static str) -> Option<Site> {
    let flag = section
        .key(key, |reader, value| value.get_ref().as_bool().or_else(|| reader.wrong(value, "`true` or `false`")));
    flag.filter(|flag| flag.value).map(|flag| flag.site)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const README: &str = include_str!("../README.md");

    /// The rules of the README: every key there is.
    fn rules() -> String {
        README.split("```toml\n").skip(1).take(2).filter_map(|block| block.split("```").next()).collect()
    }

    fn parsed(text: String) -> (Option<Rules>, Vec<Finding>) {
        parse(&Source { file: String::new(), text })
    }

    #[test]
    fn the_readme_has_no_unknown_key() {
        assert_eq!(parsed(rules()).1, []);
    }

    proptest! {
        /// Rules that are cut, doubled or garbled are read or refused with a place, never worse.
        #[test]
        fn no_text_is_too_strange(from in 0_usize..4000, to in 0_usize..4000, strange in "\\PC{0,12}") {
            let rules = rules();
            let (from, to) = (rules.floor_char_boundary(from), rules.floor_char_boundary(to));
            let (rules, findings) = parsed(format!("{}{strange}{}", &rules[..from], &rules[to..]));
            prop_assert!(rules.is_some() || !findings.is_empty());
            prop_assert!(findings.iter().all(|finding| finding.site.is_some()));
        }
    }
}
