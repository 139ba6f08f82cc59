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
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A factory may ask for `Arc<T>`, `Option<Arc<T>>` (if there is one), `Vec<Arc<T>>` (all there are, in the order of
//! registration) and [`Keyed<K, T>`](Keyed) (one of several of the same type), where `T` may be a trait object; up to 16
//! of them. It may be fallible (`try_singleton`) or async (`singleton_async`); the same for scoped and transient.
//!
//! [`Builder::build`] checks the graph and runs no factory. A singleton is made when it is first asked for, once however
//! many ask at a time, or by [`Container::start`], which makes all of them in dependency order and runs their start
//! hooks. A factory that fails or panics leaves the container as it was: the error names the way to it, and whoever asks
//! next tries again. Nothing can be registered after `build`: a singleton that is made is one lock-free look-up and an
//! `Arc` clone.
//!
//! Why it cannot dead-lock: whoever makes a value holds only the lock of that value, and waits only for values that it
//! needs; a graph with a cycle is not built, and a factory that asks the container for something that it does not
//! declare is refused.
//!
//! The container belongs to the composition root and the framework. A domain type is built with plain `new(deps)` and
//! never sees it.

#![warn(missing_docs)]

mod blueprint;
mod book;
mod builder;
mod container;
mod factory;
mod failure;
mod finding;
mod graph;
mod keyed;
mod lifecycle;
mod memo;
mod recipe;
mod sync;
mod table;
mod wire;

#[cfg(test)]
mod interleavings;

pub use blueprint::{Blueprint, Need, Registration};
pub use book::Tally;
pub use builder::Builder;
pub use container::{Container, GetError, Scope};
pub use factory::{Factory, Inject, Parameters, Plain};
pub use failure::{Failure, Reason, Step};
pub use finding::{Finding, Findings};
pub use graph::Lifetime;
pub use keyed::Keyed;
pub use lifecycle::{HookError, HookReason, Phase, StartError, StopError};
