//! What any text has to leave true: no panic, places that lie in the text, a baseline that grows when asked only. The
//! fuzz targets ask it of what they make up, the tests of the seeds that they start from.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use source_graph::{Edition, PackageSources, ProblemKind, Root, RootKind, SourceGraph};
use toml::de::DeTable;

use crate::baseline::{Baseline, Entry, Key};
use crate::format::Format;
use crate::report::{CheckError, Crate, Finding, Severity, State, Violation};
use crate::rules;
use crate::source::{Site, Source};

/// Reads the bytes as the root file of a library, in both ways of reading paths.
///
/// # Panics
/// Where the graph has a place that is none in its file, or takes text for something else.
pub fn sources(content: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let path = folder.path().join("lib.rs");
    std::fs::write(&path, content).expect("the file can be written");
    for edition in [Edition::E2015, Edition::E2018] {
        let roots = vec![Root { kind: RootKind::Library, path: path.clone(), edition }];
        let externs = vec!["serde".to_owned(), "tokio".to_owned()];
        let graph = SourceGraph::of(&PackageSources { roots, externs, library: Some("own".to_owned()), folder: None });
        let no_text = |kind: &ProblemKind| matches!(kind, ProblemKind::NotUtf8(_));
        let told = graph.problems.iter().any(|problem| problem.file == path && no_text(&problem.kind));
        assert_eq!(told, str::from_utf8(content).is_err());
        let references = graph.references.iter().map(|it| (&graph.files[it.file as usize].path, it.span));
        assert!(references.clone().all(|(_, span)| span.start < span.end), "a reference is a path");
        let places = references.chain(graph.problems.iter().filter_map(|it| Some((&it.file, it.span?))));
        let places = places.chain(graph.absent.iter().map(|it| (&it.file, it.span)));
        let mut texts = BTreeMap::new();
        for (file, span) in places.chain(graph.unseen.iter().map(|it| (&it.file, it.span))) {
            let read = || std::fs::read_to_string(file).expect("only text has places");
            let text: &String = texts.entry(file).or_insert_with(read);
            assert!(text.get(span.range()).is_some(), "{span:?} of {} bytes", text.len());
        }
    }
}

/// Reads the bytes as `boundaries.toml`, and as a manifest with rules of its own.
///
/// # Panics
/// Where there are neither rules nor findings, or a finding has no place in the text or cannot be told.
pub fn configuration(content: &[u8]) {
    let Some(source) = source(content) else { return };
    let (rules, findings) = rules::parse(&source);
    assert!(rules.is_some() || !findings.is_empty(), "nothing is said of the rules");
    assert_told(findings, &source);
    let (manifest, errors) = DeTable::parse_recoverable(&source.text);
    if errors.is_empty() {
        assert_told(rules::own_rules(&source, manifest.get_ref()).1, &source);
    }
}

fn source(content: &[u8]) -> Option<Source> {
    Some(Source { file: "f".to_owned(), text: str::from_utf8(content).ok()?.to_owned() })
}

/// Every finding has a place, and every form of a report can tell it.
fn assert_told(findings: Vec<Finding>, source: &Source) {
    for finding in &findings {
        assert_place(finding.site.as_ref().expect("a finding about a text has a place in it"), &source.text);
    }
    if !findings.is_empty() {
        let error = CheckError::of(findings);
        let forms = [Format::Text, Format::Json, Format::Sarif, Format::Github, Format::Junit, Format::Rustc];
        assert!(forms.into_iter().all(|form| !error.format(form).is_empty()));
    }
}

fn assert_place(site: &Site, text: &str) {
    let before = text.get(..site.bytes.start).expect("a place begins with a character of the text");
    assert!(text.get(site.bytes.clone()).is_some(), "a place ends behind a character of the text");
    let (above, beside) = before.rsplit_once('\n').map_or((None, before), |(above, beside)| (Some(above), beside));
    assert_eq!(site.line, above.map_or(0, |above| above.split('\n').count()) + 1);
    assert_eq!(site.column, beside.chars().count() + 1);
    assert!(site.column < site.end_column);
    assert_eq!(Some(site.text.as_str()), text.split('\n').nth(site.line - 1).map(|line| line.trim_end_matches('\r')));
}

