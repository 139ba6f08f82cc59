//! Dead letters are tried again by the follower itself, between its other deliveries: so there is one who handles the events of
//! a key, and their order is that of the log.
//!
//! A letter that was never tried waits for one before it. As soon as there is none, because it was handled or discarded, by
//! whomever, it is delivered by itself: nothing has to be remembered for that, and a crash changes nothing about it.

use std::{collections::HashMap, mem::take, sync::Arc};

use event_sourcing::{CommitError, Expected, Found, StoreError, StoreExt};

use super::Follower;
use crate::{
    DeadLetter, DeliveryOutcome, Retried,
    control::stopped,
    delivery::{Tried, position},
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
}

/// The letters of one key in the order of the log.
#[derive(Default)]
struct Sequence {
    ids: Vec<String>,
    /// Whether somebody asked for one of them, or the first was never tried.
    is_due: bool,
}

enum Redelivered {
    Delivered,
    Failed,
    /// Somebody else has discarded it.
    Gone,
    Stopped,
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
        let mut keys: HashMap<String, bool> = HashMap::new();
        let delivery = Arc::clone(&self.delivery);
        let never_tried = |letter: &DeadLetter| letter.attempts == 0;
        delivery
            .letters(|_, letter| {
                let loose = never_tried(&letter);
                keys.entry(letter.event.metadata.key).or_insert(loose);
            })
            .await?;
        self.letters.loose = keys.values().any(|loose| *loose);
        self.parked = keys.into_keys().collect();
        Ok(())
    }

    /// Tries again what it was asked to, and what waits for nothing. Only while no handler runs and nothing is being committed.
    pub(super) async fn redeliver(&mut self) -> Result<(), StoreError> {
        if self.letters.is_empty() || self.obeyed.stop {
            return Ok(());
        }
        if self.obeyed.leaving {
            return Ok(());
        }
        if self.obeyed.paused || self.halted.is_some() {
            for ask in take(&mut self.letters.asked) {
                let held = vec![self.delivery.subscription.name.to_owned()];
                // Whoever asked may be gone.
                let _gone = ask.answer.send(Ok(Retried { held, ..Retried::default() }));
            }
            return Ok(());
        }
        for Ask { filter, answer } in take(&mut self.letters.asked) {
            let retried = self.redeliver_all(|letter| filter.takes(letter)).await;
            let failed = retried.as_ref().err().cloned();
            let _gone = answer.send(retried);
            failed.map_or(Ok(()), Err)?;
        }
        if self.letters.loose {
            self.redeliver_all(|_| false).await?;
        }
        self.look_at_letters().await
    }

    /// The keys of which a letter is wanted, or was parked behind others that are gone: each from its first letter on, until
    /// one fails.
    async fn redeliver_all(
        &mut self,
        is_wanted: impl Fn(&DeadLetter) -> bool + Send + Sync,
    ) -> Result<Retried, StoreError> {
        let mut order: Vec<Sequence> = Vec::new();
        let mut by_key: HashMap<String, usize> = HashMap::new();
        let delivery = Arc::clone(&self.delivery);
        let name = delivery.subscription.name;
        delivery
            .letters(|position, letter| {
                let is_due = is_wanted(&letter);
                let index = *by_key.entry(letter.event.metadata.key).or_insert_with(|| {
                    order.push(Sequence { is_due: letter.attempts == 0, ..Sequence::default() });
                    order.len() - 1
                });
                order[index].is_due |= is_due;
                order[index].ids.push(format!("{name}/{position}"));
            })
            .await?;
        let mut retried = Retried::default();
        for mut sequence in order.into_iter().filter(|sequence| sequence.is_due) {
            // Mutant `letters_backwards`: the letters of a key are tried again in the wrong order.
            if cfg!(mutant = "letters_backwards") {
                sequence.ids.reverse();
            }
            for (index, id) in sequence.ids.iter().enumerate() {
                let Some(found) = self.delivery.store.get::<DeadLetter>(id).await? else { continue };
                match self.redeliver_one(found).await? {
                    Redelivered::Delivered => retried.delivered += 1,
                    Redelivered::Gone => {}
                    Redelivered::Stopped => return Ok(retried),
                    Redelivered::Failed => {
                        retried.failed += 1;
                        retried.behind += sequence.ids.len() - index - 1;
                        break;
                    }
                }
            }
        }
        Ok(retried)
    }

    /// One try. The letter goes in the unit of the effect, or stays with what it failed with.
    async fn redeliver_one(&mut self, found: Found<DeadLetter>) -> Result<Redelivered, StoreError> {
        let Found { key: id, value: letter, revision } = found;
        let delivery = Arc::clone(&self.delivery);
        let waiting = Waiting { attempts: letter.attempts, ..Arc::new(letter.event.clone()).into() };
        let Some(Tried { waiting, mut unit, result, took }) = self.try_letter(waiting).await else {
            return Ok(Redelivered::Stopped);
        };
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
                match delivery.store.commit(unit).await {
                    Ok(_) => {
                        delivery.meters.done.increment(1);
                        return Ok(Redelivered::Delivered);
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
        let mut unit = delivery.own_unit(&letter.event);
        delivery.record(&mut unit, &waiting, took, DeliveryOutcome::Parked, Some(&error));
        let letter = DeadLetter { error, attempts: waiting.attempts, ..letter };
        unit.put(id, &letter, Expected::Exact(revision));
        match delivery.store.commit(unit).await {
            Ok(_) => Ok(Redelivered::Failed),
            Err(CommitError::Conflict(_) | CommitError::Late { .. }) => Ok(Redelivered::Gone),
            Err(CommitError::Store(error)) => Err(error),
        }
    }

    /// `None` if it was ordered to stop before the handler ended.
    async fn try_letter(&mut self, waiting: Waiting) -> Option<Tried> {
        let delivery = Arc::clone(&self.delivery);
        self.publish(1);
        let trying = async {
            match &delivery.subscription.calls {
                Calls::Each(handler) => Arc::clone(&delivery).attempt(Arc::clone(handler), waiting).await,
                Calls::Batch(_, handler) => {
                    let (handled, took) =
                        delivery.attempt_batch(&**handler, std::slice::from_ref(&waiting.event)).await;
                    let waiting = Waiting { attempts: waiting.attempts + 1, ..waiting };
                    let (unit, result) = match handled {
                        Ok(unit) => (unit, Ok(())),
                        Err(fault) => (delivery.own_unit(&waiting.event), Err(fault)),
                    };
                    Tried { waiting, unit, result, took }
                }
            }
        };
        tokio::select! {
            biased;
            tried = trying => Some(tried),
            () = stopped(&mut self.orders) => None,
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.delivery.desk.close();
    }
}
