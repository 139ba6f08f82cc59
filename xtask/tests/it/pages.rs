//! The tests and functions that the pages in `docs/` name are there: a claim whose test is gone is no claim.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::columns::files;

/// What is named as `FILE.rs::FUNCTION` in a page and is in no such file; `sources` are all files of the workspace, each with its
/// text. A file may be named by the end of its path.
fn unknown(page: &str, sources: &[(String, String)]) -> Vec<String> {
    let names = page.split('`').skip(1).step_by(2).filter_map(|code| code.rsplit_once("::"));
    let names =
        names.filter(|(file, name)| file.ends_with(".rs") && name.chars().all(|c| c == '_' || c.is_alphanumeric()));
    let is_there = |(file, name): &(&str, &str)| {
        let is_it = |path: &str| path == *file || path.ends_with(&format!("/{file}"));
        let (function, call) = (format!("fn {name}("), format!("fn {name}<"));
        sources.iter().any(|(path, text)| is_it(path) && (text.contains(&function) || text.contains(&call)))
    };
    names.filter(|name| !is_there(name)).map(|(file, name)| format!("there is no `{name}` in {file}")).collect()
}

fn sources(root: &Path) -> Vec<(String, String)> {
    let read = |path: PathBuf| {
        let place = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
        (place, fs::read_to_string(path).unwrap())
    };
    let folders = ["benches", "crates", "examples", "xtask"];
    folders.iter().flat_map(|folder| files(&root.join(folder), "rs")).map(read).collect()
}

#[test]
fn what_the_pages_name_is_there() {
    let root = crate::workspace().workspace_root.into_std_path_buf();
    let sources = sources(&root);
    let mut wrong = Vec::new();
    for page in fs::read_dir(root.join("docs")).unwrap() {
        let path = page.unwrap().path();
        if path.extension().is_some_and(|end| end == "md") {
            let page = fs::read_to_string(&path).unwrap();
            wrong.extend(unknown(&page, &sources).into_iter().map(|what| format!("{}: {what}", path.display())));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_name_that_is_gone_is_found() {
    let sources = [("crates/a/tests/it/b.rs".to_owned(), "async fn kept() {}\nfn typed<T>() {}".to_owned())];
    let page = "`it/b.rs::kept`, `crates/a/tests/it/b.rs::typed`, `b.rs::gone`, `t/b.rs::kept` and `Unit::new`";
    let found = ["there is no `gone` in b.rs", "there is no `kept` in t/b.rs"];
    assert_eq!(unknown(page, &sources), found);
}

/// Each rule of `docs/durability.md` names tests, and one of them says that it is about this rule.
#[test]
fn every_rule_of_durability_has_a_test_that_says_so() {
    let root = crate::workspace().workspace_root.into_std_path_buf();
    let page = fs::read_to_string(root.join("docs/durability.md")).unwrap();
    let all: String = sources(&root).into_iter().map(|(_, text)| text).collect();
    let rules = page.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | ")?.0.parse::<u32>().ok());
    let rules: Vec<u32> = rules.collect();
    assert_eq!(rules, [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15]);
    let untested = rules.iter().filter(|rule| !all.contains(&format!("Rule {rule} of docs/durability.md")));
    assert_eq!(untested.collect::<Vec<_>>(), [&0; 0]);
}
