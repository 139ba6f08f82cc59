//! What one file says, before it is known where in a package the file belongs.

use std::ops::Range;

use crate::lexer::Fault;
use crate::names::{Name, Texts};
use crate::span::Span;

/// The facts of one file. Numbers of scopes, names, references and conditions are indices into its lists.
#[derive(Debug, Default)]
pub(crate) struct FileFacts {
    pub(crate) names: Texts,
    pub(crate) segments: Vec<Name>,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) declarations: Vec<Declaration>,
    pub(crate) references: Vec<PathUse>,
    pub(crate) globs: Vec<Glob>,
    pub(crate) modules: Vec<ModuleItem>,
    pub(crate) includes: Vec<Include>,
    pub(crate) embedded: Vec<FileName>,
    pub(crate) conditions: Vec<Condition>,
    /// What an inner attribute sets for the whole file.
    pub(crate) whole: u32,
    pub(crate) unseen: Vec<Unseen>,
    pub(crate) faults: Vec<Fault>,
    /// The first token at which an item should begin and none can; of a file without faults.
    pub(crate) no_item: Option<Span>,
}

impl FileFacts {
    pub(crate) fn path(&self, reference: &PathUse) -> &[Name] {
        &self.segments[reference.segments.start as usize..reference.segments.end as usize]
    }

    pub(crate) fn text(&self, name: Name) -> &str {
        self.names.text(name)
    }

    /// Whether only a test build meets the condition, and the texts of all other ones around it, outermost first.
    pub(crate) fn condition(&self, mut condition: u32) -> (bool, Vec<&str>) {
        let (mut test, mut texts) = (false, Vec::new());
        while let Some(found) = self.conditions.get(condition as usize) {
            match &found.when {
                When::Test => test = true,
                When::Cfg(text) => texts.push(&**text),
            }
            condition = found.parent;
        }
        texts.reverse();
        (test, texts)
    }
}

/// The number of no condition.
pub(crate) const ALWAYS: u32 = u32::MAX;

/// A region in which names are declared. Scope 0 is the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope {
    pub parent: u32,
    pub kind: ScopeKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScopeKind {
    /// The file, or an inline module: `modules[.0]`.
    File,
    Module(u32),
    /// A block, or the generics of an item.
    Block,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Declaration {
    pub scope: u32,
    pub name: Name,
    pub what: Declared,
    /// `pub` or `pub(..)`: a glob from outside of the module brings it too.
    pub exposed: bool,
}

/// `use a::*`: `references[reference]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Glob {
    pub reference: u32,
    pub exposed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Declared {
    Module,
    /// A type, trait or type parameter: no path leads through it to a module.
    Type,
    /// A function, constant or macro: in no namespace a path can begin with.
    Value,
    /// `macro_rules!` with `#[macro_export]`, which the crate's root declares.
    ExportedMacro,
    /// A `use` or `extern crate` item: `references[.0]`.
    Use(u32),
}

/// A path as written, use trees joined.
#[derive(Debug, Clone)]
pub(crate) struct PathUse {
    pub segments: Range<u32>,
    /// A leading `::`.
    pub global: bool,
    pub span: Span,
    pub scope: u32,
    pub position: Position,
    /// The name a use item gives it, when it is not the last segment.
    pub alias: Option<Name>,
    pub in_macro: bool,
    pub condition: u32,
}

/// The place of a path in the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Position {
    /// A leaf of a use tree.
    Use,
    /// A leaf of `pub use`, without `pub(..)`.
    ReExport,
    /// `use a::*`
    Glob,
    /// `pub use a::*`
    GlobReExport,
    /// `extern crate a`
    ExternCrate,
    /// `pub extern crate a`
    ExternCrateReExport,
    /// The name of a macro that is called.
    Macro,
    /// An attribute or a path in its arguments.
    Attribute,
    /// A path in a string of an attribute's arguments that a macro reads as code, as in `#[serde(with = "a::b")]`.
    AttributeText,
    /// A name in `#[derive(..)]`.
    Derive,
    /// `pub(in a::b)`
    Visibility,
    /// An expression, a type, a pattern, a bound or any other.
    Path,
}

impl Position {
    /// Whether the path brings names into a scope.
    pub fn imports(self) -> bool {
        use Position::{ExternCrate, ExternCrateReExport, Glob, GlobReExport, ReExport, Use};
        matches!(self, Use | ReExport | Glob | GlobReExport | ExternCrate | ExternCrateReExport)
    }

    /// Whether other crates can name what the path brings into the scope.
    pub fn re_exports(self) -> bool {
        matches!(self, Self::ReExport | Self::GlobReExport | Self::ExternCrateReExport)
    }

    pub(crate) fn is_extern_crate(self) -> bool {
        matches!(self, Self::ExternCrate | Self::ExternCrateReExport)
    }

    /// Whether everything public behind the path is brought into the scope.
    pub fn is_glob(self) -> bool {
        matches!(self, Self::Glob | Self::GlobReExport)
    }
}

/// `mod name;` or `mod name { .. }`
#[derive(Debug)]
pub(crate) struct ModuleItem {
    pub name: Name,
    pub scope: u32,
    pub span: Span,
    /// `#[path = ".."]`
    pub path: Option<Box<str>>,
    /// `#[cfg_attr(.., path = "..")]`, each.
    pub conditional_paths: Vec<Box<str>>,
    pub inline: bool,
    /// Inside a macro's arguments: the macro may drop it.
    pub in_macro: bool,
    /// `pub`, without `pub(..)`.
    pub public: bool,
    /// With what an inner attribute of an inline module sets.
    pub condition: u32,
}

/// `".."`, or `concat!(env!("CARGO_MANIFEST_DIR"), "..")`
#[derive(Debug)]
pub(crate) struct FileName {
    pub path: Box<str>,
    /// What follows the folder of the manifest.
    pub from_manifest: bool,
}

/// `include!("..")`
#[derive(Debug)]
pub(crate) struct Include {
    pub name: FileName,
    pub scope: u32,
    pub span: Span,
    pub in_macro: bool,
    pub condition: u32,
}

/// What governs whether a region is compiled, inside of `conditions[parent]`.
#[derive(Debug)]
pub(crate) struct Condition {
    pub parent: u32,
    pub when: When,
}

#[derive(Debug)]
pub(crate) enum When {
    /// Only a test build: `cfg(test)`, `cfg(all(test, ..))`, `#[test]`.
    Test,
    /// Any other `cfg(..)`: the text between its parentheses.
    Cfg(Box<str>),
}

/// Something in the source that only the compiler sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnseenKind {
    /// `include!` of a computed name, mostly what a build script wrote.
    Include,
    /// `mod name;` in the body of a macro, or in the arguments of one with no file for it.
    Module,
}

#[derive(Debug, Clone)]
pub(crate) struct Unseen {
    pub kind: UnseenKind,
    pub span: Span,
}
