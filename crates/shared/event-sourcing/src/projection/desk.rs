use std::{sync::Arc, time::Duration};

use kernel::{Error, ErrorKind};
use tokio::time::{Instant, sleep};

use super::{
    projector::{Projector, Trouble},
    rebuild,
    record::{ProjectionStatus, Record, status},
    standing::ProjectionStanding,
};
use crate::{Conflict, Expected, Found, StoreError};

/// Between two looks whether all have come to the end of the log.
const LOOK: Duration = Duration::from_millis(2);
/// Tries to change a record that others change at the same time.
const TRIES: usize = 16;

/// The projections of a program, and what a person may order of them. Every order is in the store before it is answered:
/// restarts do not forget it, and whichever process runs the projection obeys, this one at once and another one within a second.
#[derive(Clone, Default)]
pub struct Projections(Arc<[Arc<Projector>]>);

/// An order was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProjectionError {
    /// There is none of that name.
    #[error("there is no projection `{0}`: see `borough projections list`")]
    Unknown(String),
    /// Others have changed it again and again meanwhile.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// It does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Projections {
    /// All of a program, in the order in which they are shown.
    pub fn new(projectors: impl IntoIterator<Item = Arc<Projector>>) -> Self {
        Self(projectors.into_iter().collect())
    }

    /// How each stands that runs in this process.
    pub fn standings(&self) -> Vec<ProjectionStanding> {
        self.0.iter().map(|projector| projector.standing()).collect()
    }

    /// Waits until each has come to the end of the log, but for those that are paused, have halted or cannot go on. Whether they
    /// have within the time.
    ///
    /// # Errors
    /// The store does not answer.
    ///
    /// # Cancel safety
    /// Only waits; can be dropped and called again.
    pub async fn drain(&self, time: Duration) -> Result<bool, StoreError> {
        let until = Instant::now() + time;
        let Some(first) = self.0.first() else { return Ok(true) };
        let head = first.ports.store.head().await?;
        while !self.standings().iter().all(|standing| standing.is_through(head)) {
            if Instant::now() >= until {
                return Ok(false);
            }
            sleep(LOOK).await;
        }
        Ok(true)
    }

    /// What the store has of each.
    ///
    /// # Errors
    /// The store does not answer.
    ///
    /// # Cancel safety
    /// Dropped, nothing is changed, but for the first record of a projection that never ran.
    pub async fn status(&self) -> Result<Vec<ProjectionStatus>, ProjectionError> {
        let mut all = Vec::new();
        for projector in self.0.iter() {
            let Found { key, value, .. } = projector.record().await?;
            all.push(status(&*projector.ports.store, key, value).await?);
        }
        Ok(all)
    }

    /// Nothing is applied any more, a rebuild included, until it is [resumed](Self::resume).
    ///
    /// # Errors
    /// There is none of that name; the store does not answer.
    ///
    /// # Cancel safety
    /// Dropped, it is paused or not.
    pub async fn pause(&self, name: &str) -> Result<(), ProjectionError> {
        let projector = self.named(name)?;
        let now = projector.ports.clock.now();
        self.change(projector, |record| _ = record.paused.get_or_insert(now)).await
    }

    /// One that was paused goes on; one that has halted, or whose rebuild has, tries that event again.
    ///
    /// # Errors
    /// There is none of that name; the store does not answer.
    ///
    /// # Cancel safety
    /// Dropped, it goes on or not.
    pub async fn resume(&self, name: &str) -> Result<(), ProjectionError> {
        let resume = |record: &mut Record| {
            record.paused = None;
            record.resumed += 1;
        };
        self.change(self.named(name)?, resume).await
    }

    /// Has all documents written anew beside those that readers see. The answer is the generation that will take their place:
    /// see [`follow_rebuild`](super::follow_rebuild). One of this version that is under way goes on, whoever has begun it; one that has
    /// halted, or is a newer program's, which may be gone, is given up for another.
    ///
    /// # Errors
    /// There is none of that name; the store does not answer.
    ///
    /// # Cancel safety
    /// Dropped, a rebuild was begun or not.
    pub async fn rebuild(&self, name: &str) -> Result<u32, ProjectionError> {
        let projector = self.named(name)?;
        let mut tries = 1;
        loop {
            let Found { key, value, revision } = projector.record().await?;
            if let Some(rebuild) = status(&*projector.ports.store, key, value.clone()).await?.rebuild
                && rebuild.halted.is_none()
                && rebuild.version == projector.version
            {
                return Ok(rebuild.number);
            }
            match rebuild::begin(projector, value, revision).await {
                Err(Trouble::Taken(_)) if tries < TRIES => tries += 1,
                begun => {
                    projector.ring();
                    return Ok(begun?);
                }
            }
        }
    }

    async fn change(&self, projector: &Projector, change: impl Fn(&mut Record)) -> Result<(), ProjectionError> {
        let mut tries = 1;
        loop {
            let Found { mut value, revision, .. } = projector.record().await?;
            change(&mut value);
            let mut unit = projector.unit();
            unit.put(projector.name, &value, Expected::Exact(revision));
            match projector.ports.store.commit(unit).await.map_err(Trouble::from) {
                Err(Trouble::Taken(_)) if tries < TRIES => tries += 1,
                written => {
                    projector.ring();
                    return Ok(written.map(drop)?);
                }
            }
        }
    }

    fn named(&self, name: &str) -> Result<&Projector, ProjectionError> {
        let found = self.0.iter().find(|projector| projector.name == name);
        found.map(|projector| &**projector).ok_or_else(|| ProjectionError::Unknown(name.to_owned()))
    }
}

impl From<Trouble> for ProjectionError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Store(error) => Self::Store(error),
            Trouble::Taken(conflict) => Self::Conflict(conflict),
        }
    }
}

impl From<ProjectionError> for Error {
    fn from(error: ProjectionError) -> Self {
        let code = match &error {
            ProjectionError::Unknown(_) => (ErrorKind::NotFound, "projection.unknown"),
            ProjectionError::Conflict(_) => (ErrorKind::Conflict, "projection.changed"),
            ProjectionError::Store(error) => return error.clone().into(),
        };
        Self::new(code.0, error.to_string()).with_code(code.1)
    }
}
