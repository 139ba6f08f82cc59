use std::{
    future::pending,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use event_sourcing::{CommitError, Readable, Receipt, StoreError, StoreExt, Unit};
use futures::{StreamExt, stream::FuturesUnordered};
use tokio::{
    task::coop::consume_budget,
    time::{Instant, sleep, sleep_until},
};

use super::{
    Follower, PAGE, PATIENCE,
    letters::{Redelivered, Redelivering},
    outlook::GLANCE,
    written,
};
use crate::{
    DeliveryOutcome,
    control::stopped,
    delivery::{Delivery, Tried, Verdict, position, refusal},
    handler::Fault,
    mailbox::Waiting,
    progress::Step,
    subscription::Calls,
};

/// How far a subscriber runs ahead of an event that does not end, beside what its mailbox holds.
const WINDOW: usize = 4096;

type Several<T> = FuturesUnordered<Pin<Box<dyn Future<Output = T> + Send>>>;

/// What is under way. All of it belongs to the follower's task: at a stop, handlers and waits are dropped where they stand;
/// commits are waited for, since what they do to the checkpoint has to be known before it is written again.
pub(super) struct Work {
    handling: Several<Tried>,
    /// Between two tries. They hold their keys, and nobody's turn.
    sleeping: Several<Waiting>,
    committing: Several<Committed>,
    /// One at most: what was done without an effect, behind events that are not done.
    marking: Several<(Step, Result<Receipt, CommitError>)>,
    /// One at most: a dead letter. Its key is parked, so nothing else of it is being handled.
    redelivering: Several<Redelivered>,
    /// One at most: a page of the log, of so many events if there are as many.
    reading: Several<(usize, Result<Readable, StoreError>)>,
    /// How long nothing begins for its sake: what is urgent in it comes first.
    patient: Instant,
    /// Whether the log is read for it.
    reads: bool,
    /// Whether there was no more in the log.
    at_end: bool,
    /// Whether the next letter is being looked for, which has its place already.
    is_choosing: bool,
    /// Whether events come before the next letter, since one has had its turn.
    events_first: bool,
    look: Instant,
}

/// Something that was under way.
#[expect(clippy::large_enum_variant, reason = "one at a time, and taken apart where it arrives: a box would cost more")]
enum Next {
    Committed(Committed),
    Marked(Step, Result<Receipt, CommitError>),
    Tried(Tried),
    /// It is to be tried again.
    Ripe(Waiting),
    Redelivered(Redelivered),
    Read(usize, Result<Readable, StoreError>),
    /// Whatever can be, though the log is not read yet.
    Begun,
}

/// A unit that the store has answered.
struct Committed {
    waiting: Waiting,
    step: Step,
    outcome: DeliveryOutcome,
    result: Result<(), CommitError>,
}

impl Work {
    pub fn new() -> Self {
        let (handling, sleeping, committing, marking) =
            (Several::new(), Several::new(), Several::new(), Several::new());
        let (redelivering, reading, now) = (Several::new(), Several::new(), Instant::now());
        let (patient, look) = (now, now + PATIENCE);
        Self {
            handling,
            sleeping,
            committing,
            marking,
            redelivering,
            reading,
            patient,
            reads: false,
            at_end: false,
            is_choosing: false,
            events_first: false,
            look,
        }
    }

    /// A dead letter.
    pub fn redeliver(&mut self, redelivering: Redelivering) {
        self.redelivering.push(redelivering);
        self.events_first = true;
    }

    fn in_flight(&self) -> usize {
        self.handling.len() + self.committing.len() + self.redelivering.len() + usize::from(self.is_choosing)
    }

    fn is_empty(&self) -> bool {
        self.in_flight() == 0 && self.sleeping.is_empty() && self.reading.is_empty() && self.marking.is_empty()
    }

    /// What comes next; never, where nothing is under way.
    async fn next(&mut self) -> Next {
        tokio::select! {
            biased;
            Some(committed) = self.committing.next() => Next::Committed(committed),
            Some((step, answer)) = self.marking.next() => Next::Marked(step, answer),
            Some(tried) = self.handling.next() => Next::Tried(tried),
            Some(waiting) = self.sleeping.next() => Next::Ripe(waiting),
            Some(ended) = self.redelivering.next() => Next::Redelivered(ended),
            Some((size, read)) = self.reading.next() => Next::Read(size, read),
            () = sleep_until(self.patient), if self.is_patient() => Next::Begun,
            else => pending().await,
        }
    }

    /// Whether nothing is to begin before the log is read.
    fn is_patient(&self) -> bool {
        !self.reading.is_empty() && Instant::now() < self.patient
    }

    /// Whether a second is over since it was asked and was so.
    pub fn is_look_due(&self) -> bool {
        Instant::now() >= self.look
    }

    /// Since this last was so.
    fn is_second_over(&mut self) -> bool {
        let now = Instant::now();
        let is_over = now >= self.look;
        if is_over {
            self.look = now + PATIENCE;
        }
        is_over
    }
}

impl Follower {
    /// Handles what is in the mailbox and what comes meanwhile, letters included, until there is no more of it, it is ordered to
    /// stop, or the store fails.
    pub(super) async fn lanes(&mut self, work: &mut Work) -> Result<(), StoreError> {
        work.reads = true;
        work.at_end = false;
        let mut result = self.drive(work).await;
        work.reads = false;
        work.reading.clear();
        // What panics when it is dropped is nothing to those that are not.
        _ = catch_unwind(AssertUnwindSafe(|| work.handling.clear()));
        _ = catch_unwind(AssertUnwindSafe(|| work.redelivering.clear()));
        // For nothing else: where nobody is left to give orders, there is always an answer to who asks for them.
        loop {
            let next = tokio::select! {
                biased;
                Some(committed) = work.committing.next() => Next::Committed(committed),
                Some((step, answer)) = work.marking.next() => Next::Marked(step, answer),
                else => break,
            };
            if let Err(error) = self.goes_on(next, work) {
                result = Err(error);
            }
        }
        work.sleeping.clear();
        result
    }

    async fn drive(&mut self, work: &mut Work) -> Result<(), StoreError> {
        if self.progress.is_due() {
            self.flush().await?;
        }
        loop {
            // Where nothing has to be waited for, others have their turn nevertheless.
            consume_budget().await;
            self.obey();
            if self.obeyed.stop {
                return Ok(());
            }
            let is_second_over = work.is_second_over();
            self.read_on(work, is_second_over);
            self.mark(work, is_second_over);
            self.look_as_told(work).await?;
            if is_second_over && !self.parked.is_empty() {
                // Another process may have discarded letters.
                self.look_on(work).await?;
            }
            // Mutant `letters_first`: events wait until the last letter has been tried again.
            if !work.events_first || cfg!(mutant = "letters_first") {
                self.redeliver(work).await?;
            }
            self.take(work);
            self.redeliver(work).await?;
            if work.is_empty() && self.mailbox.is_empty() {
                return Ok(());
            }
            // What waits for its next try is not being handled.
            self.publish_with(self.mailbox.len() + work.sleeping.len(), work.in_flight());
            let is_idle = work.in_flight() < self.delivery.subscription.concurrency;
            let look = work.look;
            let has_place = is_idle && work.redelivering.is_empty() && !self.is_held();
            // Biased, so that a run repeats. Nothing starves: those who come last were looked at before, by the loop.
            let at_end = work.at_end;
            tokio::select! {
                biased;
                under_way = work.next() => self.goes_on(under_way, work)?,
                ordered = self.orders.changed() => if ordered.is_err() { self.obeyed.stop = true },
                _ = self.appended.changed(), if at_end => work.at_end = false,
                () = sleep_until(look) => {}
                () = self.letters.ripen(), if has_place => {}
            }
        }
    }

    /// What of it comes next.
    fn goes_on(&mut self, next: Next, work: &mut Work) -> Result<(), StoreError> {
        match next {
            Next::Committed(committed) => self.committed(committed, work)?,
            Next::Marked(step, answer) => {
                written(answer)?;
                self.progress.stepped(&step);
            }
            Next::Tried(tried) => self.tried(tried, work),
            Next::Ripe(waiting) => self.mailbox.put_back(waiting),
            Next::Redelivered(ended) => self.redelivered(ended)?,
            Next::Read(size, read) => {
                let Readable { events, damage } = read?;
                work.at_end = damage.is_some() || events.len() < size;
                self.admit(events.iter());
            }
            Next::Begun => {}
        }
        Ok(())
    }

    /// Begins to store what was done without an effect, while events before it are not done.
    fn mark(&self, work: &mut Work, is_second_over: bool) {
        if work.marking.is_empty()
            && (is_second_over || self.progress.has_many_unmarked())
            && let Some(step) = self.progress.unmarked()
        {
            let mut unit = self.delivery.bare_unit();
            step.write(&self.delivery.place, &mut unit);
            let delivery = Arc::clone(&self.delivery);
            work.marking.push(Box::pin(async move {
                let answer = delivery.commit(unit).await;
                (step, answer)
            }));
        }
    }

    /// Begins to read what comes next in the log, where that is wanted: beside all else, for a store may be slow.
    fn read_on(&mut self, work: &mut Work, is_second_over: bool) {
        work.at_end &= !is_second_over && !self.appended.has_changed();
        if work.reads && !work.at_end && work.reading.is_empty() && self.has_room() {
            self.head = self.appended.look();
            work.patient = Instant::now() + GLANCE;
            let (store, read, size) = (Arc::clone(&self.delivery.store), self.progress.read, self.page_size());
            work.reading.push(Box::pin(async move { (size, store.readable(read, size).await) }));
        }
    }

    /// What is read of letters, while what is under way goes on and others begin. `None` where it is to stop.
    pub(super) async fn beside<T>(
        &mut self,
        work: &mut Work,
        reading: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<Option<T>, StoreError> {
        let (mut reading, mut orders) = (pin!(reading), self.orders.clone());
        loop {
            let at_end = work.at_end;
            tokio::select! {
                biased;
                read = &mut reading => return read.map(Some),
                under_way = work.next() => self.goes_on(under_way, work)?,
                () = stopped(&mut orders) => return Ok(None),
                _ = self.appended.changed(), if at_end => work.at_end = false,
            }
            self.read_on(work, false);
            self.take(work);
        }
    }

    /// Begins with a letter, where there is one and a place for it. Where there is but one place, letters and events take turns.
    async fn redeliver(&mut self, work: &mut Work) -> Result<(), StoreError> {
        if work.redelivering.is_empty() && work.in_flight() < self.delivery.subscription.concurrency {
            work.is_choosing = true;
            let redelivering = self.redelivery(work).await;
            work.is_choosing = false;
            work.events_first = false;
            redelivering?.into_iter().for_each(|redelivering| work.redeliver(redelivering));
        }
        Ok(())
    }

    fn has_room(&self) -> bool {
        let most = self.delivery.subscription.mailbox;
        let room = most.saturating_sub(self.mailbox.free());
        // Half empty or short of a page: a page at a time, not an event at a time. But all that there is, if it is not more than
        // that: it may be urgent.
        let is_worth_it =
            room >= PAGE.min(most / 2 + 1) || self.head.0.saturating_sub(self.progress.read.0) <= room as u64;
        room > 0 && is_worth_it && self.progress.outstanding() < WINDOW.saturating_add(most)
    }

    /// Begins with as many events as may be handled at a time.
    fn take(&mut self, work: &mut Work) {
        let Calls::Each(handler) = &Arc::clone(&self.delivery).subscription.calls else { return };
        while !self.is_ordered() && !work.is_patient() && work.in_flight() < self.delivery.subscription.concurrency {
            let Some(waiting) = self.mailbox.take() else { return };
            work.events_first = false;
            if self.parked.holds(&waiting.event.metadata.key) {
                let parking = self.delivery.parking(&waiting, Delivery::behind(), Duration::ZERO);
                self.begin_commit(waiting, parking, DeliveryOutcome::Parked, work);
                continue;
            }
            let (delivery, handler) = (Arc::clone(&self.delivery), Arc::clone(handler));
            work.handling.push(Box::pin(delivery.attempt(handler, waiting)));
        }
    }

    /// A try has ended.
    pub(super) fn tried(&mut self, tried: Tried, work: &mut Work) {
        let Tried { waiting, mut unit, result, took } = tried;
        self.delivery.meters.took(took);
        // Letters wait for the place that it had.
        if work.redelivering.is_empty() {
            self.letters.go_on();
        }
        if let Err(fault) = result {
            return self.failed(waiting, fault, took, work);
        }
        if !unit.is_empty() || waiting.attempts > 1 {
            self.delivery.record(&mut unit, &waiting, took, DeliveryOutcome::Done, None);
        }
        let at = position(&waiting.event);
        let key = &waiting.event.metadata.key;
        if unit.is_empty() && self.progress.can_wait(&self.progress.step(at, key)) {
            self.delivered();
            self.progress.idle(at, key);
            self.mailbox.release(key);
        } else {
            self.begin_commit(waiting, unit, DeliveryOutcome::Done, work);
        }
    }

    fn delivered(&mut self) {
        self.delivery.meters.done.increment(1);
        self.successes = self.successes.saturating_add(1);
    }

    fn failed(&mut self, mut waiting: Waiting, fault: Fault, took: Duration, work: &mut Work) {
        self.pay_in();
        let delivery = Arc::clone(&self.delivery);
        match delivery.verdict(&mut waiting, fault) {
            Verdict::Retry(wait) => work.sleeping.push(Box::pin(async move {
                sleep(wait).await;
                waiting
            })),
            Verdict::Park(error) => {
                let parking = delivery.parking(&waiting, error, took);
                self.begin_commit(waiting, parking, DeliveryOutcome::Parked, work);
            }
            Verdict::Skip(error) => {
                let mut unit = delivery.own_unit(&waiting.event);
                delivery.record(&mut unit, &waiting, took, DeliveryOutcome::Skipped, Some(&error));
                self.begin_commit(waiting, unit, DeliveryOutcome::Skipped, work);
            }
            Verdict::Halt(error) => {
                self.halt_at(&waiting.event, error);
                self.mailbox.put_back(waiting);
            }
        }
    }

    fn begin_commit(&self, waiting: Waiting, mut unit: Unit, outcome: DeliveryOutcome, work: &mut Work) {
        let step = self.progress.step(position(&waiting.event), &waiting.event.metadata.key);
        step.write(&self.delivery.place, &mut unit);
        let delivery = Arc::clone(&self.delivery);
        // Mutant `checkpoint_before_effect`: a store that fails between the two loses the effect.
        let early = cfg!(mutant = "checkpoint_before_effect").then(|| {
            let mut early = self.delivery.own_unit(&waiting.event);
            step.write(&self.delivery.place, &mut early);
            early
        });
        work.committing.push(Box::pin(async move {
            if let Some(early) = early {
                drop(delivery.commit(early).await);
            }
            let result = delivery.commit(unit).await.map(drop);
            Committed { waiting, step, outcome, result }
        }));
    }

    fn committed(&mut self, committed: Committed, work: &mut Work) -> Result<(), StoreError> {
        let Committed { waiting, step, outcome, result } = committed;
        let key = &waiting.event.metadata.key;
        match result {
            Ok(()) => {
                // Mutant `parked_blocks`: what is parked never counts as done.
                if !cfg!(mutant = "parked_blocks") || outcome != DeliveryOutcome::Parked {
                    self.progress.done(position(&waiting.event));
                }
                self.progress.stepped(&step);
                match outcome {
                    DeliveryOutcome::Done => self.delivered(),
                    DeliveryOutcome::Skipped => self.delivery.meters.skipped.increment(1),
                    // Nobody discards in the middle of a delivery.
                    DeliveryOutcome::Parked | DeliveryOutcome::Discarded => {
                        self.delivery.meters.parked.increment(1);
                        self.parks(&waiting);
                    }
                }
                self.mailbox.release(key);
            }
            // What says that it was given up: to give it up again would say the same.
            Err(CommitError::Store(error)) if outcome != DeliveryOutcome::Done => {
                return Err(self.stuck(&waiting.event, error));
            }
            Err(CommitError::Unwritable(message)) if outcome != DeliveryOutcome::Done => {
                return Err(self.stuck(&waiting.event, StoreError::unwritable(message)));
            }
            Err(error) => self.failed(waiting, Fault::Failed(refusal(error)?), Duration::ZERO, work),
        }
        Ok(())
    }
}
