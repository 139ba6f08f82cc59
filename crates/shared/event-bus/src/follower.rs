//! The one task of a durable subscriber: it follows the store's log from the checkpoint on.
//!
//! The log is the queue. All subscribers read the same events from it, each from its own position, so that a publisher does the
//! same for one of them as for a hundred and waits for none. Three ways through a page:
//!
//! * [`straight`](Follower::straight), where there is nothing to choose between: one event at a time, all as urgent, no key
//!   parked; until something [more urgent](outlook) comes behind them. No mailbox, no future of its own for each delivery.
//! * [`lanes`](Follower::lanes), by key and priority, several at a time; also where a try has failed, so that its key waits
//!   for the next and the others do not.
//! * [`batches`](Follower::batches).

mod batches;
mod lanes;
mod letters;
mod outlook;
mod straight;

use std::{collections::BTreeSet, mem::take, pin::Pin, sync::Arc, time::Duration};

use event_sourcing::{Appended, Bell, CommitError, Damage, Excerpt, Position, Readable, Receipt, StoreError, StoreExt};
use kernel::{Envelope, Error};
use tokio::{
    sync::watch,
    time::{Instant, Sleep, sleep},
};

use self::{lanes::Work, letters::Letters};
use crate::{
    control::{Orders, stopped},
    delivery::{Delivery, position},
    mailbox::Mailbox,
    parked::Parked,
    progress::Progress,
    standing::Slate,
    stretch::Seat,
    subscription::Calls,
};

/// Events read from the log at once.
const PAGE: usize = 256;
/// How long a subscriber waits before it asks a store again that did not answer, and the slow poll beside the wake-ups.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) struct Follower {
    delivery: Arc<Delivery>,
    progress: Progress,
    mailbox: Mailbox,
    parked: Parked,
    letters: Letters,
    seat: Seat,
    /// Why it takes nothing until it is resumed.
    halted: Option<String>,
    /// Deliveries since the last failure that the budget for retries has not heard of.
    successes: u32,
    appended: Appended,
    /// Where the log ended when that was last asked.
    head: Position,
    /// The slow poll beside the wake-ups. It goes on from one wait to the next, for to set a timer costs more than most handlers.
    poll: Pin<Box<Sleep>>,
    orders: watch::Receiver<Orders>,
    /// Those that are carried out.
    obeyed: Orders,
    slate: Arc<Slate>,
    /// When it last wrote there how far it is, while it goes straight.
    told: Instant,
}

impl Follower {
    /// Wakes it to look at its orders.
    pub fn bell(&self) -> Bell {
        self.appended.bell()
    }

    /// From what the store has.
    pub async fn open(
        delivery: Delivery,
        orders: watch::Receiver<Orders>,
        slate: Arc<Slate>,
    ) -> Result<Self, StoreError> {
        let appended = delivery.store.appended();
        let seat = Seat::new(delivery.bare_unit());
        let obeyed = *orders.borrow();
        let mut follower = Self {
            delivery: Arc::new(delivery),
            progress: Progress::default(),
            mailbox: Mailbox::default(),
            parked: Parked::default(),
            letters: Letters::default(),
            seat,
            halted: None,
            successes: 0,
            appended,
            head: Position(0),
            poll: Box::pin(sleep(PATIENCE)),
            orders,
            obeyed,
            slate,
            told: Instant::now(),
        };
        follower.recover().await?;
        Ok(follower)
    }

    /// Until it is ordered to stop.
    pub async fn run(mut self) {
        while let Err(mut error) = self.follow().await {
            self.letters.fail(&error);
            loop {
                // The fence has told about it. What is in flight ends here, and nothing is written any more.
                if self.delivery.is_lost() {
                    return;
                }
                tracing::warn!(subscriber = self.delivery.subscription.name, "waiting for the store: {error}");
                self.slate.write(|standing| standing.trouble = Some(error.to_string()));
                tokio::select! {
                    biased;
                    // What is in the store is unknown, so nothing is written into it any more.
                    () = stopped(&mut self.orders) => return,
                    () = sleep(PATIENCE) => {}
                }
                match self.recover().await {
                    Ok(()) => break,
                    Err(again) => error = again,
                }
            }
        }
        if let Err(error) = self.flush().await {
            tracing::debug!(subscriber = self.delivery.subscription.name, "the checkpoint stays behind: {error}");
        }
    }

