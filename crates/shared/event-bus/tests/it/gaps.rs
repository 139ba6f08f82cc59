//! Promises that once had a gap.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::TimeDelta;
use event_bus::{
    BatchOptions, BatchSubscriber, BusError, BusOptions, CpuSubscriber, DeadLetters, DeliveryClass, Drain,
    EnvelopeSubscriber, EventBus, InlineSubscribers, LetterFilter, Node, Ports, Publisher, PublisherOptions,
    RetryPolicy, Schedule, Subscriber, Subscription, slot_of,
};
use event_sourcing::{
    Appended, Collection, Commit, CommitError, Document, Expected, IndexQuery, LogQuery, MemoryStore, Position,
    Receipt, Store, StoreError, StoreErrorKind, StoreExt, StoredDocument, StreamQuery, Unit, WaitError, Write,
};
use kernel::{Context, Envelope, Error, ManualClock, SystemIds};
use serde::{Deserialize, Serialize};
use testing::{
    bus::{Action, Probe, Seen, drained, letters, options, publish, start, until},
    faults::{Fault, FaultPlan},
    store::Noted,
};
use tokio::{
    task::yield_now,
    time::{Instant, sleep, timeout},
};

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::default())
}

fn patient() -> RetryPolicy {
    let (first, longest) = (Duration::from_secs(600), Duration::from_secs(1200));
    RetryPolicy { attempts: 4, first, longest, ..RetryPolicy::default() }
}

/// "stored with the next unit, after 256 events, when a second passes without events, and at the stop".
#[tokio::test(start_paused = true)]
async fn what_had_no_effect_does_not_come_again_after_a_stop() {
    for concurrency in [1, 4] {
        let store = memory();
        let script = |key: &str, _: u64, _: u32| if key == "bad" { Action::Fail } else { Action::Look };
        let probe = Probe::new("ledger", &store, script);
        let to = |probe: &Probe| {
            Subscription::new::<Noted>("ledger", "ledger", probe.clone())
                .with_retry(patient())
                .with_concurrency(concurrency)
        };
        let bus = start(&store, vec![to(&probe)]).await;
        publish(&store, &[("bad", 0)]).await;
        for n in 1..=1000 {
            publish(&store, &[(if n % 2 == 0 { "a" } else { "b" }, n)]).await;
        }
        until("all others are handled", async || probe.tries().len() >= 1001).await;
        sleep(Duration::from_secs(10)).await;
        bus.stop().await;
        let again = Probe::new("ledger", &store, script);
        let bus = start(&store, vec![to(&again)]).await;
        sleep(Duration::from_secs(5)).await;
        let twice = again.tries().iter().filter(|(key, _)| key != "bad").count();
        bus.stop().await;
        assert_eq!(twice, 0, "concurrency {concurrency}: handled before a clean stop, handled again after it");
    }
}

/// Into how many slots a subscriber is divided, which earlier versions did not write down where it was one.
#[derive(Serialize, Deserialize)]
struct Division {}

impl Document for Division {
    const COLLECTION: &'static str = "event_bus.groups";
}

/// Slots are refused where something would be handled twice.
#[tokio::test(start_paused = true)]
async fn a_division_that_repeats_effects_is_refused() {
    for is_of_earlier_version in [false, true] {
        let store = memory();
        let script = |key: &str, _: u64, _: u32| if key == "bad" { Action::Fail } else { Action::Write };
        let probe = Probe::new("ledger", &store, script);
        let to = || Subscription::new::<Noted>("ledger", "ledger", probe.clone()).with_retry(patient());
        let bus = start(&store, vec![to()]).await;
        publish(&store, &[("bad", 0), ("a", 1), ("b", 2)]).await;
        until("others are handled", async || probe.seen("b").await == [2]).await;
        bus.stop().await;
        assert_eq!(store.checkpoint("ledger").await.unwrap(), Position(0), "the first event is not done");
        if is_of_earlier_version {
            let mut unit = Unit::new(testing::origin("test"));
            unit.delete::<Division>("ledger", Expected::Any);
            store.commit(unit).await.unwrap();
        }
        let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SystemIds));
        let ports = Ports { store: Some(Arc::clone(&store)), clock, ids };
        let refused = EventBus::start(vec![to().in_slots(4)], ports, BusOptions::default()).await.err();
        assert_eq!(refused, Some(BusError::Slots { name: "ledger", stored: 1, asked: 4 }), "{is_of_earlier_version}");
    }
}

struct HangsAt(Arc<AtomicU32>);

