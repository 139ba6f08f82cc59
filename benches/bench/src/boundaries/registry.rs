//! The packages that cargo has unpacked on this machine: real sources, real manifests.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use toml::Table;

use crate::case::Failure;

/// A package whose library or binaries stand in its `src`.
#[derive(Debug, Clone, PartialEq)]
pub struct Package {
    pub name: String,
    pub folder: PathBuf,
    /// As it was published: without paths and without inheritance.
    pub manifest: Table,
    /// Rust files below `src`.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
}

/// Packages with fewer are mostly one file and a name for it.
const FEWEST_FILES: u64 = 5;

/// Larger ones are bindings and tables that programs wrote.
const MOST_BYTES: u64 = 5_000_000;

/// The newest version of every package, by name.
///
/// # Errors
/// There is no registry, or no package in it.
pub fn packages() -> Result<Vec<Package>, Failure> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo"))).ok_or("there is no home directory")?;
    let sources = home.join("registry/src");
    let mut newest = BTreeMap::<String, (Vec<u64>, Package)>::new();
    for folder in folders(&sources).iter().flat_map(|registry| folders(registry)) {
        let Some((version, package)) = package(folder) else { continue };
        match newest.get(&package.name) {
            Some((known, _)) if *known >= version => {}
            _ => _ = newest.insert(package.name.clone(), (version, package)),
        }
    }
    if newest.is_empty() {
        let shown = sources.display();
        return Err(format!("no package in {shown}: `cargo fetch` in a workspace with dependencies fills it").into());
    }
    Ok(newest.into_values().map(|(_, package)| package).collect())
}

/// Every file below a folder, sorted.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in entries(folder) {
        if entry.is_dir() {
            found.extend(files(&entry));
        } else {
            found.push(entry);
        }
    }
    found
}

pub fn is_rust(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "rs")
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    entries(folder).into_iter().filter(|path| path.is_dir()).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut entries: Vec<_> = entries.map(|entry| entry.path()).collect();
    entries.sort();
    entries
}

/// Nothing where the manifest cannot be read, where a root file or a `#[path]` leads out of `src`, and where there is too little
/// or too much in it.
fn package(folder: PathBuf) -> Option<(Vec<u64>, Package)> {
    let manifest: Table = fs::read_to_string(folder.join("Cargo.toml")).ok()?.parse().ok()?;
    let about = manifest.get("package")?;
    let (name, version) = (about.get("name")?.as_str()?.to_owned(), about.get("version")?.as_str()?);
    let library = manifest.get("lib").and_then(|library| library.get("path")?.as_str());
    let inside = library.is_none_or(|path| path.starts_with("src/"));
    let root = ["src/lib.rs", "src/main.rs"].into_iter().chain(library).any(|path| folder.join(path).is_file());
    if !inside || !root {
        return None;
    }
    let sources: Vec<_> = files(&folder.join("src")).into_iter().filter(|file| is_rust(file)).collect();
    let texts: Vec<_> = sources.iter().filter_map(|file| fs::read_to_string(file).ok()).collect();
    let bytes = texts.iter().map(|text| text.len() as u64).sum();
    let alone = !texts.iter().any(|text| text.contains("path = \"../"));
    let count = sources.len() as u64;
    if !alone || count < FEWEST_FILES || bytes > MOST_BYTES {
        return None;
    }
    Some((numbers(version), Package { name, folder, manifest, files: count, bytes }))
}

/// Major, minor, patch; a release before which others were published has a number less.
fn numbers(version: &str) -> Vec<u64> {
    let release = version.split('+').next().unwrap_or(version);
    let (release, preview) =
        release.split_once('-').map_or((release, None), |(release, preview)| (release, Some(preview)));
    let numbers = release.split('.').map(|number| number.parse().unwrap_or(0));
    numbers.chain([u64::from(preview.is_none())]).collect()
}

#[cfg(test)]
impl Package {
    /// One with this text behind its name and version.
    pub fn declaring(name: &str, rest: &str) -> Self {
        let manifest = format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nauthors = []\n{rest}");
        let manifest = manifest.parse().expect("the test writes TOML");
        Self { name: name.to_owned(), folder: PathBuf::new(), manifest, files: 1, bytes: 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(numbers("1.10.0") > numbers("1.9.3"));
        assert!(numbers("1.0.0") > numbers("1.0.0-rc.2"));
        assert_eq!(numbers("1.0.4+wasi-0.2.12"), numbers("1.0.4"));
    }
}