    /// Takes up what the store has.
    async fn recover(&mut self) -> Result<(), StoreError> {
        let Delivery { place, store, .. } = &*self.delivery;
        // A unit of an earlier run of this subscriber, whose answer nobody waited for, may still be on its way. This one writes
        // nothing and waits behind it, or what is read next were out of date, and an effect done twice.
        written(self.delivery.commit(self.delivery.bare_unit()).await)?;
        let checkpoint = store.checkpoint(place).await?;
        let marks: BTreeSet<u64> = self.delivery.marks().await?.into_iter().collect();
        self.progress = take(&mut self.progress).recovered(checkpoint, marks);
        self.mailbox.clear();
        self.delivery.watch.retain(&self.letters.tried());
        self.look_at_letters(&mut Work::new()).await?;
        self.publish(0);
        Ok(())
    }

    async fn follow(&mut self) -> Result<(), StoreError> {
        let delivery = Arc::clone(&self.delivery);
        let work = &mut Work::new();
        match &delivery.subscription.calls {
            Calls::Batch(options, handler) => self.batches(*options, handler, work).await,
            Calls::Each(handler) => loop {
                self.obey();
                if self.obeyed.stop {
                    return Ok(());
                }
                if self.has_letters(work) {
                    self.lanes(work).await?;
                }
                self.appended.look();
                // What it halted before is read again when it is resumed.
                if self.halted.is_some() {
                    self.idle().await?;
                    continue;
                }
                let Readable { events: page, damage } = self.page().await?;
                let is_end = damage.is_none() && page.len() < PAGE.min(delivery.subscription.mailbox);
                // Mutant `horizon_after_rows`: what is appended between a read and a look at the end of the log is passed over.
                if cfg!(mutant = "horizon_after_rows") && page.is_empty() {
                    self.progress.pass(delivery.store.head().await?, false);
                }
                // It is read again, when that is wanted.
                if !self.is_held() && self.is_ordered() {
                    continue;
                }
                if page.is_empty() {
                    match damage {
                        Some(damage) => self.halt_before(&damage),
                        // Whatever has ended the wait is to be looked for.
                        None => self.idle().await?,
                    }
                    continue;
                }
                if self.is_straight(&page) && !handler.computes() {
                    self.straight(handler, &Arc::new(page), work).await?;
                } else {
                    self.admit(page.iter());
                    self.lanes(work).await?;
                }
                // What was read was all there was: no need to read again before something has been appended.
                if is_end
                    && !self.appended.has_changed()
                    && !self.is_held()
                    && self.letters.is_empty()
                    && self.progress.position() == self.progress.read
                {
                    self.idle().await?;
                }
            },
        }
    }

    /// What comes next in the log.
    async fn page(&self) -> Result<Readable, StoreError> {
        self.delivery.store.readable(self.progress.read, self.page_size()).await
    }

    /// It is through with all that comes before an event that the store cannot give back. Nobody knows what that was, so that it can
    /// neither be parked nor be passed over.
    fn halt_before(&mut self, damage: &Damage) {
        tracing::error!(subscriber = self.delivery.subscription.name, "halted: {damage}");
        self.halted = Some(damage.to_string());
    }

    /// It takes nothing until somebody has made sure that this event can be read.
    fn halt_at(&mut self, event: &Envelope, error: Error) {
        let subscriber = self.delivery.subscription.name;
        tracing::error!(subscriber, "halted: resume it when `{}` can be read", event.event_type);
        self.halted = Some(error.message);
    }

    /// This event cannot be given up, because the store refuses what says so. Where that does not pass, it takes nothing until somebody
    /// has mended the store: to handle it again and again would be worse.
    fn stuck(&mut self, event: &Envelope, error: StoreError) -> StoreError {
        if error.kind.is_lasting() {
            let (subscriber, event_id) = (self.delivery.subscription.name, &event.event_id);
            tracing::error!(subscriber, %event_id, "halted: it cannot be given up: {error}");
            self.halted = Some(error.message.clone());
        }
        error
    }

    /// A page of fewer events was all that there was, or all before one that is damaged.
    fn page_size(&self) -> usize {
        self.delivery.subscription.mailbox.saturating_sub(self.mailbox.free()).clamp(1, PAGE)
    }

    /// Whether the page is one lane.
    fn is_straight(&self, page: &Excerpt) -> bool {
        let mut priorities = page.iter().map(|event| event.metadata.priority);
        let first = priorities.next();
        self.delivery.subscription.concurrency == 1
            && self.parked.is_empty()
            && !self.progress.has_marks()
            && !self.is_held()
            && priorities.all(|priority| Some(priority) == first)
    }

