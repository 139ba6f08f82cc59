//! `peer-boundaries PARSER FOLDER`: every line on standard input is answered with the CPU seconds that the parser takes for all
//! Rust files of the folder's packages, which are in memory by then.
//!
//! `peer-boundaries PARSER FOLDER once`: reads and parses them one after another and ends, for whoever measures a whole process.
//!
//! One thread. `ra-ap-syntax` only parses. `syn` also visits the tree and keeps every path with its place, as a checker would.

use std::{
    env, fs,
    hint::black_box,
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use cpu_time::ProcessTime;
use proc_macro2::{LineColumn, extra::invalidate_current_thread_spans};
use ra_ap_syntax::{Edition, SourceFile};
use syn::{UseTree, spanned::Spanned, visit::Visit};

type Parse = fn(&str);

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let [parser, folder, rest @ ..] = args.as_slice() else { return usage() };
    let Some(parse) = parser_called(parser) else { return usage() };
    let files = rust_files(Path::new(folder));
    match rest {
        [once] if once == "once" => {
            files.iter().for_each(|file| parse(&read(file)));
            ExitCode::SUCCESS
        }
        [] => {
            let texts: Vec<String> = files.iter().map(|file| read(file)).collect();
            for _question in io::stdin().lines() {
                let start = ProcessTime::now();
                texts.iter().for_each(|text| parse(text));
                println!("{}", start.elapsed().as_secs_f64());
            }
            ExitCode::SUCCESS
        }
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("expected `ra-ap-syntax` or `syn`, and a folder, and perhaps `once`");
    ExitCode::from(2)
}

fn parser_called(name: &str) -> Option<Parse> {
    match name {
        "ra-ap-syntax" => Some(|text| drop(black_box(SourceFile::parse(text, Edition::Edition2024)))),
        "syn" => Some(|text| drop(black_box(paths(text)))),
        _ => None,
    }
}

/// Every path of a file; none where syn refuses it.
fn paths(text: &str) -> Vec<(String, LineColumn)> {
    let mut paths = Paths::default();
    if let Ok(file) = syn::parse_file(text) {
        paths.visit_file(&file);
    }
    // The table in which places are looked up would otherwise grow with every file.
    invalidate_current_thread_spans();
    paths.found
}

#[derive(Default)]
struct Paths {
    found: Vec<(String, LineColumn)>,
    /// The part of a `use` outside of the braces.
    prefix: String,
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.found.push((segments.join("::"), path.span().start()));
        syn::visit::visit_path(self, path);
    }

    fn visit_use_tree(&mut self, tree: &'ast UseTree) {
        let outside = self.prefix.len();
        let leaf = match tree {
            UseTree::Path(path) => {
                self.prefix += &format!("{}::", path.ident);
                None
            }
            UseTree::Group(_) => None,
            UseTree::Name(name) => Some(name.ident.to_string()),
            UseTree::Rename(rename) => Some(rename.ident.to_string()),
            UseTree::Glob(_) => Some("*".to_owned()),
        };
        let place = || tree.span().start();
        self.found.extend(leaf.map(|leaf| (format!("{}{leaf}", self.prefix), place())));
        syn::visit::visit_use_tree(self, tree);
        self.prefix.truncate(outside);
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("it is a folder that can be read") {
            let path = entry.expect("a folder's entry can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).expect("a package's sources are text")
}
