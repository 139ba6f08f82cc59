//! Which crates and modules the sources of a Cargo package name, found fast and without compiling.
//!
//! From every target's root file the module tree is followed, each file is lexed and searched for paths in every
//! position, macro arguments and attributes included, and each path is resolved to the crate or module it leads to.
//! Nothing is expanded, type-checked or evaluated: a `cfg` is recorded, and what only the compiler can see is counted.
//!
//! ```no_run
//! use source_graph::{Edition, PackageSources, Root, RootKind, SourceGraph};
//!
//! let root = Root { kind: RootKind::Library, path: "src/lib.rs".into(), edition: Edition::E2018 };
//! let externs = vec!["serde".into()];
//! let graph = SourceGraph::of(&PackageSources { roots: vec![root], externs, ..PackageSources::default() });
//! assert!(graph.problems.is_empty(), "the sources were read as a whole");
//! for reference in &graph.references {
//!     println!("{:?} names {:?}", reference.module, reference.target);
//! }
//! ```

mod extract;
mod facts;
mod graph;
mod lexer;
mod names;
mod package;
mod resolve;
mod span;
mod tree;

pub use facts::{Position, UnseenKind};
pub use graph::SourceGraph;
pub use lexer::FaultKind;
pub use package::{
    Absent, Brought, Edition, ForeignGlob, Module, Origin, PackageSources, Problem, ProblemKind, Reference, Root,
    RootKind, SourceFile, Target, UnseenPlace,
};
pub use span::Span;