    /// Takes events into the mailbox as long as there is room; the rest is read again.
    fn admit<'e>(&mut self, page: impl Iterator<Item = &'e Arc<Envelope>>) {
        let subscription = &self.delivery.subscription;
        for event in page {
            let at = position(event);
            if !subscription.takes(event) {
                self.progress.pass(at, false);
                continue;
            }
            if self.mailbox.free() >= subscription.mailbox {
                return;
            }
            self.progress.admit(at, event.timestamp);
            if self.progress.is_marked(at) {
                self.progress.done(at);
            } else {
                self.mailbox.push(Arc::clone(event));
            }
        }
    }

    fn is_held(&self) -> bool {
        self.obeyed.paused || self.obeyed.leaving || self.obeyed.stop || self.halted.is_some()
    }

    /// Whether it is to begin with nothing, by an order that is carried out or by one that is not yet.
    fn is_ordered(&self) -> bool {
        let Orders { paused, leaving, stop, .. } = *self.orders.borrow();
        paused || leaving || stop || self.is_held()
    }

    /// Carries out what was ordered since, but for what was ordered about letters.
    fn obey(&mut self) {
        let mut orders = *self.orders.borrow_and_update();
        // Nobody is left who could order anything.
        orders.stop |= self.orders.has_changed().is_err();
        if orders.resumed != self.obeyed.resumed {
            self.halted = None;
        }
        self.obeyed = Orders { letters: self.obeyed.letters, ..orders };
    }

    /// Waits for events or orders.
    async fn idle(&mut self) -> Result<(), StoreError> {
        // Under load the next event comes before this task would be asleep: to look again is cheaper than to be woken, for whoever
        // would wake it most of all.
        tokio::task::yield_now().await;
        if self.appended.has_changed() || self.redelivers() {
            return Ok(());
        }
        self.publish(0);
        let is_held = self.is_held();
        tokio::select! {
            biased;
            // The wake-up is a hint, the poll the guarantee; both end in the same read. Whoever gives an order rings.
            _ = self.appended.changed() => Ok(()),
            () = self.letters.ripen(), if !is_held => Ok(()),
            () = self.poll.as_mut() => {
                self.poll.as_mut().reset(Instant::now() + PATIENCE);
                self.tend().await
            }
        }
    }

    /// What is done every second in which nothing happens.
    async fn tend(&mut self) -> Result<(), StoreError> {
        self.successes = 0;
        self.flush().await
    }

    /// Stores what is done, if that is behind. Only while nothing is being committed: two commits have no order.
    async fn flush(&mut self) -> Result<(), StoreError> {
        while let Some(step) = self.progress.flush().or_else(|| self.progress.unmarked()) {
            let mut unit = self.delivery.bare_unit();
            step.write(&self.delivery.place, &mut unit);
            written(self.delivery.commit(unit).await)?;
            self.progress.stepped(&step);
        }
        Ok(())
    }

    /// Pays what was earned since the last failure, so that a delivery that succeeds costs nothing.
    fn pay_in(&mut self) {
        let attempts = self.delivery.retry.attempts();
        (0..self.successes.min(256)).for_each(|_| attempts.succeeded());
        self.successes = 0;
    }

    fn publish(&self, in_flight: usize) {
        self.publish_with(self.mailbox.len(), in_flight);
    }

    fn publish_with(&self, queued: usize, in_flight: usize) {
        self.slate.write(|standing| {
            standing.position = self.progress.position();
            standing.queued = queued;
            standing.in_flight = in_flight;
            standing.oldest = self.progress.oldest();
            standing.parked_keys = self.parked.len();
            standing.paused = self.obeyed.paused;
            standing.resumed = self.obeyed.resumed;
            standing.letters = self.obeyed.letters;
            standing.redelivers = !self.letters.is_empty();
            standing.leaving = self.obeyed.leaving;
            standing.halted.clone_from(&self.halted);
            standing.trouble = None;
        });
    }
}

/// An answer to a unit in which nothing is expected.
fn written(answer: Result<Receipt, CommitError>) -> Result<(), StoreError> {
    match answer {
        Ok(_) => Ok(()),
        Err(CommitError::Store(error)) => Err(error),
        Err(CommitError::Unwritable(message)) => Err(StoreError::unwritable(message)),
        Err(refused) => unreachable!("this unit expects nothing and has no deadline: {refused}"),
    }
}
