//! How a value is got once the graph is built: the same shape for what a factory needs and for what a caller asks for.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::{Arc, OnceLock},
};

/// Where a scope keeps one of its values.
pub type Cell = OnceLock<Arc<dyn Any + Send + Sync>>;

/// Runs a factory; the cells are those of the scope it runs in, none outside of a scope.
pub type Make<T> = Arc<dyn Fn(&[Cell]) -> Arc<T> + Send + Sync>;

/// A [`Wire`] of some type.
pub type AnyWire = Box<dyn Any + Send + Sync>;

/// How to get an `Arc<T>` without looking anything up.
pub enum Wire<T: ?Sized> {
    Held(Arc<T>),
    Made {
        make: Make<T>,
        /// Whether the value, or something it needs, lives in a scope: then it cannot be made outside of one.
        scoped: bool,
    },
}

impl<T: ?Sized> Wire<T> {
    pub fn take(&self, cells: &[Cell]) -> Arc<T> {
        match self {
            Self::Held(value) => Arc::clone(value),
            Self::Made { make, .. } => make(cells),
        }
    }
}

impl<T: ?Sized> Clone for Wire<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Held(value) => Self::Held(Arc::clone(value)),
            Self::Made { make, scoped } => Self::Made { make: Arc::clone(make), scoped: *scoped },
        }
    }
}

/// The wires laid so far, while the container is built in dependency order.
pub struct Wiring<'a> {
    pub providers: &'a HashMap<TypeId, Vec<usize>>,
    pub wires: &'a [Option<AnyWire>],
}

impl Wiring<'_> {
    /// All wires of `T`, in the order of registration.
    pub fn of<T: ?Sized + Send + Sync + 'static>(&self) -> impl Iterator<Item = Wire<T>> {
        let providers = self.providers.get(&TypeId::of::<T>());
        providers.into_iter().flatten().map(|&node| {
            let wire = self.wires[node].as_ref().expect("dependencies are wired first");
            wire.downcast_ref::<Wire<T>>().expect("a node provides the type it is filed under").clone()
        })
    }
}
