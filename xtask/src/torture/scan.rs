//! Mutants as they stand in the source.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// Where crates are that may have some.
const FOLDERS: [&str; 2] = ["crates", "examples"];

/// What a `cfg` of one contains.
const CFG: &str = "mutant = \"";

/// A way to spoil the code, chosen when it is built.
#[derive(Debug, PartialEq, Eq)]
pub struct Mutant {
    /// As in `--cfg mutant="name"`.
    pub name: String,
    /// The crate whose tests must find it.
    pub package: String,
    /// Files, as seen from the workspace's root, and lines.
    pub places: Vec<(PathBuf, usize)>,
    /// What goes wrong with it: from the comment at its place.
    pub breaks: String,
}

impl Mutant {
    pub fn matches(&self, filter: &str) -> bool {
        self.package == filter || self.name.contains(filter)
    }
}

/// Every mutant, by crate and name.
///
/// # Errors
/// A file that cannot be read; one that has a mutant without the comment, or a name that two crates have.
pub fn mutants(root: &Path) -> Result<Vec<Mutant>, String> {
    let mut found: BTreeMap<String, Mutant> = BTreeMap::new();
    for folder in FOLDERS {
        let mut files = Vec::new();
        sources(&root.join(folder), &mut files).map_err(|error| format!("{folder}: {error}"))?;
        files.sort();
        for file in files {
            let source = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            let package = package(&file).unwrap_or_default();
            let file = file.strip_prefix(root).unwrap_or(&file).to_owned();
            for (name, line) in cfgs(&source) {
                let at = || format!("{}:{line}: mutant `{name}`", file.display());
                let mutant = found.entry(name.clone()).or_insert_with(|| Mutant {
                    name: name.clone(),
                    package: package.clone(),
                    places: Vec::new(),
                    breaks: String::new(),
                });
                if mutant.package != package {
                    return Err(format!("{} is also one of `{}`: rename it", at(), mutant.package));
                }
                mutant.places.push((file.clone(), line));
                mutant.breaks = note(&source, &name).unwrap_or(std::mem::take(&mut mutant.breaks));
            }
        }
    }
    let silent = found.values().find(|mutant| mutant.breaks.is_empty());
    if let Some(Mutant { name, places, .. }) = silent {
        let (file, line) = &places[0];
        return Err(format!(
            "{}:{line}: say what it breaks, in a comment at its place: // Mutant `{name}`: ...",
            file.display()
        ));
    }
    let mut mutants: Vec<Mutant> = found.into_values().collect();
    mutants.sort_by(|a, b| (&a.package, &a.name).cmp(&(&b.package, &b.name)));
    Ok(mutants)
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sources(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// A crate is called as its folder.
fn package(file: &Path) -> Option<String> {
    let folder = file.ancestors().skip(1).find(|folder| folder.join("Cargo.toml").is_file())?;
    Some(folder.file_name()?.to_str()?.to_owned())
}

/// Names and lines.
fn cfgs(source: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (index, line) in source.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for rest in code.split(CFG).skip(1) {
            found.extend(rest.split_once('"').map(|(name, _)| (name.to_owned(), index + 1)));
        }
    }
    found
}

/// The comment that begins with the name, to its end.
fn note(source: &str, name: &str) -> Option<String> {
    let start = format!("// Mutant `{name}`: ");
    let mut lines = source.lines().map(str::trim).skip_while(|line| !line.starts_with(&start));
    let first = lines.next()?.strip_prefix(&start)?.to_owned();
    let rest = lines.map_while(|line| line.strip_prefix("// ")).take_while(|line| !line.starts_with("Mutant `"));
    Some(rest.fold(first, |note, line| note + " " + line))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
    }

    /// What the compiler accepts as the name of a mutant.
    fn declared() -> BTreeSet<String> {
        let manifest: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
        let lint = &manifest["workspace"]["lints"]["rust"]["unexpected_cfgs"];
        assert_eq!(lint["level"].as_str(), Some("deny"), "a misspelt name must not build");
        let cfgs = lint["check-cfg"].as_array().unwrap().iter().filter_map(|cfg| cfg.as_str());
        let values = cfgs.filter_map(|cfg| cfg.strip_prefix("cfg(mutant, values(")?.strip_suffix("))"));
        let names = values.flat_map(|values| values.split(',')).map(|name| name.trim().trim_matches('"').to_owned());
        names.filter(|name| !name.is_empty()).collect()
    }

    #[test]
    fn every_mutant_is_declared_and_every_declared_one_is_in_the_source() {
        let found: BTreeSet<String> = mutants(&root()).unwrap().into_iter().map(|mutant| mutant.name).collect();
        assert!(found.len() > 5, "{found:?}");
        assert_eq!(found, declared(), "left: in the source; right: in `unexpected_cfgs` of Cargo.toml");
    }

    #[test]
    fn a_mutant_is_found_by_its_cfg_and_told_by_its_comment() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        fs::create_dir_all(folder.path().join("examples")).unwrap();
        write("crates/a/stack/Cargo.toml", "");
        let source = "// Mutant `no_push`: what is pushed\n// is lost.\nif !cfg!(mutant = \"no_push\") {}\n\
                      // cfg!(mutant = \"told\")\n#[cfg(any(test, mutant = \"no_push\"))]";
        write("crates/a/stack/src/lib.rs", source);
        let found = mutants(folder.path()).unwrap();
        let file = PathBuf::from("crates/a/stack/src/lib.rs");
        let expected = Mutant {
            name: "no_push".into(),
            package: "stack".into(),
            places: vec![(file.clone(), 3), (file, 5)],
            breaks: "what is pushed is lost.".into(),
        };
        assert_eq!(found, [expected]);
        assert!(found[0].matches("stack") && found[0].matches("push") && !found[0].matches("tack"));

        write("crates/a/queue/Cargo.toml", "");
        write("crates/a/queue/src/lib.rs", "cfg!(mutant = \"silent\")");
        let silent = mutants(folder.path()).unwrap_err();
        let path = Path::new("crates/a/queue/src/lib.rs").display();
        let expected = format!("{path}:1: say what it breaks, in a comment at its place: // Mutant `silent`: ...");
        assert_eq!(silent, expected);
        write("crates/a/queue/src/lib.rs", "cfg!(mutant = \"no_push\")");
        let twice = mutants(folder.path()).unwrap_err();
        assert!(twice.ends_with("mutant `no_push` is also one of `queue`: rename it"), "{twice}");
    }
}
