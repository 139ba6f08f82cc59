mod caretaker;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use event_sourcing::{
    CommitError, EventRules, Expected, MemoryStore, Position, Receipt, Store, StoreError, StoreExt, Unit,
};
use futures::future::join_all;
use kernel::{Clock, Context, CorrelationId, Error, Ids};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    BusError, DeadLetters, DeliveryClass, InlineSubscribers, LetterFilter, Node, Pause, Retention, Retried,
    RetryPolicy, SlotStatus, SubscriberStatus, Subscription,
    control::Resumption,
    delivery::Delivery,
    follower::PATIENCE,
    handler::Threads,
    inline::OVERLONG,
    lease::{Group, fence::Fence, keeper::Keeper},
    meters::Meters,
    principals::{itself, part},
    progress::Mark,
    redelivery::Desk,
    running::{Post, Running},
};

/// How long a subscriber that is told to stop may take, which is to answer for a commit that it has begun.
pub(crate) const STOP: Duration = Duration::from_secs(5);

/// Threads for computations at most.
const THREADS: usize = 1024;

/// Events that a bus without a store keeps.
const LATEST: usize = 16_384;

/// What the bus stands on.
#[derive(Clone)]
pub struct Ports {
    /// Whose log the subscribers follow. Without one the bus keeps the latest 16,384 events in memory for its
    /// [`Ephemeral`](DeliveryClass::Ephemeral) subscribers, and takes no [`Durable`](DeliveryClass::Durable) ones. What has left
    /// memory before a subscriber came to it counts as dropped. Whoever assembles no modules declares the
    /// [collections](crate::collections()) to it before.
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
    /// Where several processes share the durable subscribers over one store: which of them this is. `None`: there is but this
    /// one, as over a file that only one process can open, and nothing is written or checked for leases.
    pub node: Option<Node>,
}

impl Default for BusOptions {
    /// Records are kept for a week, 30 seconds are overlong, as many threads as the machine has processors.
    fn default() -> Self {
        Self {
            retry: RetryPolicy::default(),
            records: Retention::default(),
            overlong: OVERLONG,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            seed: 0,
            rules: EventRules::default(),
            node: None,
        }
    }
}

/// The running subscribers of this process. Owns their tasks: dropping it stops them between two polls, which loses nothing.
pub struct EventBus {
    shared: Arc<Shared>,
    caretaker: JoinHandle<()>,
    /// Of a node.
    keeper: Option<JoinHandle<()>>,
}

pub(crate) struct Shared {
    pub store: Arc<dyn Store>,
    is_durable: bool,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    options: BusOptions,
    inline: InlineSubscribers,
    threads: Threads,
    /// None where there is no node.
    keeper: OnceLock<Keeper>,
    running: Mutex<Vec<Arc<Running>>>,
    /// Names of those that are being added or removed.
    changing: Mutex<Vec<&'static str>>,
}

/// A name that nobody else may have as long as this is there.
struct Changing<'a>(&'a Shared, &'static str);

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.0.changing().retain(|name| *name != self.1);
    }
}

