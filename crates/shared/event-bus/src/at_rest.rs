use std::collections::HashSet;

use chrono::{DateTime, Utc};
use event_sourcing::{Position, Store, StoreError, StoreExt};

use kernel::Envelope;

use crate::{
    DeadLetters, DeliveryClass, LetterFilter, Pause, SubscriberStatus, Subscription,
    delivery::position,
    progress::{Mark, key},
    slot::{Slot, slot_of},
};

const PAGE: usize = 256;

/// How subscribers stand that nobody runs, as far as the store tells: those that are durable, in the order given. Where the keys of one
/// are divided, it is as far as the part that has come least far.
///
/// # Errors
/// What the store says.
///
/// # Cancel safety
/// Only reads.
pub async fn at_rest(
    subscriptions: &[Subscription],
    store: &dyn Store,
    now: DateTime<Utc>,
) -> Result<Vec<SubscriberStatus>, StoreError> {
    let head = store.head().await?;
    let durable = subscriptions.iter().filter(|subscription| subscription.class == DeliveryClass::Durable);
    let mut all = Vec::new();
    for subscription in durable {
        let &Subscription { name, module, event_type, class, slots, .. } = subscription;
        let (mut position, mut oldest) = (head, None);
        for index in 0..slots {
            let slot = Slot { index, of: slots };
            let (subscription, place) = (subscription.clone().of_slot(slot), slot.stored_name(name));
            let (to, next) = next(store, &subscription, &place, store.checkpoint(&place).await?, usize::MAX).await?;
            (position, oldest) = (position.min(to), oldest.into_iter().chain(next).min());
        }
        all.push(SubscriberStatus {
            name,
            module,
            event_type,
            class,
            position,
            head,
            queued: 0,
            in_flight: 0,
            oldest: oldest.map(|at| (now - at).to_std().unwrap_or_default()),
            parked_keys: parked_keys(store, name).await?,
            paused: store.get::<Pause>(name).await?.is_some(),
            halted: None,
            trouble: None,
            dropped: 0,
            overlong: Vec::new(),
            retrying: 0,
            failing: Vec::new(),
            slots: Vec::new(),
        });
    }
    Ok(all)
}

/// How far subscribers are, as the store knows it: those that are durable. One that has no effects says how far it is only every
/// second, or every 256 events.
pub struct Checkpoints<'a> {
    store: &'a dyn Store,
    /// With the checkpoint of each of its slots.
    subscriptions: Vec<(&'a Subscription, Vec<Position>)>,
}

impl<'a> Checkpoints<'a> {
    /// As they stand now.
    ///
    /// # Errors
    /// What the store says.
    ///
    /// # Cancel safety
    /// Only reads.
    pub async fn of(subscriptions: &'a [Subscription], store: &'a dyn Store) -> Result<Self, StoreError> {
        let mut durable = Vec::new();
        for subscription in subscriptions.iter().filter(|subscription| subscription.class == DeliveryClass::Durable) {
            let mut checkpoints = Vec::new();
            for index in 0..subscription.slots {
                let place = Slot { index, of: subscription.slots }.stored_name(subscription.name);
                checkpoints.push(store.checkpoint(&place).await?);
            }
            durable.push((subscription, checkpoints));
        }
        Ok(Self { store, subscriptions: durable })
    }

    /// The subscribers that take this event of the log, and whether they are through with it: those that are not have it before them, or
    /// are just handling it.
    ///
    /// # Errors
    /// What the store says.
    ///
    /// # Panics
    /// If the event has no position.
    ///
    /// # Cancel safety
    /// Only reads.
    pub async fn at(&self, event: &Envelope) -> Result<Vec<(&'a Subscription, bool)>, StoreError> {
        let mut all = Vec::new();
        for (subscription, checkpoints) in
            self.subscriptions.iter().filter(|(subscription, _)| subscription.takes(event))
        {
            let slot = Slot { index: slot_of(&event.metadata.key, subscription.slots), of: subscription.slots };
            let mark = key(&slot.stored_name(subscription.name), position(event));
            let is_through =
                checkpoints[slot.index as usize] >= position(event) || self.store.get::<Mark>(&mark).await?.is_some();
            all.push((*subscription, is_through));
        }
        Ok(all)
    }
}

/// Up to where nothing comes that the subscriber will be given in this place, and when the first event happened that it will be, if
/// there is one in so many pages of 256 events.
pub(crate) async fn next(
    store: &dyn Store,
    subscription: &Subscription,
    place: &str,
    mut after: Position,
    pages: usize,
) -> Result<(Position, Option<DateTime<Utc>>), StoreError> {
    for _ in 0..pages {
        let page = store.readable(after, PAGE).await?.events;
        for event in page.iter().filter(|event| subscription.takes(event)) {
            if store.get::<Mark>(&key(place, position(event))).await?.is_none() {
                return Ok((Position(position(event).0 - 1), Some(event.timestamp)));
            }
        }
        let Some(last) = page.iter().last() else { return Ok((after, None)) };
        after = position(last);
    }
    Ok((after, None))
}

async fn parked_keys(store: &dyn Store, subscriber: &str) -> Result<usize, StoreError> {
    let (letters, filter) = (DeadLetters::of(store), LetterFilter::of(subscriber));
    let (mut keys, mut after) = (HashSet::new(), None::<String>);
    loop {
        let page = letters.list(&filter, after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(keys.len()) };
        after = Some(last.key.clone());
        keys.extend(page.into_iter().map(|letter| letter.value.event.metadata.key));
    }
}
