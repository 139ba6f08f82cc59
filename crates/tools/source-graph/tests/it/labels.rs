//! Macro arguments, the rules of macros, attributes and derives against labels that a person set: `syn` does not see
//! into most of them.
//!
//! A file below `tests/fixtures/macros` has excerpts of one published crate; its first line gives the crate's version
//! and licence, its second the dependencies that the excerpts may name. The lines around an excerpt that are not the
//! crate's own declare the modules and imports it stands among. Below a line stand its labels:
//!
//! ```text
//!     info!(target: "a::b", $crate::m::VALUE);
//!     ^^^^ <log>::info
//!                    ^^^^ none: the content of a string
//!                           ^^^^^^^^^^^^^^^^ crate::m VALUE
//! ```
//!
//! `<crate>::rest` and `module rest` are what the marked path names, `none` is for what only looks like a path. As in
//! the graph, re-exports of crates, modules and types are followed; a path into the module it stands in is none unless
//! another one's re-export leads back to it; a single name is none unless it is a macro, an attribute or a derive that an
//! import brought. What the graph is known to get wrong ends with `// known: why`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use source_graph::{Position, Target};

use crate::fixture::Fixture;

/// The least number of labels of paths, and of the crates they are from.
const LABELS: usize = 460;
const CRATES: usize = 55;

/// The crates that come with the compiler. The graph tells nothing of them, only of dependencies: they are declared as
/// such, since they are what the paths in macros lead to most of all.
const STANDARD: [&str; 3] = ["std", "core", "alloc"];

/// The text of a file without its labels, and the labels.
struct Labelled {
    externs: Vec<String>,
    text: String,
    /// By the bytes that they mark.
    labels: BTreeMap<(usize, usize), Label>,
}

/// What is named, by the bytes of the path.
type Found = BTreeMap<(usize, usize), String>;

#[derive(Clone)]
struct Label {
    /// In the file, from 1.
    line: usize,
    /// What the path names; nothing for `none`.
    names: Option<String>,
    known: bool,
}

#[derive(Default)]
struct Outcome {
    labels: usize,
    found: usize,
    /// Labels with what the graph says, too.
    both: usize,
    nones: usize,
    /// What is labelled and not found so, what is found and not labelled so; the known ones apart.
    differences: Vec<String>,
    known: Vec<String>,
}

impl Labelled {
    fn parse(file: &str) -> Self {
        let externs = file.lines().find_map(|line| line.strip_prefix("// externs:")).expect("the second line has them");
        let externs = externs.split(',').map(str::trim).filter(|name| !name.is_empty()).chain(STANDARD);
        let externs = externs.map(str::to_owned).collect();
        let mut labelled = Self { externs, text: String::new(), labels: BTreeMap::new() };
        let mut begin = 0;
        for (number, line) in (1..).zip(file.lines()) {
            let from_mark = line.trim_start();
            if !from_mark.starts_with('^') {
                begin = labelled.text.len();
                labelled.text.push_str(line);
                labelled.text.push('\n');
                continue;
            }
            let (marks, means) = from_mark.split_once(' ').expect("a label says something");
            let (means, known) = means.split_once(" // known: ").map_or((means, false), |(means, _)| (means, true));
            let names = (!means.starts_with("none: ")).then(|| means.to_owned());
            let start = begin + line.len() - from_mark.len();
            let label = Label { line: number, names, known };
            assert!(labelled.labels.insert((start, start + marks.len()), label).is_none(), "line {number}: doubled");
        }
        labelled
    }

    fn compare(&self, name: &str, found: &Found, outcome: &mut Outcome) {
        let named = self.labels.iter().filter(|(_, label)| label.names.is_some());
        outcome.labels += named.clone().count();
        outcome.nones += self.labels.len() - named.clone().count();
        outcome.found += found.len();
        let known = self.labels.iter().filter(|(_, label)| label.known);
        let spans: BTreeSet<_> = named.chain(known).map(|(span, _)| span).chain(found.keys()).collect();
        for span in spans {
            let (label, found) = (self.labels.get(span), found.get(span));
            let names = label.and_then(|label| label.names.as_ref());
            let known = label.is_some_and(|label| label.known);
            let told = |target: Option<&String>| target.map_or("nothing".to_owned(), String::clone);
            let line = label.map_or_else(|| self.line_of(span.0), |label| label.line);
            let (written, labelled, graph) = (&self.text[span.0..span.1], told(names), told(found));
            let difference = format!("{name}:{line}: `{written}` is labelled {labelled}, the graph says {graph}");
            match (known, names == found) {
                (false, true) => outcome.both += 1,
                (false, false) => outcome.differences.push(difference),
                (true, false) => outcome.known.push(difference),
                (true, true) => outcome.differences.push(format!("{difference}: delete its `// known:`")),
            }
        }
    }

