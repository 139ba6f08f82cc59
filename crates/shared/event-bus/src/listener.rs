use std::{collections::VecDeque, pin::pin, sync::Arc};

use event_sourcing::{Appended, Bell, Excerpt, Position, Readable, StoreError, StoreExt};
use kernel::Envelope;
use tokio::{sync::watch, time::sleep};

use crate::{
    Overflow,
    control::{Orders, stopped},
    delivery::{Delivery, Tried, position},
    follower::PATIENCE,
    handler::{Fault, Handler},
    mailbox::Waiting,
    standing::Slate,
};

/// Events read from the log at once.
const PAGE: usize = 256;

/// The one task of an ephemeral subscriber: it takes what is appended from now on into a bounded mailbox, also while its
/// handler runs, and handles it in order.
pub(crate) struct Listener {
    delivery: Arc<Delivery>,
    handler: Arc<dyn Handler>,
    overflow: Overflow,
    mailbox: VecDeque<Arc<Envelope>>,
    read: Position,
    dropped: u64,
    /// Whether the log goes on behind what was taken.
    is_behind: bool,
    appended: Appended,
    orders: watch::Receiver<Orders>,
    slate: Arc<Slate>,
}

impl Listener {
    /// From the end of the log on.
    pub async fn open(
        delivery: Delivery,
        handler: Arc<dyn Handler>,
        overflow: Overflow,
        orders: watch::Receiver<Orders>,
        slate: Arc<Slate>,
    ) -> Result<Self, StoreError> {
        let appended = delivery.store.appended();
        let read = delivery.store.head().await?;
        let listener = Self {
            delivery: Arc::new(delivery),
            handler,
            overflow,
            mailbox: VecDeque::new(),
            read,
            dropped: 0,
            is_behind: false,
            appended,
            orders,
            slate,
        };
        listener.publish(None);
        Ok(listener)
    }

    /// Wakes it to look at its orders.
    pub fn bell(&self) -> Bell {
        self.appended.bell()
    }

    /// Until it is ordered to stop.
    pub async fn run(mut self) {
        loop {
            self.fill().await;
            let Orders { stop, paused, .. } = *self.orders.borrow_and_update();
            if stop {
                return;
            }
            let next = if paused { None } else { self.mailbox.pop_front() };
            match next {
                Some(event) => {
                    if !self.handle(event).await {
                        return;
                    }
                }
                None => {
                    self.publish(None);
                    tokio::select! {
                        ordered = self.orders.changed() => if ordered.is_err() { return },
                        _ = self.appended.changed() => {}
                        () = sleep(PATIENCE) => {}
                    }
                    self.is_behind = true;
                }
            }
        }
    }

    /// Whether to go on.
    async fn handle(&mut self, event: Arc<Envelope>) -> bool {
        let delivery = Arc::clone(&self.delivery);
        let handling = Arc::clone(&delivery).attempt(Arc::clone(&self.handler), Waiting::from(Arc::clone(&event)));
        let mut handling = pin!(handling);
        let tried = loop {
            self.publish(Some(&event));
            let may_take = !self.is_behind || self.overflow != Overflow::Wait;
            tokio::select! {
                biased;
                tried = &mut handling => break tried,
                () = stopped(&mut self.orders) => return false,
                _ = self.appended.changed(), if may_take => {}
                () = sleep(PATIENCE), if may_take => {}
            }
            self.is_behind = true;
            let mut orders = self.orders.clone();
            tokio::select! {
                biased;
                tried = &mut handling => break tried,
                () = stopped(&mut orders) => return false,
                () = self.fill() => {}
            }
        };
        self.end(&event, tried).await;
        true
    }

    /// Once is all it gets.
    async fn end(&self, event: &Envelope, tried: Tried) {
        let Tried { unit, result, took, .. } = tried;
        let Delivery { meters, subscription, .. } = &*self.delivery;
        meters.took(took);
        let result = match result {
            Ok(()) if unit.is_empty() => Ok(()),
            Ok(()) => self.delivery.commit(unit).await.map(drop).map_err(kernel::Error::from),
            Err(Fault::Failed(error) | Fault::Unreadable(error)) => Err(error),
        };
        match result {
            Ok(()) => meters.done.increment(1),
            Err(error) => {
                meters.failed.increment(1);
                let detail = error.detail.as_deref();
                tracing::warn!(subscriber = subscription.name, event_id = %event.event_id, detail, "{error}");
            }
        }
    }

    /// Takes what the log has, as the policy of the mailbox allows.
    ///
    /// # Cancel safety
    /// Dropped, it goes on where it was.
    async fn fill(&mut self) {
        if !self.appended.has_changed() && !self.is_behind {
            return;
        }
        let head = self.appended.look();
        self.is_behind = true;
        let most = self.delivery.subscription.mailbox;
        loop {
            let page = match self.page().await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(subscriber = self.delivery.subscription.name, "waiting for the store: {error}");
                    return;
                }
            };
            self.is_behind = !page.is_empty();
            if page.is_empty() {
                return;
            }
            for event in page.iter() {
                let at = position(event);
                // A log that keeps only its end has forgotten what is missing.
                self.drop_events(at.0 - self.read.0 - 1);
                if self.delivery.subscription.takes(event) {
                    match self.overflow {
                        _ if self.mailbox.len() < most => {}
                        Overflow::Wait => return self.read = Position(at.0 - 1),
                        Overflow::DropOldest => {
                            self.mailbox.pop_front();
                            self.drop_events(1);
                        }
                        Overflow::Reject => {
                            self.drop_events(1);
                            self.read = at;
                            continue;
                        }
                    }
                    self.mailbox.push_back(Arc::clone(event));
                }
                self.read = at;
            }
            // What has come meanwhile is for the next time, or whoever appends without a pause would leave no time for anything else.
            if self.read >= head {
                self.is_behind = page.len() == PAGE;
                return;
            }
        }
    }

    /// What comes next in the log. Here nobody waits for what cannot be read: it is dropped.
    async fn page(&mut self) -> Result<Excerpt, StoreError> {
        let store = Arc::clone(&self.delivery.store);
        loop {
            let Readable { events, damage } = store.readable(self.read, PAGE).await?;
            let Some(damage) = damage.filter(|_| events.is_empty()) else { return Ok(events) };
            // Where it is the whole store that cannot be read, this would not end.
            if damage.position > store.head().await? {
                return Err(damage.error);
            }
            tracing::error!(subscriber = self.delivery.subscription.name, "dropped: {damage}");
            self.drop_events(1);
            self.read = damage.position;
        }
    }

    fn drop_events(&mut self, count: u64) {
        if count > 0 {
            self.dropped += count;
            self.delivery.meters.dropped.increment(count);
        }
    }

    fn publish(&self, handled: Option<&Arc<Envelope>>) {
        let first = handled.or(self.mailbox.front());
        self.slate.write(|standing| {
            standing.position = first.map_or(self.read, |event| Position(position(event).0 - 1));
            standing.queued = self.mailbox.len();
            standing.in_flight = usize::from(handled.is_some());
            standing.oldest = first.map(|event| event.timestamp);
            let Orders { paused, resumed, letters, .. } = *self.orders.borrow();
            standing.paused = paused;
            standing.resumed = resumed;
            standing.letters = letters;
            standing.dropped = self.dropped;
        });
    }
}