impl Subscriber<Noted> for HangsAt {
    async fn handle(&self, _: &Context, event: &Noted, _: &mut Unit) -> Result<(), Error> {
        if event.writer == "bad" && self.0.fetch_add(1, Ordering::SeqCst) > 0 {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

/// One that hangs while nobody waits.
#[tokio::test(start_paused = true)]
async fn a_kept_unit_whose_inline_subscriber_hangs_holds_up_no_other() {
    let memory = memory();
    let ill = FaultPlan::by_hand().only(["store.commit"]);
    let store: Arc<dyn Store> = Arc::new(ill.around(Arc::clone(&memory)));
    let inline = Subscription::new::<Noted>("strict", "ledger", HangsAt(Arc::default()))
        .with_class(DeliveryClass::Inline { order: 0 });
    let publisher = Publisher::open(
        PublisherOptions::new("edge"),
        Arc::clone(&store),
        Arc::new(ManualClock::default()),
        Arc::new(SystemIds),
        InlineSubscribers::of(&[inline]),
    )
    .await
    .unwrap();
    ill.next(&[Fault::Fail]);
    for (writer, n) in [("bad", 1), ("good", 2)] {
        let mut unit = publisher.work_of("edge");
        unit.publish(&Noted::new(writer, n));
        publisher.publish(unit).await.unwrap();
    }
    sleep(Duration::from_secs(24 * 3600)).await;
    let status = publisher.status();
    assert_eq!(status.waiting, 0, "a day later: {status:?}");
}

/// A subscriber that was removed, by a call that was dropped, does not go on beside the one added in its place.
#[tokio::test(start_paused = true)]
async fn a_dropped_removal_on_a_node_ends_the_subscriber() {
    dropped_removal(true).await;
}

#[tokio::test(start_paused = true)]
async fn who_is_added_in_place_of_one_whose_removal_was_dropped_is_alone() {
    dropped_removal(false).await;
}

async fn dropped_removal(wait: bool) {
    let memory = memory();
    let ill = FaultPlan::by_hand().only(["store.documents"]);
    let store: Arc<dyn Store> = Arc::new(ill.around(Arc::clone(&memory)));
    let probe = Probe::new("ledger", &memory, |_, _, _| Action::Sleep(2000));
    let other = Probe::new("other", &memory, |_, _, _| Action::Wait);
    let to = |probe: &Probe| Subscription::new::<Noted>(probe.name(), "ledger", probe.clone());
    let clock = Arc::new(ManualClock::default());
    let ports = Ports { store: Some(Arc::clone(&store)), clock, ids: Arc::new(SystemIds) };
    let node = Some(Node { id: "one".into(), lease: Duration::from_secs(30) });
    let bus = EventBus::start(vec![to(&probe), to(&other)], ports, BusOptions { node, ..options() }).await.unwrap();
    publish(&memory, &(1..=20).map(|n| ("k", n)).collect::<Vec<_>>()).await;
    let removing = async {
        sleep(Duration::from_millis(500)).await;
        ill.always(Some(Fault::Delay(Duration::from_millis(900))));
        sleep(Duration::from_millis(800)).await;
        let removed = timeout(Duration::from_millis(100), bus.remove("ledger")).await;
        assert!(removed.is_err(), "it waits for the look");
        ill.always(None);
        let before = probe.tries().len();
        if wait {
            sleep(Duration::from_secs(20)).await;
        }
        let alone = probe.tries().len() - before;
        bus.add(to(&probe)).await.unwrap();
        sleep(Duration::from_secs(60)).await;
        alone
    };
    let (_drained, alone) = tokio::join!(bus.drain(Duration::from_secs(200)), removing);
    assert_eq!((alone, probe.most_inside()), (0, 1), "{:?}", probe.tries());
}

/// The page of letters is read before, and answered after, one is put behind what has gone.
#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_what_is_put_behind_a_letter_during_a_look() {
    let mut wrong = Vec::new();
    for is_retried in [false, true] {
        let memory = memory();
        let ill = FaultPlan::by_hand().only(["store.documents"]);
        let store: Arc<dyn Store> = Arc::new(ill.around(Arc::clone(&memory)));
        let probe = Probe::new(
            "ledger",
            &memory,
            |_, n, attempt| if n == 1 && attempt <= 3 { Action::Fail } else { Action::Write },
        );
        let to = Subscription::new::<Noted>("ledger", "ledger", probe.clone()).with_concurrency(4);
        let bus = start(&store, vec![to]).await;
        publish(&memory, &[("bad", 1)]).await;
        drained(&bus).await;
        assert_eq!(letters(&memory).await.len(), 1);
        ill.always(Some(Fault::Late(Duration::from_millis(700))));
        let filter = LetterFilter::default();
        let going = async {
            if is_retried {
                bus.retry_dead_letters(&filter).await.unwrap();
            } else {
                let origin = testing::origin("operator");
                assert_eq!(DeadLetters::of(&*memory).discard(&filter, "old", &origin).await.unwrap(), 1);
                bus.letters_changed("ledger").unwrap();
                sleep(Duration::from_millis(100)).await;
                publish(&memory, &[("bad", 2)]).await;
            }
        };
        let coming = async {
            if is_retried {
                until("it is delivered", async || letters(&memory).await.is_empty()).await;
                sleep(Duration::from_millis(50)).await;
                publish(&memory, &[("bad", 2)]).await;
            }
        };
        tokio::join!(going, coming);
        assert_eq!(bus.drain(Duration::from_secs(600)).await.unwrap(), Drain::Complete);
        let left = letters(&memory).await;
        if !left.is_empty() {
            let began = Instant::now();
            ill.always(None);
            while !letters(&memory).await.is_empty() && began.elapsed() < Duration::from_secs(60) {
                sleep(Duration::from_millis(10)).await;
            }
            wrong.push(format!("retried: {is_retried}: {left:?}; gone {:?} later", began.elapsed()));
        }
        bus.stop().await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A store that refuses, as SQLite does with a damaged document, whatever is written upon it.
struct Blemished {
    store: Arc<dyn Store>,
    key: &'static str,
    commits: AtomicU32,
}

impl Blemished {
    fn spoils(&self, unit: &Unit) -> bool {
        unit.writes().iter().any(|write| {
            matches!(write, Write::Put { collection, key, .. } if *collection == "testing.seen" && key == self.key)
        })
    }
}

#[async_trait]
impl Store for Blemished {
    fn commit(&self, unit: Unit) -> Commit<'_> {
        if self.spoils(&unit) {
            self.commits.fetch_add(1, Ordering::SeqCst);
            let message = "document: it is not what was written there: restore the store from a copy".to_owned();
            return Commit::new(async move {
                Err(CommitError::Store(StoreError { kind: StoreErrorKind::Corrupt, message }))
            });
        }
        self.store.commit(unit)
    }

    async fn document(&self, collection: &str, key: &str) -> Result<Option<StoredDocument>, StoreError> {
        self.store.document(collection, key).await
    }

    async fn documents(&self, c: &str, after: Option<&str>, limit: usize) -> Result<Vec<StoredDocument>, StoreError> {
        self.store.documents(c, after, limit).await
    }

    async fn indexed(&self, query: IndexQuery) -> Result<Vec<StoredDocument>, StoreError> {
        self.store.indexed(query).await
    }

    async fn declare(&self, collections: &[Collection]) -> Result<(), StoreError> {
        self.store.declare(collections).await
    }

    async fn log(&self, query: LogQuery) -> Result<Vec<Arc<Envelope>>, StoreError> {
        self.store.log(query).await
    }

    async fn stream(&self, stream: &str, query: StreamQuery) -> Result<Vec<Envelope>, StoreError> {
        self.store.stream(stream, query).await
    }

    async fn head(&self) -> Result<Position, StoreError> {
        self.store.head().await
    }

    async fn position(&self, receipt: &Receipt, within: Duration) -> Result<Position, WaitError> {
        self.store.position(receipt, within).await
    }

    async fn checkpoint(&self, subscriber: &str) -> Result<Position, StoreError> {
        self.store.checkpoint(subscriber).await
    }

    fn appended(&self) -> Appended {
        self.store.appended()
    }
}

/// Puts without a look.
#[derive(Clone, Default)]
struct Blind(Arc<Mutex<Vec<(String, u64)>>>);

impl Subscriber<Noted> for Blind {
    async fn handle(&self, _: &Context, event: &Noted, unit: &mut Unit) -> Result<(), Error> {
        self.0.lock().unwrap().push((event.writer.clone(), event.n));
        unit.put(&event.writer, &Seen { notes: vec![event.n] }, Expected::Any);
        Ok(())
    }
}

impl BatchSubscriber<Noted> for Blind {
    async fn handle(&self, _: &Context, events: &[Noted], unit: &mut Unit) -> Result<(), Error> {
        for event in events {
            self.0.lock().unwrap().push((event.writer.clone(), event.n));
            unit.put(&event.writer, &Seen { notes: vec![event.n] }, Expected::Any);
        }
        Ok(())
    }
}

/// One damaged document parks the key whose events are written upon it, or at least halts: nothing goes round for ever unsaid.
#[tokio::test(start_paused = true)]
async fn what_is_written_upon_damage_holds_up_no_other_key() {
    let mut wrong = Vec::new();
    for form in 0..3 {
        let blemished = Arc::new(Blemished { store: memory(), key: "bad", commits: AtomicU32::new(0) });
        let store: Arc<dyn Store> = blemished.clone();
        let blind = Blind::default();
        let options = BatchOptions { size: 2, delay: Duration::ZERO };
        let to = match form {
            0 => Subscription::new::<Noted>("ledger", "ledger", blind.clone()),
            1 => Subscription::new::<Noted>("ledger", "ledger", blind.clone()).with_concurrency(4),
            _ => Subscription::batches::<Noted>("ledger", "ledger", options, blind.clone()),
        };
        publish(&store, &[("bad", 1), ("a", 2), ("bad", 3), ("b", 4)]).await;
        let bus = start(&store, vec![to]).await;
        sleep(Duration::from_secs(3600)).await;
        let a = store.get::<Seen>("a").await.unwrap().is_some();
        let b = store.get::<Seen>("b").await.unwrap().is_some();
        let status = bus.status().await.unwrap().swap_remove(0);
        if !(a && b) || letters(&store).await.is_empty() {
            wrong.push(format!(
                "form {form}: after an hour a {a} b {b}, letters {:?}, halted {:?}, retrying {}, commits refused {}, handled {} times",
                letters(&store).await.len(),
                status.halted,
                status.retrying,
                blemished.commits.load(Ordering::SeqCst),
                blind.0.lock().unwrap().len(),
            ));
        }
        bus.stop().await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[derive(Clone)]
struct Waits;

impl EnvelopeSubscriber for Waits {
    async fn handle(&self, _: &Context, _: &Arc<Envelope>, _: &mut Unit) -> Result<(), Error> {
        sleep(Duration::from_millis(500)).await;
        Ok(())
    }
}

impl Subscriber<Noted> for Waits {
    async fn handle(&self, _: &Context, _: &Noted, _: &mut Unit) -> Result<(), Error> {
        sleep(Duration::from_millis(500)).await;
        Ok(())
    }
}

/// "tells every second how far it is if it takes that long".
#[tokio::test(start_paused = true)]
async fn a_slow_wildcard_subscriber_tells_how_far_it_is() {
    let mut wrong = Vec::new();
    for wildcard in [false, true] {
        let store = memory();
        publish(&store, &(1..=200).map(|n| ("k", n)).collect::<Vec<_>>()).await;
        let to = match wildcard {
            true => Subscription::envelopes("ledger", "ledger", "*", Waits),
            false => Subscription::new::<Noted>("ledger", "ledger", Waits),
        };
        let bus = start(&store, vec![to]).await;
        sleep(Duration::from_secs(60)).await;
        let status = bus.status().await.unwrap().swap_remove(0);
        if status.position.0 < 110 {
            wrong.push(format!("wildcard {wildcard}: after 60 s {:?} queued {}", status.position, status.queued));
        }
        bus.stop().await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Whose slots are whose cannot be looked at just then: it is added, and looked at again.
#[tokio::test(start_paused = true)]
async fn an_add_on_a_node_does_not_depend_on_a_look() {
    let memory = memory();
    let ill = FaultPlan::by_hand().only(["store.documents"]);
    let store: Arc<dyn Store> = Arc::new(ill.around(Arc::clone(&memory)));
    let probe = Probe::writing("ledger", &memory);
    let clock = Arc::new(ManualClock::default());
    let ports = Ports { store: Some(Arc::clone(&store)), clock, ids: Arc::new(SystemIds) };
    let node = Some(Node { id: "one".into(), lease: Duration::from_secs(30) });
    let bus = EventBus::start(vec![], ports, BusOptions { node, ..options() }).await.unwrap();
    let to = || Subscription::new::<Noted>("ledger", "ledger", probe.clone()).in_slots(4);
    bus.add(to()).await.unwrap();
    bus.remove("ledger").await.unwrap();
    ill.always(Some(Fault::Fail));
    bus.add(to()).await.unwrap();
    ill.always(None);
    publish(&memory, &[("a", 1)]).await;
    until("it is handled", async || probe.seen("a").await == [1]).await;
    bus.stop().await;
}

/// "After a crash such an event comes again": a store that fails once is no crash.
#[tokio::test(start_paused = true)]
async fn what_had_no_effect_does_not_come_again_after_one_failed_commit() {
    for concurrency in [1, 4] {
        let memory = memory();
        let ill = FaultPlan::by_hand().only(["store.commit"]);
        let store: Arc<dyn Store> = Arc::new(ill.around(Arc::clone(&memory)));
        let probe = Probe::new("ledger", &memory, |_, n, _| if n == 250 { Action::Write } else { Action::Look });
        let to = Subscription::new::<Noted>("ledger", "ledger", probe.clone()).with_concurrency(concurrency);
        let bus = start(&store, vec![to]).await;
        let keys = ["a", "b", "c"];
        publish(&memory, &(1..=249).map(|n| (keys[n as usize % 3], n)).collect::<Vec<_>>()).await;
        until("handled", async || probe.tries().len() == 249).await;
        ill.next(&[Fault::Fail]);
        publish(&memory, &[("a", 250)]).await;
        drained(&bus).await;
        let total = probe.tries().len();
        bus.stop().await;
        assert!(total <= 252, "concurrency {concurrency}: {total} tries of 250 events");
    }
}

/// "Nobody but a store that fails keeps one event from being published because another one cannot be."
struct Writes;

impl Subscriber<Noted> for Writes {
    async fn handle(&self, _: &Context, event: &Noted, unit: &mut Unit) -> Result<(), Error> {
        unit.put(&event.writer, &Seen { notes: vec![event.n] }, Expected::Any);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn one_scheduled_event_that_cannot_be_committed_holds_up_no_other() {
    let blemished = Arc::new(Blemished { store: memory(), key: "bad", commits: AtomicU32::new(0) });
    let store: Arc<dyn Store> = blemished.clone();
    let clock = Arc::new(ManualClock::default());
    let inline = Subscription::new::<Noted>("strict", "ledger", Writes).with_class(DeliveryClass::Inline { order: 0 });
    let ports = Ports { store: Some(Arc::clone(&store)), clock: clock.clone(), ids: Arc::new(SystemIds) };
    let bus = EventBus::start(vec![inline], ports, BusOptions::default()).await.unwrap();
    let now = kernel::Clock::now(&*clock);
    let mut unit = Unit::new(testing::origin("notes"));
    unit.schedule(&Noted::new("bad", 1), now + TimeDelta::seconds(1));
    unit.schedule(&Noted::new("good", 2), now + TimeDelta::seconds(2));
    store.commit(unit).await.unwrap();
    clock.advance(TimeDelta::seconds(10));
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(store.head().await.unwrap(), Position(1), "refused {}", blemished.commits.load(Ordering::SeqCst));
    bus.stop().await;
}

/// It is there, and cannot be paused or taken out of what publishes.
#[tokio::test(start_paused = true)]
async fn what_is_said_of_an_inline_subscriber() {
    let store = memory();
    let inline = Subscription::new::<Noted>("strict", "ledger", Writes).with_class(DeliveryClass::Inline { order: 0 });
    let bus = start(&store, vec![inline]).await;
    let said = [bus.pause("strict").await, bus.resume("strict").await, bus.remove("strict").await.map(drop)];
    for said in said.map(|answer| answer.unwrap_err().to_string()) {
        assert!(said.starts_with("subscriber `strict`: it is inline, a part of what publishes"), "{said}");
    }
    bus.stop().await;
}

/// Waits until four of them compute, for as long as a machine may take to begin that.
#[derive(Clone, Default)]
struct Computes {
    inside: Arc<AtomicU32>,
    most: Arc<AtomicU32>,
}

impl CpuSubscriber<Noted> for Computes {
    fn handle(&self, _: &Context, _: &Noted, _: &mut Unit) -> Result<(), Error> {
        let began = std::time::Instant::now();
        self.most.fetch_max(self.inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        while self.most.load(Ordering::SeqCst) < 4 && began.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.inside.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }
}

/// Four publishers, four threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inline_computations_have_the_threads_of_the_bus() {
    let store = memory();
    let computes = Computes::default();
    let inline = Subscription::cpu::<Noted>("strict", "ledger", computes.clone());
    let inline = inline.with_class(DeliveryClass::Inline { order: 0 });
    let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SystemIds));
    let ports = Ports { store: Some(Arc::clone(&store)), clock, ids };
    let bus = EventBus::start(vec![inline], ports, BusOptions { threads: 4, ..BusOptions::default() }).await.unwrap();
    let commit = |n| {
        let mut unit = Unit::new(testing::origin("notes"));
        unit.publish(&Noted::new("k", n));
        bus.commit(unit)
    };
    let (a, b, c, d) = tokio::join!(commit(1), commit(2), commit(3), commit(4));
    for answer in [a, b, c, d] {
        answer.unwrap();
    }
    assert_eq!(computes.most.load(Ordering::SeqCst), 4, "side by side");
    bus.stop().await;
}

/// A clean stop with one handler under way.
#[tokio::test(start_paused = true)]
async fn a_stop_while_one_is_slow_repeats_no_others() {
    let store = memory();
    let script = |key: &str, _: u64, _: u32| if key == "slow" { Action::Sleep(60_000) } else { Action::Look };
    let probe = Probe::new("ledger", &store, script);
    let to = |probe: &Probe| Subscription::new::<Noted>("ledger", "ledger", probe.clone()).with_concurrency(4);
    let bus = start(&store, vec![to(&probe)]).await;
    publish(&store, &[("slow", 0)]).await;
    publish(&store, &(1..=3000).map(|n| ("a", n)).collect::<Vec<_>>()).await;
    until("all others are handled", async || probe.tries().len() >= 3001).await;
    sleep(Duration::from_secs(20)).await;
    bus.stop().await;
    let again = Probe::new("ledger", &store, script);
    let bus = start(&store, vec![to(&again)]).await;
    sleep(Duration::from_secs(5)).await;
    let twice = again.tries().iter().filter(|(key, _)| key != "slow").count();
    bus.stop().await;
    assert_eq!(twice, 0);
}

/// Where nothing waits, no node says that something does.
#[tokio::test(start_paused = true)]
async fn a_quiet_slot_elsewhere_has_nothing_that_waits() {
    let store = memory();
    let clock = Arc::new(ManualClock::default());
    let probe = Probe::writing("ledger", &store);
    let cards = Probe::new("cards", &store, |_, _, _| Action::Look);
    let mut buses = Vec::new();
    for id in ["one", "two"] {
        let ports = Ports { store: Some(Arc::clone(&store)), clock: clock.clone(), ids: Arc::new(SystemIds) };
        let node = Some(Node { id: id.into(), lease: Duration::from_secs(3000) });
        let subscriptions = vec![
            Subscription::new::<Noted>("ledger", "ledger", probe.clone()).in_slots(2),
            Subscription::envelopes("cards", "ledger", "cards.*", cards.clone()),
        ];
        buses.push(EventBus::start(subscriptions, ports, BusOptions { node, ..options() }).await.unwrap());
    }
    sleep(Duration::from_secs(10)).await;
    let key = (0..).map(|n| format!("writer {n}")).find(|key| slot_of(key, 2) == 0).unwrap();
    let mut unit = Unit::new(event_sourcing::Origin { clock: clock.clone(), ..testing::origin("notes") });
    unit.publish(&Noted::new(key.clone(), 1));
    store.commit(unit).await.unwrap();
    sleep(Duration::from_secs(10)).await;
    assert_eq!(probe.seen(&key).await, [1]);
    clock.advance(TimeDelta::seconds(600));
    sleep(Duration::from_secs(30)).await;
    let mut wrong = Vec::new();
    for bus in &buses {
        for status in bus.status().await.unwrap() {
            if status.oldest.is_some() {
                let slots: Vec<_> = status.slots.iter().map(|slot| (slot.index, slot.here)).collect();
                wrong.push(format!(
                    "{}: oldest {:?}, at {:?} of {:?}, slots {slots:?}",
                    status.name, status.oldest, status.position, status.head
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The same at rest.
#[tokio::test(start_paused = true)]
async fn at_rest_a_slot_without_events_has_nothing_that_waits() {
    let store = memory();
    let probe = Probe::writing("ledger", &store);
    let to = Subscription::new::<Noted>("ledger", "ledger", probe.clone()).in_slots(2);
    let bus = start(&store, vec![to.clone()]).await;
    let key = (0..).map(|n| format!("writer {n}")).find(|key| slot_of(key, 2) == 0).unwrap();
    for n in 1..=10 {
        publish(&store, &[(key.as_str(), n)]).await;
    }
    drained(&bus).await;
    sleep(Duration::from_secs(10)).await;
    bus.stop().await;
    let now = testing::origin("notes").clock.now() + TimeDelta::days(3);
    let status = event_bus::at_rest(&[to], &*store, now).await.unwrap().swap_remove(0);
    assert_eq!((status.position, status.oldest), (Position(10), None), "all is handled: {:?}", probe.seen(&key).await);
}

/// What cannot be started has done nothing.
#[tokio::test(start_paused = true)]
async fn a_start_that_is_refused_has_handled_nothing() {
    let memory = memory();
    let slow = FaultPlan::by_hand().only(["store.document", "store.checkpoint"]);
    let store: Arc<dyn Store> = Arc::new(slow.around(Arc::clone(&memory)));
    publish(&memory, &[("a", 1), ("b", 2)]).await;
    slow.always(Some(Fault::Delay(Duration::from_millis(5))));
    let probe = Probe::new("ledger", &memory, |_, _, _| Action::Write);
    let to = |name| Subscription::new::<Noted>(name, "ledger", probe.clone());
    let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SystemIds));
    let ports = Ports { store: Some(Arc::clone(&store)), clock, ids };
    let list = vec![to("ledger"), to("other"), to("no good name")];
    let refused = EventBus::start(list, ports, BusOptions::default()).await;
    assert!(refused.is_err());
    assert_eq!(probe.tries(), [], "refused, and has had effects");
}

/// Threads, and whoever adds and removes without patience.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_and_removals_repeat_nothing() {
    for form in 0..3 {
        for round in 0..12u64 {
            let store = memory();
            let probe = Probe::new("ledger", &store, move |_, n, _| match (n * 7 + round) % 5 {
                0 => {
                    std::thread::sleep(Duration::from_micros(700));
                    Action::Write
                }
                1 => Action::Sleep(1),
                _ => Action::Write,
            });
            let to = || match form {
                0 => Subscription::new::<Noted>("ledger", "ledger", probe.clone()),
                1 => Subscription::new::<Noted>("ledger", "ledger", probe.clone()).with_concurrency(4),
                _ => Subscription::new::<Noted>("ledger", "ledger", probe.clone()).with_concurrency(2).in_slots(3),
            };
            let bus = start(&store, vec![to()]).await;
            let keys = ["a", "b", "c", "d", "e"];
            let publisher = {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    for n in 1..=300u64 {
                        publish(&store, &[(keys[n as usize % 5], n)]).await;
                        if n % 9 == 0 {
                            sleep(Duration::from_millis(1)).await;
                        }
                    }
                })
            };
            let mut x = round * 977 + form * 31 + 5;
            let mut next = || {
                x = x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (x >> 33) % 8
            };
            for _ in 0..25 {
                match next() {
                    0..=3 => {
                        let _ = timeout(Duration::from_micros(next() * 300), bus.remove("ledger")).await;
                        while let Err(error) = bus.add(to()).await {
                            assert!(matches!(error, BusError::Twice(_)), "{error}");
                            if bus.status().await.unwrap().len() == 1 {
                                break;
                            }
                            sleep(Duration::from_millis(1)).await;
                        }
                    }
                    4 | 5 => {
                        let _ = bus.pause("ledger").await;
                        sleep(Duration::from_micros(next() * 300)).await;
                        let _ = bus.resume("ledger").await;
                    }
                    _ => sleep(Duration::from_millis(next())).await,
                }
            }
            publisher.await.unwrap();
            if bus.status().await.unwrap().is_empty() {
                bus.add(to()).await.unwrap();
            }
            let _ = bus.resume("ledger").await;
            assert_eq!(
                bus.drain(Duration::from_secs(30)).await.unwrap(),
                Drain::Complete,
                "form {form} round {round} {:?}",
                bus.status().await
            );
            for (index, key) in keys.iter().enumerate() {
                let all: Vec<u64> = (1..=300).filter(|n| *n as usize % 5 == index).collect();
                assert_eq!(
                    probe.seen(key).await,
                    all,
                    "form {form} round {round} key {key} {:?}",
                    letters(&store).await
                );
            }
            bus.stop().await;
        }
    }
}

/// The publisher of an inline handler that computes on and on has gone; others go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_inline_computation_does_not_hold_up_other_publishers() {
    struct Endless(Arc<AtomicU32>);
    impl CpuSubscriber<Noted> for Endless {
        fn handle(&self, _: &Context, event: &Noted, _: &mut Unit) -> Result<(), Error> {
            while event.writer == "bad" && self.0.load(Ordering::SeqCst) == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        }
    }
    let (store, ended) = (memory(), Arc::<AtomicU32>::default());
    let inline = Subscription::cpu::<Noted>("strict", "ledger", Endless(Arc::clone(&ended)));
    let inline = inline.with_class(DeliveryClass::Inline { order: 0 });
    let ports = Ports { store: Some(store), clock: Arc::new(ManualClock::default()), ids: Arc::new(SystemIds) };
    let bus = EventBus::start(vec![inline], ports, BusOptions { threads: 2, ..options() }).await.unwrap();
    let commit = async |writer: &'static str, n| {
        let mut unit = Unit::new(testing::origin("notes"));
        unit.publish(&Noted::new(writer, n));
        bus.commit(unit).await
    };
    let _gone = timeout(Duration::from_millis(100), commit("bad", 1)).await;
    let other = timeout(Duration::from_secs(10), commit("good", 2)).await;
    ended.store(1, Ordering::SeqCst);
    assert!(other.is_ok(), "another publisher waits for the thread of one that nobody waits for");
    bus.stop().await;
}

#[derive(Clone)]
struct Idler;

impl Subscriber<Noted> for Idler {
    async fn handle(&self, _: &Context, _: &Noted, _: &mut Unit) -> Result<(), Error> {
        Ok(())
    }
}

impl BatchSubscriber<Noted> for Idler {
    async fn handle(&self, _: &Context, _: &[Noted], _: &mut Unit) -> Result<(), Error> {
        Ok(())
    }
}

/// On the one thread of the runtime.
#[tokio::test]
async fn a_subscriber_that_never_waits_lets_others_have_the_thread() {
    let batch = |size| BatchOptions { size, delay: Duration::ZERO };
    for (what, to) in [
        ("straight", Subscription::new::<Noted>("ledger", "ledger", Idler)),
        ("lanes", Subscription::new::<Noted>("ledger", "ledger", Idler).with_concurrency(2)),
        ("batches of 1", Subscription::batches::<Noted>("ledger", "ledger", batch(1), Idler)),
        ("batches of 10", Subscription::batches::<Noted>("ledger", "ledger", batch(10), Idler)),
    ] {
        let store = memory();
        for n in 0..10 {
            let events = (1..=1000).map(|m| Noted::new(format!("k{}", m % 50), n * 1000 + m));
            testing::bus::publish_together(&store, events).await;
        }
        let bus = start(&store, vec![to]).await;
        let turns = Arc::<AtomicU32>::default();
        let other = tokio::spawn({
            let turns = Arc::clone(&turns);
            async move {
                loop {
                    turns.fetch_add(1, Ordering::Relaxed);
                    yield_now().await;
                }
            }
        });
        assert_eq!(bus.drain(Duration::from_secs(60)).await.unwrap(), Drain::Complete);
        let turns = turns.load(Ordering::Relaxed);
        other.abort();
        bus.stop().await;
        assert!(turns >= 7, "{what}: another task had {turns} turns during 10,000 events");
    }
}

/// Whoever resumes what has halted on another node has it go on, or is told.
#[tokio::test(start_paused = true)]
async fn a_halt_elsewhere_is_resumed_or_told() {
    let memory = memory();
    let damaged = testing::faults::Damaged::at(Position(1));
    let store = damaged.around(Arc::clone(&memory));
    let probe = Probe::writing("ledger", &memory);
    let clock = Arc::new(ManualClock::default());
    let mut buses = Vec::new();
    for id in ["one", "two"] {
        let ports = Ports { store: Some(Arc::clone(&store)), clock: clock.clone(), ids: Arc::new(SystemIds) };
        let node = Some(Node { id: id.into(), lease: Duration::from_secs(3000) });
        let to = Subscription::new::<Noted>("ledger", "ledger", probe.clone());
        buses.push(EventBus::start(vec![to], ports, BusOptions { node, ..options() }).await.unwrap());
    }
    publish(&memory, &[("a", 1), ("a", 2)]).await;
    sleep(Duration::from_secs(10)).await;
    assert!(buses[0].status().await.unwrap()[0].halted.is_some());
    damaged.mend();
    let answer = buses[1].resume("ledger").await;
    sleep(Duration::from_secs(600)).await;
    let status = buses[0].status().await.unwrap().swap_remove(0);
    assert!(answer.is_err() || status.halted.is_none(), "answered {answer:?}; ten minutes later: {:?}", status.halted);
}

/// Two nodes with different numbers of slots, before either has done anything.
#[tokio::test(start_paused = true)]
async fn nodes_with_other_numbers_of_slots_are_refused() {
    for (slots, asked) in [(1, 4), (4, 1)] {
        let store = memory();
        let probe = Probe::writing("ledger", &store);
        let begin = async |id: &str, slots| {
            let clock = Arc::new(ManualClock::default());
            let ports = Ports { store: Some(Arc::clone(&store)), clock, ids: Arc::new(SystemIds) };
            let node = Some(Node { id: id.into(), lease: Duration::from_secs(3000) });
            let to = Subscription::new::<Noted>("ledger", "ledger", probe.clone()).in_slots(slots);
            EventBus::start(vec![to], ports, BusOptions { node, ..options() }).await
        };
        let one = begin("one", slots).await.unwrap();
        let other = begin("two", asked).await.err();
        assert_eq!(other, Some(BusError::Slots { name: "ledger", stored: slots, asked }));
        one.stop().await;
    }
}

/// A removal on a node begins at once.
#[tokio::test(start_paused = true)]
async fn a_removal_on_a_node_begins_with_nothing_more() {
    let memory = memory();
    let ill = FaultPlan::by_hand().only(["store.documents"]);
    let store: Arc<dyn Store> = Arc::new(ill.around(Arc::clone(&memory)));
    let probe = Probe::new("ledger", &memory, |_, _, _| Action::Sleep(100));
    let clock = Arc::new(ManualClock::default());
    let ports = Ports { store: Some(Arc::clone(&store)), clock, ids: Arc::new(SystemIds) };
    let node = Some(Node { id: "one".into(), lease: Duration::from_secs(300) });
    let to = Subscription::new::<Noted>("ledger", "ledger", probe.clone());
    let bus = EventBus::start(vec![to], ports, BusOptions { node, ..options() }).await.unwrap();
    publish(&memory, &(1..=500).map(|n| ("k", n)).collect::<Vec<_>>()).await;
    sleep(Duration::from_millis(500)).await;
    ill.always(Some(Fault::Delay(Duration::from_secs(20))));
    sleep(Duration::from_secs(2)).await;
    let (before, began) = (probe.tries().len(), Instant::now());
    bus.remove("ledger").await.unwrap();
    let more = probe.tries().len() - before;
    assert!(
        more <= 1 && began.elapsed() < Duration::from_secs(6),
        "{more} more begun, ended after {:?}",
        began.elapsed()
    );
}

/// One panic of a port does not end, unsaid, what publishes what is due.
#[tokio::test(start_paused = true)]
async fn a_panic_does_not_stop_time_in_silence() {
    let memory = memory();
    let ill = FaultPlan::by_hand().only(["store.documents"]);
    let store: Arc<dyn Store> = Arc::new(ill.around(Arc::clone(&memory)));
    let clock = Arc::new(ManualClock::default());
    let probe = Probe::writing("ledger", &memory);
    let to = Subscription::new::<Noted>("ledger", "ledger", probe.clone());
    let ports = Ports { store: Some(Arc::clone(&store)), clock: clock.clone(), ids: Arc::new(SystemIds) };
    let bus = EventBus::start(vec![to], ports, BusOptions::default()).await.unwrap();
    ill.next(&[Fault::Panic]);
    sleep(Duration::from_secs(5)).await;
    let mut unit = Unit::new(testing::origin("notes"));
    unit.schedule(&Noted::new("a", 1), kernel::Clock::now(&*clock) + TimeDelta::seconds(1));
    memory.commit(unit).await.unwrap();
    clock.advance(TimeDelta::seconds(10));
    sleep(Duration::from_secs(3600)).await;
    let status = bus.status().await.unwrap().swap_remove(0);
    assert_eq!(memory.head().await.unwrap(), Position(1), "an hour late, and {:?}", status.halted);
}

#[tokio::test(start_paused = true)]
async fn a_panic_does_not_stop_a_publisher_in_silence() {
    let memory = memory();
    let ill = FaultPlan::by_hand().only(["store.commit"]);
    let store: Arc<dyn Store> = Arc::new(ill.around(Arc::clone(&memory)));
    let publisher = Publisher::open(
        PublisherOptions::new("edge"),
        Arc::clone(&store),
        Arc::new(ManualClock::default()),
        Arc::new(SystemIds),
        InlineSubscribers::of(&[]),
    )
    .await
    .unwrap();
    ill.next(&[Fault::Fail, Fault::Panic]);
    let mut unit = publisher.work_of("edge");
    unit.publish(&Noted::new("a", 1));
    publisher.publish(unit).await.unwrap();
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(publisher.status().waiting, 0, "{:?}", publisher.status());
}

/// The same of a node's leases.
#[tokio::test(start_paused = true)]
async fn a_panic_does_not_end_a_node_in_silence() {
    let memory = memory();
    let ill = FaultPlan::by_hand().only(["store.documents"]);
    let store: Arc<dyn Store> = Arc::new(ill.around(Arc::clone(&memory)));
    let clock = Arc::new(ManualClock::default());
    let probe = Probe::writing("ledger", &memory);
    let to = Subscription::new::<Noted>("ledger", "ledger", probe.clone());
    let ports = Ports { store: Some(Arc::clone(&store)), clock: clock.clone(), ids: Arc::new(SystemIds) };
    let node = Some(Node { id: "one".into(), lease: Duration::from_secs(3) });
    let bus = EventBus::start(vec![to], ports, BusOptions { node, ..options() }).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    ill.next(&[Fault::Panic, Fault::Panic, Fault::Panic]);
    sleep(Duration::from_secs(5)).await;
    for _ in 0..20 {
        clock.advance(TimeDelta::seconds(1));
        sleep(Duration::from_secs(1)).await;
    }
    let status = bus.status().await.unwrap().swap_remove(0);
    let until = status.slots[0].lease.as_ref().and_then(|lease| lease.until).unwrap();
    assert!(
        until > kernel::Clock::now(&*clock),
        "its lease has ended at {until}, it is {}, halted {:?}",
        kernel::Clock::now(&*clock),
        status.halted
    );
}

/// Who resumes what nobody works on any more is told.
#[tokio::test(start_paused = true)]
async fn a_dead_subscriber_is_not_resumed_in_silence() {
    let memory = memory();
    let ill = FaultPlan::by_hand().only(["store.log"]);
    let store: Arc<dyn Store> = Arc::new(ill.around(Arc::clone(&memory)));
    let probe = Probe::writing("ledger", &memory);
    let bus = start(&store, vec![Subscription::new::<Noted>("ledger", "ledger", probe.clone())]).await;
    ill.always(Some(Fault::Panic));
    sleep(Duration::from_secs(3)).await;
    ill.always(None);
    let said = bus.resume("ledger").await.unwrap_err().to_string();
    assert!(said.contains("`ledger`: its task has panicked") && said.contains("start the program again"), "{said}");
    bus.stop().await;
}
