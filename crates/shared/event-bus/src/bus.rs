use std::{sync::Arc, time::Duration};

use event_sourcing::{LogQuery, Position, Store, StoreError};
use kernel::{Clock, Ids};
use tokio::{sync::watch, task::JoinSet};

use crate::{
    RetryPolicy, Subscription,
    delivery::{Delivery, position},
};

/// Events read from the log at once, for each subscriber.
const PAGE: usize = 256;
/// How long a subscriber waits before it asks a store again that did not answer, and the slow poll beside the wake-ups.
const PATIENCE: Duration = Duration::from_secs(1);

/// The running subscribers of this process. Owns their tasks: dropping it stops them between two polls, which loses nothing.
pub struct EventBus {
    store: Arc<dyn Store>,
    progress: Vec<(Subscription, watch::Receiver<Position>)>,
    tasks: JoinSet<()>,
}

/// How far one subscriber has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriberLag {
    /// The stable name of its subscription.
    pub name: &'static str,
    /// The module that subscribes.
    pub module: &'static str,
    /// Wire name of the events that it takes.
    pub event_type: &'static str,
    /// Everything up to here is handled, parked, or of another type. May be ahead of the stored checkpoint, which only
    /// events of its type move.
    pub position: Position,
    /// Where the log ended when it was asked. What lies between counts events of every type.
    pub head: Position,
}

/// Whether everything was handled in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Drain {
    /// Nothing is left in the log for any subscriber of this process.
    Complete,
    /// The rest is still in the log and will be delivered by the next process.
    TimedOut,
}

impl EventBus {
    /// Starts one task for each subscription, from its checkpoint on.
    pub async fn start(
        subscriptions: Vec<Subscription>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        retry: RetryPolicy,
    ) -> Result<Self, StoreError> {
        let mut tasks = JoinSet::new();
        let mut progress = Vec::with_capacity(subscriptions.len());
        for subscription in subscriptions {
            let from = store.checkpoint(subscription.name).await?;
            let (sender, receiver) = watch::channel(from);
            progress.push((subscription.clone(), receiver));
            let (store, clock, ids) = (Arc::clone(&store), Arc::clone(&clock), Arc::clone(&ids));
            tasks.spawn(follow(Delivery { subscription, store, clock, ids, retry }, sender));
        }
        Ok(Self { store, progress, tasks })
    }

    /// Waits until every subscriber has handled all that is in the log, what it publishes itself included.
    ///
    /// # Cancel safety
    /// Only waits; can be dropped and called again.
    pub async fn drain(&mut self, timeout: Duration) -> Result<Drain, StoreError> {
        match tokio::time::timeout(timeout, self.caught_up()).await {
            Ok(result) => result.map(|()| Drain::Complete),
            Err(_) => Ok(Drain::TimedOut),
        }
    }

    async fn caught_up(&mut self) -> Result<(), StoreError> {
        loop {
            let head = self.store.head().await?;
            for (_, progress) in &mut self.progress {
                // A closed channel is a task that ended with the bus: nothing more to wait for.
                let _closed = progress.wait_for(|position| *position >= head).await;
            }
            if self.store.head().await? == head {
                return Ok(());
            }
        }
    }

    /// How far each subscriber has come, in the order of the subscriptions.
    ///
    /// # Errors
    /// The store does not say how long its log is.
    pub async fn lag(&self) -> Result<Vec<SubscriberLag>, StoreError> {
        let head = self.store.head().await?;
        let lag = self.progress.iter().map(|(s, progress)| {
            let position = *progress.borrow();
            SubscriberLag { name: s.name, module: s.module, event_type: s.event_type, position, head }
        });
        Ok(lag.collect())
    }

    /// Stops the subscribers. What they were in the middle of is delivered again by the next process.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

/// Follows the log for one subscriber until the task is aborted.
async fn follow(delivery: Delivery, progress: watch::Sender<Position>) {
    let mut appended = delivery.store.appended();
    loop {
        if let Err(error) = catch_up(&delivery, &progress).await {
            tracing::warn!(subscriber = delivery.subscription.name, "waiting for the store: {error}");
            tokio::time::sleep(PATIENCE).await;
            continue;
        }
        // The wake-up is a hint, the poll the guarantee; both end in the same read.
        let _ = tokio::time::timeout(PATIENCE, appended.changed()).await;
    }
}

async fn catch_up(delivery: &Delivery, progress: &watch::Sender<Position>) -> Result<(), StoreError> {
    let mut parked = delivery.parked_keys().await?;
    loop {
        let from = *progress.borrow();
        let page = delivery.store.log(LogQuery::after(from, PAGE)).await?;
        if page.is_empty() {
            return Ok(());
        }
        for envelope in &page {
            if envelope.event_type == delivery.subscription.event_type {
                delivery.deliver(envelope, &mut parked).await?;
            }
            // Events of other types move the position but not the stored checkpoint: passing them again costs a read.
            progress.send_replace(position(envelope));
        }
    }
}
