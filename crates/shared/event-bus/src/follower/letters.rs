//! Dead letters are tried again by the follower itself, beside its other deliveries. As long as a key has letters its later events
//! are put behind them, so there is one who handles the events of a key, and their order is that of the log.
//!
//! A letter that was never tried waits for one before it. As soon as there is none, because it was handled or discarded, by
//! whomever, it is delivered by itself: nothing has to be remembered for that, and a crash changes nothing about it.

use std::{collections::HashMap, mem::take, pin::Pin, sync::Arc};

use event_sourcing::{CommitError, Expected, Found, StoreError, StoreExt};
use tokio::sync::watch;

use super::Follower;
use crate::{
    DeadLetter, DeliveryOutcome,
    control::Orders,
    delivery::{Delivery, Tried, position},
    handler::Fault,
    mailbox::Waiting,
    redelivery::Ask,
    subscription::Calls,
};

/// What the follower knows about its letters and has not done yet.
#[derive(Default)]
pub(super) struct Letters {
    asked: Vec<Ask>,
    /// Whether there is a key of which no letter was ever tried.
    loose: bool,
    look: Look,
}

/// A look at the letters, which may be many: a page at a time.
#[derive(Default)]
struct Look {
    after: Option<String>,
    /// Of each key that was seen, whether its first letter was never tried.
    keys: HashMap<String, bool>,
}

/// Letters that are being tried again.
pub(super) type Redelivering = Pin<Box<dyn Future<Output = Redelivered> + Send>>;

/// Whoever asked is answered when it is known which keys are parked now.
pub(super) struct Redelivered {
    asked: Vec<Ask>,
    result: Result<(), StoreError>,
}

/// Tries letters one after another.
struct Redelivery {
    delivery: Arc<Delivery>,
    orders: watch::Receiver<Orders>,
}

/// The letters of one key in the order of the log.
#[derive(Default)]
struct Sequence {
    ids: Vec<String>,
    /// Whether somebody asked for one of them, or the first was never tried.
    is_due: bool,
}

enum End {
    Delivered,
    Failed,
    /// Somebody else has discarded it.
    Gone,
}

impl Letters {
    pub fn is_empty(&self) -> bool {
        self.asked.is_empty() && !self.loose
    }
}

impl Follower {
    /// Which keys are parked, what was asked about them, and whether some are held back by nothing any more.
    pub(super) async fn look_at_letters(&mut self) -> Result<(), StoreError> {
        self.letters.asked.extend(self.delivery.desk.take());
        self.letters.look = Look::default();
        self.parked.look();
        while !self.look_on().await? {}
        Ok(())
    }

    /// One page further: for what another process may have done. Whether all of them are seen.
    pub(super) async fn look_on(&mut self) -> Result<bool, StoreError> {
        let Look { after, keys, .. } = &mut self.letters.look;
        let see = |_: &str, letter: DeadLetter| {
            let loose = letter.attempts == 0;
            keys.entry(letter.event.metadata.key).or_insert(loose);
        };
        *after = self.delivery.letters_after(after.take(), see).await?;
        if after.is_some() {
            return Ok(false);
        }
        let Look { keys, .. } = take(&mut self.letters.look);
        self.letters.loose = keys.values().any(|loose| *loose);
        self.parked.looked(keys.into_keys());
        Ok(true)
    }

    /// What is to be tried again, if something is and may be now.
    pub(super) fn redelivery(&mut self) -> Option<Redelivering> {
        if self.letters.is_empty() || self.obeyed.leaving {
            return None;
        }
        let mut asked = take(&mut self.letters.asked);
        asked.retain(|ask| !ask.is_given_up());
        if self.obeyed.paused || self.halted.is_some() {
            for ask in asked {
                ask.tell(|retried| retried.held.push(self.delivery.subscription.name.to_owned()));
                ask.end(Ok(()));
            }
            return None;
        }
        let loose = take(&mut self.letters.loose);
        if asked.is_empty() && !loose {
            return None;
        }
        let redelivery = Redelivery { delivery: Arc::clone(&self.delivery), orders: self.orders.clone() };
        Some(Box::pin(async move {
            let result = redelivery.run(&asked, loose).await;
            Redelivered { asked, result }
        }))
    }

    /// It is known again which keys are parked, and whoever asked is told so.
    pub(super) async fn redelivered(&mut self, Redelivered { asked, result }: Redelivered) -> Result<(), StoreError> {
        let result = match result {
            Ok(()) => self.look_at_letters().await,
            Err(error) => Err(error),
        };
        asked.into_iter().for_each(|ask| ask.end(result.clone()));
        result
    }
}

impl Redelivery {
    async fn run(&self, asked: &[Ask], loose: bool) -> Result<(), StoreError> {
        for ask in asked {
            self.redeliver(Some(ask)).await?;
        }
        if loose { self.redeliver(None).await } else { Ok(()) }
    }

