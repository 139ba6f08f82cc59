//! The subscribers of a process, and who works on them.

use std::{
    collections::BTreeSet,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use event_sourcing::{Bell, Position, Store, StoreError};
use futures::FutureExt;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::timeout,
};

use crate::{
    DeliveryClass, Failing, LetterFilter, Overlong, Subscription,
    at_rest::next,
    control::Orders,
    delivery::{Delivery, panicked},
    follower::Follower,
    lease::fence::Fence,
    listener::Listener,
    meters::Meters,
    redelivery::{Answer, Desk},
    slot::Slot,
    standing::{Slate, Standing},
    subscription::Calls,
    watch::Watch,
};

/// Pages of the log in which it is looked at once for what comes next of a subscriber: so far its checkpoint may stay behind.
const PAGES: usize = 16;

/// Events between two tries that a status names.
const FAILING: usize = 16;

/// A subscriber, and a post for each of its slots.
pub(crate) struct Running {
    pub subscription: Subscription,
    pub meters: Meters,
    pub posts: Vec<Arc<Post>>,
    /// Nobody is to begin to work on it any more.
    is_removed: AtomicBool,
}

/// One slot of a subscriber. Without leases somebody works on it all the time, else as long as this process has the lease.
pub(crate) struct Post {
    /// To the keys of this slot only.
    pub subscription: Subscription,
    /// What checkpoint, marks and claim are stored under.
    pub place: String,
    pub slate: Arc<Slate>,
    pub watch: Arc<Watch>,
    orders: watch::Sender<Orders>,
    /// What comes next of one that does not get on is not looked up again and again.
    unread: Mutex<Option<Unread>>,
    work: Mutex<Option<Work>>,
}

/// What the log has for one who is at `at`: nothing up to `to`, and then what happened at `happened`.
#[derive(Clone, Copy)]
struct Unread {
    at: Position,
    to: Position,
    happened: Option<DateTime<Utc>>,
}

/// The task that works on a post. It ends with this.
struct Work {
    bell: Bell,
    desk: Desk,
    fence: Option<Arc<Fence>>,
    /// Of its delivery.
    abandoned: Arc<AtomicBool>,
    slate: Arc<Slate>,
    watch: Arc<Watch>,
    task: JoinHandle<()>,
    /// There is nothing more to receive when the task has ended and nothing computes for it any more.
    computing: mpsc::Receiver<()>,
}

impl Running {
    pub fn new(subscription: Subscription, paused: bool) -> Self {
        let of = subscription.slots;
        let posts = (0..of).map(|index| Arc::new(Post::new(&subscription, Slot { index, of }, paused))).collect();
        Self { meters: Meters::new(&subscription), subscription, posts, is_removed: AtomicBool::new(false) }
    }

    /// It is removed from here on, though somebody may work on it still.
    pub fn ends(&self) {
        self.is_removed.store(true, Ordering::SeqCst);
    }

    pub fn is_removed(&self) -> bool {
        self.is_removed.load(Ordering::SeqCst)
    }

    /// The claims that are worked under, by slot.
    pub fn held(&self) -> Vec<(String, u64)> {
        self.posts.iter().filter_map(|post| Some((post.place.clone(), post.claim()?))).collect()
    }

    pub fn order(&self, change: impl Fn(&mut Orders)) {
        self.posts.iter().for_each(|post| post.order(&change));
    }

    /// How often this process has said whether it is paused.
    pub fn said(&self) -> u64 {
        self.posts.iter().map(|post| post.orders.borrow().said).sum()
    }

    pub fn is_paused(&self) -> bool {
        self.posts.iter().all(|post| post.orders.borrow().paused)
    }

    /// Posts on which this process works.
    pub fn at_work(&self) -> impl Iterator<Item = &Arc<Post>> {
        self.posts.iter().filter(|post| post.is_at_work())
    }

    /// Posts on which nobody works in this process, though others may.
    pub fn elsewhere(&self) -> impl Iterator<Item = &Arc<Post>> {
        let is_durable = self.subscription.class == DeliveryClass::Durable;
        self.posts.iter().filter(move |post| is_durable && !post.is_at_work() && !post.slate.read().is_dead)
    }