/// Whether everything was handled in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Drain {
    /// Nothing is left in the log for any subscriber of this process that is not paused.
    Complete,
    /// It took too long, or the task of a subscriber has panicked, as its status says. The rest is still in the log and will be
    /// delivered by the next process.
    Incomplete,
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
        let threads = Threads::new(options.threads);
        let Ports { store, clock, ids } = ports;
        let is_durable = store.is_some();
        let store = store.unwrap_or_else(|| Arc::new(MemoryStore::keeping(LATEST)));
        let inline = InlineSubscribers::of(&subscriptions).holding_to(options.rules.clone(), Arc::clone(&store));
        let inline = inline.on(threads.clone(), options.overlong).forgetting(!is_durable);
        let node = options.node.clone();
        if let Some(fault) = node.as_ref().and_then(Node::fault) {
            return Err(BusError::Options(fault));
        }
        let (running, changing, keeper) = (Mutex::default(), Mutex::default(), OnceLock::new());
        let shared =
            Arc::new(Shared { store, is_durable, clock, ids, options, inline, threads, keeper, running, changing });
        let mut names = HashSet::new();
        for subscription in &subscriptions {
            shared.check(subscription)?;
            if !names.insert(subscription.name) {
                return Err(BusError::Twice(subscription.name));
            }
        }
        let is_inline = |subscription: &Subscription| matches!(subscription.class, DeliveryClass::Inline { .. });
        let subscriptions: Vec<_> = subscriptions.into_iter().filter(|subscription| !is_inline(subscription)).collect();
        for subscription in &subscriptions {
            shared.divide(subscription).await?;
        }
        // Owns the tasks from the first one on, so that an error on the way stops them.
        let mut bus = Self { caretaker: tokio::spawn(caretaker::take_care(Arc::clone(&shared))), keeper: None, shared };
        if let Some(node) = node.filter(|_| is_durable) {
            let keeper = Keeper::join(node, &bus.shared).await?;
            bus.shared.keeper.get_or_init(|| keeper);
        }
        for subscription in subscriptions {
            bus.take_up(subscription).await?;
        }
        if let Some(keeper) = bus.shared.keeper.get() {
            keeper.look(&bus.shared).await?;
            bus.keeper = Some(tokio::spawn(caretaker::keep(Arc::clone(&bus.shared))));
        }
        Ok(bus)
    }

    /// Takes up one more subscriber, as [`start`](Self::start) would have; no inline one, since [`InlineSubscribers`] do not change
    /// while they are called.
    ///
    /// # Errors
    /// As [`start`](Self::start); the others run on.
    ///
    /// # Cancel safety
    /// Dropped, it was added or not.
    pub async fn add(&self, subscription: Subscription) -> Result<(), BusError> {
        let name = subscription.name;
        self.shared.check(&subscription)?;
        if matches!(subscription.class, DeliveryClass::Inline { .. }) {
            let fault = "it is inline, and others publish already: give it to the bus's start".to_owned();
            return Err(BusError::Subscription { name, fault });
        }
        let _adding = self.shared.reserve(name)?;
        self.shared.divide(&subscription).await?;
        self.take_up(subscription).await?;
        if let Some(keeper) = self.shared.keeper.get()
            && let Err(error) = keeper.look(&self.shared).await
        {
            tracing::warn!(subscriber = name, "who works on it is looked at again: {error}");
        }
        Ok(())
    }

    /// Begins with one against which nothing can be said.
    async fn take_up(&self, subscription: Subscription) -> Result<(), BusError> {
        let paused = self.shared.store.get::<Pause>(subscription.name).await?.is_some();
        let added = Arc::new(Running::new(subscription, paused));
        if self.shared.keeper.get().is_none() || added.subscription.class != DeliveryClass::Durable {
            for post in &added.posts {
                self.shared.begin(post, None).await?;
            }
        }
        self.shared.running().push(added);
        Ok(())
    }

    /// Stops one subscriber. What it was in the middle of is delivered again when it is added again, which it can be when this has
    /// ended: when no handler of it is running any more, or five seconds later, if one goes on computing. What that one does has no
    /// effect then.
    ///
    /// # Errors
    /// There is none of that name.
    ///
    /// # Cancel safety
    /// Dropped, it stops nevertheless.
    pub async fn remove(&self, name: &str) -> Result<Subscription, BusError> {
        self.named(name)?;
        let (removed, _removing) = {
            let mut running = self.shared.running();
            let index = running.iter().position(|running| running.subscription.name == name);
            let removed = running.remove(index.ok_or_else(|| BusError::Unknown(name.into()))?);
            let name = removed.subscription.name;
            self.shared.changing().push(name);
            (removed, Changing(&self.shared, name))
        };
        removed.ends();
        let held = removed.held();
        stop(std::slice::from_ref(&removed)).await;
        if let Some(keeper) = self.shared.keeper.get() {
            keeper.give_up(&self.shared, held).await;
        }
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

    /// A subscriber that was paused, or has halted before an event that it could not read, goes on; what of it other processes work on,
    /// a second later.
    ///
    /// # Errors
    /// There is none of that name, or its task has panicked; the store does not answer.
    ///
    /// # Cancel safety
    /// Dropped, it goes on or not.
    pub async fn resume(&self, name: &str) -> Result<(), BusError> {
        let running = self.named(name)?;
        if running.posts.iter().any(|post| post.slate.read().is_dead) {
            let fault = "its task has panicked, and nothing has it go on: start the program again".to_owned();
            return Err(BusError::Subscription { name: running.subscription.name, fault });
        }
        let mut unit = self.own_work(&running.subscription);
        unit.delete::<Pause>(name, Expected::Any);
        if self.shared.keeper.get().is_some() {
            unit.put(name, &Resumption {}, Expected::Any);
        }
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
    /// first letter on and until one fails. A letter whose event is handled goes in the unit of the effect; no checkpoint moves. One
    /// that had only waited behind others has its first try, and where that fails those after it by itself.
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
                    let mut idle = Vec::new();
                    for post in &running.posts {
                        match post.retry(filter) {
                            Some(answer) => answers.push(answer.of(name.clone())),
                            None => idle.push(post),
                        }
                    }
                    let (dead, elsewhere): (Vec<_>, Vec<_>) =
                        idle.into_iter().partition(|post| post.slate.read().is_dead);
                    if self.has_letters(&name, filter, &dead).await? {
                        retried.held.push(name.clone());
                    }
                    if self.has_letters(&name, filter, &elsewhere).await? {
                        retried.elsewhere.push(name);
                    }
                }
                Ok(_) | Err(_) => retried.elsewhere.push(name),
            }
        }
        for answer in join_all(answers).await {
            retried.add(answer?);
        }
        for names in [&mut retried.held, &mut retried.busy, &mut retried.elsewhere] {
            names.sort();
            names.dedup();
        }
        Ok(retried)
    }

    /// Whether there are such letters in one of these slots.
    async fn has_letters(&self, name: &str, filter: &LetterFilter, slots: &[&Arc<Post>]) -> Result<bool, StoreError> {
        const PAGE: usize = 256;
        if slots.is_empty() {
            return Ok(false);
        }
        let filter = LetterFilter { subscriber: Some(name.to_owned()), ..filter.clone() };
        let is_theirs = |key: &str| slots.iter().any(|post| post.subscription.slot.has(key));
        let mut after: Option<String> = None;
        loop {
            let page = DeadLetters::of(&*self.shared.store).list(&filter, after.as_deref(), PAGE).await?;
            if page.iter().any(|letter| is_theirs(&letter.value.event.metadata.key)) {
                return Ok(true);
            }
            after = page.into_iter().nth(PAGE - 1).map(|letter| letter.key);
            if after.is_none() {
                return Ok(false);
            }
        }
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
        let is_meant = |running: &&Arc<Running>| {
            filter.subscriber.as_ref().is_none_or(|subscriber| subscriber == running.subscription.name)
        };
        self.shared.running().iter().filter(is_meant).for_each(|running| running.order(|orders| orders.letters += 1));
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

    /// Waits until every subscriber that is not paused or halted has handled all that is in the log, what it publishes itself and
    /// what was parked behind letters that are gone included. Events between two tries and batches that wait for more are waited for
    /// as long as they wait. What is on slots on which another process works is that one's affair, once it has shown that it lives.
    ///
    /// # Errors
    /// The store does not say how long its log is.
    ///
    /// # Cancel safety
    /// Only waits; can be dropped and called again.
    pub async fn drain(&self, time: Duration) -> Result<Drain, BusError> {
        match timeout(time, self.caught_up()).await {
            Ok(result) => result,
            Err(_) => Ok(Drain::Incomplete),
        }
    }

    async fn caught_up(&self) -> Result<Drain, BusError> {
        loop {
            let head = self.shared.store.head().await?;
            let running = self.shared.running().clone();
            for post in running.iter().flat_map(|running| &running.posts) {
                // The others are waited for, and not one that does nothing any more.
                post.slate.wait_for(|standing| standing.is_dead || standing.is_through(head, post.orders())).await;
            }
            if let Some(keeper) = self.shared.keeper.get() {
                for post in
                    running.iter().filter(|running| !running.is_paused()).flat_map(|running| running.elsewhere())
                {
                    let sign = keeper.sign_of_life(&post.place);
                    let is_silent = || !post.is_at_work() && keeper.sign_of_life(&post.place) == sign;
                    while is_silent() && self.shared.store.checkpoint(&post.place).await? < head {
                        sleep(PATIENCE / 10).await;
                    }
                }
            }
            let posts = || running.iter().flat_map(|running| &running.posts);
            let is_dead = |post: &Arc<Post>| post.slate.read().is_dead;
            let is_through = |post: &Arc<Post>| post.slate.read().is_through(head, post.orders());
            if self.shared.store.head().await? == head && posts().all(|post| is_dead(post) || is_through(post)) {
                return Ok(if posts().any(is_dead) { Drain::Incomplete } else { Drain::Complete });
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
            let standing = running.standing(&*self.shared.store, head).await?;
            let (retrying, failing) = running.failing();
            status.push(SubscriberStatus {
                name,
                module,
                event_type,
                class,
                position: standing.position,
                head,
                queued: standing.queued,
                in_flight: standing.in_flight,
                oldest: standing.oldest.map(|oldest| (now - oldest).to_std().unwrap_or_default()),
                parked_keys: standing.parked_keys,
                paused: running.is_paused(),
                halted: standing.halted,
                trouble: standing.trouble,
                dropped: standing.dropped,
                overlong: running.overlong(self.shared.options.overlong),
                retrying,
                failing,
                slots: self.shared.slots(&running),
            });
        }
        Ok(status)
    }

    /// Stops the subscribers. What they were in the middle of is delivered again by the next process. What this node holds is
    /// free at once.
    ///
    /// # Cancel safety
    /// Dropped, they stop nevertheless.
    pub async fn stop(mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.abort();
            let _aborted = keeper.await;
        }
        let running = std::mem::take(&mut *self.shared.running());
        match self.shared.keeper.get() {
            Some(keeper) => keeper.resign(&self.shared, &running).await,
            None => stop(&running).await,
        }
        // It holds the store as well, which is then closed by whoever lets it go last.
        self.caretaker.abort();
        let _aborted = (&mut self.caretaker).await;
    }

    fn named(&self, name: &str) -> Result<Arc<Running>, BusError> {
        if let Some(Subscription { name, .. }) = self.shared.inline.called(name) {
            let fault =
                "it is inline, a part of what publishes: what is to go on without it is started without it".to_owned();
            return Err(BusError::Subscription { name, fault });
        }
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
        self.keeper.iter().for_each(JoinHandle::abort);
        self.shared.running().clear();
    }
}

