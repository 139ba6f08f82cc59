//! What is asked, and what is answered.

use std::path::PathBuf;
use std::sync::Arc;

use crate::facts::{Position, UnseenKind};
use crate::lexer::FaultKind;
use crate::span::Span;

/// The sources of one package: where they begin, and what its manifest lets them name.
#[derive(Debug, Clone, Default)]
pub struct PackageSources {
    /// Every target's root file.
    pub roots: Vec<Root>,
    /// The names of the dependencies as the manifest calls them, of every kind; `-` and `_` are the same.
    pub externs: Vec<String>,
    /// The name of the package's library target, which its other targets may name.
    pub library: Option<String>,
    /// The folder of its manifest, which sources call `env!("CARGO_MANIFEST_DIR")`.
    pub folder: Option<PathBuf>,
}

/// The root file of one target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Root {
    pub kind: RootKind,
    pub path: PathBuf,
    pub edition: Edition,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RootKind {
    Library,
    ProcMacro,
    Binary,
    Example,
    Test,
    Bench,
    BuildScript,
}

impl RootKind {
    /// Whether the whole target is compiled for tests, examples or benches only.
    pub fn is_dev(self) -> bool {
        matches!(self, Self::Example | Self::Test | Self::Bench)
    }

    fn is_library(self) -> bool {
        matches!(self, Self::Library | Self::ProcMacro)
    }

    /// Whether the target may name the package's library.
    pub(crate) fn sees_library(self) -> bool {
        !self.is_library() && self != Self::BuildScript
    }
}

/// How paths are read. Editions after 2018 read them like 2018.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Edition {
    E2015,
    E2018,
}

/// A file of the module tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceFile {
    pub path: PathBuf,
    pub bytes: usize,
    /// BLAKE3 of the bytes that were read.
    pub hash: [u8; 32],
}

/// A module of a target's tree, inline ones and those that a `cfg` may leave out included.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Module {
    /// Index into [`PackageSources::roots`].
    pub root: u32,
    /// From `crate` on.
    pub path: Arc<str>,
    /// Index into [`crate::SourceGraph::files`]: the file with its content, the first where a `cfg` chooses among
    /// several, or that of the module around it where no file was found.
    pub file: u32,
    /// Only a test build has it: it is under `cfg(test)`, or in a test, example or bench.
    pub under_test: bool,
    /// Other crates can name it: it and all modules around it are `pub`.
    pub public: bool,
    /// Of a module of a library: every name that others find in it without a glob of another crate, sorted. Names that a
    /// macro makes are missing.
    pub names: Vec<Arc<str>>,
    /// It hands on what a crate has by a glob that comes with the compiler.
    pub has_standard_glob: bool,
}

/// A path in the sources, and what it names. Paths into `std`, `core`, `alloc`, `proc_macro` and `test` are none.
#[derive(Debug, Clone)]
pub struct Reference {
    /// Index into [`PackageSources::roots`].
    pub root: u32,
    /// Index into [`crate::SourceGraph::files`].
    pub file: u32,
    /// Bytes in the file: the path, or the leaf of a use tree.
    pub span: Span,
    /// The module it stands in, from `crate` on.
    pub module: Arc<str>,
    pub position: Position,
    /// The name that an import gives the target in its module; none for a glob and for `as _`.
    pub imported_as: Option<Arc<str>>,
    /// In the arguments of a macro call or in the rules of a macro.
    pub in_macro: bool,
    /// Only a test build compiles it.
    pub under_test: bool,
    /// Every other `cfg(..)` around it, outermost first, joined with `, `.
    pub cfg: Option<Arc<str>>,
    pub target: Target,
}

/// What a path names. `rest` is what follows the crate or module, joined with `::`; it may be empty.
///
/// `through` is the module of this crate whose import, not its own item, leads on to the target: of `crate::api::X` it
/// is `crate::api` where that has `pub use crate::domain::X`. Where several do it is the first that the path comes to,
/// since the imports of each are references of their own; only the crate's root gives way to a later one, because a
/// root re-exports for everybody. It never is the module the path stands in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    Crate {
        /// As the manifest calls it, with `_`.
        name: Arc<str>,
        origin: Origin,
        rest: Box<str>,
        through: Option<Arc<str>>,
    },
    /// A module of the same crate. The one the path stands in only for a re-export, and where `through` says that the
    /// path left it.
    Module { path: Arc<str>, rest: Box<str>, through: Option<Arc<str>> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A dependency of the manifest.
    Dependency,
    /// The library of the same package, seen from another target.
    Library,
    /// `extern crate` of a name that the manifest does not know.
    Unknown,
}

/// A path that leads to a name which its module does not declare: one of the module's globs of other crates brings it, or
/// a macro does.
#[derive(Debug, Clone)]
pub struct Brought {
    /// Index into [`PackageSources::roots`].
    pub root: u32,
    /// Index into [`crate::SourceGraph::files`].
    pub file: u32,
    /// Bytes in the file: the path, or the leaf of a use tree.
    pub span: Span,
    /// Only a test build compiles it.
    pub under_test: bool,
    /// From that name on, joined with `::`.
    pub rest: Box<str>,
    /// Of other crates, or of the own library, seen from another target. Never empty.
    pub globs: Arc<[ForeignGlob]>,
}

/// `use name::rest::*`, where the name is another crate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ForeignGlob {
    /// As the manifest calls it, with `_`.
    pub name: Arc<str>,
    pub origin: Origin,
    pub rest: Box<str>,
}

/// Why a file of the module tree could not be read as it should; whoever decides on the graph must not call it whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file that is wrong, or that declares what is.
    pub file: PathBuf,
    /// Bytes in `file`: the declaration, or the fault. Nothing where the whole file is meant.
    pub span: Option<Span>,
    pub kind: ProblemKind,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum ProblemKind {
    #[error("no file for it: looked for {}", looked_for(.0))]
    Missing(Vec<PathBuf>),
    #[error("more than one file for it: {}", looked_for(.0))]
    Ambiguous(Vec<PathBuf>),
    #[error("cannot be read: {0}")]
    Unreadable(String),
    #[error("is not UTF-8, from byte {0} on")]
    NotUtf8(usize),
    #[error("is no Rust source: {}", fault(*.0))]
    Fault(FaultKind),
    #[error("a file that contains itself, or files nested deeper than {0}")]
    Circular(usize),
}

fn looked_for(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn fault(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Unterminated => "a literal or a comment does not end",
        FaultKind::Unbalanced => "a bracket has no partner",
        FaultKind::Unknown => "a character that no Rust has",
        FaultKind::NoItem => "an item was expected",
        FaultKind::TooDeep => "modules are nested deeper than 256",
        FaultKind::TooLarge => "larger than 4 GiB",
    }
}

/// A file that a module could have and that does not exist, which a condition may explain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Absent {
    /// The file with the declaration.
    pub file: PathBuf,
    pub span: Span,
    /// Every `cfg(..)` around it but `test`; empty where a `cfg_attr(.., path = ..)` is the condition.
    pub cfg: String,
    /// The files it could have been.
    pub candidates: Vec<PathBuf>,
}

/// A place where the compiler sees more than this graph does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnseenPlace {
    pub file: PathBuf,
    pub span: Span,
    pub kind: UnseenKind,
}
