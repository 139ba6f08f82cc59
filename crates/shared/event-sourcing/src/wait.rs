use std::time::Duration;

use kernel::{Error, ErrorKind};
use tokio::time::{sleep, timeout};

use crate::{Position, Store, StoreError};

/// Between two looks: at first, and later on, each twice as far from the one before.
const SOON: Duration = Duration::from_millis(1);
const LATER: Duration = Duration::from_millis(50);

/// What was waited for has not come about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// Not in the time that it was given.
    #[error(
        "{what} has come to position {reached} and not to {wanted} within {within:?}: give it more time, or see what holds it up \
         with `borough status`"
    )]
    Late {
        /// ``the log`` or ``subscriber `x` ``.
        what: String,
        /// Where it was to come.
        wanted: Position,
        /// Where it was when it was last looked at.
        reached: Position,
        /// How long it was given.
        within: Duration,
    },
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<WaitError> for Error {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::Late { .. } => Self::new(ErrorKind::Deadline, error.to_string()),
            WaitError::Store(error) => error.into(),
        }
    }
}

/// What comes to a position.
#[derive(Clone, Copy)]
pub(crate) enum Follower<'a> {
    Log,
    Subscriber(&'a str),
}

impl Follower<'_> {
    async fn reached<S: Store + ?Sized>(self, store: &S) -> Result<Position, StoreError> {
        match self {
            Self::Log => store.head().await,
            Self::Subscriber(name) => store.checkpoint(name).await,
        }
    }

    fn name(self) -> String {
        match self {
            Self::Log => "the log".into(),
            Self::Subscriber(name) => format!("subscriber `{name}`"),
        }
    }
}

/// Nobody announces a checkpoint, and what another process appends is not announced here: it is looked for.
pub(crate) async fn for_position<S: Store + ?Sized>(
    store: &S,
    follower: Follower<'_>,
    wanted: Position,
    within: Duration,
) -> Result<(), WaitError> {
    let mut reached = Position(0);
    let looking = async {
        let mut pause = SOON;
        loop {
            reached = follower.reached(store).await?;
            if reached >= wanted {
                return Ok(());
            }
            sleep(pause).await;
            pause = LATER.min(pause * 2);
        }
    };
    let looked = timeout(within, looking).await;
    looked.unwrap_or_else(|_| Err(WaitError::Late { what: follower.name(), wanted, reached, within }))
}
