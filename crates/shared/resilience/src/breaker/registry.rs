use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use kernel::{Clock, Error};
use tokio::sync::broadcast;

use super::{Breaker, BreakerChange, BreakerOptions, BreakerStatus};

/// The breakers of all targets, by name.
///
/// Metrics go to the recorder that is installed when a target is first named.
pub struct Breakers {
    options: BreakerOptions,
    clock: Arc<dyn Clock>,
    changes: broadcast::Sender<BreakerChange>,
    targets: RwLock<BTreeMap<Arc<str>, Breaker>>,
}

/// A listener that is so many changes late misses the oldest.
const CHANGES: usize = 256;

impl Breakers {
    /// No breaker yet: they come with their targets.
    ///
    /// # Errors
    /// All options that are wrong.
    pub fn try_new(options: BreakerOptions, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        options.check()?;
        let changes = broadcast::Sender::new(CHANGES);
        Ok(Self { options, clock, changes, targets: RwLock::default() })
    }

    /// The breaker of a target, which a caller that has it need not look up again.
    ///
    /// # Errors
    /// If it would be one target too many, which points to names that are made of ids.
    pub fn of(&self, target: &str) -> Result<Breaker, Error> {
        if let Some(breaker) = self.targets.read().unwrap_or_else(PoisonError::into_inner).get(target) {
            return Ok(breaker.clone());
        }
        let mut targets = self.targets.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(breaker) = targets.get(target) {
            return Ok(breaker.clone());
        }
        if targets.len() >= self.options.targets {
            let most = self.options.targets;
            return Err(Error::internal(format!(
                "there are breakers for {most} targets and `{target}` would be one more: name targets by what they are, not \
                 by an id of theirs, or raise `targets` of the breakers"
            )));
        }
        let name: Arc<str> = target.into();
        let breaker = Breaker::new(Arc::clone(&name), &self.options, Arc::clone(&self.clock), self.changes.clone());
        targets.insert(name, breaker.clone());
        Ok(breaker)
    }

    /// All breakers, ordered by target.
    pub fn statuses(&self) -> Vec<BreakerStatus> {
        self.targets.read().unwrap_or_else(PoisonError::into_inner).values().map(Breaker::status).collect()
    }

    /// The changes of state of all breakers from now on; those of one target in their order. A receiver that lags by 256
    /// misses the oldest, and is told so.
    pub fn changes(&self) -> broadcast::Receiver<BreakerChange> {
        self.changes.subscribe()
    }
}
