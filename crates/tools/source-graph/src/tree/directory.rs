//! Where the file of a module is looked for.

use std::path::{Component, Path, PathBuf};

use crate::facts::{FileFacts, ModuleItem, Scope, ScopeKind};

/// The place from which the modules of a file or of an inline module are looked for, as in rustc: `relative` is the
/// folder below `path` that a file without `mod.rs` has for its children, and that `#[path]` does not count.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Directory {
    path: PathBuf,
    relative: Option<String>,
}

/// A file that a module may be, and where the modules in it are looked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Candidate {
    pub path: PathBuf,
    pub directory: Directory,
}

impl Directory {
    /// Of a crate root, of `mod.rs`, and of a file that `#[path]` or `include!` names.
    pub fn beside(file: &Path) -> Self {
        Self { path: file.parent().unwrap_or(Path::new("")).to_owned(), relative: None }
    }

    /// Of a scope of a file whose own is `self`: every inline module around it is a folder.
    pub fn of_scope(&self, facts: &FileFacts, mut scope: u32) -> Self {
        let mut inline = Vec::new();
        while scope != 0 {
            let Scope { parent, kind } = facts.scopes[scope as usize];
            if let ScopeKind::Module(module) = kind {
                inline.push(&facts.modules[module as usize]);
            }
            scope = parent;
        }
        let mut directory = self.clone();
        for module in inline.into_iter().rev() {
            match &module.path {
                Some(path) => directory.path.push(&**path),
                None => {
                    directory.path.push(directory.relative.as_deref().unwrap_or(""));
                    directory.path.push(facts.text(module.name));
                }
            }
            directory.relative = None;
        }
        directory
    }

    /// Every alternative for an out-of-line module; of each the first file that exists counts.
    pub fn alternatives(&self, name: &str, module: &ModuleItem) -> Vec<Vec<Candidate>> {
        if let Some(path) = &module.path {
            return vec![vec![self.named(path)]];
        }
        let mut alternatives: Vec<_> = module.conditional_paths.iter().map(|path| vec![self.named(path)]).collect();
        let folder = self.path.join(self.relative.as_deref().unwrap_or(""));
        let file = normal(&folder.join(format!("{name}.rs")));
        let directory = Self { path: normal(&folder), relative: Some(name.to_owned()) };
        alternatives.push(vec![
            Candidate { path: file, directory },
            Candidate::beside(normal(&folder.join(name).join("mod.rs"))),
        ]);
        alternatives
    }

    /// The file that `#[path]` or `include!` names.
    pub fn named(&self, path: &str) -> Candidate {
        // Windows sources write `..\x.rs`; nobody else has a backslash in a file's name.
        Candidate::at(&self.path.join(path.replace('\\', "/")))
    }
}

impl Candidate {
    /// At a path with `..` in it.
    pub fn at(path: &Path) -> Self {
        Self::beside(normal(path))
    }

    pub fn beside(path: PathBuf) -> Self {
        Self { directory: Directory::beside(&path), path }
    }
}

/// `a/b/../c` as `a/c`, so that a file has one name.
fn normal(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(parts.components().next_back(), Some(Component::Normal(_))) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts
}
