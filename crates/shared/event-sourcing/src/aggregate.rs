mod event_set;
mod repository;
mod snapshot;

use std::{fmt, ops::Deref};

use kernel::{DecodeError, Error};

pub use self::{
    event_set::EventSet,
    repository::{Moment, Repository, RetryingError},
    snapshot::{Snapshot, SnapshotPolicy, Snapshotted},
};
use crate::StoreError;

/// State that is made of its events and of nothing else: one stream of them is one aggregate.
///
/// Commands are plain methods of the type: they look at the state, and return events or an error of the domain's own.
///
/// ```
/// # use event_sourcing::{Aggregate, event_set};
/// # use kernel::Event;
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize, JsonSchema)] struct Opened { box_id: u32 }
/// # impl Event for Opened { const NAME: &'static str = "till.opened"; fn key(&self) -> String { self.box_id.to_string() } }
/// # #[derive(Serialize, Deserialize, JsonSchema)] struct Paid { box_id: u32, cents: u64 }
/// # impl Event for Paid { const NAME: &'static str = "till.paid"; fn key(&self) -> String { self.box_id.to_string() } }
/// event_set! {
///     pub enum TillEvent {
///         Opened(Opened),
///         Paid(Paid),
///     }
/// }
///
/// #[derive(Default)]
/// enum Till {
///     #[default]
///     Closed,
///     Open { box_id: u32, cents: u64 },
/// }
///
/// impl Aggregate for Till {
///     type Id = u32;
///     type Event = TillEvent;
///     const STREAM: &'static str = "till";
///
///     fn apply(&mut self, event: TillEvent) {
///         match (self, event) {
///             (till, TillEvent::Opened(Opened { box_id })) => *till = Till::Open { box_id, cents: 0 },
///             (Till::Open { cents, .. }, TillEvent::Paid(paid)) => *cents += paid.cents,
///             (Till::Closed, TillEvent::Paid(_)) => {}
///         }
///     }
/// }
///
/// impl Till {
///     fn pay(&self, cents: u64) -> Result<TillEvent, &'static str> {
///         match *self {
///             Till::Open { box_id, .. } => Ok(Paid { box_id, cents }.into()),
///             Till::Closed => Err("the till is closed: open it first"),
///         }
///     }
/// }
/// ```
///
/// [`Default`] is the state before the first event. There is no command type, no handler and no table of them: a method can take
/// what it needs, and the compiler knows its error.
pub trait Aggregate: Default + Send + Sync + 'static {
    /// What tells one from another.
    type Id: fmt::Display + Clone + Send + Sync + 'static;
    /// The types of its events, as an enum that [`event_set!`](crate::event_set) declares; or its only one.
    type Event: EventSet;
    /// The first part of the names of its streams. Not the package of an event: what is [published](crate::Unit::publish) goes to
    /// the stream of its package and key.
    const STREAM: &'static str;

    /// What follows from an event for the state. It has happened, so there is nothing to refuse here, and nothing to do but to
    /// remember: no clock, no ids, no I/O, or two replays would not come to the same.
    fn apply(&mut self, event: Self::Event);

    /// Where the events of this one are.
    fn stream(id: &Self::Id) -> String {
        format!("{}-{id}", Self::STREAM)
    }
}

/// An aggregate as it is at some version of its stream. Dereferences to its state, for the commands.
#[derive(Debug, Clone)]
pub struct Loaded<A: Aggregate> {
    id: A::Id,
    state: A,
    version: u64,
    /// The version of its latest snapshot; 0 without one.
    snapshot: u64,
}

impl<A: Aggregate> Loaded<A> {
    /// One of which nothing has happened yet: for whoever has just made up the id, and need not ask the store. If there is one
    /// after all, the commit conflicts.
    pub fn fresh(id: A::Id) -> Self {
        Self { id, state: A::default(), version: 0, snapshot: 0 }
    }

    /// Which one it is.
    pub fn id(&self) -> &A::Id {
        &self.id
    }

    /// How many events it is made of.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Whether nothing has happened yet: there is no such aggregate.
    pub fn is_new(&self) -> bool {
        self.version == 0
    }

    /// The state alone.
    pub fn into_state(self) -> A {
        self.state
    }

    fn apply(&mut self, event: A::Event) {
        self.state.apply(event);
        self.version += 1;
    }
}

impl<A: Aggregate> Deref for Loaded<A> {
    type Target = A;

    fn deref(&self) -> &A {
        &self.state
    }
}

/// An aggregate cannot be told from its stream.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The store cannot do its work.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An event of the stream cannot be read.
    #[error("version {version} of stream `{stream}` cannot be read: {why}")]
    Undecodable {
        /// Its name.
        stream: String,
        /// Of the event, from 1.
        version: u64,
        /// What is wrong with it.
        why: DecodeError,
    },
    /// Somebody else has written into the stream, or the type of an event is gone from the code.
    #[error(
        "version {version} of stream `{stream}` is `{event_type}`, which is none of the aggregate's events ({}): add it to them, \
         or write it to another stream", .known.join(", ")
    )]
    Foreign {
        /// Its name.
        stream: String,
        /// Of the event, from 1.
        version: u64,
        /// What it is.
        event_type: String,
        /// What it could be.
        known: &'static [&'static str],
    },
    /// The stream has not come to this version.
    #[error("stream `{stream}` is at version {last}, there is no version {version} of it: ask for an earlier one")]
    Absent {
        /// Its name.
        stream: String,
        /// What was asked for.
        version: u64,
        /// What there is.
        last: u64,
    },
}

impl From<LoadError> for Error {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Store(error) => error.into(),
            LoadError::Undecodable { .. } | LoadError::Foreign { .. } => {
                Self::internal(error.to_string()).with_code("aggregate.unreadable")
            }
            LoadError::Absent { .. } => Self::new(kernel::ErrorKind::NotFound, error.to_string()),
        }
    }
}