impl Shared {
    /// What can be said against it before anything is asked or begun.
    fn check(&self, subscription: &Subscription) -> Result<(), BusError> {
        let name = subscription.name;
        if let Some(fault) = subscription.fault() {
            return Err(BusError::Subscription { name, fault: fault.to_string() });
        }
        if subscription.class == DeliveryClass::Durable && !self.is_durable {
            return Err(BusError::NoStore(name));
        }
        let policy = subscription.retry.unwrap_or(self.options.retry);
        policy.of(name, self.options.seed).map(drop).map_err(|error| BusError::Options(error.message))
    }

    /// The name of a subscriber that is to be added, for as long as that takes.
    fn reserve(&self, name: &'static str) -> Result<Changing<'_>, BusError> {
        let running = self.running();
        let mut changing = self.changing();
        // The one that leaves may be about to commit what it has done.
        // Mutant `added_too_early`: whoever comes in its place, or beside another one, does the same once more.
        let is_changing = changing.contains(&name) && !cfg!(mutant = "added_too_early");
        let is_running = running.iter().any(|running| running.subscription.name == name);
        if is_changing || is_running || self.inline.called(name).is_some() {
            return Err(BusError::Twice(name));
        }
        changing.push(name);
        Ok(Changing(self, name))
    }

    fn changing(&self) -> std::sync::MutexGuard<'_, Vec<&'static str>> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Running>>> {
        // No operation on the list can stop half way.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that leases are for: durable subscribers, slot by slot.
    pub fn durable(&self) -> Vec<(Arc<Running>, Arc<Post>)> {
        let running = self.running().clone().into_iter();
        let durable = running.filter(|running| running.subscription.class == DeliveryClass::Durable);
        durable
            .flat_map(|running| running.posts.clone().into_iter().map(move |post| (Arc::clone(&running), post)))
            .collect()
    }

    /// Begins to work on a slot; where others may take it, behind a fence.
    pub async fn begin(&self, post: &Post, fence: Option<Arc<Fence>>) -> Result<(), StoreError> {
        let subscription = post.subscription.clone();
        let policy = subscription.retry.unwrap_or(self.options.retry);
        let retry = policy.of(subscription.name, self.options.seed).expect("it was looked at when it was added");
        let store = fence.as_ref().map_or_else(|| Arc::clone(&self.store), |fence| Arc::clone(fence) as Arc<dyn Store>);
        let delivery = Delivery {
            meters: Meters::new(&subscription),
            subscription,
            place: post.place.clone(),
            store,
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
            policy,
            retry,
            inline: self.inline.clone(),
            threads: self.threads.clone(),
            records: !self.options.records.keeps_none(),
            watch: Arc::clone(&post.watch),
            desk: Desk::default(),
            unreadable: Mutex::default(),
            abandoned: Arc::default(),
            fence,
        };
        post.begin(delivery).await
    }

    /// A unit in the name of the bus.
    pub fn own_unit(&self) -> Unit {
        let context = Context::new(part("event-bus"), CorrelationId::new(self.ids.next()));
        let (clock, ids) = (Arc::clone(&self.clock), Arc::clone(&self.ids));
        Unit::new(event_sourcing::Origin { module: "event-bus", context, clock, ids })
    }

    /// Makes sure that its checkpoints are those of so many slots.
    async fn divide(&self, subscription: &Subscription) -> Result<(), BusError> {
        let Subscription { name, slots: asked, class, .. } = *subscription;
        if class != DeliveryClass::Durable {
            return Ok(());
        }
        let stored = match self.store.get::<Group>(name).await? {
            Some(group) => group.value.slots,
            None => {
                let mut unit = self.own_unit();
                // Earlier versions did not write down that there is one.
                // Mutant `divided_anew`: they are divided by whoever comes, and what was marked is done again.
                let has_begun = self.has_begun(name).await? && !cfg!(mutant = "divided_anew");
                let slots = if has_begun { 1 } else { asked };
                unit.put(name, &Group { slots }, Expected::Absent);
                match self.store.commit(unit).await {
                    Ok(_) => slots,
                    Err(CommitError::Store(error)) => return Err(error.into()),
                    Err(CommitError::Unwritable(message)) => return Err(StoreError::unwritable(message).into()),
                    // Another process was faster.
                    Err(CommitError::Conflict(_) | CommitError::Late { .. }) => {
                        self.store.get::<Group>(name).await?.map_or(asked, |group| group.value.slots)
                    }
                }
            }
        };
        if stored == asked { Ok(()) } else { Err(BusError::Slots { name, stored, asked }) }
    }

    /// Whether a subscriber of one slot has done something: moved its checkpoint, or marked an event beyond it.
    async fn has_begun(&self, name: &str) -> Result<bool, StoreError> {
        let prefix = format!("{name}/");
        let marked = self.store.list_each::<Mark>(Some(&prefix), 1).await?.into_iter().map(|mark| match mark {
            Ok(found) => found.key,
            Err(unreadable) => unreadable.key,
        });
        let is_marked = marked.into_iter().any(|key| key.starts_with(&prefix));
        Ok(is_marked || self.store.checkpoint(name).await? > Position(0))
    }

    fn slots(&self, running: &Running) -> Vec<SlotStatus> {
        let slot = |post: &Arc<Post>| {
            let here = post.is_at_work();
            SlotStatus {
                index: post.subscription.slot.index,
                here,
                position: here.then(|| post.slate.read().position),
                lease: self.keeper.get().and_then(|keeper| keeper.holder(&post.place)),
            }
        };
        running.posts.iter().map(slot).collect()
    }
}

/// Has them end side by side.
pub(crate) async fn stop(running: &[Arc<Running>]) {
    running.iter().for_each(|running| running.order(|orders| orders.stop = true));
    join_all(running.iter().flat_map(|running| &running.posts).map(|post| post.stop(STOP))).await;
}
