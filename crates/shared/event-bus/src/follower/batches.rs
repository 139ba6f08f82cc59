use std::{mem::take, sync::Arc, time::Duration};

use event_sourcing::{CommitError, Excerpt, Readable, StoreError, Unit};
use kernel::{Envelope, Error};
use tokio::time::{Instant, sleep, sleep_until};

use super::{Follower, written};
use crate::{
    BatchOptions, DeliveryOutcome, OnUnknown,
    control::stopped,
    delivery::{Delivery, Verdict, position},
    handler::{BatchHandler, Fault},
    mailbox::Waiting,
    progress::Step,
};

/// A batch was not handled.
enum Failure {
    /// After so long.
    Fault(Fault, Duration),
    Stopped,
}

impl Follower {
    /// Hands over what is in the log in batches, one after another in its order, until it is ordered to stop.
    ///
    /// A batch that fails for good is delivered event by event, so that the one that spoils it parks its own key alone.
    pub(super) async fn batches(
        &mut self,
        options: BatchOptions,
        handler: &Arc<dyn BatchHandler>,
    ) -> Result<(), StoreError> {
        let (mut batch, mut since) = (Vec::new(), Instant::now());
        // Of a batch that was given back, how often it was tried.
        let mut tried: Option<Waiting> = None;
        loop {
            self.obey().await?;
            if self.obeyed.stop {
                return Ok(());
            }
            if let Some(redelivering) = self.redelivery() {
                self.publish(1);
                let ended = tokio::select! {
                    biased;
                    ended = redelivering => ended,
                    () = stopped(&mut self.orders) => return Ok(()),
                };
                self.redelivered(ended).await?;
            }
            self.appended.look();
            let missing = options.size - batch.len();
            let unread = Readable { events: Vec::new().into(), damage: None };
            let Readable { events: page, damage } =
                if missing > 0 && !self.is_held() { self.page().await? } else { unread };
            if batch.is_empty() {
                since = Instant::now();
            }
            let is_end = page.is_empty();
            let is_complete =
                self.gather(&page, &mut batch, options.size, handler).await? || (is_end && damage.is_some());
            let is_due = is_complete || batch.len() == options.size || since.elapsed() >= options.delay;
            if !batch.is_empty() && is_due && !self.is_held() {
                batch = self.put_behind(take(&mut batch)).await?;
                let Some(event) = batch.first() else { continue };
                let first = tried.take().filter(|tried| tried.event.event_id == event.event_id);
                let first = first.unwrap_or_else(|| Arc::clone(event).into());
                (batch, tried) = self.hand_over(take(&mut batch), first, handler).await?;
            } else if batch.is_empty() && is_end {
                match damage {
                    Some(damage) => self.halt_before(&damage),
                    None => self.idle().await?,
                }
            } else if is_end || batch.len() == options.size {
                self.publish(0);
                tokio::select! {
                    biased;
                    ordered = self.orders.changed() => if ordered.is_err() { self.obeyed.stop = true },
                    _ = self.appended.changed(), if missing > 0 => {}
                    () = sleep_until(since + options.delay), if !self.is_held() => {}
                }
            }
        }
    }

    /// Adds to the batch what can be handled; the rest of the page is read again. Whether nothing may be added to it, because it
    /// halts before what comes next.
    async fn gather(
        &mut self,
        page: &Excerpt,
        batch: &mut Vec<Arc<Envelope>>,
        size: usize,
        handler: &Arc<dyn BatchHandler>,
    ) -> Result<bool, StoreError> {
        for event in page.iter() {
            if batch.len() == size {
                return Ok(false);
            }
            let at = position(event);
            if !self.delivery.subscription.takes(event) {
                self.progress.pass(at, false);
                continue;
            }
            let is_done = self.progress.is_marked(at);
            let is_behind = !is_done && self.parked.holds(&event.metadata.key);
            let fault = if is_done || is_behind { None } else { handler.check(event).err() };
            if let Some(fault) = fault {
                // What was gathered is handed over first. Then it halts and has not taken this one in: it is read again. Nor is
                // one parked before those of its key that come before it.
                let halts = self.delivery.subscription.on_unknown == OnUnknown::Halt && !batch.is_empty();
                if halts || batch.iter().any(|before| before.metadata.key == event.metadata.key) {
                    return Ok(true);
                }
                if !self.unreadable(event, fault).await? {
                    return Ok(true);
                }
                continue;
            }
            self.progress.admit(at, event.timestamp);
            if is_done {
                self.progress.done(at);
            } else if is_behind {
                self.give_up(Arc::clone(event).into(), Delivery::behind(), Duration::ZERO).await?;
            } else {
                batch.push(Arc::clone(event));
            }
        }
        Ok(false)
    }

    /// Whether it goes on behind this event.
    async fn unreadable(&mut self, event: &Arc<Envelope>, fault: Fault) -> Result<bool, StoreError> {
        let mut waiting = Waiting { attempts: 1, ..Arc::clone(event).into() };
        let verdict = self.delivery.verdict(&mut waiting, fault);
        if let Verdict::Halt(error) = verdict {
            self.halted = Some(error.message);
            return Ok(false);
        }
        self.progress.admit(position(event), event.timestamp);
        match verdict {
            Verdict::Park(error) => self.give_up(waiting, error, Duration::ZERO).await?,
            Verdict::Skip(error) => {
                let mut unit = self.delivery.own_unit(event);
                self.delivery.record(&mut unit, &waiting, Duration::ZERO, DeliveryOutcome::Skipped, Some(&error));
                self.end(event, unit).await?;
                self.delivery.meters.skipped.increment(1);
            }
            Verdict::Halt(_) | Verdict::Retry(_) => {}
        }
        Ok(true)
    }

