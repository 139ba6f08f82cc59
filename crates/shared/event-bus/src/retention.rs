//! How long it is remembered what became of deliveries.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use event_sourcing::{CommitError, Expected, Found, Position, Store, StoreError, StoreExt, Unit};

use crate::DeliveryRecord;

/// Records removed in one unit.
const PAGE: usize = 256;

/// Units at once: the store has other things to do.
const PAGES: usize = 64;

/// Pages among those that are kept, in which it is looked whether there are old ones.
const BEHIND: usize = 8;

/// Between two looks.
const SWEEP: TimeDelta = TimeDelta::minutes(1);

/// Which [`DeliveryRecord`]s are kept: those to which both applies. What is not is removed within a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Deliveries that were tried no longer ago. An older one that stands in the log behind one that was tried later is found within
    /// hours: 2,048 records a minute are looked at.
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

    pub(crate) fn keeps_none(&self) -> bool {
        self.age.is_zero() || self.events == 0
    }
}

/// Removes what is not kept any more, a part of it at a time.
#[derive(Default)]
pub(crate) struct Sweeper {
    /// When it was last through.
    swept: Option<DateTime<Utc>>,
    /// The last record that it has looked at among those that are kept.
    at: Option<String>,
}

impl Sweeper {
    /// Does its part, unless that was done less than a minute ago.
    pub async fn sweep(
        &mut self,
        retention: Retention,
        store: &dyn Store,
        now: DateTime<Utc>,
        unit: impl Fn() -> Unit,
    ) -> Result<(), StoreError> {
        // A clock that was set back must not put it off for ever.
        // Mutant `records_for_ever`: what became of deliveries is remembered until the disk is full.
        if self.swept.is_some_and(|swept| (now - swept).abs() < SWEEP) || cfg!(mutant = "records_for_ever") {
            return Ok(());
        }
        let oldest = TimeDelta::from_std(retention.age).ok().and_then(|age| now.checked_sub_signed(age));
        let head = store.head().await?;
        let passed = if retention.keeps_none() { head } else { Position(head.0.saturating_sub(retention.events)) };
        let is_old =
            |record: &DeliveryRecord| record.position <= passed || oldest.is_some_and(|oldest| record.started < oldest);
        let mut after: Option<String> = None;
        for _ in 0..PAGES {
            // They are in the order of the log, which is mostly that of time.
            if !remove_page(store, &mut after, passed, is_old, &unit).await? {
                // Who came late has written fresh records about old events, and others are behind those: bit by bit.
                after = after.max(self.at.take());
                for _ in 0..BEHIND {
                    remove_page(store, &mut after, passed, is_old, &unit).await?;
                }
                (self.swept, self.at) = (Some(now), after);
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Removes those of the next page that are old, and says whether there were such. At the end it begins anew.
async fn remove_page(
    store: &dyn Store,
    after: &mut Option<String>,
    passed: Position,
    is_old: impl Fn(&DeliveryRecord) -> bool,
    unit: &impl Fn() -> Unit,
) -> Result<bool, StoreError> {
    let page = store.list_each::<DeliveryRecord>(after.as_deref(), PAGE).await?;
    let mut removal = unit();
    *after = None;
    for found in page {
        let (key, expected) = match found {
            Ok(Found { key, value, revision }) => (key, is_old(&value).then_some(Expected::Exact(revision))),
            // One of an earlier or a later program, or damaged: it goes with those around it.
            Err(unreadable) => {
                let is_old = DeliveryRecord::position_in(&unreadable.key).is_some_and(|position| position <= passed);
                (unreadable.key, is_old.then_some(Expected::Any))
            }
        };
        *after = Some(key.clone());
        if let Some(expected) = expected {
            removal.delete::<DeliveryRecord>(key, expected);
        }
    }
    if removal.is_empty() {
        return Ok(false);
    }
    match store.commit(removal).await {
        // A dead letter among them was tried again meanwhile: the next look takes the others.
        Ok(_) | Err(CommitError::Conflict(_) | CommitError::Late { .. }) => Ok(true),
        Err(CommitError::Store(error)) => Err(error),
        Err(CommitError::Unwritable(message)) => Err(StoreError::unwritable(message)),
    }
}
