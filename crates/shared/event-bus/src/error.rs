use event_sourcing::{CommitError, StoreError};
use kernel::{Error, ErrorKind};

/// The bus cannot do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    /// A durable subscriber, and nothing that would last.
    #[error("subscriber `{0}` is durable, and the bus has no store: give it one, or make the subscriber ephemeral")]
    NoStore(&'static str),
    /// Two subscribers of one name would share a checkpoint.
    #[error("there is a subscriber `{0}` already: each needs a name of its own")]
    Twice(&'static str),
    /// Nobody runs here under that name.
    #[error("there is no subscriber `{0}` in this process: see `borough subscribers`")]
    Unknown(String),
    /// It was told to stop, or its task has panicked, before it had done what it was asked.
    #[error("subscriber `{0}` has stopped before all was done: look again when it runs")]
    Stopped(String),
    /// It asks for what cannot be.
    #[error("subscriber `{name}`: {fault}")]
    Subscription {
        /// Which.
        name: &'static str,
        /// What is wrong with it, and what would be right.
        fault: String,
    },
    /// The number of its slots is not the one that its checkpoints are stored for.
    #[error(
        "subscriber `{name}` is stored in {stored} slots, and is asked for in {asked}: an event would be lost or handled twice; \
         leave the number, or give the subscriber another name, with which it begins anew"
    )]
    Slots {
        /// Which.
        name: &'static str,
        /// That its checkpoints are stored for.
        stored: u32,
        /// That its subscription says.
        asked: u32,
    },
    /// Options out of range.
    #[error("the bus's options are out of range: {0}")]
    Options(String),
    /// It does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BusError {
    /// Of a unit without expectations.
    pub(crate) fn of_commit(error: CommitError) -> Self {
        match error {
            CommitError::Store(error) => Self::Store(error),
            CommitError::Unwritable(message) => Self::Store(StoreError::unwritable(message)),
            refused => unreachable!("this unit expects nothing and has no deadline: {refused}"),
        }
    }
}

impl From<BusError> for Error {
    fn from(error: BusError) -> Self {
        match error {
            BusError::Store(error) => error.into(),
            BusError::Unknown(_) => Self::new(ErrorKind::NotFound, error.to_string()),
            BusError::Stopped(_) => Self::new(ErrorKind::Unavailable, error.to_string()),
            BusError::NoStore(_)
            | BusError::Twice(_)
            | BusError::Subscription { .. }
            | BusError::Slots { .. }
            | BusError::Options(_) => Self::invalid(error.to_string()),
        }
    }
}