    /// What is left of a batch without the events of keys that are parked, which follow those. Since it was gathered one may have
    /// been.
    async fn put_behind(&mut self, batch: Vec<Arc<Envelope>>) -> Result<Vec<Arc<Envelope>>, StoreError> {
        let mut left = Vec::with_capacity(batch.len());
        for event in batch {
            // Mutant `gathered_flows`: what was gathered is handled, though its key was parked since.
            if self.parked.holds(&event.metadata.key) && !cfg!(mutant = "gathered_flows") {
                self.give_up(event.into(), Delivery::behind(), Duration::ZERO).await?;
            } else {
                left.push(event);
            }
        }
        Ok(left)
    }

    /// Until it is handled or parked, or there is an order: then it gives back what is neither, and how often it was tried.
    async fn hand_over(
        &mut self,
        mut batch: Vec<Arc<Envelope>>,
        mut first: Waiting,
        handler: &Arc<dyn BatchHandler>,
    ) -> Result<(Vec<Arc<Envelope>>, Option<Waiting>), StoreError> {
        loop {
            first.attempts += 1;
            let (fault, took) = match self.try_batch(&batch, handler, &first).await? {
                Ok(()) => return Ok((Vec::new(), None)),
                Err(Failure::Stopped) => return Ok((batch, None)),
                Err(Failure::Fault(fault, took)) => (fault, took),
            };
            self.pay_in();
            match self.delivery.verdict(&mut first, fault) {
                Verdict::Retry(wait) => tokio::select! {
                    biased;
                    _ = self.orders.changed() => return Ok((batch, Some(first))),
                    () = sleep(wait) => {}
                },
                Verdict::Park(error) | Verdict::Skip(error) | Verdict::Halt(error) if batch.len() == 1 => {
                    self.give_up(first, error, took).await?;
                    return Ok((Vec::new(), None));
                }
                Verdict::Park(_) | Verdict::Skip(_) | Verdict::Halt(_) => {
                    let mut tried = None;
                    while !batch.is_empty() && !self.is_ordered() {
                        let Some(event) = self.put_behind(vec![batch.remove(0)]).await?.pop() else { continue };
                        let alone = Arc::clone(&event).into();
                        let rest;
                        (rest, tried) = Box::pin(self.hand_over(vec![event], alone, handler)).await?;
                        batch.splice(0..0, rest);
                    }
                    return Ok((batch, tried));
                }
            }
        }
    }

    async fn try_batch(
        &mut self,
        batch: &[Arc<Envelope>],
        handler: &Arc<dyn BatchHandler>,
        first: &Waiting,
    ) -> Result<Result<(), Failure>, StoreError> {
        let delivery = Arc::clone(&self.delivery);
        self.publish(batch.len());
        let (handled, took) = tokio::select! {
            biased;
            ended = delivery.attempt_batch(&**handler, batch) => ended,
            () = stopped(&mut self.orders) => return Ok(Err(Failure::Stopped)),
        };
        delivery.meters.took(took);
        let mut unit = match handled {
            Ok(unit) => unit,
            Err(fault) => return Ok(Err(Failure::Fault(fault, took))),
        };
        if !unit.is_empty() || first.attempts > 1 {
            for event in batch {
                let (attempts, failures) = (first.attempts, first.failures.clone());
                let waiting = Waiting { attempts, failures, ..Arc::clone(event).into() };
                delivery.record(&mut unit, &waiting, took, DeliveryOutcome::Done, None);
            }
        }
        let step = self.step_of(batch);
        let is_written = !unit.is_empty() || !self.progress.can_wait(&step);
        if is_written {
            step.write(&delivery.place, &mut unit);
            match delivery.commit(unit).await {
                Ok(_) => self.progress.stepped(&step),
                Err(CommitError::Store(error)) => return Err(error),
                Err(refused) => return Ok(Err(Failure::Fault(Fault::Failed(refused.into()), took))),
            }
        }
        for event in batch {
            match is_written {
                true => self.progress.done(position(event)),
                false => self.progress.idle(position(event), &event.metadata.key),
            }
        }
        self.successes = self.successes.saturating_add(batch.len() as u32);
        delivery.meters.done.increment(batch.len() as u64);
        Ok(Ok(()))
    }

    /// What comes before a batch in the log is done: batches have an order.
    fn step_of(&self, batch: &[Arc<Envelope>]) -> Step {
        self.progress.through(position(&batch[batch.len() - 1]))
    }

    async fn give_up(&mut self, waiting: Waiting, error: Error, took: Duration) -> Result<(), StoreError> {
        let parking = self.delivery.parking(&waiting, error, took);
        self.end(&waiting.event, parking).await?;
        self.delivery.meters.parked.increment(1);
        self.parked.park(&waiting.event.metadata.key);
        Ok(())
    }

    /// Commits the end of one event.
    async fn end(&mut self, event: &Arc<Envelope>, mut unit: Unit) -> Result<(), StoreError> {
        let step = self.progress.step(position(event), &event.metadata.key);
        step.write(&self.delivery.place, &mut unit);
        written(self.delivery.commit(unit).await)?;
        self.progress.done(position(event));
        self.progress.stepped(&step);
        Ok(())
    }
}