/// Reads the bytes as a baseline, `---` in a line of its own, and the entries that the violations found now would have;
/// one with an owner stands for a rule that only warns.
///
/// # Panics
/// Where a baseline is not what was written, grows unasked, loses an entry that is needed, or excuses something else
/// than it says.
pub fn baseline(content: &[u8]) {
    let Some(Source { file, text }) = source(content) else { return };
    let (old, now) = text.split_once("\n---\n").unwrap_or((&text, ""));
    let source = Source { file: file.clone(), text: old.to_owned() };
    let old = match Baseline::parse(&source) {
        Ok(old) => old,
        Err(findings) => return assert_told(findings, &source),
    };
    let now = Baseline::parse(&Source { file, text: now.to_owned() }).unwrap_or_default();
    let violations: Vec<Violation> = now.entries.iter().map(violation).collect();
    let failing = |key: &Key| now.entries.get(key).is_some_and(|entry| entry.owner.is_none());
    assert_eq!(reread(&old), unplaced(&old), "a baseline is what was written");

    let kept = old.updated(&violations, None);
    assert!(kept.entries.iter().all(|(key, entry)| old.entries.get(key) == Some(entry)), "it grew unasked");
    let needed = old.entries.keys().filter(|key| failing(key));
    assert!(kept.entries.keys().eq(needed), "it has what is needed and nothing else");

    let why = Entry { reason: "grown".to_owned(), owner: None, until: None, site: None };
    let grown = reread(&old.updated(&violations, Some(&why)));
    assert!(grown.entries.keys().eq(now.entries.keys().filter(|key| failing(key))), "it has every violation");
    let (mut excused, today) = (violations, NaiveDate::from_ymd_opt(2026, 11, 21).expect("a date"));
    assert_eq!(grown.apply(&mut excused, today), [], "no entry is stale");
    for violation in &excused {
        let entry = grown.entries.get(&Key::of(violation));
        let holds = entry.is_some_and(|entry| entry.until.is_none_or(|until| today <= until));
        assert_eq!(violation.state == State::Known, holds, "{violation:?} and {entry:?}");
    }
}

fn reread(baseline: &Baseline) -> Baseline {
    let source = Source { file: baseline.file.clone(), text: baseline.render() };
    let again = Baseline::parse(&source).expect("what was written can be read");
    assert_eq!(again.render(), source.text, "it is written in one way");
    unplaced(&again)
}

/// Without the places of the entries, which are other ones in another text.
fn unplaced(baseline: &Baseline) -> Baseline {
    let mut baseline = baseline.clone();
    baseline.entries.values_mut().for_each(|entry| entry.site = None);
    baseline
}

fn violation((key, entry): (&Key, &Entry)) -> Violation {
    let text = String::new;
    let site = Site { file: text(), line: 1, column: 1, end_column: 2, text: text(), bytes: 0..1 };
    Violation {
        rule: key.rule,
        severity: if entry.owner.is_some() { Severity::Warning } else { Severity::Error },
        state: State::New,
        message: text(),
        from: Crate { name: text(), dir: key.from.clone(), layer: text() },
        module: None,
        to: key.to.clone(),
        kind: key.kind,
        by: key.by,
        code: None,
        rule_site: site.clone(),
        site,
        what: text(),
        why: text(),
        notes: Vec::new(),
        help: text(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn ask_of_seeds(target: &str, ask: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
        let files = std::fs::read_dir(folder).expect("every target has seeds");
        let asked = files.map(|file| ask(&std::fs::read(file.expect("readable").path()).expect("readable")));
        assert!(asked.count() > 3, "{target} has next to no seeds");
    }

    #[test]
    fn the_seeds_are_read() {
        ask_of_seeds("sources", sources);
        ask_of_seeds("configuration", configuration);
        ask_of_seeds("baseline", baseline);
    }
}
