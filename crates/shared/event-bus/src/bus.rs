use std::{
    collections::HashSet,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use event_sourcing::{
    Bell, EventRules, Expected, LogQuery, MemoryStore, Position, Receipt, Store, StoreError, StoreExt, Unit,
};
use futures::{FutureExt, future::join_all};
use kernel::{Clock, Context, CorrelationId, Error, Ids};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    BusError, DeadLetters, DeliveryClass, InlineSubscribers, LetterFilter, Pause, Retention, Retried, RetryPolicy,
    SubscriberStatus, Subscription,
    control::Orders,
    delivery::{Delivery, panicked},
    follower::{Follower, PATIENCE},
    handler::Threads,
    listener::Listener,
    meters::Meters,
    principals::{itself, part},
    redelivery::Desk,
    standing::{Slate, Standing},
    subscription::Calls,
    timekeeper::Timekeeper,
    watch::Watch,
};

/// How long a subscriber that is told to stop may take, which is to answer for a commit that it has begun.
const STOP: Duration = Duration::from_secs(5);

/// Between two looks at which records are kept no longer.
const SWEEP: TimeDelta = TimeDelta::minutes(1);

/// Threads for computations at most.
const THREADS: usize = 1024;

/// Events that a bus without a store keeps.
const LATEST: usize = 16_384;

/// What the bus stands on.
#[derive(Clone)]
pub struct Ports {
    /// Whose log the subscribers follow. Without one the bus keeps the latest 16,384 events in memory for its
    /// [`Ephemeral`](DeliveryClass::Ephemeral) subscribers, and takes no [`Durable`](DeliveryClass::Durable) ones. What has left
    /// memory before a subscriber came to it counts as dropped.
    pub store: Option<Arc<dyn Store>>,
    /// Whence the time stamps of what subscribers publish.
    pub clock: Arc<dyn Clock>,
    /// Whence the ids of that.
    pub ids: Arc<dyn Ids>,
}

/// What holds for all subscribers that do not say otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusOptions {
    /// Of a delivery that fails.
    pub retry: RetryPolicy,
    /// How long the [`DeliveryRecord`](crate::DeliveryRecord) is kept that each delivery leaves which wrote something or failed.
    /// With [`Retention::NONE`] there are none.
    pub records: Retention,
    /// After how long a handler that has not ended is reported, also one that holds its thread: as long as the runtime has
    /// another one, on which to notice.
    pub overlong: Duration,
    /// Threads for [`CpuSubscriber`](crate::CpuSubscriber)s; 1 to 1024.
    pub threads: usize,
    /// Of the jitter between tries; another one in each process.
    pub seed: u64,
    /// What the events of subscribers are held to.
    pub rules: EventRules,
}

impl Default for BusOptions {
    /// Records are kept for a week, 30 seconds are overlong, as many threads as the machine has processors.
    fn default() -> Self {
        Self {
            retry: RetryPolicy::default(),
            records: Retention::default(),
            overlong: Duration::from_secs(30),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            seed: 0,
            rules: EventRules::default(),
        }
    }
}

/// The running subscribers of this process. Owns their tasks: dropping it stops them between two polls, which loses nothing.
pub struct EventBus {
    shared: Arc<Shared>,
    caretaker: JoinHandle<()>,
}

struct Shared {
    store: Arc<dyn Store>,
    is_durable: bool,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    options: BusOptions,
    inline: InlineSubscribers,
    threads: Threads,
    running: Mutex<Vec<Arc<Running>>>,
}

/// A subscriber and its task.
struct Running {
    subscription: Subscription,
    delivery_meters: Meters,
    orders: watch::Sender<Orders>,
    bell: Bell,
    slate: Arc<Slate>,
    desk: Desk,
    watch: Arc<Watch>,
    abandoned: Arc<AtomicBool>,
    /// When the event behind this place happened: one that does not get on is not looked up again and again.
    unread: Mutex<Option<(Position, DateTime<Utc>)>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// Whether everything was handled in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Drain {
    /// Nothing is left in the log for any subscriber of this process that is not paused.
    Complete,
    /// The rest is still in the log and will be delivered by the next process.
    TimedOut,
}

