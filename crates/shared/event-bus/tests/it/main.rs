//! What subscribers rely on, on the in-memory store and paused time.
#![expect(clippy::unwrap_used, reason = "tests")]

mod asks;
mod conformance;
mod edges;
mod faults;
mod holdups;
mod inline;
mod members;
mod nodes;
mod once;
mod orders;
mod parking;
mod races;
mod random;
mod simulation;
mod told;
mod turns;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use event_bus::{
    BusError, BusOptions, DeadLetter, Drain, EventBus, InlineSubscribers, Ports, Publisher, PublisherOptions,
    RetryPolicy, Subscriber, Subscription,
};
use event_sourcing::{Document, Expected, MemoryStore, Store, StoreExt, Unit};
use kernel::{Claims, Context, Envelope, Error, Event, ManualClock, SequentialIds, SystemIds};
use serde::{Deserialize, Serialize};
use testing::{
    bus::Seen,
    faults::{FaultPlan, Reading},
    store::Noted,
};

#[derive(Debug, Serialize, Deserialize, schemars::JsonSchema)]
struct Sold {
    shop: String,
    amount: u32,
}

impl Event for Sold {
    const NAME: &'static str = "shop.sold";

    fn key(&self) -> String {
        self.shop.clone()
    }
}

/// The sums that a subscriber keeps, by shop.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Sum {
    total: u32,
    /// In the order in which they came.
    amounts: Vec<u32>,
}

impl Document for Sum {
    const COLLECTION: &'static str = "ledger.sums";
}

/// Sums up, in documents under its own name; fails as long as `failures` last for an amount of 13.
struct Ledger {
    name: &'static str,
    store: Arc<dyn Store>,
    failures: AtomicU32,
    panics: bool,
}

impl Ledger {
    fn new(name: &'static str, store: &Arc<dyn Store>) -> Self {
        Self { name, store: Arc::clone(store), failures: AtomicU32::new(0), panics: false }
    }
}

impl Subscriber<Sold> for Ledger {
    async fn handle(&self, _: &Context, event: &Sold, unit: &mut Unit) -> Result<(), Error> {
        let key = format!("{}/{}", self.name, event.shop);
        let found = self.store.get::<Sum>(&key).await?;
        let expected = found.as_ref().map_or(Expected::Absent, |found| Expected::Exact(found.revision));
        let mut sum = found.map(|found| found.value).unwrap_or_default();
        sum.total += event.amount;
        sum.amounts.push(event.amount);
        unit.put(key, &sum, expected);
        if event.amount == 13 {
            let left = self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            assert!(!(self.panics && left.is_ok()), "bad luck");
            return left.map_or(Ok(()), |_| Err(Error::internal("bad luck")));
        }
        Ok(())
    }
}

async fn publish(store: &Arc<dyn Store>, sales: &[(&str, u32)]) {
    for (shop, amount) in sales {
        let mut unit = Unit::new(testing::origin("shop"));
        unit.publish(&Sold { shop: (*shop).into(), amount: *amount });
        store.commit(unit).await.unwrap();
    }
}

async fn start(store: &Arc<dyn Store>, ledgers: Vec<Ledger>) -> EventBus {
    let subscriptions = ledgers.into_iter().map(|l| Subscription::new::<Sold>(l.name, "ledger", l)).collect();
    EventBus::start(subscriptions, ports(store), BusOptions::default()).await.unwrap()
}

fn ports(store: &Arc<dyn Store>) -> Ports {
    let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SequentialIds::default()));
    Ports { store: Some(Arc::clone(store)), clock, ids }
}

async fn drained(bus: &EventBus) {
    assert_eq!(bus.drain(Duration::from_secs(60)).await.unwrap(), Drain::Complete);
}

async fn amounts(store: &Arc<dyn Store>, key: &str) -> Vec<u32> {
    store.get::<Sum>(key).await.unwrap().map(|found| found.value.amounts).unwrap_or_default()
}

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::default())
}

/// A store in memory, and one over it whose calls of these names fail as the plan says.
fn ailing(calls: impl IntoIterator<Item = &'static str>) -> (Arc<dyn Store>, FaultPlan, Arc<dyn Store>) {
    let (memory, plan) = (memory(), FaultPlan::by_hand().only(calls));
    let store = Arc::new(plan.around(Arc::clone(&memory)));
    (memory, plan, store)
}

