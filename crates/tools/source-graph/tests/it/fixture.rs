//! A crate written as one text: `//- path` begins a file.

use std::path::Path;

use source_graph::{Edition, Origin, PackageSources, Position, Root, RootKind, SourceGraph, Span, Target};

/// The crates that every fixture may name.
pub const EXTERNS: [&str; 6] = ["serde", "log", "anyhow", "tokio", "b-c", "d"];

pub struct Fixture {
    folder: tempfile::TempDir,
    edition: Edition,
    roots: Vec<(RootKind, &'static str)>,
    externs: Vec<String>,
}

impl Fixture {
    /// Text before the first `//- path` is `lib.rs`.
    pub fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder of its own");
        let mut path = "lib.rs".to_owned();
        let mut content = String::new();
        for line in text.lines() {
            if let Some(next) = line.trim_start().strip_prefix("//- ") {
                write(folder.path(), &path, content.as_bytes());
                path = next.trim().to_owned();
                content.clear();
            } else {
                content.push_str(line);
                content.push('\n');
            }
        }
        write(folder.path(), &path, content.as_bytes());
        let externs = EXTERNS.map(str::to_owned).to_vec();
        Self { folder, edition: Edition::E2018, roots: vec![(RootKind::Library, "lib.rs")], externs }
    }

    pub fn edition_2015(mut self) -> Self {
        self.edition = Edition::E2015;
        self
    }

    pub fn externs(mut self, externs: &[String]) -> Self {
        self.externs = externs.to_vec();
        self
    }

    pub fn root(mut self, kind: RootKind, path: &'static str) -> Self {
        self.roots.push((kind, path));
        self
    }

    pub fn bytes(self, path: &str, content: &[u8]) -> Self {
        write(self.folder.path(), path, content);
        self
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn graph(&self) -> SourceGraph {
        let root = |&(kind, path): &(RootKind, &str)| Root {
            kind,
            path: self.folder.path().join(path),
            edition: self.edition,
        };
        SourceGraph::of(&PackageSources {
            roots: self.roots.iter().map(root).collect(),
            externs: self.externs.clone(),
            library: Some("this-one".to_owned()),
            folder: Some(self.folder.path().to_owned()),
        })
    }

    /// One line for each reference, and one for everything that is wrong or not seen.
    pub fn told(&self) -> String {
        let graph = self.graph();
        let mut told = Vec::new();
        for reference in &graph.references {
            let file = &graph.files[reference.file as usize].path;
            let (line, written) = written(file, reference.span);
            let position = match reference.position {
                Position::Path => String::new(),
                position => format!(" {position:?}"),
            };
            let imported = match &reference.imported_as {
                Some(name) if !written.ends_with(&**name) => format!(" as {name}"),
                _ => String::new(),
            };
            let test = if reference.under_test { " [test]" } else { "" };
            let cfg = reference.cfg.as_ref().map_or(String::new(), |cfg| format!(" [{cfg}]"));
            let target = target(&reference.target);
            let module = &reference.module;
            let file = self.relative(file);
            told.push(format!("{file}:{line} {module}{position} `{written}`{imported} -> {target}{test}{cfg}"));
        }
        for brought in &graph.brought {
            let file = &graph.files[brought.file as usize].path;
            let (line, written) = written(file, brought.span);
            let globs = brought.globs.iter().map(|glob| {
                let rest = if glob.rest.is_empty() { String::new() } else { format!("::{}", glob.rest) };
                format!("<{}>{rest}::*", glob.name)
            });
            let globs = globs.collect::<Vec<_>>().join(", ");
            let test = if brought.under_test { " [test]" } else { "" };
            let (file, rest) = (self.relative(file), &brought.rest);
            told.push(format!("{file}:{line} `{written}`: {rest} of {globs}{test}"));
        }
        let embedded = graph.embedded.iter().map(|file| format!("embedded {}", self.relative(file)));
        told.extend(embedded);
        for problem in &graph.problems {
            let kind = problem.kind.to_string().replace(&format!("{}/", self.folder.path().display()), "");
            let at = problem.span.map_or(String::new(), |span| format!(":{}", span.start));
            told.push(format!("problem {}{at}: {kind}", self.relative(&problem.file)));
        }
        for absent in &graph.absent {
            let files: Vec<_> = absent.candidates.iter().map(|path| self.relative(path)).collect();
            told.push(format!("absent under [{}]: {}", absent.cfg, files.join(", ")));
        }
        for unseen in &graph.unseen {
            told.push(format!("unseen {:?} at {}:{}", unseen.kind, self.relative(&unseen.file), unseen.span.start));
        }
        if graph.unresolved > 0 {
            told.push(format!("unresolved {}", graph.unresolved));
        }
        told.iter().map(|line| format!("{line}\n")).collect()
    }

    pub fn relative(&self, path: &Path) -> String {
        path.strip_prefix(self.folder.path()).unwrap_or(path).display().to_string()
    }
}

/// The line of a path, and the path in one line.
fn written(file: &Path, span: Span) -> (usize, String) {
    let text = std::fs::read_to_string(file).expect("the graph read it");
    let line = text[..span.start as usize].matches('\n').count() + 1;
    (line, text[span.range()].split_whitespace().collect::<Vec<_>>().join(" "))
}

fn target(target: &Target) -> String {
    match target {
        Target::Crate { name, origin, rest, through } => {
            let rest = if rest.is_empty() { String::new() } else { format!("::{rest}") };
            let through = through.as_ref().map_or(String::new(), |module| format!(" through {module}"));
            let origin = match origin {
                Origin::Dependency => String::new(),
                origin => format!(" ({origin:?})"),
            };
            format!("<{name}>{rest}{origin}{through}")
        }
        Target::Module { path, rest, through } => {
            let through = through.as_ref().map_or(String::new(), |module| format!(" through {module}"));
            format!("{}{through}", format!("{path} {rest}").trim_end())
        }
    }
}

pub fn write(folder: &Path, path: &str, content: &[u8]) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("the folder is the test's");
    std::fs::write(path, content).expect("the folder is the test's");
}

/// Compares what is told of the crate `text` with what is expected.
pub fn check(text: &str, expected: expect_test::Expect) {
    expected.assert_eq(&Fixture::new(text).told());
}
