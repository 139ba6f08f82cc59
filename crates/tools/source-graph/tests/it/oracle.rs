//! The same question asked of `syn`: which extern crates do the paths outside of macros and attributes name? A parser,
//! a module tree and a resolution of its own, slow and plain, with nothing of the crate under test.

mod scopes;
mod visitor;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use source_graph::{Edition, PackageSources, RootKind};

use scopes::Module;

/// The crates that come with the compiler.
const STANDARD: [&str; 5] = ["std", "core", "alloc", "proc_macro", "test"];

/// A file, the byte where a path begins in it, and the crate that the path names.
pub type Named = (PathBuf, u32, String);

/// What the oracle found.
#[derive(Default)]
pub struct Found {
    pub named: BTreeSet<Named>,
    /// Files that it read, and those among them that it could not parse.
    pub files: BTreeSet<PathBuf>,
    pub unparsed: BTreeSet<PathBuf>,
}

/// The modules of one target by their paths.
pub struct Crate {
    pub modules: HashMap<Vec<String>, Module>,
    pub externs: Vec<String>,
    pub edition: Edition,
    sources: Vec<Source>,
}

struct Source {
    path: PathBuf,
    module: Vec<String>,
    offset: usize,
    file: syn::File,
}

/// Asks about all targets of a package.
pub fn ask(package: &PackageSources) -> Found {
    let mut found = Found::default();
    for root in &package.roots {
        let mut externs: Vec<String> = STANDARD.map(str::to_owned).to_vec();
        externs.extend(package.externs.iter().cloned());
        if !matches!(root.kind, RootKind::Library | RootKind::ProcMacro | RootKind::BuildScript) {
            externs.extend(package.library.clone());
        }
        let mut target = Crate { modules: HashMap::new(), externs, edition: root.edition, sources: Vec::new() };
        target.modules.insert(Vec::new(), Module::default());
        let folder = root.path.parent().unwrap_or(Path::new("")).to_owned();
        target.read(&root.path, Vec::new(), &folder, &mut found);
        let sources = std::mem::take(&mut target.sources);
        for source in &sources {
            visitor::visit(&target, &source.path, &source.module, source.offset, &source.file, &mut found.named);
        }
    }
    found
}

impl Crate {
    /// Reads a file as a module whose children lie in `folder`.
    fn read(&mut self, path: &Path, module: Vec<String>, folder: &Path, found: &mut Found) {
        if module.len() > 32 {
            return;
        }
        let Ok(text) = std::fs::read_to_string(path) else {
            return;
        };
        let path = path.to_owned();
        found.files.insert(path.clone());
        let Ok(file) = syn::parse_file(&text) else {
            found.unparsed.insert(path);
            return;
        };
        // syn's offsets begin after the byte order mark and the shebang.
        let mark = if text.starts_with('\u{feff}') { 3 } else { 0 };
        let offset = mark + file.shebang.as_ref().map_or(0, String::len);
        let beside = path.parent().unwrap_or(Path::new(""));
        self.items(&file.items, &module, beside, folder, found);
        self.sources.push(Source { path, module, offset, file });
    }

    /// Declares the items of a module; `beside` is where its `#[path]`s begin, `folder` where its files lie.
    fn items(&mut self, items: &[syn::Item], module: &[String], beside: &Path, folder: &Path, found: &mut Found) {
        for item in items {
            scopes::declare(item, self.modules.entry(module.to_vec()).or_default());
            let syn::Item::Mod(child) = item else {
                continue;
            };
            let name = child.ident.to_string().trim_start_matches("r#").to_owned();
            let mut child_path = module.to_vec();
            child_path.push(name.clone());
            self.modules.entry(child_path.clone()).or_default();
            let (always, sometimes) = paths(&child.attrs);
            if let Some((_, items)) = &child.content {
                let inside = always.map_or_else(|| folder.join(&name), |named| beside.join(named));
                self.items(items, &child_path, &inside, &inside, found);
                continue;
            }
            let mut files: Vec<(PathBuf, PathBuf)> = Vec::new();
            let named = |named: &String| {
                let file = normal(&beside.join(named));
                let beside = file.parent().unwrap_or(Path::new("")).to_owned();
                (file, beside)
            };
            match &always {
                Some(path) => files.push(named(path)),
                None => {
                    files.extend(sometimes.iter().map(named));
                    let flat = (folder.join(format!("{name}.rs")), folder.join(&name));
                    let nested = (folder.join(&name).join("mod.rs"), folder.join(&name));
                    files.push(if flat.0.is_file() { flat } else { nested });
                }
            }
            for (file, folder) in files.iter().filter(|(file, _)| file.is_file()) {
                self.read(file, child_path.clone(), folder, found);
            }
        }
    }
}

/// The unconditional and the conditional `#[path]`s.
fn paths(attributes: &[syn::Attribute]) -> (Option<String>, Vec<String>) {
    let (mut always, mut sometimes) = (None, Vec::new());
    for attribute in attributes {
        let name = |meta: &syn::MetaNameValue| match &meta.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) if meta.path.is_ident("path") => {
                Some(text.value())
            }
            _ => None,
        };
        match &attribute.meta {
            syn::Meta::NameValue(meta) => always = always.or(name(meta)),
            syn::Meta::List(list) if list.path.is_ident("cfg_attr") => {
                let parser = syn::punctuated::Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated;
                let metas = list.parse_args_with(parser).into_iter().flatten().skip(1);
                sometimes.extend(metas.filter_map(|meta| name(meta.require_name_value().ok()?)));
            }
            _ => {}
        }
    }
    (always, sometimes)
}

fn normal(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts
}
