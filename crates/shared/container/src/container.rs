use std::{
    any::{TypeId, type_name},
    collections::{HashMap, HashSet},
    fmt,
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
};

use crate::{
    finding::alike,
    wire::{AnyWire, Cell, Wire},
};

/// What was built. Immutable, cheap to clone, and shared: every clone gives the same singletons.
#[derive(Clone)]
pub struct Container(Arc<Contents>);

/// A piece of work with values of its own, such as one request. Values are made when first asked for, once, and dropped
/// with the scope.
pub struct Scope {
    container: Container,
    cells: Box<[Cell]>,
}

/// Why a type cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GetError {
    #[error("`{wanted}` is not registered{}", hint(alike))]
    Missing {
        wanted: &'static str,
        /// Registered types with a similar name.
        alike: Vec<&'static str>,
    },
    #[error("several are bound to `{wanted}`: take `Vec<Arc<{wanted}>>` in a factory")]
    Ambiguous { wanted: &'static str },
    #[error("`{wanted}` lives in a scope: ask `container.scope()` for it")]
    NeedsScope { wanted: &'static str },
}

struct Contents {
    wires: HashMap<TypeId, AnyWire, BuildHasherDefault<TypeIdHasher>>,
    /// Types that are provided more than once.
    ambiguous: HashSet<TypeId>,
    /// How many cells a scope has.
    cells: usize,
    /// All registered types, in the order of registration.
    names: Vec<&'static str>,
}

impl Container {
    pub(crate) fn new(
        providers: &HashMap<TypeId, Vec<usize>>,
        mut wires: Vec<Option<AnyWire>>,
        cells: usize,
        names: Vec<&'static str>,
    ) -> Self {
        let (single, several): (Vec<_>, Vec<_>) = providers.iter().partition(|(_, nodes)| nodes.len() == 1);
        let wire = |node: usize, wires: &mut Vec<Option<AnyWire>>| wires[node].take().expect("every node is wired");
        Self(Arc::new(Contents {
            wires: single.into_iter().map(|(id, nodes)| (*id, wire(nodes[0], &mut wires))).collect(),
            ambiguous: several.into_iter().map(|(id, _)| *id).collect(),
            cells,
            names,
        }))
    }

    /// The value of this type; `T` may be a trait object.
    ///
    /// # Panics
    /// Where [`try_get`](Self::try_get) is an error.
    #[track_caller]
    #[inline]
    pub fn get<T: ?Sized + Send + Sync + 'static>(&self) -> Arc<T> {
        match self.unscoped() {
            Ok(wire) => wire.take(&[]),
            Err(error) => refuse(&error),
        }
    }

    /// The value of this type, or why there is none.
    #[inline]
    pub fn try_get<T: ?Sized + Send + Sync + 'static>(&self) -> Result<Arc<T>, GetError> {
        Ok(self.unscoped()?.take(&[]))
    }

    /// Opens a scope. It keeps the container alive, and may move to another task.
    pub fn scope(&self) -> Scope {
        Scope { container: self.clone(), cells: (0..self.0.cells).map(|_| Cell::new()).collect() }
    }

    /// A wire that works outside of a scope.
    #[inline]
    fn unscoped<T: ?Sized + Send + Sync + 'static>(&self) -> Result<&Wire<T>, GetError> {
        match self.0.wire()? {
            Wire::Made { scoped: true, .. } => Err(GetError::NeedsScope { wanted: type_name::<T>() }),
            wire => Ok(wire),
        }
    }
}

impl Scope {
    /// The value of this type: the scope's own if it is scoped, else what the container gives.
    ///
    /// # Panics
    /// Where [`try_get`](Self::try_get) is an error.
    #[track_caller]
    #[inline]
    pub fn get<T: ?Sized + Send + Sync + 'static>(&self) -> Arc<T> {
        match self.container.0.wire() {
            Ok(wire) => wire.take(&self.cells),
            Err(error) => refuse(&error),
        }
    }

    /// The value of this type, or why there is none.
    #[inline]
    pub fn try_get<T: ?Sized + Send + Sync + 'static>(&self) -> Result<Arc<T>, GetError> {
        Ok(self.container.0.wire()?.take(&self.cells))
    }
}

impl Contents {
    #[inline]
    fn wire<T: ?Sized + Send + Sync + 'static>(&self) -> Result<&Wire<T>, GetError> {
        match self.wires.get(&TypeId::of::<T>()) {
            Some(wire) => Ok(wire.downcast_ref().expect("a wire is filed under its type")),
            None => Err(self.absent(TypeId::of::<T>(), type_name::<T>())),
        }
    }

    #[cold]
    fn absent(&self, id: TypeId, wanted: &'static str) -> GetError {
        if self.ambiguous.contains(&id) {
            return GetError::Ambiguous { wanted };
        }
        GetError::Missing { wanted, alike: alike(wanted, self.names.iter().copied()) }
    }
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Container").field(&self.0.names).finish()
    }
}

#[cold]
#[track_caller]
fn refuse(error: &GetError) -> ! {
    panic!("{error}")
}

fn hint(alike: &[&'static str]) -> String {
    if alike.is_empty() { String::new() } else { format!("; similar, and registered: {}", alike.join(", ")) }
}

/// A `TypeId` is a hash already: hashing it again would be most of the cost of a look-up.
#[derive(Default)]
struct TypeIdHasher(u64);

impl Hasher for TypeIdHasher {
    fn write_u64(&mut self, half_of_the_id: u64) {
        self.0 = half_of_the_id;
    }

    /// How else a `TypeId` may choose to feed itself: any eight of its bytes will do.
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 << 8) | u64::from(byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
