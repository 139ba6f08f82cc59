//! What others can name of this crate.

use std::{fs, path::Path};

/// The public functions, types and re-exports of a source, each up to where its body begins.
fn public(source: &str) -> impl Iterator<Item = &str> {
    let items = source.split("\n").enumerate().filter(|(_, line)| line.trim_start().starts_with("pub "));
    items.map(move |(at, _)| {
        let start = source.split_inclusive('\n').take(at).map(str::len).sum::<usize>();
        let rest = &source[start..];
        &rest[..rest.find(['{', ';']).unwrap_or(rest.len())]
    })
}

fn names_the_driver(item: &str) -> bool {
    ["rusqlite", "Connection", "Row", "Statement"].iter().any(|name| item.contains(name))
}

/// What `lib.rs` hands on; the rest of the crate is nobody else's.
fn handed_on(folder: &Path) -> Vec<String> {
    let root = fs::read_to_string(folder.join("lib.rs")).unwrap();
    let modules = root.lines().filter_map(|line| line.strip_prefix("pub use ").or(line.strip_prefix("pub mod ")));
    modules.map(|line| line.split([':', ';']).next().unwrap().to_owned()).collect()
}

/// Rule 15 of docs/durability.md.
#[test]
fn no_type_of_the_driver_is_public() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let modules = handed_on(&folder);
    assert!(modules.iter().any(|module| module == "store"), "{modules:?}");
    let below =
        |module: &String| fs::read_dir(folder.join(module)).into_iter().flatten().map(|file| file.unwrap().path());
    let roots = modules.iter().map(|module| folder.join(module).with_extension("rs"));
    for file in roots.chain(modules.iter().flat_map(below)) {
        let source = fs::read_to_string(file).unwrap();
        let found: Vec<&str> = public(&source).filter(|item| names_the_driver(item)).collect();
        assert_eq!(found, [""; 0]);
    }
}

#[test]
fn one_that_is_would_be_found() {
    let source = "pub struct Store {}\npub(crate) fn own(c: &Connection) {}\n    pub fn raw(\n        &self,\n    ) -> &Connection {}";
    let found: Vec<&str> = public(source).filter(|item| names_the_driver(item)).collect();
    assert_eq!(found, ["    pub fn raw(\n        &self,\n    ) -> &Connection "]);
}