/// Minutes between two tries.
fn patient() -> RetryPolicy {
    let (first, longest) = (Duration::from_secs(60), Duration::from_secs(600));
    RetryPolicy { attempts: 4, first, longest, ..RetryPolicy::default() }
}

/// A bus on this clock.
async fn with(
    store: &Arc<dyn Store>,
    clock: &Arc<ManualClock>,
    subscriptions: Vec<Subscription>,
    options: BusOptions,
) -> Result<EventBus, BusError> {
    let ports = Ports { store: Some(Arc::clone(store)), clock: clock.clone(), ids: Arc::new(SystemIds) };
    EventBus::start(subscriptions, ports, options).await
}

/// A publisher beside the bus.
async fn edge(store: &Arc<dyn Store>, inline: InlineSubscribers) -> Publisher {
    let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SystemIds));
    Publisher::open(PublisherOptions::new("edge"), Arc::clone(store), clock, ids, inline).await.unwrap()
}

/// Puts without a look.
struct Blind;

impl Subscriber<Noted> for Blind {
    async fn handle(&self, _: &Context, event: &Noted, unit: &mut Unit) -> Result<(), Error> {
        unit.put(&event.writer, &Seen { notes: vec![event.n] }, Expected::Any);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn each_subscriber_gets_each_event_once_and_in_order() {
    let store = memory();
    publish(&store, &[("a", 1), ("b", 2)]).await;
    let bus = start(&store, vec![Ledger::new("first", &store), Ledger::new("second", &store)]).await;
    publish(&store, &[("a", 3), ("a", 4)]).await;
    drained(&bus).await;
    for subscriber in ["first", "second"] {
        assert_eq!(amounts(&store, &format!("{subscriber}/a")).await, [1, 3, 4]);
        assert_eq!(amounts(&store, &format!("{subscriber}/b")).await, [2]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_process_goes_on_where_the_last_one_stopped() {
    let store = memory();
    for round in 1..=3 {
        publish(&store, &[("a", round)]).await;
        let bus = start(&store, vec![Ledger::new("ledger", &store)]).await;
        drained(&bus).await;
        bus.stop().await;
    }
    assert_eq!(amounts(&store, "ledger/a").await, [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_failing_delivery_is_tried_again_and_leaves_no_trace_of_the_failure() {
    for panics in [false, true] {
        let store = memory();
        publish(&store, &[("a", 13), ("a", 1)]).await;
        let ledger = Ledger { failures: AtomicU32::new(4), panics, ..Ledger::new("ledger", &store) };
        let bus = start(&store, vec![ledger]).await;
        drained(&bus).await;
        assert_eq!(amounts(&store, "ledger/a").await, [13, 1], "panics: {panics}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_poison_event_parks_its_key_and_only_its_key() {
    let store = memory();
    publish(&store, &[("a", 13), ("b", 1), ("a", 2)]).await;
    let poisoned = Ledger { failures: AtomicU32::new(u32::MAX), ..Ledger::new("poisoned", &store) };
    let bus = start(&store, vec![poisoned, Ledger::new("sound", &store)]).await;
    drained(&bus).await;
    assert_eq!(amounts(&store, "poisoned/a").await, [0; 0]);
    assert_eq!(amounts(&store, "poisoned/b").await, [1]);
    assert_eq!(amounts(&store, "sound/a").await, [13, 2], "one subscriber's trouble is its own");

    let letters = store.list::<DeadLetter>(None, 100).await.unwrap();
    let letters: Vec<_> = letters
        .into_iter()
        .map(|l| (l.value.subscriber, l.value.event.decode::<Sold>().unwrap().amount, l.value.attempts))
        .collect();
    assert_eq!(letters, [("poisoned".into(), 13, 5), ("poisoned".into(), 2, 0)]);
    bus.stop().await;

    // The next process knows that the key is parked.
    publish(&store, &[("a", 3), ("b", 4)]).await;
    let bus = start(&store, vec![Ledger::new("poisoned", &store)]).await;
    drained(&bus).await;
    assert_eq!(amounts(&store, "poisoned/a").await, [0; 0]);
    assert_eq!(amounts(&store, "poisoned/b").await, [1, 4]);
    assert_eq!(store.list::<DeadLetter>(None, 100).await.unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn draining_ends_at_its_timeout_and_loses_nothing() {
    let store = memory();
    publish(&store, &[("a", 13)]).await;
    let slow = Ledger { failures: AtomicU32::new(4), ..Ledger::new("ledger", &store) };
    let bus = start(&store, vec![slow]).await;
    assert_eq!(bus.drain(Duration::from_millis(60)).await.unwrap(), Drain::Incomplete);
    assert_eq!(bus.status().await.unwrap()[0].position.0, 0);
    drained(&bus).await;
    assert_eq!(amounts(&store, "ledger/a").await, [13]);
}

/// The same event as a later version of its publisher writes it.
#[derive(Debug, Serialize, Deserialize, schemars::JsonSchema)]
struct SoldLater<const VERSION: u32> {
    shop: String,
    price: u32,
}

impl<const VERSION: u32> Event for SoldLater<VERSION> {
    const NAME: &'static str = Sold::NAME;
    const VERSION: u32 = VERSION;

    fn key(&self) -> String {
        self.shop.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_subscriber_cannot_read_is_parked_with_the_reason() {
    let store = memory();
    let mut unit = Unit::new(testing::origin("shop"));
    unit.publish(&SoldLater::<1> { shop: "a".into(), price: 5 });
    unit.publish(&SoldLater::<2> { shop: "b".into(), price: 5 });
    store.commit(unit).await.unwrap();
    publish(&store, &[("c", 3)]).await;
    let bus = start(&store, vec![Ledger::new("ledger", &store)]).await;
    drained(&bus).await;

    let letters = store.list::<DeadLetter>(None, 100).await.unwrap();
    let reasons: Vec<String> = letters.into_iter().map(|letter| letter.value.error.message).collect();
    assert_eq!(
        reasons,
        [
            "`shop.sold` 00000000-0000-0000-0000-000000000001 does not fit its contract: missing field `amount` at line 1 \
             column 22; publish what has changed as a new version",
            "`shop.sold` is of version 2, this program understands up to 1: upgrade it"
        ]
    );
    assert_eq!(amounts(&store, "ledger/c").await, [3], "others go on");
}

/// For whom a handler acted, and with which permissions.
#[derive(Debug, Serialize, Deserialize)]
struct Acted(Claims);

impl Document for Acted {
    const COLLECTION: &'static str = "ledger.acted";
}

struct Witness;

impl Subscriber<Sold> for Witness {
    async fn handle(&self, cx: &Context, event: &Sold, unit: &mut Unit) -> Result<(), Error> {
        unit.put(&event.shop, &Acted(cx.principal().claims().clone()), Expected::Absent);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_acts_for_the_events_user_with_the_permissions_of_its_module() {
    for granted in [vec![], vec!["stock:read".to_owned(), "till:use".to_owned()]] {
        let store = memory();
        publish(&store, &[("a", 1)]).await;
        let subscription = Subscription::new::<Sold>("ledger.witness", "ledger", Witness);
        let subscription = subscription.with_permissions(granted.clone());
        let bus = EventBus::start(vec![subscription], ports(&store), BusOptions::default());
        drained(&bus.await.unwrap()).await;
        let Acted(claims) = store.get::<Acted>("a").await.unwrap().unwrap().value;
        let acting = Some("module:ledger".to_owned());
        assert_eq!(claims, Claims { acting, ..Claims::new("tester", granted) });
    }
}

/// It stops nobody: it is parked, and the other keys flow on.
#[tokio::test(start_paused = true)]
async fn an_event_that_names_no_user_is_parked() {
    let store: Arc<dyn Store> = Arc::new(Reading::of(memory(), |event: &mut Envelope| {
        // As another program might have written it.
        if event.metadata.key == "nobody" {
            event.metadata.user_id.clear();
        }
        Ok(())
    }));
    publish(&store, &[("nobody", 1), ("south", 2)]).await;
    let bus = start(&store, vec![Ledger::new("sums", &store)]).await;
    drained(&bus).await;
    let letters = store.list::<DeadLetter>(None, 10).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert!(letters[0].value.error.message.contains("names no user"), "{:?}", letters[0].value.error);
    assert_eq!(amounts(&store, "sums/south").await, [2]);
}
