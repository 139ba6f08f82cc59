use std::{
    any::{TypeId, type_name},
    collections::HashSet,
    fmt,
    sync::Arc,
};

use metrics::{Unit, describe_counter};

use crate::{
    Blueprint, Failure, Tally,
    book::Book,
    finding::alike,
    lifecycle::Lifecycle,
    table::{Slot, Table},
    wire::{Cell, Wire},
};

const RESOLUTIONS: &str = "borough_container_resolutions_total";
const MAKES: &str = "borough_container_makes_total";

/// What was built. Immutable, cheap to clone, and shared: every clone gives the same singletons.
#[derive(Clone)]
pub struct Container(Arc<Contents>);

/// A piece of work with values of its own, such as one request. Values are made when first asked for, once, and dropped
/// with the scope.
pub struct Scope {
    container: Container,
    cells: Arc<[Cell]>,
}

/// Why a type cannot be had.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum GetError {
    /// Nobody registered it.
    #[error("`{wanted}` is not registered{}", hint(alike))]
    Missing {
        /// What was asked for.
        wanted: &'static str,
        /// Registered types with a similar name.
        alike: Vec<&'static str>,
    },
    /// There are several, and one was asked for.
    #[error("several are bound to `{wanted}`: take `Vec<Arc<{wanted}>>` in a factory")]
    Ambiguous {
        /// What was asked for.
        wanted: &'static str,
    },
    /// It, or something it needs, is scoped, and the container was asked.
    #[error("`{wanted}` lives in a scope: ask `container.scope()` for it")]
    NeedsScope {
        /// What was asked for.
        wanted: &'static str,
    },
    /// A factory asked the container, past its parameters, for something that would have to be made. By way of another
    /// thread this is not noticed, and two such factories that need each other then wait for ever.
    #[error("the factory of `{by}` asked the container for `{wanted}`: make it a parameter of the factory")]
    Undeclared {
        /// What was asked for.
        wanted: &'static str,
        /// Whose factory asked.
        by: &'static str,
    },
    /// A factory failed, panicked, or would have to be awaited.
    #[error(transparent)]
    Failed(#[from] Box<Failure>),
}

pub(crate) struct Contents {
    pub table: Table,
    /// Types that are provided more than once.
    pub ambiguous: HashSet<TypeId>,
    /// How many cells a scope has.
    pub cells: usize,
    /// What there is outside of a scope.
    pub no_cells: Arc<[Cell]>,
    pub book: Arc<Book>,
    pub blueprint: Blueprint,
    pub lifecycle: Lifecycle,
}

impl Container {
    pub(crate) fn new(contents: Contents) -> Self {
        Self(Arc::new(contents))
    }