    /// The keys of which a letter is wanted, or was parked behind others that are gone: each from its first letter on, until
    /// one fails.
    async fn redeliver(&self, ask: Option<&Ask>) -> Result<(), StoreError> {
        for mut sequence in self.sequences(ask).await? {
            // Mutant `letters_backwards`: the letters of a key are tried again in the wrong order.
            if cfg!(mutant = "letters_backwards") {
                sequence.ids.reverse();
            }
            for (index, id) in sequence.ids.iter().enumerate() {
                if self.is_over(ask) {
                    return Ok(());
                }
                let Some(found) = self.delivery.store.get::<DeadLetter>(id).await? else { continue };
                let end = self.redeliver_one(found).await?;
                if let Some(ask) = ask {
                    ask.tell(|retried| match end {
                        End::Delivered => retried.delivered += 1,
                        End::Gone => {}
                        End::Failed => {
                            retried.failed += 1;
                            retried.behind += sequence.ids.len() - index - 1;
                        }
                    });
                }
                if matches!(end, End::Failed) {
                    break;
                }
            }
        }
        Ok(())
    }

    /// The letters that are due, by key.
    async fn sequences(&self, ask: Option<&Ask>) -> Result<impl Iterator<Item = Sequence>, StoreError> {
        let mut order: Vec<Sequence> = Vec::new();
        let mut by_key: HashMap<String, usize> = HashMap::new();
        let name = self.delivery.subscription.name;
        self.delivery
            .letters(|position, letter| {
                let is_due = ask.is_some_and(|ask| ask.filter.takes(&letter));
                let index = *by_key.entry(letter.event.metadata.key).or_insert_with(|| {
                    order.push(Sequence { is_due: letter.attempts == 0, ..Sequence::default() });
                    order.len() - 1
                });
                order[index].is_due |= is_due;
                order[index].ids.push(format!("{name}/{position}"));
            })
            .await?;
        Ok(order.into_iter().filter(|sequence| sequence.is_due))
    }

    /// Whether the next letter is not tried: the subscriber was paused or is to leave, or whoever asked has gone.
    fn is_over(&self, ask: Option<&Ask>) -> bool {
        let Orders { paused, leaving, .. } = *self.orders.borrow();
        if let Some(ask) = ask.filter(|_| paused) {
            ask.tell(|retried| retried.held.push(self.delivery.subscription.name.to_owned()));
        }
        paused || leaving || ask.is_some_and(Ask::is_given_up)
    }

    /// One try. The letter goes in the unit of the effect, or stays with what it failed with.
    async fn redeliver_one(&self, found: Found<DeadLetter>) -> Result<End, StoreError> {
        let Found { key: id, value: letter, revision } = found;
        let delivery = &self.delivery;
        let mut waiting = Waiting { attempts: letter.attempts, ..delivery.event_of(&letter).await?.into() };
        waiting.failures = delivery.failures(position(&waiting.event)).await?;
        let Tried { waiting, mut unit, result, took } = self.try_letter(waiting).await;
        delivery.meters.took(took);
        let fault = match result {
            Err(fault) => fault,
            Ok(()) => {
                delivery.record(&mut unit, &waiting, took, DeliveryOutcome::Done, None);
                // Mutant `letter_stays`: a letter that was delivered is still there, to be delivered again.
                if !cfg!(mutant = "letter_stays") {
                    unit.delete::<DeadLetter>(id.as_str(), Expected::Exact(revision));
                }
                // Mutant `letter_moves_checkpoint`: a letter that is delivered takes the checkpoint with it.
                if cfg!(mutant = "letter_moves_checkpoint") {
                    unit.checkpoint(delivery.subscription.name, position(&waiting.event));
                }
                match delivery.commit(unit).await {
                    Ok(_) => {
                        delivery.meters.done.increment(1);
                        return Ok(End::Delivered);
                    }
                    Err(CommitError::Store(error)) => return Err(error),
                    Err(refused) => Fault::Failed(refused.into()),
                }
            }
        };
        delivery.meters.failed.increment(1);
        let (Fault::Failed(error) | Fault::Unreadable(error)) = fault;
        let (subscriber, event_id, detail) =
            (delivery.subscription.name, &letter.event.event_id, error.detail.as_deref());
        tracing::warn!(subscriber, %event_id, detail, "a dead letter failed again: {error}");
        let letter = DeadLetter { error, attempts: waiting.attempts, ..letter };
        let unit = letter.into_unit(|letter| {
            let mut unit = delivery.own_unit(&letter.event);
            delivery.record(&mut unit, &waiting, took, DeliveryOutcome::Parked, Some(&letter.error));
            unit.put(id.as_str(), letter, Expected::Exact(revision));
            unit
        });
        match delivery.commit(unit).await {
            Ok(_) => Ok(End::Failed),
            Err(CommitError::Conflict(_) | CommitError::Late { .. }) => Ok(End::Gone),
            Err(CommitError::Unwritable(message)) => Err(StoreError::unwritable(message)),
            Err(CommitError::Store(error)) => Err(error),
        }
    }

    async fn try_letter(&self, waiting: Waiting) -> Tried {
        let delivery = &self.delivery;
        match &delivery.subscription.calls {
            Calls::Each(handler) => Arc::clone(delivery).attempt(Arc::clone(handler), waiting).await,
            Calls::Batch(_, handler) => {
                let (handled, took) = delivery.attempt_batch(&**handler, std::slice::from_ref(&waiting.event)).await;
                let waiting = Waiting { attempts: waiting.attempts + 1, ..waiting };
                let (unit, result) = match handled {
                    Ok(unit) => (unit, Ok(())),
                    Err(fault) => (delivery.own_unit(&waiting.event), Err(fault)),
                };
                Tried { waiting, unit, result, took }
            }
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.delivery.desk.close();
    }
}