    /// How it stands as a whole; where this process does not work on it, as the store has it.
    pub async fn standing(&self, store: &dyn Store, head: Position) -> Result<Standing, StoreError> {
        let mut whole = Standing { position: head, ..Standing::default() };
        for post in &self.posts {
            let standing = post.standing();
            let standing = match self.elsewhere().any(|elsewhere| Arc::ptr_eq(elsewhere, post)) {
                true => Standing { position: store.checkpoint(&post.place).await?, ..Standing::default() },
                false if post.is_at_work() || standing.is_dead => standing,
                false => continue,
            };
            let (position, oldest) = post.next(store, &standing, head).await?;
            whole.position = whole.position.min(position);
            whole.queued += standing.queued;
            whole.in_flight += standing.in_flight;
            whole.oldest = whole.oldest.into_iter().chain(oldest).min();
            whole.parked_keys += standing.parked_keys;
            whole.halted = whole.halted.or(standing.halted);
            whole.trouble = whole.trouble.or(standing.trouble);
            whole.dropped += standing.dropped;
        }
        Ok(whole)
    }

    pub fn overlong(&self, limit: Duration) -> Vec<Overlong> {
        self.posts.iter().flat_map(|post| post.watch.overlong(&self.subscription, limit)).collect()
    }

    /// How many events wait for their next try, and the first of them.
    pub fn failing(&self) -> (usize, Vec<Failing>) {
        let of_posts = self.posts.iter().map(|post| post.watch.failing(FAILING));
        let (counts, failing): (Vec<_>, Vec<_>) = of_posts.unzip();
        let mut failing = failing.concat();
        failing.sort_by_key(|failing| failing.position);
        failing.truncate(FAILING);
        (counts.iter().sum(), failing)
    }

    pub async fn measure(
        &self,
        store: &dyn Store,
        head: Position,
        now: DateTime<Utc>,
        limit: Duration,
    ) -> Result<(), StoreError> {
        let standing = self.standing(store, head).await?;
        let meters = &self.meters;
        meters.mailbox.set(standing.queued as f64);
        meters.in_flight.set(standing.in_flight as f64);
        meters.lag.set(head.0.saturating_sub(standing.position.0) as f64);
        let age = standing.oldest.map(|oldest| (now - oldest).to_std().unwrap_or_default());
        meters.oldest.set(age.unwrap_or_default().as_secs_f64());
        meters.parked_keys.set(standing.parked_keys as f64);
        meters.overlong.set(self.overlong(limit).len() as f64);
        meters.slots.set(self.at_work().count() as f64);
        Ok(())
    }
}

impl Post {
    fn new(subscription: &Subscription, slot: Slot, paused: bool) -> Self {
        let place = slot.stored_name(subscription.name);
        let slate = Arc::new(Slate::default());
        slate.write(|standing| *standing = Standing { paused, ended: true, ..Standing::default() });
        let orders = watch::Sender::new(Orders { paused, ..Orders::default() });
        Self {
            subscription: subscription.clone().of_slot(slot),
            place,
            slate,
            watch: Arc::default(),
            orders,
            unread: Mutex::default(),
            work: Mutex::default(),
        }
    }

    /// Begins to work on it.
    ///
    /// # Cancel safety
    /// Dropped, nobody works on it.
    pub async fn begin(&self, mut delivery: Delivery) -> Result<(), StoreError> {
        self.abandon();
        let (threads, computing) = delivery.threads.observed();
        delivery.threads = threads;
        let (desk, fence) = (delivery.desk.clone(), delivery.fence.clone());
        let (name, abandoned) = (delivery.subscription.name, Arc::clone(&delivery.abandoned));
        self.orders.send_modify(|orders| *orders = Orders { stop: false, leaving: false, ..*orders });
        let (ordered, slate, watch) = (self.orders.subscribe(), Arc::clone(&self.slate), Arc::clone(&self.watch));
        let (bell, task) = match (delivery.subscription.class, delivery.subscription.calls.clone()) {
            (DeliveryClass::Ephemeral { overflow }, Calls::Each(handler)) => {
                let listener = Listener::open(delivery, handler, overflow, ordered, Arc::clone(&slate)).await?;
                slate.write(Standing::begins);
                (listener.bell(), tokio::spawn(ending(name, slate, watch, listener.run())))
            }
            _ => {
                let follower = Follower::open(delivery, ordered, Arc::clone(&slate)).await?;
                slate.write(Standing::begins);
                (follower.bell(), tokio::spawn(ending(name, slate, watch, follower.run())))
            }
        };
        let (slate, watch) = (Arc::clone(&self.slate), Arc::clone(&self.watch));
        *self.work() = Some(Work { bell, desk, fence, abandoned, slate, watch, task, computing });
        Ok(())
    }

