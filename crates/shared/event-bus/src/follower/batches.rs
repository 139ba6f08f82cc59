use std::{sync::Arc, time::Duration};

use event_sourcing::{Excerpt, Readable, StoreError, Unit};
use kernel::{Envelope, Error};
use tokio::{
    task::coop::consume_budget,
    time::{Instant, sleep_until},
};

use super::{Follower, PATIENCE, lanes::Work, written};
use crate::{
    BatchOptions, DeliveryOutcome, OnUnknown,
    control::stopped,
    delivery::{Delivery, Verdict, position, refusal},
    handler::{BatchHandler, Fault},
    mailbox::Waiting,
};

/// What was gathered and is not done.
struct Batch {
    events: Vec<Arc<Envelope>>,
    /// When it is handed over, full or not; where that has failed, when it is tried again.
    due: Instant,
    /// Its first event, and how often it was tried with all of them or, where they go one by one, alone.
    tried: Option<Waiting>,
    /// Together they have failed for good.
    one_by_one: bool,
}

/// A batch was not handled.
enum Failure {
    /// After so long.
    Fault(Fault, Duration),
    Stopped,
}

impl Batch {
    fn empty() -> Self {
        Self { events: Vec::new(), due: Instant::now(), tried: None, one_by_one: false }
    }

    /// Events of it that are handed over next.
    fn next(&self) -> usize {
        if self.one_by_one { 1.min(self.events.len()) } else { self.events.len() }
    }

    /// Events that it still takes: none once it was tried.
    fn room(&self, size: usize) -> usize {
        if self.tried.is_some() || self.one_by_one { 0 } else { size - self.events.len() }
    }

    /// Those that were handed over are done.
    fn pass(&mut self) {
        self.events.drain(..self.next());
        self.tried = None;
    }
}

impl Follower {
    /// Hands over what is in the log in batches, one after another in its order, until it is ordered to stop.
    ///
    /// A batch that fails for good is delivered event by event, so that the one that spoils it parks its own key alone. Between two
    /// tries, and while a batch waits for more, there is time for orders and letters.
    pub(super) async fn batches(
        &mut self,
        options: BatchOptions,
        handler: &Arc<dyn BatchHandler>,
        work: &mut Work,
    ) -> Result<(), StoreError> {
        let mut batch = Batch::empty();
        let mut look = Instant::now() + PATIENCE;
        loop {
            // Where nothing has to be waited for, others have their turn nevertheless.
            consume_budget().await;
            self.obey();
            if self.obeyed.stop {
                return Ok(());
            }
            self.look_as_told(work).await?;
            if let Some(redelivering) = self.redelivery(work).await? {
                self.publish_with(batch.events.len(), 1);
                let ended = tokio::select! {
                    biased;
                    ended = redelivering => ended,
                    () = stopped(&mut self.orders) => return Ok(()),
                };
                self.redelivered(ended)?;
                // What was ordered meanwhile.
                self.obey();
            }
            if Instant::now() >= look {
                look = Instant::now() + PATIENCE;
                if !self.parked.is_empty() {
                    self.look_on(work).await?;
                }
            }
            self.appended.look();
            if batch.events.is_empty() {
                batch = Batch { due: Instant::now() + options.delay, ..Batch::empty() };
            }
            let room = batch.room(options.size);
            let nothing = Readable { events: Vec::new().into(), damage: None };
            let Readable { events: page, damage } =
                if room > 0 && !self.is_held() { self.page().await? } else { nothing };
            let is_end = page.is_empty();
            let is_complete = self.gather(&page, &mut batch, options.size, handler).await?;
            if is_complete || (is_end && damage.is_some()) || (room > 0 && batch.events.len() == options.size) {
                batch.due = Instant::now();
            }
            if batch.events.is_empty() && is_end {
                match damage {
                    Some(damage) => self.halt_before(&damage),
                    None if self.redelivers() => {}
                    None => self.idle().await?,
                }
            } else if !batch.events.is_empty() && Instant::now() >= batch.due && !self.is_ordered() {
                self.hand_over(&mut batch, handler).await?;
            } else if is_end && !self.redelivers() {
                self.publish_with(batch.events.len(), 0);
                let is_held = self.is_held();
                tokio::select! {
                    biased;
                    ordered = self.orders.changed() => if ordered.is_err() { self.obeyed.stop = true },
                    _ = self.appended.changed(), if room > 0 => {}
                    () = sleep_until(batch.due), if !is_held => {}
                    () = self.letters.ripen(), if !is_held => {}
                    () = self.poll.as_mut() => {
                        self.poll.as_mut().reset(Instant::now() + PATIENCE);
                        self.tend().await?;
                    }
                }
            }
        }
    }