impl EventBus {
    /// Starts one task for each subscription that is not inline: durable ones from their checkpoint on, ephemeral ones from the
    /// end of the log.
    ///
    /// # Errors
    /// Subscriptions that cannot be carried out, options out of range, a store that does not answer. Nothing runs then.
    ///
    /// # Cancel safety
    /// Dropped, nothing runs.
    pub async fn start(subscriptions: Vec<Subscription>, ports: Ports, options: BusOptions) -> Result<Self, BusError> {
        if !(1..=THREADS).contains(&options.threads) {
            let fault = format!("threads is {}: allow 1 to {THREADS} threads for computations", options.threads);
            return Err(BusError::Options(fault));
        }
        let threads = Arc::new(Semaphore::new(options.threads));
        let Ports { store, clock, ids } = ports;
        let is_durable = store.is_some();
        let store = store.unwrap_or_else(|| Arc::new(MemoryStore::keeping(LATEST)));
        let inline = InlineSubscribers::of(&subscriptions).holding_to(options.rules.clone(), Arc::clone(&store));
        let running = Mutex::default();
        let shared = Arc::new(Shared { store, is_durable, clock, ids, options, inline, threads, running });
        // Owns the tasks from the first one on, so that an error on the way stops them.
        let bus = Self { caretaker: tokio::spawn(take_care(Arc::clone(&shared))), shared };
        for subscription in subscriptions {
            bus.add(subscription).await?;
        }
        Ok(bus)
    }

    /// Takes up one more subscriber, as [`start`](Self::start) would have. An inline one is checked and otherwise left to
    /// [`InlineSubscribers`], which do not change while they are called.
    ///
    /// # Errors
    /// As [`start`](Self::start); the others run on.
    ///
    /// # Cancel safety
    /// Dropped, it was added or not.
    pub async fn add(&self, subscription: Subscription) -> Result<(), BusError> {
        let Shared { store, options, .. } = &*self.shared;
        let name = subscription.name;
        if let Some(fault) = subscription.fault() {
            return Err(BusError::Subscription { name, fault: fault.to_string() });
        }
        if subscription.class == DeliveryClass::Durable && !self.shared.is_durable {
            return Err(BusError::NoStore(name));
        }
        if self.shared.running().iter().any(|running| running.subscription.name == name) {
            return Err(BusError::Twice(name));
        }
        if matches!(subscription.class, DeliveryClass::Inline { .. }) {
            return Ok(());
        }
        let policy = subscription.retry.unwrap_or(options.retry);
        let retry = policy.of(name, options.seed).map_err(|error| BusError::Options(error.message))?;
        let paused = store.get::<Pause>(name).await?.is_some();
        let (orders, ordered) = watch::channel(Orders { paused, ..Orders::default() });
        let slate = Arc::new(Slate::default());
        slate.write(|standing| standing.paused = paused);
        let delivery = self.shared.delivery(subscription.clone(), policy, retry);
        let (desk, watch) = (delivery.desk.clone(), Arc::clone(&delivery.watch));
        let abandoned = Arc::clone(&delivery.abandoned);
        let (bell, task) = match (&subscription.class, &subscription.calls) {
            (DeliveryClass::Ephemeral { overflow }, Calls::Each(handler)) => {
                let listener = Listener::open(delivery, Arc::clone(handler), *overflow, ordered, Arc::clone(&slate));
                let listener = listener.await?;
                (listener.bell(), tokio::spawn(ending(name, Arc::clone(&slate), listener.run())))
            }
            _ => {
                let follower = Follower::open(delivery, ordered, Arc::clone(&slate)).await?;
                (follower.bell(), tokio::spawn(ending(name, Arc::clone(&slate), follower.run())))
            }
        };
        let delivery_meters = Meters::new(&subscription);
        let task = Mutex::new(Some(task));
        let unread = Mutex::default();
        let added =
            Running { subscription, delivery_meters, orders, bell, slate, desk, watch, abandoned, unread, task };
        let mut running = self.shared.running();
        // Somebody else may have added it meanwhile; then this one's task ends here.
        if running.iter().any(|running| running.subscription.name == name) {
            return Err(BusError::Twice(name));
        }
        running.push(Arc::new(added));
        Ok(())
    }