    /// The value of this type; `T` may be a trait object. A singleton that is not there yet is made; whoever asks for it
    /// meanwhile waits.
    ///
    /// # Panics
    /// Where [`try_get`](Self::try_get) is an error.
    #[track_caller]
    #[inline]
    pub fn get<T: ?Sized + Send + Sync + 'static>(&self) -> Arc<T> {
        match self.0.kept(&[]) {
            Ok(value) => value,
            Err(slot) => self.ask(slot).unwrap_or_else(|error| refuse(&error)),
        }
    }

    /// The value of this type, or why there is none.
    ///
    /// # Errors
    /// See [`GetError`]. What failed is tried again by whoever asks next.
    #[inline]
    pub fn try_get<T: ?Sized + Send + Sync + 'static>(&self) -> Result<Arc<T>, GetError> {
        self.0.kept(&[]).or_else(|slot| self.ask(slot))
    }

    #[inline(never)]
    fn ask<T: ?Sized + Send + Sync + 'static>(&self, slot: Option<&Slot>) -> Result<Arc<T>, GetError> {
        unscoped(self.0.wire(slot)?)?.ask(&[])
    }

    /// Like [`try_get`](Self::try_get), and awaits the async factories that have to run for it.
    ///
    /// # Cancel safety
    /// Dropped, it leaves nothing half-made: others who wait for the same singleton go on with the attempt; without
    /// others it ends, and the next to ask begins anew.
    pub async fn get_async<T: ?Sized + Send + Sync + 'static>(&self) -> Result<Arc<T>, GetError> {
        let wire = self.0.shared_wire()?;
        unscoped(&wire)?;
        wire.ask_async(&self.0.no_cells).await
    }

    /// Opens a scope. It keeps the container alive, and may move to another task.
    pub fn scope(&self) -> Scope {
        Scope { container: self.clone(), cells: (0..self.0.cells).map(|_| Cell::new()).collect() }
    }

    /// What was registered, and who needs whom.
    pub fn blueprint(&self) -> &Blueprint {
        &self.0.blueprint
    }

    /// How often each registration was used so far, in the order of registration.
    pub fn tallies(&self) -> Vec<Tally> {
        self.0.book.tallies()
    }

    /// Brings the counters `borough_container_resolutions_total` and `borough_container_makes_total`, by the labels `registration` and
    /// `place`, up to the [`tallies`](Self::tallies). Resolutions themselves touch no metric, which would cost several
    /// times as much as they do: call this before the metrics are read.
    pub fn publish_tallies(&self) {
        describe_counter!(RESOLUTIONS, Unit::Count, "Values that were handed out, to callers and to factories");
        describe_counter!(MAKES, Unit::Count, "Values that were made");
        for Tally { registration, resolved, made } in self.tallies() {
            let labels = [("registration", registration.name.to_owned()), ("place", registration.place.to_string())];
            metrics::counter!(RESOLUTIONS, &labels).absolute(resolved);
            metrics::counter!(MAKES, &labels).absolute(made);
        }
    }

    pub(crate) fn lifecycle(&self) -> &Lifecycle {
        &self.0.lifecycle
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
        match self.container.0.kept(&self.cells) {
            Ok(value) => value,
            Err(slot) => self.ask(slot).unwrap_or_else(|error| refuse(&error)),
        }
    }

    /// The value of this type, or why there is none.
    ///
    /// # Errors
    /// See [`GetError`]. What failed is tried again by whoever asks next.
    #[inline]
    pub fn try_get<T: ?Sized + Send + Sync + 'static>(&self) -> Result<Arc<T>, GetError> {
        self.container.0.kept(&self.cells).or_else(|slot| self.ask(slot))
    }

    #[inline(never)]
    fn ask<T: ?Sized + Send + Sync + 'static>(&self, slot: Option<&Slot>) -> Result<Arc<T>, GetError> {
        self.container.0.wire(slot)?.ask(&self.cells)
    }

    /// Like [`try_get`](Self::try_get), and awaits the async factories that have to run for it.
    ///
    /// # Cancel safety
    /// As [`Container::get_async`].
    pub async fn get_async<T: ?Sized + Send + Sync + 'static>(&self) -> Result<Arc<T>, GetError> {
        let wire = self.container.0.shared_wire()?;
        wire.ask_async(&self.cells).await
    }
}

impl Contents {
    /// What is there already, or where to get it. Nearly all that is ever asked for ends here, so it is kept short: a
    /// scoped value is found without its wire.
    #[inline]
    fn kept<T: ?Sized + Send + Sync + 'static>(&self, cells: &[Cell]) -> Result<Arc<T>, Option<&Slot>> {
        let Some(slot) = self.table.get(TypeId::of::<T>()) else { return Err(None) };
        let value = match cells.get(slot.cell) {
            Some(cell) => cell.get().and_then(|kept| kept.downcast_ref::<Arc<T>>()).map(Arc::clone),
            None => slot.wire.downcast_ref::<Wire<T>>().and_then(Wire::singleton),
        };
        match value {
            Some(value) => {
                self.book.visit(cells).count_resolved(slot.index);
                Ok(value)
            }
            None => Err(Some(slot)),
        }
    }

    fn wire<'s, T: ?Sized + Send + Sync + 'static>(&self, slot: Option<&'s Slot>) -> Result<&'s Wire<T>, GetError> {
        let slot = slot.ok_or_else(|| self.absent::<T>())?;
        Ok(slot.wire.downcast_ref().expect("a wire is filed under its type"))
    }

    fn shared_wire<T: ?Sized + Send + Sync + 'static>(&self) -> Result<Arc<Wire<T>>, GetError> {
        let slot = self.table.get(TypeId::of::<T>()).ok_or_else(|| self.absent::<T>())?;
        Ok(Arc::clone(&slot.wire).downcast().expect("a wire is filed under its type"))
    }

    #[cold]
    fn absent<T: ?Sized + 'static>(&self) -> GetError {
        let wanted = type_name::<T>();
        if self.ambiguous.contains(&TypeId::of::<T>()) {
            return GetError::Ambiguous { wanted };
        }
        GetError::Missing { wanted, alike: alike(wanted, self.book.names()) }
    }
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.book.names()).finish()
    }
}

/// A wire that works outside of a scope.
#[inline]
fn unscoped<T: ?Sized + Send + Sync + 'static>(wire: &Wire<T>) -> Result<&Wire<T>, GetError> {
    if wire.scoped { Err(GetError::NeedsScope { wanted: type_name::<T>() }) } else { Ok(wire) }
}

#[cold]
#[track_caller]
fn refuse(error: &GetError) -> ! {
    panic!("{}", kernel::with_causes(error))
}

fn hint(alike: &[&'static str]) -> String {
    if alike.is_empty() { String::new() } else { format!("; similar, and registered: {}", alike.join(", ")) }
}
