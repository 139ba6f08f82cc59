use std::{
    future::poll_fn,
    mem,
    ops::Range,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use event_sourcing::{Excerpt, Position, StoreError};
use futures::FutureExt;
use kernel::Envelope;

use tokio::time::{Instant, sleep_until};

use super::{Follower, PATIENCE, lanes::Work, outlook::Outlook};
use crate::{
    DeliveryOutcome,
    control::Orders,
    delivery::{Delivery, Tried, panicked, position, refusal},
    handler::{Fault, Handler},
    mailbox::Waiting,
    stretch::Stretch,
};

/// How often it is written down how far it is: not for every event, which would cost more than many handlers.
const TELL: Duration = Duration::from_millis(100);

/// How a stretch of events ended.
enum End {
    /// At the end of the page, or where it was held.
    Through,
    /// After an event that wrote something.
    Written,
    Failed(Fault),
    Stopped,
}

impl Follower {
    /// Handles the events of the page one after another, up to its end, the first failure or an order.
    pub(super) async fn straight(
        &mut self,
        handler: &Arc<dyn Handler>,
        page: &Arc<Excerpt>,
        work: &mut Work,
    ) -> Result<(), StoreError> {
        let at = Arc::new(AtomicUsize::new(0));
        let mut outlook = Outlook::behind(page, &self.delivery);
        loop {
            let from = at.load(Ordering::Relaxed);
            let start = Instant::now();
            if start - self.told >= TELL {
                self.tell(page, from, start);
            }
            let end = self.stretch(&**handler, page, &at, start, &mut outlook).await;
            let here = at.load(Ordering::Relaxed);
            let took = self.seat.began.elapsed().saturating_sub(self.seat.time_others(&self.delivery.meters));
            self.passed(page, from..here);
            let end = if matches!(end, End::Written) { self.commit(&page[here], took).await? } else { end };
            if let (End::Written, Some(outlook)) =
                (&end, outlook.as_mut().filter(|outlook| outlook.due().is_some_and(|due| Instant::now() >= due)))
            {
                outlook.look(&self.delivery).await?;
            }
            let is_overtaken = outlook.as_ref().is_some_and(|outlook| outlook.is_overtaken);
            match end {
                End::Stopped => return Ok(()),
                End::Through | End::Written if is_overtaken => {
                    self.admit(page.part(here + usize::from(matches!(end, End::Written))..page.len()));
                    return self.lanes(work).await;
                }
                End::Through => return if self.progress.is_late() { self.flush().await } else { Ok(()) },
                End::Written if here + 1 == page.len() => return Ok(()),
                // What was not begun is read again, when that is wanted.
                // Mutant `pause_at_the_end`: a page that writes is gone through whatever is ordered.
                End::Written if self.is_ordered() && !cfg!(mutant = "pause_at_the_end") => return Ok(()),
                End::Written => at.store(here + 1, Ordering::Relaxed),
                End::Failed(fault) => {
                    // Mutant `unit_of_a_failure`: what a handler wrote before it failed is committed with what comes next.
                    if !cfg!(mutant = "unit_of_a_failure") {
                        drop(self.seat.written());
                    }
                    let event = &page[here];
                    self.progress.admit(position(event), event.timestamp);
                    self.mailbox.hold(&event.metadata.key);
                    self.admit(page.part(here + 1..page.len()));
                    let waiting = Waiting { attempts: 1, ..Arc::clone(event).into() };
                    let unit = self.delivery.own_unit(event);
                    let tried = Tried { waiting, unit, result: Err(fault), took };
                    self.tried(tried, work);
                    return self.lanes(work).await;
                }
            }
        }
    }

    /// Whoever looks sees how far it is, also where it is never idle and no handler waits.
    fn tell(&mut self, page: &Excerpt, from: usize, now: Instant) {
        self.told = now;
        self.slate.write(|standing| {
            standing.position = self.progress.position();
            standing.queued = page.len() - from;
            standing.in_flight = 0;
            standing.oldest = page.get(from).map(|event| event.timestamp);
        });
    }

    /// Drives the handler through the page from `at` on, and tells every second how far it is if it takes that long.
    async fn stretch(
        &mut self,
        handler: &dyn Handler,
        page: &Arc<Excerpt>,
        at: &Arc<AtomicUsize>,
        start: Instant,
        outlook: &mut Option<Outlook>,
    ) -> End {
        let Self { delivery, seat, orders, obeyed, progress, slate, .. } = self;
        let _watching = delivery.watch.page(page, at, start);
        let from = at.load(Ordering::Relaxed);
        let behind = |index: usize| Position(position(&page[index]).0 - 1);
        let hold = AtomicBool::new(false);
        let Delivery { subscription, inline, meters, .. } = &**delivery;
        let polls = AtomicUsize::new(0);
        let stretch = Stretch { subscription, events: page, at, polls: &polls, hold: &hold, seat, inline, meters };
        let result = 'handled: {
            let mut handling = pin!(AssertUnwindSafe(handler.stretch(stretch)).catch_unwind());
            let mut handling = pin!(poll_fn(|cx| {
                polls.store(polls.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
                handling.as_mut().poll(cx)
            }));
            if let Poll::Ready(ended) = futures::poll!(&mut handling) {
                break 'handled ended;
            }
            // It takes its time: now it is worth to say so.
            slate.write(|standing| {
                standing.position = progress.position();
                standing.in_flight = 1;
                standing.queued = page.len() - from - 1;
                standing.oldest = Some(page[from].timestamp);
            });
            let mut tell = Instant::now() + PATIENCE;
            loop {
                let due = outlook.as_ref().and_then(Outlook::due);
                tokio::select! {
                    biased;
                    ended = &mut handling => break ended,
                    ordered = orders.changed() => {
                        *obeyed = Orders { resumed: obeyed.resumed, letters: obeyed.letters, ..*orders.borrow() };
                        obeyed.stop |= ordered.is_err();
                        // The seat may be half written: whoever sits down next does not find it so.
                        if obeyed.stop {
                            return End::Stopped;
                        }
                        hold.store(true, Ordering::Relaxed);
                    }
                    () = sleep_until(due.unwrap_or(start)), if due.is_some() => {
                        if let Some(outlook) = outlook {
                            tokio::select! {
                                biased;
                                ended = &mut handling => break ended,
                                // What the store does not answer is asked again later.
                                _unanswered = outlook.look(delivery) => {}
                            }
                            hold.fetch_or(outlook.is_overtaken, Ordering::Relaxed);
                        }
                    }
                    () = sleep_until(tell) => {
                        tell = Instant::now() + PATIENCE;
                        let here = at.load(Ordering::Relaxed).min(page.len() - 1);
                        slate.write(|standing| {
                            standing.position = standing.position.max(behind(here));
                            standing.queued = page.len() - here - 1;
                            standing.oldest = Some(page[here].timestamp);
                        });
                    }
                }
            }
        };
        match result {
            Ok(Ok(())) if self.seat.unit.is_empty() => End::Through,
            Ok(Ok(())) => End::Written,
            Ok(Err(fault)) => End::Failed(fault),
            Err(panic) => End::Failed(Fault::Failed(panicked(panic))),
        }
    }

    /// Events that are done and wrote nothing.
    fn passed(&mut self, page: &Excerpt, events: Range<usize>) {
        if events.is_empty() {
            return;
        }
        let last = &page[events.end - 1];
        let taken = mem::take(&mut self.seat.handled);
        self.progress.pass(position(last), taken > 0);
        self.successes = self.successes.saturating_add(taken as u32);
        self.delivery.meters.done.increment(taken as u64);
    }

    /// Commits what the event's handler wrote.
    async fn commit(&mut self, event: &Arc<Envelope>, took: Duration) -> Result<End, StoreError> {
        let mut unit = self.seat.written();
        let waiting = Waiting { attempts: 1, ..Arc::clone(event).into() };
        self.delivery.record(&mut unit, &waiting, took, DeliveryOutcome::Done, None);
        let step = self.progress.through(position(event));
        step.write(&self.delivery.place, &mut unit);
        match self.delivery.commit(unit).await {
            Ok(_) => {
                self.progress.pass(position(event), false);
                self.progress.stepped(&step);
                self.delivery.meters.done.increment(1);
                self.delivery.meters.took(took);
                self.successes = self.successes.saturating_add(1);
                Ok(End::Written)
            }
            Err(error) => refusal(error).map(|error| End::Failed(Fault::Failed(error))),
        }
    }
}