    /// Stops one subscriber. What it was in the middle of is delivered again when it is added again.
    ///
    /// # Errors
    /// There is none of that name.
    ///
    /// # Cancel safety
    /// Dropped, it stops nevertheless.
    pub async fn remove(&self, name: &str) -> Result<Subscription, BusError> {
        let removed = {
            let mut running = self.shared.running();
            let index = running.iter().position(|running| running.subscription.name == name);
            running.remove(index.ok_or_else(|| BusError::Unknown(name.into()))?)
        };
        removed.stop().await;
        Ok(removed.subscription.clone())
    }

    /// A subscriber takes no new events until it is [resumed](Self::resume), restarts included.
    ///
    /// # Errors
    /// There is none of that name; the store does not answer.
    ///
    /// # Cancel safety
    /// Dropped, it is paused or not.
    pub async fn pause(&self, name: &str) -> Result<(), BusError> {
        let running = self.named(name)?;
        let mut unit = self.own_work(&running.subscription);
        unit.put(name, &Pause { since: self.shared.clock.now() }, Expected::Any);
        self.shared.store.commit(unit).await.map_err(BusError::of_commit)?;
        running.order(|orders| {
            orders.paused = true;
            orders.said += 1;
        });
        Ok(())
    }

    /// A subscriber that was paused, or has halted before an event that it could not read, goes on.
    ///
    /// # Errors
    /// There is none of that name; the store does not answer.
    ///
    /// # Cancel safety
    /// Dropped, it goes on or not.
    pub async fn resume(&self, name: &str) -> Result<(), BusError> {
        let running = self.named(name)?;
        let mut unit = self.own_work(&running.subscription);
        unit.delete::<Pause>(name, Expected::Any);
        self.shared.store.commit(unit).await.map_err(BusError::of_commit)?;
        running.order(|orders| {
            orders.paused = false;
            orders.resumed += 1;
            orders.said += 1;
        });
        Ok(())
    }

