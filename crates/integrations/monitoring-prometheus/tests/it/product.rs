//! A product in small in which everything happens that a metric counts.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use event_bus::{BusOptions, EventBus, InlineSubscribers, Ports, Publisher, PublisherOptions, Subscriber};
use event_sourcing::{
    Aggregate, Applies, Document, Events, Expected, MemoryBlobs, MemoryStore, Origin, Projection, Repository,
    SnapshotPolicy, Snapshotted, Store, Unit, View,
};
use kernel::{
    Access, Clock, Context, Envelope, Error, ErrorKind, Event, ManualClock, Request, RequestKind, SequentialIds,
};
use module::{Infrastructure, Module, Options, assemble};
use monitoring_otlp::Otlp;
use request::{Cached, Service};
use resilience::{
    BreakerOptions, Breakers, Bulkhead, BulkheadOptions, Fallback, FallbackOptions, Outcome, Retry, RetryBudget,
    RetryBudgetOptions, RetryOptions, Timeout, TimeoutOptions, WindowOptions,
};
use saga::{Saga, SagaEngine, Silent, Step, StepContext};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Sell;

impl Request for Sell {
    type Response = ();
    const NAME: &'static str = "shop.sell";
    const KIND: RequestKind = RequestKind::Command;
    const ACCESS: Access = Access::Public { reason: "a test" };
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Count;

impl Request for Count {
    type Response = u32;
    const NAME: &'static str = "shop.count";
    const KIND: RequestKind = RequestKind::Query;
    const ACCESS: Access = Access::Public { reason: "a test" };
}

impl Cached for Count {
    const STALE_AFTER: &'static [&'static str] = &["shop.sold"];

    fn key(&self, _: &Context) -> String {
        String::new()
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Sold;

impl Event for Sold {
    const NAME: &'static str = "shop.sold";

    fn key(&self) -> String {
        String::new()
    }
}

struct Clerk;

impl Service<Sell> for Clerk {
    async fn execute(&self, _: &Context, unit: &mut Unit, _: Sell) -> Result<(), Error> {
        unit.publish(&Sold);
        Ok(())
    }
}

impl Service<Count> for Clerk {
    async fn execute(&self, _: &Context, _: &mut Unit, _: Count) -> Result<u32, Error> {
        Ok(3)
    }
}

impl Subscriber<Sold> for Clerk {
    async fn handle(&self, _: &Context, _: &Sold, _: &mut Unit) -> Result<(), Error> {
        Ok(())
    }
}

#[derive(Clone, Copy, Default)]
struct Shelves;

impl Projection for Shelves {
    const NAME: &'static str = "shop.shelves";
    const VERSION: u32 = 1;
    const COLLECTIONS: &'static [&'static str] = &["shop.places"];

    fn events() -> Events<Self> {
        Events::default().of::<Sold>()
    }
}

impl Applies<Sold> for Shelves {
    async fn apply(&self, _: &Sold, _: &Envelope, _: &mut View<'_, Self>) -> Result<(), Error> {
        Ok(())
    }
}

struct Delivery;

impl Saga for Delivery {
    type State = ();
    const NAME: &'static str = "shop.delivery";
    const VERSION: u32 = 1;

    fn steps(&self) -> Vec<Box<dyn Step<()>>> {
        vec![Box::new(Pack)]
    }
}

struct Pack;

#[async_trait::async_trait]
impl Step<()> for Pack {
    fn name(&self) -> &'static str {
        "pack"
    }

    async fn run(&self, _: &StepContext<'_>, (): &mut (), _: &mut Unit) -> Result<(), Error> {
        Ok(())
    }
}

fn shop() -> Module {
    let module = Module::new("shop", "sells").serves::<Sell, Clerk>().serves::<Count, Clerk>().caches::<Count>();
    let module =
        module.publishes::<Sold>().subscribes::<Sold, Clerk>("shop.shelves").projects::<Shelves>().runs::<Delivery>();
    let module = module.checks("till", |_: Arc<dyn Clock>| async { Ok(()) });
    module.provides(|c| {
        c.singleton(|| Clerk).singleton(|| Delivery);
    })
}

