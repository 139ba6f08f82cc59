//! `boundaries-baseline.toml`: violations that were there before their rule, and the promise that their number only falls.
//!
//! An entry names a violation by rule, crates and kind, never by line, so that moving code changes nothing. An entry that
//! excuses nothing fails the check as a new violation does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use chrono::NaiveDate;

use crate::report::{By, Cause, Finding, Rule, Severity, State, Violation};
use crate::rules::{Reader, Section, check_version, parse_file, read_reason, read_until};
use crate::source::{Site, Source};
use crate::workspace::Kind;

const HEADER: &str = "\
# Violations that were there before their rule. The list only shrinks: `cargo boundaries baseline update` deletes what is
# gone, and the check fails until it is.
";

/// The entries of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Baseline {
    pub file: String,
    pub entries: BTreeMap<Key, Entry>,
}

/// What makes two violations the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// A crate's directory, or `DIR::MODULE`.
    pub from: String,
    pub to: Option<String>,
    pub kind: Option<Kind>,
    /// As [`Violation::by`]: who may go one way to a crate may not go another one.
    pub by: Option<By>,
    pub rule: Rule,
}

/// Why a violation is excused, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub reason: String,
    pub owner: Option<String>,
    /// The last day on which it holds.
    pub until: Option<NaiveDate>,
    /// Nothing for an entry that is not written yet.
    pub site: Option<Site>,
}

impl Key {
    pub fn of(violation: &Violation) -> Self {
        let Violation { rule, from, module, to, kind, by, .. } = violation;
        let from = module.as_ref().unwrap_or(&from.dir).clone();
        Self { from, to: to.clone(), kind: *kind, by: *by, rule: *rule }
    }
}

impl Baseline {
    /// Reads a file as far as it can be understood, and says what cannot.
    pub fn parse(source: &Source) -> Result<Self, Vec<Finding>> {
        let read = |file: &mut Section<'_>| {
            check_version(file);
            file.required("entries");
            file.sections("entries", "an entry of the baseline", read_entry)
        };
        let (entries, mut findings) = parse_file(source, "the baseline", read);
        let mut baseline = Self { file: source.file.clone(), entries: BTreeMap::new() };
        for (key, entry) in entries.unwrap_or_default() {
            let site = entry.site.clone();
            if baseline.entries.insert(key, entry).is_some() {
                let finding =
                    Finding::new(Cause::Ambiguous, "an entry stands twice in the baseline", "delete this line");
                findings.push(Finding { site, ..finding });
            }
        }
        if findings.is_empty() { Ok(baseline) } else { Err(findings) }
    }

    /// Marks what the baseline excuses on the day `today`, and answers the entries that excuse nothing.
    pub fn apply(&self, violations: &mut [Violation], today: NaiveDate) -> Vec<Finding> {
        let mut used = BTreeSet::new();
        for violation in violations.iter_mut().filter(|violation| violation.severity == Severity::Error) {
            let key = Key::of(violation);
            let Some(entry) = self.entries.get(&key) else { continue };
            match entry.until.filter(|until| *until < today) {
                None => violation.state = State::Known,
                Some(until) => {
                    let line = entry.site.as_ref().map_or(0, |site| site.line);
                    violation.notes.push(format!("the baseline entry in {}:{line} held until {until}", self.file));
                }
            }
            used.insert(key);
        }
        let stale = self.entries.iter().filter(|(key, _)| !used.contains(key)).map(|(key, entry)| {
            let message = format!("the baseline excuses {}, which is no violation", key.in_words());
            let finding = Finding::new(Cause::StaleBaseline, message, "delete this line");
            Finding { site: entry.site.clone(), ..finding }
        });
        stale.collect()
    }

    /// Without the entries that excuse none of the violations; with an entry for each that has none, when `grow` says why.
    pub fn updated(&self, violations: &[Violation], grow: Option<&Entry>) -> Self {
        let failing = violations.iter().filter(|violation| violation.severity == Severity::Error);
        let entry = |key: Key| {
            let entry = self.entries.get(&key).or(grow)?.clone();
            Some((key, entry))
        };
        Self { file: self.file.clone(), entries: failing.map(Key::of).filter_map(entry).collect() }
    }

    /// The file: one line for each entry, sorted.
    pub fn render(&self) -> String {
        let mut text = format!("{HEADER}version = 1\nentries = [\n");
        for (key, entry) in &self.entries {
            let mut line = format!("rule = {}, from = {}", quoted(key.rule.name()), quoted(&key.from));
            let kind = key.kind.map(Kind::name);
            let (by, reason) = (key.by.map(By::name), Some(&*entry.reason));
            let what = [("to", key.to.as_deref()), ("kind", kind), ("by", by)];
            for (name, value) in what.into_iter().chain([("reason", reason), ("owner", entry.owner.as_deref())]) {
                if let Some(value) = value {
                    write!(line, ", {name} = {}", quoted(value)).expect("a string accepts every write");
                }
            }
            if let Some(until) = entry.until {
                write!(line, ", until = {until}").expect("a string accepts every write");
            }
            writeln!(text, "    {{ {line} }},").expect("a string accepts every write");
        }
        text + "]\n"
    }
}

impl Key {
    fn in_words(&self) -> String {
        let rule = self.rule.name();
        let from = &self.from;
        match (&self.to, self.kind, self.by) {
            (Some(to), _, Some(By::ReExport)) => format!("what {from} names of {to} through re-exports ({rule})"),
            (Some(to), _, Some(By::File)) => format!("the files of {to} that {from} compiles ({rule})"),
            (Some(to), _, Some(By::Chain)) => format!("the chain from {from} to {to} ({rule})"),
            (Some(to), Some(kind), None) => format!("the {kind} of {from} on {to} ({rule})"),
            (Some(to), None, None) => format!("what {from} names in {to} ({rule})"),
            (None, ..) => format!("{from} ({rule})"),
        }
    }
}