    /// Tells a subscriber that its dead letters were changed by somebody else, so that it looks which keys are parked. It looks
    /// every second in any case.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn letters_changed(&self, name: &str) -> Result<(), BusError> {
        self.named(name)?.order(|orders| orders.letters += 1);
        Ok(())
    }

    /// Tries dead letters again, once each, in the order of their keys: the key of each letter that the filter takes, from its
    /// first letter on and until one fails. A letter whose event is handled goes in the unit of the effect; no checkpoint moves.
    /// The trying takes one of the subscriber's places; other keys flow in the others meanwhile. After half a minute in which no
    /// letter has come to its end it is given up, and the subscriber is told of as [busy](Retried::busy).
    ///
    /// # Errors
    /// The store does not answer, or the bus is being stopped. What was handled until then is handled.
    ///
    /// # Cancel safety
    /// Dropped, no letter is tried any more but the one whose handler has begun.
    pub async fn retry_dead_letters(&self, filter: &LetterFilter) -> Result<Retried, BusError> {
        let (mut retried, mut answers) = (Retried::default(), Vec::new());
        for name in DeadLetters::of(&*self.shared.store).subscribers(filter).await? {
            match self.named(&name) {
                Ok(running) if running.subscription.class == DeliveryClass::Durable => {
                    answers.push(running.desk.ask(filter.clone()).of(name));
                    running.order(|orders| orders.letters += 1);
                }
                Ok(_) | Err(_) => retried.elsewhere.push(name),
            }
        }
        for answer in join_all(answers).await {
            retried.add(answer?);
        }
        Ok(retried)
    }

    /// Gives dead letters up for good, as [`DeadLetters::discard`], for the user of `cx`; what was parked behind them follows at
    /// once. The answer counts them.
    ///
    /// # Errors
    /// As [`DeadLetters::discard`].
    ///
    /// # Cancel safety
    /// As [`DeadLetters::discard`].
    pub async fn discard_dead_letters(
        &self,
        filter: &LetterFilter,
        reason: &str,
        cx: &Context,
    ) -> Result<usize, Error> {
        let Shared { store, clock, ids, .. } = &*self.shared;
        let (clock, ids) = (Arc::clone(clock), Arc::clone(ids));
        let origin = event_sourcing::Origin { module: "event-bus", context: cx.clone(), clock, ids };
        let discarded = DeadLetters::of(&**store).discard(filter, reason, &origin).await?;
        self.shared.running().iter().for_each(|running| running.order(|orders| orders.letters += 1));
        Ok(discarded)
    }

    /// Commits a unit with what the inline subscribers add to it.
    ///
    /// # Errors
    /// Of an inline subscriber; a guard of the unit that does not hold; a store that does not answer.
    ///
    /// # Cancel safety
    /// As [`Store::commit`].
    pub async fn commit(&self, mut unit: Unit) -> Result<Receipt, Error> {
        self.shared.inline.add_to(&mut unit).await?;
        Ok(self.shared.store.commit(unit).await?)
    }

    /// The inline subscribers, for others who commit.
    pub fn inline(&self) -> &InlineSubscribers {
        &self.shared.inline
    }

    /// Waits until every subscriber that is not paused or halted has handled all that is in the log, what it publishes itself
    /// included.
    ///
    /// # Errors
    /// The store does not say how long its log is.
    ///
    /// # Cancel safety
    /// Only waits; can be dropped and called again.
    pub async fn drain(&self, time: Duration) -> Result<Drain, BusError> {
        match timeout(time, self.caught_up()).await {
            Ok(result) => result.map(|()| Drain::Complete),
            Err(_) => Ok(Drain::TimedOut),
        }
    }

    async fn caught_up(&self) -> Result<(), BusError> {
        loop {
            let head = self.shared.store.head().await?;
            let running = self.shared.running().clone();
            for running in running {
                running.slate.wait_for(|standing| standing.is_through(head, *running.orders.borrow())).await;
            }
            if self.shared.store.head().await? == head {
                return Ok(());
            }
        }
    }

    /// How each subscriber stands, in the order in which they were added.
    ///
    /// # Errors
    /// The store does not say how long its log is.
    pub async fn status(&self) -> Result<Vec<SubscriberStatus>, BusError> {
        let head = self.shared.store.head().await?;
        let now = self.shared.clock.now();
        let running = self.shared.running().clone();
        let mut status = Vec::with_capacity(running.len());
        for running in running {
            let Subscription { name, module, event_type, class, .. } = running.subscription;
            let standing = running.standing();
            let oldest = running.oldest(&*self.shared.store, &standing, head).await?;
            status.push(SubscriberStatus {
                name,
                module,
                event_type,
                class,
                position: standing.position,
                head,
                queued: standing.queued,
                in_flight: standing.in_flight,
                oldest: oldest.map(|oldest| (now - oldest).to_std().unwrap_or_default()),
                parked_keys: standing.parked_keys,
                paused: running.orders.borrow().paused,
                halted: standing.halted,
                dropped: standing.dropped,
                overlong: running.watch.overlong(&running.subscription, self.shared.options.overlong),
            });
        }
        Ok(status)
    }

    /// Stops the subscribers. What they were in the middle of is delivered again by the next process.
    ///
    /// # Cancel safety
    /// Dropped, they stop nevertheless.
    pub async fn stop(mut self) {
        let running = std::mem::take(&mut *self.shared.running());
        running.iter().for_each(|running| running.order(|orders| orders.stop = true));
        for running in running {
            running.stop().await;
        }
        // It holds the store as well, which is then closed by whoever lets it go last.
        self.caretaker.abort();
        let _aborted = (&mut self.caretaker).await;
    }

    fn named(&self, name: &str) -> Result<Arc<Running>, BusError> {
        let running = self.shared.running();
        let found = running.iter().find(|running| running.subscription.name == name);
        found.cloned().ok_or_else(|| BusError::Unknown(name.into()))
    }

    fn own_work(&self, subscription: &Subscription) -> Unit {
        let Shared { clock, ids, .. } = &*self.shared;
        let context = Context::new(itself(subscription), CorrelationId::new(ids.next()));
        let (clock, ids) = (Arc::clone(clock), Arc::clone(ids));
        Unit::new(event_sourcing::Origin { module: subscription.module, context, clock, ids })
    }
}

