//! The bus over the store in memory: durable subscribers to every envelope.

use std::sync::Arc;

use event_bus::{BusOptions, EnvelopeSubscriber, EventBus, Ports, Subscription};
use event_sourcing::{MemoryStore, Origin, Store, Unit};
use kernel::{Context, Envelope, Error, SystemClock, SystemIds};

use super::load::{Counters, Queue, unit};

pub struct Borough {
    store: Arc<dyn Store>,
    _bus: EventBus,
}

impl Borough {
    /// Over this store, with a durable subscriber to every envelope for each of the handlers, which takes so many keys at a time.
    pub async fn over<H: EnvelopeSubscriber>(
        store: Arc<dyn Store>,
        concurrency: usize,
        handlers: impl IntoIterator<Item = H>,
    ) -> Self {
        let subscription = |(name, handler): (&&'static str, H)| {
            Subscription::envelopes(name, "bench", "*", handler).with_concurrency(concurrency)
        };
        let subscriptions = NAMES.iter().zip(handlers).map(subscription).collect();
        let ports = Ports { store: Some(Arc::clone(&store)), clock: Arc::new(SystemClock), ids: Arc::new(SystemIds) };
        let bus = EventBus::start(subscriptions, ports, BusOptions::default()).await.expect("it starts");
        Self { store, _bus: bus }
    }
}

struct Counting {
    subscriber: usize,
    counters: Arc<Counters>,
}

impl EnvelopeSubscriber for Counting {
    async fn handle(&self, _: &Context, event: &Arc<Envelope>, _: &mut Unit) -> Result<(), Error> {
        self.counters.hit(self.subscriber, event);
        Ok(())
    }
}

const NAMES: [&str; 16] =
    ["s00", "s01", "s02", "s03", "s04", "s05", "s06", "s07", "s08", "s09", "s10", "s11", "s12", "s13", "s14", "s15"];

impl Queue for Borough {
    async fn open(subscribers: usize, counters: &Arc<Counters>) -> Self {
        let counting = |subscriber| Counting { subscriber, counters: Arc::clone(counters) };
        Self::over(Arc::new(MemoryStore::default()), 1, (0..subscribers).map(counting)).await
    }

    async fn publish(&self, origin: &Origin, n: u64) {
        self.store.commit(unit(origin, n)).await.expect("memory takes everything");
        tokio::task::consume_budget().await;
    }
}
