use std::{fmt, marker::PhantomData, pin::Pin};

use kernel::{Envelope, Error, Event};
use serde::{Serialize, de::DeserializeOwned};

use super::{batch::Batch, view::View};
use crate::Index;

/// Documents that follow from events, and from nothing else.
///
/// The type is a plain value that can be made from nothing and copied bit by bit: an `Arc` of a store, a clock or a client does
/// not fit into it, and [`Applies::apply`] is given none. What it writes depends on the log alone, so that it can be written
/// anew at any time.
pub trait Projection: Copy + Default + Send + Sync + 'static {
    /// Unique in the program and never changed: what there is of it is stored under it. `module.plural_noun`.
    const NAME: &'static str;
    /// From 1. Raise it with whatever changes what is written for the same events: the next start builds a new generation.
    const VERSION: u32;
    /// Of its documents: [`Projected::COLLECTION`] of each type.
    const COLLECTIONS: &'static [&'static str];
    /// What documents are found by, beside their key: `(Day::COLLECTION, Day::BY_THERAPIST)`. An index that is added is made for
    /// the documents that are there, and needs no other version.
    const INDEXES: &'static [(&'static str, Index)] = &[];
    /// What becomes of an event that [`Applies::apply`] fails or panics on.
    const ON_FAILURE: OnPoison = OnPoison::Halt;
    /// What becomes of an event of a later version than the program knows, or whose data is not what its contract says.
    const ON_UNKNOWN: OnPoison = OnPoison::Halt;

    /// The events that it takes: `Events::default().of::<Scheduled>().of::<Cancelled>()`.
    fn events() -> Events<Self>;
}

/// How a [`Projection`] takes one type of event.
pub trait Applies<E: Event>: Projection {
    /// What follows from the event. The time at which it happened, and who caused it, are in the envelope.
    ///
    /// # Errors
    /// As [`Projection::ON_FAILURE`] says; nothing that was written for this event remains. It is not tried again by itself:
    /// the same event and the same documents would fail in the same way.
    ///
    /// # Cancel safety
    /// This future may be dropped at any `await`; the event then comes again, and finds nothing of what was written for it.
    fn apply(
        &self,
        event: &E,
        envelope: &Envelope,
        view: &mut View<'_, Self>,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// A document that a projection writes, and nobody else: it goes into a [`View`] and into no `Unit`.
pub trait Projected: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Whose it is.
    type By: Projection;
    /// `module.plural_noun`. The store has it under this name and the number of the generation.
    const COLLECTION: &'static str;
}

/// What to do with an event that cannot be applied. Before one that the store cannot give back a projection halts in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnPoison {
    /// The projection stops before it, says so, and fails readiness, until it is resumed or the program, mended, starts again:
    /// what readers see is old and right.
    #[default]
    Halt,
    /// It is passed over and counted: for what may be incomplete.
    Skip,
}

/// The events that a projection takes, and how.
pub struct Events<P> {
    pub(super) taken: Vec<Taken>,
    projection: PhantomData<fn() -> P>,
}

/// An event that a projection takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventType {
    /// Wire name.
    pub name: &'static str,
    /// The Rust type that it is read as.
    pub type_name: &'static str,
}

pub(super) type Applying<'a> = Pin<Box<dyn Future<Output = Result<(), Fault>> + Send + 'a>>;

/// One of them, without its type.
#[derive(Clone, Copy)]
pub(super) struct Taken {
    pub event: EventType,
    pub apply: for<'a> fn(&'a Envelope, &'a mut Batch) -> Applying<'a>,
}

/// Why an event was not applied.
#[derive(Debug)]
pub(super) enum Fault {
    /// By the handler, or it has panicked.
    Failed(Error),
    /// It cannot be read.
    Unknown(Error),
}

impl<P> Default for Events<P> {
    /// None.
    fn default() -> Self {
        Self { taken: Vec::new(), projection: PhantomData }
    }
}

impl<P: Projection> Events<P> {
    /// And this one.
    #[must_use]
    pub fn of<E: Event>(mut self) -> Self
    where
        P: Applies<E>,
    {
        let event = EventType { name: E::NAME, type_name: std::any::type_name::<E>() };
        self.taken.push(Taken { event, apply: apply::<P, E> });
        self
    }

    /// Their names and types.
    pub fn types(&self) -> impl Iterator<Item = EventType> {
        self.taken.iter().map(|taken| taken.event)
    }
}

impl<P> fmt::Debug for Events<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.taken.iter().map(|taken| taken.event.name)).finish()
    }
}

fn apply<'a, P: Applies<E>, E: Event>(envelope: &'a Envelope, batch: &'a mut Batch) -> Applying<'a> {
    Box::pin(async move {
        let event: E = envelope.decode().map_err(|error| Fault::Unknown(error.into()))?;
        P::default().apply(&event, envelope, &mut View::of(batch)).await.map_err(Fault::Failed)
    })
}

/// Whether each of these indexes is one of such a collection. At compile time.
pub(super) const fn are_of(indexes: &[(&str, Index)], collections: &[&str]) -> bool {
    let mut i = 0;
    while i < indexes.len() {
        if !is_among(indexes[i].0, collections) {
            return false;
        }
        i += 1;
    }
    true
}

/// Whether a name is one of these. At compile time, where there is no `==` of texts.
pub(super) const fn is_among(name: &str, names: &[&str]) -> bool {
    let mut i = 0;
    while i < names.len() {
        if is_same(name.as_bytes(), names[i].as_bytes()) {
            return true;
        }
        i += 1;
    }
    false
}

const fn is_same(a: &[u8], b: &[u8]) -> bool {
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}