impl Drop for EventBus {
    fn drop(&mut self) {
        self.caretaker.abort();
        self.shared.running().clear();
    }
}

impl Shared {
    fn running(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Running>>> {
        // No operation on the list can stop half way.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn delivery(&self, subscription: Subscription, policy: RetryPolicy, retry: resilience::Retry) -> Delivery {
        Delivery {
            meters: Meters::new(&subscription),
            subscription,
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
            policy,
            retry,
            inline: self.inline.clone(),
            threads: Arc::clone(&self.threads),
            records: !self.options.records.is_none(),
            watch: Arc::default(),
            desk: Desk::default(),
            abandoned: Arc::default(),
        }
    }
}

impl Shared {
    /// Removes records of deliveries, unless that was done less than a minute ago. When all of them were last removed.
    async fn sweep(&self, swept: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
        let now = self.clock.now();
        // A clock that was set back must not put it off for ever.
        if swept.is_some_and(|swept| (now - swept).abs() < SWEEP) {
            return swept;
        }
        let unit = || {
            let context = Context::new(part("event-bus"), CorrelationId::new(self.ids.next()));
            let (clock, ids) = (Arc::clone(&self.clock), Arc::clone(&self.ids));
            Unit::new(event_sourcing::Origin { module: "event-bus", context, clock, ids })
        };
        match self.options.records.sweep(&*self.store, now, unit).await {
            Ok(all) => all.then_some(now),
            Err(error) => {
                tracing::warn!("records of deliveries are kept for longer: {error}");
                swept
            }
        }
    }
}

impl Running {
    fn order(&self, change: impl FnOnce(&mut Orders)) {
        self.orders.send_modify(change);
        self.bell.ring();
    }

    async fn stop(&self) {
        self.order(|orders| orders.stop = true);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut task) = task else { return };
        if timeout(STOP, &mut task).await.is_err() {
            self.abandon(&task);
        }
    }

    /// What waits for a thread to compute on is not being handled yet.
    fn standing(&self) -> Standing {
        let standing = self.slate.read().clone();
        let waiting = self.watch.waiting().min(standing.in_flight);
        Standing { queued: standing.queued + waiting, in_flight: standing.in_flight - waiting, ..standing }
    }

    /// The task ends at its next turn. Where a handler holds the thread that may be late, and nothing of it counts any more.
    fn abandon(&self, task: &JoinHandle<()>) {
        self.abandoned.store(true, Ordering::SeqCst);
        task.abort();
    }

