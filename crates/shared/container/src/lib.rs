//! Dependency container: registrations are plain functions whose parameters say what they need, so the whole graph is
//! known, and checked, before anything is built.
//!
//! ```
//! use std::sync::Arc;
//!
//! trait Store: Send + Sync {}
//! struct Sqlite;
//! impl Store for Sqlite {}
//! struct Ledger(Arc<dyn Store>);
//! impl Ledger {
//!     fn new(store: Arc<dyn Store>) -> Self {
//!         Self(store)
//!     }
//! }
//!
//! let mut builder = container::Builder::new();
//! builder.singleton(|| Sqlite).bind::<dyn Store, Sqlite>(|s| s).singleton(Ledger::new);
//! let container = builder.build()?;
//! let ledger: Arc<Ledger> = container.get();
//! # Ok::<(), container::BuildError>(())
//! ```
//!
//! A factory may ask for `Arc<T>`, `Option<Arc<T>>` (if there is one) and `Vec<Arc<T>>` (all there are, in the order of
//! registration), where `T` may be a trait object; up to 16 of them. After [`Builder::build`] nothing changes any more:
//! a singleton is one lock-free look-up and an `Arc` clone, and a factory that runs later has what it needs at hand.
//!
//! The container belongs to the composition root and the framework. A domain type is built with plain `new(deps)` and
//! never sees it.

mod builder;
mod container;
mod factory;
mod finding;
mod graph;
mod wire;

pub use builder::{BuildError, Builder};
pub use container::{Container, GetError, Scope};
pub use factory::{Factory, Inject, Plain};
pub use finding::{Finding, Findings};
