//! How long it is remembered what became of deliveries.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use event_sourcing::{CommitError, Expected, Found, Position, Store, StoreError, StoreExt, Unit};

use crate::DeliveryRecord;

/// Records removed in one unit.
const PAGE: usize = 256;

/// Units at once: whoever removes them has other things to do.
const PAGES: usize = 64;

/// Which [`DeliveryRecord`]s are kept: those to which both applies. What is not is removed within a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Deliveries that were tried no longer ago.
    pub age: Duration,
    /// Of so many of the latest events in the log.
    pub events: u64,
}

impl Default for Retention {
    /// A week, a million events.
    fn default() -> Self {
        Self { age: Duration::from_secs(7 * 24 * 60 * 60), events: 1_000_000 }
    }
}

impl Retention {
    /// No records.
    pub const NONE: Self = Self { age: Duration::ZERO, events: 0 };

    pub(crate) fn is_none(&self) -> bool {
        self.age.is_zero() || self.events == 0
    }

    /// Removes the first of those that are not kept any more; whether that were all.
    pub(crate) async fn sweep(
        &self,
        store: &dyn Store,
        now: DateTime<Utc>,
        unit: impl Fn() -> Unit,
    ) -> Result<bool, StoreError> {
        // Mutant `records_for_ever`: what became of deliveries is remembered until the disk is full.
        if cfg!(mutant = "records_for_ever") {
            return Ok(true);
        }
        let oldest = TimeDelta::from_std(self.age).ok().and_then(|age| now.checked_sub_signed(age));
        let passed = Position(store.head().await?.0.saturating_sub(self.events));
        let is_old = |record: &DeliveryRecord| {
            self.is_none() || record.position <= passed || oldest.is_some_and(|oldest| record.started < oldest)
        };
        let mut after: Option<String> = None;
        for _ in 0..PAGES {
            let page = store.list::<DeliveryRecord>(after.as_deref(), PAGE).await?;
            after = page.last().map(|last| last.key.clone());
            let old: Vec<Found<DeliveryRecord>> = page.into_iter().filter(|found| is_old(&found.value)).collect();
            // They are in the order of the log, which but for dead letters is that of time.
            if old.is_empty() {
                return Ok(true);
            }
            let mut removal = unit();
            for Found { key, revision, .. } in old {
                removal.delete::<DeliveryRecord>(key, Expected::Exact(revision));
            }
            match store.commit(removal).await {
                // A dead letter among them was tried again meanwhile: the next look takes the others.
                Ok(_) | Err(CommitError::Conflict(_) | CommitError::Late { .. }) => {}
                Err(CommitError::Store(error)) => return Err(error),
                Err(CommitError::Unwritable(message)) => return Err(StoreError::unwritable(message)),
            }
        }
        Ok(false)
    }
}