/// Asks, publishes, delivers, runs a saga, looks at its health, exports its spans, and stops.
pub async fn live() {
    let (clock, store) = (Arc::new(ManualClock::default()), Arc::new(MemoryStore::default()) as Arc<dyn Store>);
    let (ids, blobs) = (Arc::new(SequentialIds::default()), Arc::new(MemoryBlobs::default()));
    let infrastructure =
        Infrastructure { store: Arc::clone(&store), blobs, clock: Arc::clone(&clock) as _, ids: ids.clone() };
    let mut application = assemble(vec![shop()], infrastructure, Options::default()).await.unwrap();
    application.start().await.unwrap();
    let subscriptions = std::mem::take(&mut application.subscriptions);
    let ports = Ports { store: Some(Arc::clone(&store)), clock: Arc::clone(&clock) as _, ids: ids.clone() };
    let bus = EventBus::start(subscriptions, ports, BusOptions::default()).await.unwrap();

    let cx = testing::context(&[]);
    application.requests.ask(&cx, Sell).await.unwrap();
    application.requests.ask(&cx, Count).await.unwrap();
    application.requests.ask(&cx, Count).await.unwrap();
    let mut unit = Unit::new(Origin { module: "shop", context: cx.clone(), clock: Arc::clone(&clock) as _, ids });
    let run = SagaEngine::begin(&Delivery, &cx, &(), &mut unit).unwrap();
    store.commit(unit).await.unwrap();
    application.sagas.drive(run, &Silent).await.unwrap();
    let _ = bus.drain(Duration::from_secs(10)).await.unwrap();
    application.health(Ok(&bus.status().await.unwrap()));
    application.container.publish_tallies();
    let inline = InlineSubscribers::of(&[]);
    let ids = Arc::new(SequentialIds::default());
    let publisher = Publisher::open(PublisherOptions::new("post"), Arc::clone(&store), clock, ids, inline);
    drop(publisher.await.unwrap());
    bus.stop().await;
    application.stop().await.unwrap();
    calls().await;
    a_damaged_snapshot(store).await;
    // Its counters are there from its start, whether somebody listens there or not.
    let otlp = Otlp::start(monitoring_otlp::Options::default()).unwrap();
    otlp.stop().await;
}

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Till {
    sales: u64,
}

impl Aggregate for Till {
    type Id = u32;
    type Event = Sold;
    const STREAM: &'static str = "till";

    fn apply(&mut self, _: Sold) {
        self.sales += 1;
    }
}

impl Snapshotted for Till {
    const COLLECTION: &'static str = "shop.till_snapshots";
}

#[derive(Serialize, Deserialize)]
struct Rubbish;

impl Document for Rubbish {
    const COLLECTION: &'static str = <Till as Snapshotted>::COLLECTION;
}

async fn a_damaged_snapshot(store: Arc<dyn Store>) {
    let mut unit = Unit::new(testing::origin("shop"));
    unit.put("1", &Rubbish, Expected::Any);
    store.commit(unit).await.unwrap();
    Repository::<Till>::new(store).with_snapshots(SnapshotPolicy::Never).load(&1).await.unwrap();
}

/// Calls to something outside that fail in every way.
async fn calls() {
    let clock = Arc::new(ManualClock::default());
    let options =
        BreakerOptions { window: WindowOptions::Count { calls: 1, failures: 1 }, ..BreakerOptions::default() };
    let breaker = Breakers::try_new(options, Arc::clone(&clock) as _).unwrap().of("post").unwrap();
    breaker.admit().unwrap().record(Outcome::Failure);
    assert!(breaker.admit().is_err());
    clock.advance(TimeDelta::hours(1));
    let bulkhead = Bulkhead::try_new("post", BulkheadOptions { concurrent: 1, queue: 0 }).unwrap();
    let _running = bulkhead.enter().await.unwrap();
    assert!(bulkhead.enter().await.is_err());
    let timeout = Timeout::try_new("post", &TimeoutOptions { limit_ms: 1 }).unwrap();
    assert!(timeout.run::<()>(std::future::pending()).await.is_err());
    let answer = |(), _: Error| async { Ok::<_, Error>(0) };
    Fallback::try_new("post", FallbackOptions::default(), answer).unwrap();
    let budget = RetryBudget::try_new(&RetryBudgetOptions::default()).unwrap();
    let retry = Retry::try_new("post", &RetryOptions { attempts: 2, first_ms: 1, longest_ms: 2 }, budget, 7).unwrap();
    let busy = || async { Err(Error::new(ErrorKind::Unavailable, "busy")) };
    retry.run::<(), _>(busy).await.unwrap_err();
}