/// A basic string of one line; TOML has JSON's escapes, and one character more that needs one.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

fn read_entry(entry: &mut Section<'_>) -> Option<(Key, Entry)> {
    let rules = Rule::ALL.map(|rule| (rule.name(), rule));
    let kinds = Kind::ALL.map(|kind| (kind.name(), kind));
    entry.required("rule");
    let rule = entry.key("rule", |reader: &Reader<'_>, value| reader.choice(value, &rules));
    let from = entry.required_string("from");
    let to = entry.string("to").map(|to| to.value);
    let kind = entry.key("kind", |reader: &Reader<'_>, value| reader.choice(value, &kinds)).map(|kind| kind.value);
    let ways = By::ALL.map(|by| (by.name(), by));
    let by = entry.key("by", |reader: &Reader<'_>, value| reader.choice(value, &ways)).map(|by| by.value);
    let reason = read_reason(entry);
    let owner = entry.string("owner").map(|owner| owner.value);
    let until = read_until(entry);
    let key = Key { from: from?.value, to, kind, by, rule: rule?.value };
    Some((key, Entry { reason: reason?, owner, until, site: Some(entry.site()) }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};

    use super::*;
    use crate::report::Crate;

    fn violation(
        rule: Rule,
        from: &str,
        to: Option<&str>,
        (kind, by): (Option<Kind>, Option<By>),
        severity: Severity,
    ) -> Violation {
        let text = String::new;
        let site = Site { file: text(), line: 1, column: 1, end_column: 2, text: text(), bytes: 0..1 };
        Violation {
            rule,
            severity,
            state: State::New,
            message: text(),
            from: Crate { name: from.to_owned(), dir: from.to_owned(), layer: text() },
            module: None,
            to: to.map(str::to_owned),
            kind,
            by,
            code: None,
            rule_site: site.clone(),
            site,
            what: text(),
            why: text(),
            notes: Vec::new(),
            help: text(),
        }
    }

    fn violations() -> impl Strategy<Value = Vec<Violation>> {
        let severities = select(vec![Severity::Error, Severity::Error, Severity::Warning]);
        let dirs = || select(vec!["a", "crates/b", "ü \"c\"\n"]);
        let one = (select(Rule::ALL.to_vec()), dirs(), proptest::option::of(dirs()), severities);
        let kinds = proptest::option::of(select(Kind::ALL.to_vec()));
        let ways = proptest::option::of(select(By::ALL.to_vec()));
        let one = (one, kinds, ways)
            .prop_map(|((rule, from, to, severity), kind, by)| violation(rule, from, to, (kind, by), severity));
        proptest::collection::vec(one, 0..12)
    }

    fn reason(text: &str) -> Entry {
        Entry { reason: text.to_owned(), owner: None, until: None, site: None }
    }

    fn reread(baseline: &Baseline) -> Baseline {
        let source = Source { file: baseline.file.clone(), text: baseline.render() };
        Baseline::parse(&source).expect("what was written can be read")
    }

    /// What fails a check: new violations of rules that are errors, and stale entries.
    fn failures(baseline: &Baseline, violations: &[Violation]) -> usize {
        let (mut violations, today) = (violations.to_vec(), NaiveDate::default());
        let stale = baseline.apply(&mut violations, today).len();
        let fresh = violations.iter().filter(|one| one.state == State::New && one.severity == Severity::Error);
        stale + fresh.count()
    }

    proptest! {
        #[test]
        fn what_has_grown_is_green(before in violations(), now in violations(), why in "\\PC{1,8}x") {
            let old = Baseline::default().updated(&before, Some(&reason("old")));
            let new = reread(&old.updated(&now, Some(&reason(&why))));
            prop_assert_eq!(failures(&new, &now), 0);
        }

        #[test]
        fn without_growth_nothing_is_added_and_nothing_stale_stays(before in violations(), now in violations()) {
            let old = reread(&Baseline::default().updated(&before, Some(&reason("old"))));
            let new = old.updated(&now, None);
            prop_assert!(new.entries.iter().all(|(key, entry)| old.entries.get(key) == Some(entry)));
            let mut left = now.clone();
            prop_assert!(new.apply(&mut left, NaiveDate::default()).is_empty());
            prop_assert_eq!(new.updated(&now, None), new);
        }

        #[test]
        fn the_order_of_violations_and_lines_is_nothing(
            (found, shuffled) in violations().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        ) {
            let grow = |all: &[Violation]| Baseline::default().updated(all, Some(&reason("r")));
            prop_assert_eq!(grow(&found).render(), grow(&shuffled).render());
            let text = grow(&found).render();
            let (start, lines) = text.split_once("entries = [\n").expect("the list starts so");
            let lines: Vec<_> = lines.trim_end_matches("]\n").lines().rev().collect();
            let source = Source { file: String::new(), text: format!("{start}entries = [\n{}\n]\n", lines.join("\n")) };
            let reversed = Baseline::parse(&source).expect("the order of lines is nothing");
            prop_assert_eq!(reversed.render(), text);
        }

        #[test]
        fn a_part_of_the_violations_leaves_the_rest_stale(
            (all, part) in violations().prop_flat_map(|all| {
                let size = 0..=all.len();
                (Just(all.clone()), subsequence(all, size))
            }),
        ) {
            let baseline = Baseline::default().updated(&all, Some(&reason("r")));
            let keys = |of: &[Violation]| -> BTreeSet<Key> {
                of.iter().filter(|one| one.severity == Severity::Error).map(Key::of).collect()
            };
            prop_assert_eq!(failures(&baseline, &part), keys(&all).difference(&keys(&part)).count());
        }
    }
}
