//! From the stored form of an event to its type: the one place where versions are looked at.

use std::{
    any::Any,
    borrow::Cow,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::{Envelope, Error, Event, EventId, Json, panic_text};

/// Why a step to the next version could not be made.
#[derive(Debug, thiserror::Error)]
pub enum UpcastError {
    /// Nobody has said how.
    #[error("there is no step from this version")]
    Unknown,
    /// The data do not have the form of their version.
    #[error(transparent)]
    Unfit(#[from] serde_json::Error),
}

/// An event that cannot be read, however often it is tried.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// A later program has written it.
    #[error("`{name}` is of version {version}, this program understands up to {known}: upgrade it")]
    Newer {
        /// Wire name.
        name: &'static str,
        /// Of the event.
        version: u32,
        /// [`Event::VERSION`] here.
        known: u32,
    },
    /// It is older than what is understood.
    #[error(
        "`{name}` is of version {version}, and nothing brings version {missing} to the one after it: add that step to its `upcast`"
    )]
    NoUpcaster {
        /// Wire name.
        name: &'static str,
        /// Of the event.
        version: u32,
        /// The version from which there is no step.
        missing: u32,
    },
    /// The data do not have the form of their version.
    #[error("`{name}` {event_id}{} does not fit its contract: {why}; publish what has changed as a new version", upcast(*.from))]
    Unfit {
        /// Wire name.
        name: &'static str,
        /// Which one.
        event_id: EventId,
        /// The version whose step found it, if it was upcast.
        from: Option<u32>,
        /// What is wrong with it.
        why: serde_json::Error,
    },
    /// Its type is not made for such data, and says so as nobody should.
    #[error(
        "`{name}` {event_id} cannot be read, for its `upcast` or `Deserialize` panics ({said}): let it return an error"
    )]
    Panicked {
        /// Wire name.
        name: &'static str,
        /// Which one.
        event_id: EventId,
        /// What the panic says.
        said: String,
    },
}

impl DecodeError {
    /// What a program can tell it by: `event.newer_version`, `event.unknown_version` or `event.undecodable`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Newer { .. } => "event.newer_version",
            Self::NoUpcaster { .. } => "event.unknown_version",
            Self::Unfit { .. } | Self::Panicked { .. } => "event.undecodable",
        }
    }
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Self::invalid(error.to_string()).with_code(error.code())
    }
}

/// The event in the form that its type has now.
pub(crate) fn current<E: Event>(envelope: &Envelope) -> Result<E, DecodeError> {
    // Mutant `upcast_panics`: an upcaster that panics takes whoever reads with it.
    if cfg!(mutant = "upcast_panics") {
        return read(envelope);
    }
    let (name, event_id) = (E::NAME, envelope.event_id);
    let panicked = |panic: Box<dyn Any + Send>| DecodeError::Panicked { name, event_id, said: panic_text(panic) };
    catch_unwind(AssertUnwindSafe(|| read(envelope))).unwrap_or_else(|panic| Err(panicked(panic)))
}

fn read<E: Event>(envelope: &Envelope) -> Result<E, DecodeError> {
    let (name, event_id, version) = (E::NAME, envelope.event_id, envelope.metadata.schema_version);
    if version > E::VERSION {
        return Err(DecodeError::Newer { name, version, known: E::VERSION });
    }
    let mut data = Cow::Borrowed(&envelope.data);
    // Mutant `upcast_skipped`: data of an earlier version are read as if they were of the present one.
    let first = if cfg!(mutant = "upcast_skipped") { E::VERSION } else { version };
    for from in first..E::VERSION {
        data = Cow::Owned(E::upcast(from, &data).map_err(|error| match error {
            UpcastError::Unknown => DecodeError::NoUpcaster { name, version, missing: from },
            UpcastError::Unfit(why) => DecodeError::Unfit { name, event_id, from: Some(from), why },
        })?);
    }
    let upcast = (version < E::VERSION).then_some(version);
    data.read().map_err(|why| DecodeError::Unfit { name, event_id, from: upcast, why })
}

/// Versions before the present one from which no step leads on.
pub(crate) fn without_upcaster<E: Event>() -> Vec<u32> {
    let nothing = Json::of(&()).expect("nothing can be written as JSON");
    // One that panics for want of data is there.
    let step = |from| catch_unwind(|| E::upcast(from, &nothing));
    (1..E::VERSION).filter(|from| matches!(step(*from), Ok(Err(UpcastError::Unknown)))).collect()
}

fn upcast(from: Option<u32>) -> String {
    from.map_or_else(String::new, |from| format!(" of version {from}"))
}