    /// Adds to the batch what can be handled; the rest of the page is read again. Whether nothing may be added to it, because it
    /// halts before what comes next.
    async fn gather(
        &mut self,
        page: &Excerpt,
        batch: &mut Batch,
        size: usize,
        handler: &Arc<dyn BatchHandler>,
    ) -> Result<bool, StoreError> {
        let Batch { events: batch, due, .. } = batch;
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
            } else {
                self.progress.admit(at, event.timestamp);
                if is_done {
                    self.progress.done(at);
                    continue;
                }
                if !is_behind {
                    batch.push(Arc::clone(event));
                    continue;
                }
                self.give_up(Arc::clone(event).into(), Delivery::behind(), Duration::ZERO).await?;
            }
            // Each that is parked is a commit: nothing waits for all of them.
            let is_due = !batch.is_empty() && Instant::now() >= *due;
            if is_due || self.is_ordered() || self.redelivers() {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// Whether it goes on behind this event.
    async fn unreadable(&mut self, event: &Arc<Envelope>, fault: Fault) -> Result<bool, StoreError> {
        let mut waiting = Waiting { attempts: 1, ..Arc::clone(event).into() };
        let verdict = self.delivery.verdict(&mut waiting, fault);
        if let Verdict::Halt(error) = verdict {
            self.halt_at(event, error);
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

    /// One try of what comes next of the batch, without the events of keys that are parked, which follow those: since it was
    /// gathered one may have been.
    async fn hand_over(&mut self, batch: &mut Batch, handler: &Arc<dyn BatchHandler>) -> Result<(), StoreError> {
        let mut index = 0;
        while index < batch.next() {
            // Mutant `gathered_flows`: what was gathered is handled, though its key was parked since.
            if self.parked.holds(&batch.events[index].metadata.key) && !cfg!(mutant = "gathered_flows") {
                let event = batch.events.remove(index);
                self.give_up(event.into(), Delivery::behind(), Duration::ZERO).await?;
            } else {
                index += 1;
            }
        }
        // Each that was parked was a commit: a pause may have been ordered meanwhile.
        if self.is_ordered() {
            return Ok(());
        }
        let (events, rest) = batch.events.split_at(batch.next());
        let Some(event) = events.first() else { return Ok(()) };
        let tried = batch.tried.take().filter(|tried| tried.event.event_id == event.event_id);
        let mut first = tried.unwrap_or_else(|| Arc::clone(event).into());
        first.attempts += 1;
        self.publish_with(rest.len(), events.len());
        let tried = self.try_batch(events, handler, &first).await?;
        self.letters.go_on();
        let (fault, took) = match tried {
            Ok(()) => {
                batch.pass();
                return Ok(());
            }
            Err(Failure::Stopped) => return Ok(()),
            Err(Failure::Fault(fault, took)) => (fault, took),
        };
        self.pay_in();
        match self.delivery.verdict(&mut first, fault) {
            Verdict::Retry(wait) => {
                batch.due = Instant::now() + wait;
                batch.tried = Some(first);
            }
            Verdict::Park(error) | Verdict::Skip(error) | Verdict::Halt(error) if batch.next() == 1 => {
                self.give_up(first, error, took).await?;
                batch.pass();
            }
            Verdict::Park(_) | Verdict::Skip(_) | Verdict::Halt(_) => batch.one_by_one = true,
        }
        Ok(())
    }

    async fn try_batch(
        &mut self,
        batch: &[Arc<Envelope>],
        handler: &Arc<dyn BatchHandler>,
        first: &Waiting,
    ) -> Result<Result<(), Failure>, StoreError> {
        let delivery = Arc::clone(&self.delivery);
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
        // What comes before a batch in the log is done: batches have an order.
        let step = self.progress.through(position(&batch[batch.len() - 1]));
        let is_written = !unit.is_empty() || !self.progress.can_wait(&step);
        if is_written {
            step.write(&delivery.place, &mut unit);
            match delivery.commit(unit).await {
                Ok(_) => self.progress.stepped(&step),
                Err(error) => return Ok(Err(Failure::Fault(Fault::Failed(refusal(error)?), took))),
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

    async fn give_up(&mut self, waiting: Waiting, error: Error, took: Duration) -> Result<(), StoreError> {
        let parking = self.delivery.parking(&waiting, error, took);
        self.end(&waiting.event, parking).await?;
        self.delivery.meters.parked.increment(1);
        self.parks(&waiting);
        Ok(())
    }

    /// Commits the end of one event.
    async fn end(&mut self, event: &Arc<Envelope>, mut unit: Unit) -> Result<(), StoreError> {
        let step = self.progress.step(position(event), &event.metadata.key);
        step.write(&self.delivery.place, &mut unit);
        written(self.delivery.commit(unit).await).map_err(|error| self.stuck(event, error))?;
        self.progress.done(position(event));
        self.progress.stepped(&step);
        Ok(())
    }
}