    pub fn order(&self, change: impl FnOnce(&mut Orders)) {
        self.orders.send_modify(change);
        if let Some(work) = &*self.work() {
            work.bell.ring();
        }
    }

    pub fn is_at_work(&self) -> bool {
        self.work().as_ref().is_some_and(|work| !work.task.is_finished())
    }

    pub fn orders(&self) -> Orders {
        *self.orders.borrow()
    }

    /// What waits for a thread to compute on is not being handled yet.
    fn standing(&self) -> Standing {
        let standing = self.slate.read().clone();
        let waiting = self.watch.waiting().min(standing.in_flight);
        Standing { queued: standing.queued + waiting, in_flight: standing.in_flight - waiting, ..standing }
    }

    /// Revision of the claim that is worked under.
    pub fn claim(&self) -> Option<u64> {
        let work = self.work();
        work.as_ref().filter(|work| !work.task.is_finished())?.fence.as_ref().map(|fence| fence.claim)
    }

    /// To begin with nothing more, or to begin again.
    pub fn leave(&self, leaving: bool) {
        if self.orders.borrow().leaving != leaving {
            self.order(|orders| orders.leaving = leaving);
        }
    }

    /// Whether it was told to leave and nothing is under way any more.
    pub fn has_left(&self) -> bool {
        let standing = self.slate.read();
        standing.ended || (standing.leaving && standing.in_flight == 0)
    }

    /// Ends the work in order: commits that have begun and what computes are waited for, and the checkpoint is stored, but for no
    /// longer than this.
    ///
    /// # Cancel safety
    /// Dropped, it ends nevertheless.
    pub async fn stop(&self, time: Duration) {
        self.order(|orders| orders.stop = true);
        let work = self.work().take();
        if let Some(mut work) = work {
            // What takes longer ends where it stands.
            let ended = async {
                let _ended = (&mut work.task).await;
                // Mutant `computes_on`: what computes for one that has gone does so beside the one that comes in its place.
                if !cfg!(mutant = "computes_on") {
                    work.computing.recv().await;
                }
            };
            let _late = timeout(time, ended).await;
        }
    }

    /// Ends the work where it stands.
    pub fn abandon(&self) {
        drop(self.work().take());
    }

    /// Asks whoever works on it to try dead letters again. `None` if nobody does.
    pub fn retry(&self, filter: &LetterFilter) -> Option<Answer> {
        if !self.is_at_work() {
            return None;
        }
        let answer = self.work().as_ref().map(|work| work.desk.ask(filter.clone()));
        self.order(|orders| orders.letters += 1);
        answer
    }

    /// How far it is, and when the oldest event happened that is not delivered. The log says it where the subscriber has not read on.
    async fn next(
        &self,
        store: &dyn Store,
        standing: &Standing,
        head: Position,
    ) -> Result<(Position, Option<DateTime<Utc>>), StoreError> {
        let at = standing.position;
        if standing.oldest.is_some() || at >= head {
            return Ok((at, standing.oldest));
        }
        let unread = || self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        let known = unread().filter(|known| known.at == at);
        let from = known.map_or(at, |known| known.to);
        if known.is_some_and(|known| known.happened.is_some() || from >= head) {
            return Ok((from, known.and_then(|known| known.happened)));
        }
        let (to, happened) = next(store, &self.subscription, &self.place, from, PAGES).await?;
        *unread() = Some(Unread { at, to, happened });
        Ok((to, happened))
    }

    fn work(&self) -> MutexGuard<'_, Option<Work>> {
        // Nothing that is done with it can stop half way.
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Work {
    /// The task ends at its next turn. Where a handler holds the thread that may be late, and nothing of it counts any more.
    fn drop(&mut self) {
        self.abandoned.store(true, Ordering::SeqCst);
        self.task.abort();
        self.watch.retain(&BTreeSet::new());
        self.slate.write(|standing| standing.ended = true);
    }
}

/// However the task of a subscriber ends, it is known that it has.
async fn ending(subscriber: &'static str, slate: Arc<Slate>, watch: Arc<Watch>, task: impl Future<Output = ()>) {
    let ended = AssertUnwindSafe(task).catch_unwind().await;
    watch.retain(&BTreeSet::new());
    slate.write(|standing| {
        standing.ended = true;
        if let Err(panic) = ended {
            let said = panicked(panic).detail.unwrap_or_default();
            tracing::error!(subscriber, "its task has panicked and handles nothing more: {said}");
            standing.is_dead = true;
            standing.halted = Some(format!("its task has panicked: {said}: start the program again, and report this"));
        }
    });
}