    /// When the oldest event happened that is not delivered. The log says it where the subscriber has not read on.
    async fn oldest(
        &self,
        store: &dyn Store,
        standing: &Standing,
        head: Position,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let at = standing.position;
        if standing.oldest.is_some() || at >= head {
            return Ok(standing.oldest);
        }
        let unread = || self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, happened)) = unread().filter(|(known, _)| *known == at) {
            return Ok(Some(happened));
        }
        let next = store.log(LogQuery::after(at, 1)).await?;
        let happened = next.first().map(|event| event.timestamp);
        *unread() = happened.map(|happened| (at, happened));
        Ok(happened)
    }

    async fn measure(&self, shared: &Shared, head: Position) -> Result<(), StoreError> {
        let standing = self.standing();
        let oldest = self.oldest(&*shared.store, &standing, head).await?;
        let overlong = self.watch.overlong(&self.subscription, shared.options.overlong);
        let now = shared.clock.now();
        let meters = &self.delivery_meters;
        meters.mailbox.set(standing.queued as f64);
        meters.in_flight.set(standing.in_flight as f64);
        meters.lag.set(head.0.saturating_sub(standing.position.0) as f64);
        let age = oldest.map(|oldest| (now - oldest).to_std().unwrap_or_default());
        meters.oldest.set(age.unwrap_or_default().as_secs_f64());
        meters.parked_keys.set(standing.parked_keys as f64);
        meters.overlong.set(overlong.len() as f64);
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let task = self.task.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        task.iter().for_each(|task| self.abandon(task));
    }
}

/// However the task of a subscriber ends, it is known that it has.
async fn ending(subscriber: &'static str, slate: Arc<Slate>, task: impl Future<Output = ()>) {
    let ended = AssertUnwindSafe(task).catch_unwind().await;
    let fault = ended.err().map(|panic| {
        let said = panicked(panic.as_ref()).detail.unwrap_or_default();
        tracing::error!(subscriber, "its task has panicked and handles nothing more: {said}");
        format!("its task has panicked: {said}: start the program again, and report this")
    });
    slate.write(|standing| {
        standing.ended = true;
        if fault.is_some() {
            standing.halted = fault;
        }
    });
}

/// Every second: what is due by the clock, whom somebody has paused or resumed, perhaps in another process, what the gauges
/// show; and once a minute which records of deliveries are kept no longer.
async fn take_care(shared: Arc<Shared>) {
    let (store, inline) = (Arc::clone(&shared.store), shared.inline.clone());
    let timekeeper = Timekeeper { store, inline, clock: Arc::clone(&shared.clock), ids: Arc::clone(&shared.ids) };
    let mut swept: Option<DateTime<Utc>> = None;
    loop {
        sleep(PATIENCE).await;
        let running = shared.running().clone();
        if shared.is_durable {
            swept = shared.sweep(swept).await;
            let is_named = |event: &str| running.iter().any(|running| running.subscription.event_type == event);
            timekeeper.tick(|event| is_named(event) || shared.inline.name(event)).await;
        }
        let said: Vec<u64> = running.iter().map(|running| running.orders.borrow().said).collect();
        match paused(&*shared.store).await {
            Ok(paused) => running.iter().zip(said).for_each(|(running, said)| {
                let is_paused = paused.contains(running.subscription.name);
                let orders = *running.orders.borrow();
                if orders.paused != is_paused && orders.said == said {
                    running.order(|orders| orders.paused = is_paused);
                }
            }),
            Err(error) => tracing::warn!("who is paused cannot be read: {error}"),
        }
        if let Err(error) = measure(&shared, &running).await {
            tracing::debug!("the gauges of subscribers stay as they are: {error}");
        }
    }
}

async fn measure(shared: &Shared, running: &[Arc<Running>]) -> Result<(), StoreError> {
    let head = shared.store.head().await?;
    for running in running {
        running.measure(shared, head).await?;
    }
    Ok(())
}

async fn paused(store: &dyn Store) -> Result<HashSet<String>, StoreError> {
    const PAGE: usize = 256;
    let mut paused = HashSet::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.list::<Pause>(after.as_deref(), PAGE).await?;
        let is_last = page.len() < PAGE;
        after = page.last().map(|pause| pause.key.clone());
        paused.extend(page.into_iter().map(|pause| pause.key));
        if is_last {
            return Ok(paused);
        }
    }
}