    /// What the graph says of macros, attributes and derives.
    fn found(&self) -> Found {
        // Excerpts need not be whole items.
        let including = Fixture::new("include!(\"excerpts.in\");").bytes("excerpts.in", self.text.as_bytes());
        let graph = including.externs(&self.externs).graph();
        assert!(graph.problems.is_empty(), "{:?}", graph.problems);
        let compared = graph.references.iter().filter(|reference| {
            let position = matches!(reference.position, Position::Macro | Position::Attribute | Position::Derive);
            reference.in_macro || position
        });
        let found = compared.map(|reference| (self.marked(reference.span.range()), named(&reference.target)));
        found.collect()
    }

    /// The bytes of a path as a person marks it: without its alias and the star of a glob, with the `::` it begins with.
    fn marked(&self, span: std::ops::Range<usize>) -> (usize, usize) {
        let written = &self.text[span.clone()];
        let path = written.split(" as ").next().unwrap_or(written).trim_end_matches("::*");
        let start = if self.text[..span.start].ends_with("::") { span.start - 2 } else { span.start };
        (start, span.start + path.len())
    }

    fn line_of(&self, byte: usize) -> usize {
        let lines = self.text[..byte].matches('\n').count();
        let labels = self.labels.range(..(byte, 0)).count();
        lines + labels + 1
    }
}

impl Outcome {
    fn recall(&self) -> f64 {
        self.both as f64 / self.labels.max(1) as f64
    }

    fn precision(&self) -> f64 {
        self.both as f64 / self.found.max(1) as f64
    }
}

fn named(target: &Target) -> String {
    match target {
        Target::Crate { name, rest, .. } if rest.is_empty() => format!("<{name}>"),
        Target::Crate { name, rest, .. } => format!("<{name}>::{rest}"),
        Target::Module { path, rest, .. } => format!("{path} {rest}").trim_end().to_owned(),
    }
}

fn files() -> BTreeMap<String, Labelled> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/macros");
    let entries = std::fs::read_dir(folder).expect("the fixtures are in the repository");
    let files = entries.map(|entry| {
        let entry = entry.expect("the folder can be read");
        let text = std::fs::read_to_string(entry.path()).expect("a fixture is text");
        (entry.file_name().to_string_lossy().into_owned(), Labelled::parse(&text))
    });
    files.collect()
}

#[test]
fn agrees_with_labels_set_by_hand() {
    let (files, mut outcome) = (files(), Outcome::default());
    for (name, file) in &files {
        file.compare(name, &file.found(), &mut outcome);
    }
    let (recall, precision) = (outcome.recall(), outcome.precision());
    let Outcome { labels, nones, differences, known, .. } = &outcome;
    eprintln!("{labels} labels of {} crates and {nones} of none: recall {recall}, precision {precision}", files.len());
    eprintln!("known: {known:#?}");
    assert!(files.len() >= CRATES && *labels >= LABELS, "{labels} labels of {} crates", files.len());
    assert!(recall >= 0.99 && precision >= 0.99, "recall {recall}, precision {precision}: {differences:#?}");
    assert!(differences.is_empty(), "fix them, or end their labels with `// known: why`: {differences:#?}");
}

/// Each label alone, made wrong or taken away, is noticed.
#[test]
fn a_wrong_label_is_noticed() {
    let differences = |file: &Labelled, found: &Found| {
        let mut outcome = Outcome::default();
        file.compare("", found, &mut outcome);
        outcome.differences.len()
    };
    for (name, mut file) in files() {
        let found = file.found();
        for (span, label) in file.labels.clone() {
            let wrong = label.names.as_ref().map_or("<std>".to_owned(), |names| format!("{names}x"));
            file.labels.insert(span, Label { names: Some(wrong), known: false, ..label });
            assert_eq!(differences(&file, &found), 1, "{name}:{}, made wrong", label.line);
            file.labels.remove(&span);
            let noticed = usize::from(found.contains_key(&span));
            assert_eq!(differences(&file, &found), noticed, "{name}:{}, taken away", label.line);
            file.labels.insert(span, label);
        }
    }
}
