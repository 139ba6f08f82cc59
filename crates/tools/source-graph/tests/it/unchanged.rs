//! What a graph says of the files it was made from tells whether it still is the answer.

use std::path::Path;

use proptest::prelude::*;
use source_graph::{RootKind, SourceGraph};

use crate::fixture::{Fixture, write};

/// What a cache asks before it keeps a graph: the same bytes in every file, and still nothing where nothing was.
fn is_unchanged(graph: &SourceGraph) -> bool {
    let same = |file: &source_graph::SourceFile| {
        std::fs::read(&file.path).is_ok_and(|bytes| *blake3::hash(&bytes).as_bytes() == file.hash)
    };
    let absent = |path: &std::path::PathBuf| path.try_exists().is_ok_and(|exists| !exists);
    graph.files.iter().all(same) && graph.looked_for.iter().all(absent)
}

fn tree() -> Fixture {
    let fixture = Fixture::new(
        r#"
mod a; mod folder; #[cfg(windows)] mod windows; #[cfg_attr(x, path = "x.rs")] mod y; mod inline { mod deep; }
include!("items.in"); macros! { mod perhaps; }
//- a.rs
use d::a; mod below;
//- a/below.rs
use crate::folder::leaf;
//- folder/mod.rs
mod leaf;
//- folder/leaf.rs
use d::leaf;
//- y.rs
use d::y;
//- inline/deep.rs
use d::deep;
//- items.in
use d::items;
//- tests/t.rs
#[path = "../y.rs"] mod shared; mod common;
//- tests/common.rs
use d::common;
//- unrelated.rs
use d::unrelated;
"#,
    );
    fixture.root(RootKind::Test, "tests/t.rs")
}

/// What may happen to a path of the tree.
#[derive(Debug, Clone, Copy)]
enum Edit {
    Text(&'static str),
    Bytes(&'static [u8]),
    Remove,
    Folder,
    /// A link to another path of the tree, which may not exist.
    Link(&'static str),
    Rename(&'static str),
}

impl Edit {
    fn apply(self, folder: &Path, path: &str) {
        let at = folder.join(path);
        let ready = |path: &Path| path.parent().is_some_and(|parent| std::fs::create_dir_all(parent).is_ok());
        // What cannot be done, as a file within a file, is not.
        if !ready(&at) {
            return;
        }
        match self {
            Self::Rename(_) => {}
            _ if at.is_dir() && !at.is_symlink() => std::fs::remove_dir_all(&at).expect("a folder of the test"),
            _ if at.is_symlink() || at.exists() => std::fs::remove_file(&at).expect("a file of the test"),
            _ => {}
        }
        match self {
            Self::Text(text) => write(folder, path, text.as_bytes()),
            Self::Bytes(bytes) => write(folder, path, bytes),
            Self::Remove => {}
            Self::Folder => std::fs::create_dir_all(&at).expect("a folder of the test"),
            #[cfg(unix)]
            Self::Link(to) => {
                std::os::unix::fs::symlink(folder.join(to), &at).expect("a link of the test");
            }
            #[cfg(not(unix))]
            Self::Link(_) => {}
            Self::Rename(to) => {
                let to = folder.join(to);
                _ = ready(&to) && std::fs::rename(&at, &to).is_ok();
            }
        }
    }
}

#[test]
fn an_edit_that_matters_is_seen() {
    let seen: &[(&str, Edit)] = &[
        ("a.rs", Edit::Text("use d::a; mod below; use d::more;")),
        ("a.rs", Edit::Remove),
        ("a.rs", Edit::Folder),
        ("a.rs", Edit::Link("unrelated.rs")),
        ("a.rs", Edit::Rename("a/mod.rs")),
        ("a.rs", Edit::Bytes(b"use d::a; mod below; // \xe9")),
        ("folder.rs", Edit::Text("mod leaf;")),
        ("folder.rs", Edit::Folder),
        ("folder/leaf.rs", Edit::Rename("folder/leaf/mod.rs")),
        ("folder/leaf/mod.rs", Edit::Text("use d::hidden;")),
        ("y/mod.rs", Edit::Text("use d::hidden;")),
        ("folder", Edit::Rename("elsewhere")),
        ("folder", Edit::Text("a file")),
        ("windows.rs", Edit::Text("use d::windows;")),
        ("windows/mod.rs", Edit::Text("")),
        ("windows.rs", Edit::Link("y.rs")),
        ("x.rs", Edit::Text("use d::x;")),
        ("items.in", Edit::Text("use d::others;")),
        ("perhaps.rs", Edit::Text("")),
        ("tests/common.rs", Edit::Remove),
        ("lib.rs", Edit::Text("")),
        // Beside the file that is the module already.
        ("folder/leaf/mod.rs", Edit::Text("use d::hidden;")),
        ("y/mod.rs", Edit::Text("use d::hidden;")),
    ];
    let unseen: &[(&str, Edit)] = &[
        ("unrelated.rs", Edit::Text("use d::else;")),
        ("a.rs", Edit::Text("use d::a; mod below;\n")),
        ("below.rs", Edit::Text("use d::other;")),
        ("windows.rs", Edit::Link("nowhere.rs")),
        ("windows", Edit::Folder),
        ("inline.rs", Edit::Text("mod deep;")),
        ("tests/u.rs", Edit::Text("use d::u;")),
    ];
    for (edits, expected) in [(seen, false), (unseen, true)] {
        for (path, edit) in edits {
            let fixture = tree();
            let before = fixture.graph();
            assert!(before.problems.is_empty() && is_unchanged(&before), "{:?}", before.problems);
            edit.apply(fixture.folder(), path);
            let case = format!("{path}: {edit:?}");
            assert_eq!(is_unchanged(&before), expected, "{case}");
            assert_eq!(format!("{before:?}") == format!("{:?}", fixture.graph()), expected, "{case}");
        }
    }
}

const PATHS: &[&str] = &[
    "lib.rs",
    "a.rs",
    "a/mod.rs",
    "a/below.rs",
    "folder",
    "folder.rs",
    "folder/leaf.rs",
    "windows.rs",
    "x.rs",
    "y.rs",
    "items.in",
    "perhaps.rs",
    "perhaps/mod.rs",
    "tests/t.rs",
    "tests/common.rs",
    "tests/common/mod.rs",
    "unrelated.rs",
];

fn edit() -> impl Strategy<Value = Edit> {
    let paths = || proptest::sample::select(PATHS);
    let texts =
        proptest::sample::select(&["", "mod below;", "mod a; mod windows;", "include!(\"x.rs\");", "use d::a;"][..]);
    prop_oneof![
        texts.prop_map(Edit::Text),
        Just(Edit::Bytes(b"mod \xff;")),
        Just(Edit::Remove),
        Just(Edit::Folder),
        paths().prop_map(Edit::Link),
        paths().prop_map(Edit::Rename),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Whatever happens to a tree, a graph that seems unchanged is the graph that would be made anew.
    #[test]
    fn what_seems_unchanged_is(edits in proptest::collection::vec((proptest::sample::select(PATHS), edit()), 1..8)) {
        let fixture = tree();
        let mut before = fixture.graph();
        for (path, edit) in edits {
            edit.apply(fixture.folder(), path);
            let after = fixture.graph();
            if before.problems.is_empty() && is_unchanged(&before) {
                prop_assert_eq!(format!("{:?}", before), format!("{:?}", after), "{}: {:?}", path, edit);
            }
            before = after;
        }
    }
}
