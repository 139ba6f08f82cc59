use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use event_bus::{
    BatchOptions, BatchSubscriber, DeadLetter, DeliveryOutcome, LetterFilter, OnUnknown, RetryPolicy, Subscriber,
    Subscription,
};
use event_sourcing::{Expected, Position, Store, StoreExt, Unit};
use kernel::{Context, Error, Event};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::{
    Action, BusHome, Probe, author, drained, letters, options, publish, publish_together, records, start, start_with,
    until,
};
use crate::{
    faults::Damaged,
    store::{Card, Noted, of_levels},
};

fn to(probe: &Probe) -> Subscription {
    Subscription::new::<Noted>(probe.name(), "ledger", probe.clone())
}

pub(super) async fn a_failing_delivery_is_tried_again(home: &impl BusHome) {
    let store = home.open().await;
    let probe = Probe::new("unlucky", &store, |_, n, attempt| match (n, attempt) {
        (1, 1) => Action::Fail,
        (1, 2) => Action::Panic,
        _ => Action::Write,
    });
    let bus = start(&store, vec![to(&probe)]).await;
    publish(&store, &[("a", 1), ("a", 2)]).await;
    drained(&bus).await;
    assert_eq!(probe.seen("a").await, [1, 2], "of the failures nothing is left");
    assert_eq!(probe.tries().len(), 4);
    let records = records(&store).await;
    let told: Vec<_> = records.iter().map(|r| (r.position.0, r.attempts, r.outcome, r.subscriber.as_str())).collect();
    assert_eq!(told, [(1, 3, DeliveryOutcome::Done, "unlucky"), (2, 1, DeliveryOutcome::Done, "unlucky")]);
    let failures = |index: usize| -> Vec<_> { records[index].failures.iter().map(|error| &*error.message).collect() };
    assert_eq!((failures(0), failures(1)), (vec!["told to fail", "the subscriber panicked"], vec![]));
    bus.stop().await;
}

/// Writes something that nothing guards, and fails; then it does nothing at all.
#[derive(Default)]
struct Careless(AtomicBool);

impl Subscriber<Noted> for Careless {
    async fn handle(&self, _: &Context, _: &Noted, unit: &mut Unit) -> Result<(), Error> {
        if self.0.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        unit.put("stain", &Card { n: 1 }, Expected::Any);
        Err(Error::internal("told to fail"))
    }
}

pub(super) async fn what_a_failure_wrote_is_not_in_the_next_unit(home: &impl BusHome) {
    let store = home.open().await;
    let bus = start(&store, vec![Subscription::new::<Noted>("careless", "ledger", Careless::default())]).await;
    for n in 1..=3 {
        publish(&store, &[("a", n)]).await;
        drained(&bus).await;
    }
    assert_eq!(store.get::<Card>("stain").await.unwrap(), None);
    bus.stop().await;
}

/// One event at a time does not mean that all wait for the one that failed.
pub(super) async fn other_keys_flow_while_one_waits_for_its_next_try(home: &impl BusHome) {
    let store = home.open().await;
    let retry = RetryPolicy {
        first: Duration::from_secs(20),
        longest: Duration::from_secs(60),
        attempts: 2,
        ..RetryPolicy::default()
    };
    let probe = Probe::new("waits", &store, |key, _, _| if key == "a" { Action::Fail } else { Action::Write });
    let bus = start(&store, vec![to(&probe).with_retry(retry)]).await;
    publish(&store, &[("a", 1), ("b", 2), ("a", 3), ("b", 4)]).await;
    until("the other key is through", async || probe.seen("b").await == [2, 4]).await;
    assert_eq!(probe.tries().iter().filter(|(key, _)| key == "a").count(), 1);
    assert_eq!(store.checkpoint("waits").await.unwrap().0, 0, "the first event is not done");
    bus.stop().await;
    // The next run takes up what was done behind it.
    let probe = Probe::writing("waits", &store);
    let bus = start(&store, vec![to(&probe)]).await;
    drained(&bus).await;
    assert_eq!((probe.seen("a").await, probe.seen("b").await), (vec![1, 3], vec![2, 4]));
    assert_eq!(store.checkpoint("waits").await.unwrap().0, 4);
    bus.stop().await;
}

/// More events than a mailbox holds wait behind one of their key.
pub(super) async fn other_keys_are_read_behind_one_that_waits(home: &impl BusHome) {
    let store = home.open().await;
    let many = (1..=1_100).map(|n| Noted::new("a", n));
    publish_together(&store, many.chain([Noted::new("b", 1_101), Noted::new("c", 1_102)])).await;
    let (first, longest) = (Duration::from_secs(20), Duration::from_secs(60));
    let retry = RetryPolicy { first, longest, attempts: 2, ..RetryPolicy::default() };
    for (name, concurrency) in [("one", 1), ("four", 4)] {
        let probe = Probe::new(name, &store, |key, _, _| if key == "a" { Action::Fail } else { Action::Write });
        let bus = start(&store, vec![to(&probe).with_retry(retry).with_concurrency(concurrency)]).await;
        let others = async || (probe.seen("b").await, probe.seen("c").await);
        until("the other keys are through", async || others().await == (vec![1_101], vec![1_102])).await;
        assert_eq!(probe.tries().len(), 3, "before the next try");
        bus.stop().await;
    }
}

/// Rule 5 of docs/durability.md.
/// Rule 6 of docs/durability.md.
pub(super) async fn a_poison_event_parks_its_key_and_only_its_key(home: &impl BusHome) {
    let store = home.open().await;
    for (name, concurrency) in [("one", 1), ("four", 4)] {
        let probe = Probe::new(name, &store, |_, n, _| if n == 2 { Action::Fail } else { Action::Write });
        let bus = start(&store, vec![to(&probe).with_concurrency(concurrency)]).await;
        if name == "one" {
            publish(&store, &[("a", 1), ("a", 2), ("b", 1), ("a", 3)]).await;
        }
        drained(&bus).await;
        assert_eq!((probe.seen("a").await, probe.seen("b").await), (vec![1], vec![1]), "{name}");
        let status = bus.status().await.unwrap().remove(0);
        assert_eq!((status.parked_keys, status.position), (1, status.head), "parked counts as done");
        bus.stop().await;
        assert_eq!(store.checkpoint(name).await.unwrap().0, 4, "parked counts as done");
    }
    let parked = letters(&store).await;
    let of = |name: &str| [(name.to_owned(), "a".to_owned(), 2, 3), (name.to_owned(), "a".to_owned(), 3, 0)];
    assert_eq!(parked, [of("four"), of("one")].concat());
    let errors: Vec<_> = store.list::<DeadLetter>(None, 2).await.unwrap().into_iter().map(|l| l.value.error).collect();
    assert_eq!(errors[0].message, "told to fail");
    assert!(errors[1].message.contains("an earlier event of this key is parked"));
    let mut outcomes: Vec<_> =
        records(&store).await.into_iter().map(|r| (r.subscriber, r.position.0, r.outcome)).collect();
    outcomes.retain(|(subscriber, _, outcome)| subscriber == "one" && *outcome == DeliveryOutcome::Parked);
    assert_eq!(outcomes.len(), 2, "each with its record: {outcomes:?}");
}

/// What a handler wrote and no store will ever take is a failure of its event, and to try it again would end the same.
/// Rule 6 of docs/durability.md.
pub(super) async fn what_no_store_takes_is_parked_at_once(home: &impl BusHome) {
    let store = home.open().await;
    for (name, concurrency) in [("one", 1), ("four", 4)] {
        let probe = Probe::new(name, &store, |_, n, _| if n == 2 { Action::Nest } else { Action::Write });
        let bus = start(&store, vec![to(&probe).with_concurrency(concurrency)]).await;
        if name == "one" {
            publish(&store, &[("a", 1), ("a", 2), ("b", 4), ("a", 3)]).await;
        }
        drained(&bus).await;
        assert_eq!((probe.seen("a").await, probe.seen("b").await), (vec![1], vec![4]), "{name}");
        let filter = LetterFilter::one(name, Position(2));
        let retried = bus.retry_dead_letters(&filter).await.unwrap();
        assert_eq!((retried.delivered, retried.failed), (0, 1), "{retried:?}");
        bus.stop().await;
        assert_eq!(probe.tries().iter().filter(|(_, n)| *n == 2).count(), 2, "once, and once when it was asked");
        assert_eq!(store.checkpoint(name).await.unwrap(), Position(4));
    }
    let probe = Probe::new("batch", &store, |_, n, _| if n == 2 { Action::Nest } else { Action::Write });
    let options = BatchOptions { size: 4, delay: Duration::from_millis(5) };
    let bus = start(&store, vec![Subscription::batches::<Noted>("batch", "ledger", options, probe)]).await;
    drained(&bus).await;
    bus.stop().await;
    let parked = letters(&store).await;
    let of = |name: &str, tries| [(name.to_owned(), "a".to_owned(), 2, tries), (name.to_owned(), "a".to_owned(), 3, 0)];
    assert_eq!(parked, [of("batch", 1), of("four", 2), of("one", 2)].concat());
    let letter = store.list::<DeadLetter>(None, 1).await.unwrap().remove(0).value;
    assert_eq!(letter.error.code(), "store.unwritable");
}

/// The deepest event that a store takes has room in a dead letter.
pub(super) async fn the_deepest_event_can_be_parked(home: &impl BusHome) {
    let store = home.open().await;
    store.commit(of_levels(&author(), 120)).await.unwrap();
    let bus = start(&store, vec![to(&Probe::writing("reads", &store))]).await;
    drained(&bus).await;
    bus.stop().await;
    assert_eq!(letters(&store).await.len(), 1);
}

pub(super) async fn a_panic_stays_where_it_is(home: &impl BusHome) {
    let store = home.open().await;
    let panics = Probe::new("panics", &store, |_, n, _| if n % 2 == 0 { Action::Panic } else { Action::Look });
    let works = Probe::writing("works", &store);
    let bus = start(&store, vec![to(&panics).with_concurrency(2), to(&works)]).await;
    publish(&store, &[("a", 1), ("b", 2), ("c", 3), ("d", 4)]).await;
    drained(&bus).await;
    let parked: Vec<_> = letters(&store).await.into_iter().map(|(subscriber, key, ..)| (subscriber, key)).collect();
    assert_eq!(parked, [("panics".to_owned(), "b".to_owned()), ("panics".to_owned(), "d".to_owned())]);
    let letter = store.list::<DeadLetter>(None, 1).await.unwrap().remove(0).value;
    assert_eq!(letter.error.message, "the subscriber panicked");
    assert_eq!(works.seen("d").await, [4]);
    bus.stop().await;
}

/// A note that says less than its contract, or is of a version that nobody knows.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct Other<const VERSION: u32> {
    pub writer: String,
}

impl<const VERSION: u32> Event for Other<VERSION> {
    const NAME: &'static str = Noted::NAME;
    const VERSION: u32 = VERSION;
    const PRIORITY: kernel::Priority = Noted::PRIORITY;

    fn key(&self) -> String {
        self.writer.clone()
    }
}

/// Rule 8 of docs/durability.md.
pub(super) async fn what_cannot_be_read_is_parked_skipped_or_halts(home: &impl BusHome) {
    let store = home.open().await;
    let mut unit = Unit::new(author());
    unit.publish(&Noted::new("a", 1));
    unit.publish(&Other::<1> { writer: "a".into() });
    unit.publish(&Other::<9> { writer: "b".into() });
    unit.publish(&Other::<3> { writer: "d".into() });
    unit.publish(&Noted::new("a", 2));
    unit.publish(&Noted::new("c", 3));
    store.commit(unit).await.unwrap();
    let probes = ["parks", "skips", "halts"].map(|name| Probe::writing(name, &store));
    let policies = [OnUnknown::Park, OnUnknown::Skip, OnUnknown::Halt];
    let subscriptions = probes.iter().zip(policies).map(|(probe, policy)| to(probe).with_unknown(policy));
    let bus = start(&store, subscriptions.collect()).await;
    drained(&bus).await;
    let [parks, skips, halts] = probes;
    assert_eq!((parks.seen("a").await, parks.seen("c").await), (vec![1], vec![3]));
    assert_eq!((skips.seen("a").await, skips.seen("c").await), (vec![1, 2], vec![3]));
    assert_eq!((halts.seen("a").await, halts.seen("c").await), (vec![1], vec![]));
    let parked: Vec<_> = letters(&store).await.into_iter().map(|(name, key, ..)| name + " " + &key).collect();
    assert_eq!(parked, ["parks a", "parks b", "parks d", "parks a"]);
    let codes: Vec<_> = store.list::<DeadLetter>(None, 9).await.unwrap();
    let codes: Vec<_> = codes.iter().map(|letter| letter.value.error.code()).collect();
    assert_eq!(codes, ["event.unknown_version", "event.newer_version", "event.undecodable", "rejected"]);
    let status = bus.status().await.unwrap();
    assert!(
        status[2].halted.as_ref().is_some_and(|why| why.contains("nothing brings version 1 to the one after it")),
        "{status:?}"
    );
    assert_eq!(status[2].position.0, 1, "it stands before what it cannot read");
    // Asked to go on, it finds the same.
    bus.resume("halts").await.unwrap();
    drained(&bus).await;
    assert!(halts.seen("c").await.is_empty());
    bus.stop().await;
}

/// The same holds of an event that was put behind a letter without a look at it, as soon as it has its turn.
pub(super) async fn what_cannot_be_read_behind_a_letter_is_parked_skipped_or_halts(home: &impl BusHome) {
    let store = home.open().await;
    publish(&store, &[("a", 1)]).await;
    let mut unit = Unit::new(author());
    unit.publish(&Other::<1> { writer: "a".into() });
    unit.publish(&Noted::new("a", 2));
    unit.publish(&Noted::new("b", 3));
    let options = BatchOptions { size: 2, delay: Duration::ZERO };
    let names = ["parks", "skips", "halts", "batches.parks", "batches.skips", "batches.halts"];
    let policies = [OnUnknown::Park, OnUnknown::Skip, OnUnknown::Halt];
    let probes =
        names.map(|name| Probe::new(name, &store, |_, n, _| if n == 1 { Action::Fail } else { Action::Write }));
    let subscriptions = probes.iter().enumerate().map(|(index, probe)| {
        let subscription = match index {
            ..3 => to(probe),
            _ => Subscription::batches::<Noted>(probe.name(), "ledger", options, probe.clone()),
        };
        subscription.with_unknown(policies[index % 3])
    });
    let bus = start(&store, subscriptions.collect()).await;
    drained(&bus).await;
    store.commit(unit).await.unwrap();
    drained(&bus).await;
    assert_eq!(letters(&store).await.len(), 3 * names.len());
    let first = LetterFilter { position: Some(Position(1)), ..LetterFilter::default() };
    let cx = crate::origin("operator").context;
    assert_eq!(bus.discard_dead_letters(&first, "old", &cx).await.unwrap(), names.len());
    for is_again in [false, true] {
        drained(&bus).await;
        for (probe, status) in probes.iter().zip(bus.status().await.unwrap()) {
            let left = letters(&store).await.into_iter().filter(|(name, ..)| name == probe.name());
            let left: Vec<(u64, u32)> = left.map(|(_, _, n, attempts)| (n, attempts)).collect();
            let expected = match probe.name().rsplit('.').next() {
                Some("parks") => (vec![(0, 1), (2, 0)], false),
                Some("skips") => (vec![], false),
                _ => (vec![(0, 0), (2, 0)], true),
            };
            assert_eq!((left, status.halted.is_some()), expected, "{}, again: {is_again}", probe.name());
            assert_eq!(probe.tries().iter().filter(|(_, n)| *n == 2).count(), usize::from(expected.0.is_empty()));
            if status.halted.is_some() {
                bus.resume(probe.name()).await.unwrap();
            }
        }
    }
    bus.stop().await;
}

/// In the middle of a page, and while another event is tried again. Drains do not wait for it, and a restart finds the same.
pub(super) async fn a_damaged_event_halts_behind_what_is_sound(home: &impl BusHome) {
    let store = home.open().await;
    publish_together(&store, (1..=299).map(|n| Noted::new(format!("writer {}", n % 7), n))).await;
    let damaged = Damaged::at(Position(100));
    let port = damaged.around(Arc::clone(&store));
    let unlucky = |_: &str, n: u64, attempt: u32| if (n, attempt) == (50, 1) { Action::Fail } else { Action::Look };
    let probes = ["one", "four", "batches"].map(|name| Probe::new(name, &store, unlucky));
    let [one, four, batches] = &probes;
    let options = BatchOptions { size: 8, delay: Duration::from_secs(20) };
    let of_batches = || Subscription::batches::<Noted>("batches", "ledger", options, batches.clone());
    let subscriptions = || vec![to(one), to(four).with_concurrency(4), of_batches()];
    for _ in 0..2 {
        let bus = start(&port, subscriptions()).await;
        let all_halt = async || bus.status().await.unwrap().iter().all(|status| status.halted.is_some());
        until("all have halted", all_halt).await;
        drained(&bus).await;
        for status in bus.status().await.unwrap() {
            let halted = status.halted.expect("it has halted");
            assert!(halted.starts_with("the event at 100 cannot be read: event 100: it is not what"), "{halted}");
            assert_eq!(
                (status.position, status.head, status.queued),
                (Position(99), Position(299), 0),
                "{}",
                status.name
            );
        }
        bus.stop().await;
        let tries = [one, four].map(|probe| probe.tries().len());
        assert_eq!(tries, [100, 100], "each once, and one of them twice");
    }
    let bus = start(&port, subscriptions()).await;
    damaged.mend();
    for probe in &probes {
        bus.resume(probe.name()).await.unwrap();
    }
    drained(&bus).await;
    for status in bus.status().await.unwrap() {
        assert_eq!((status.position, status.halted), (Position(299), None), "{}", status.name);
    }
    bus.stop().await;
    assert_eq!([one, four].map(|probe| probe.tries().len()), [300, 300]);
}

/// It would pass over what comes next, without a word.
pub(super) async fn a_checkpoint_beyond_the_log_halts(home: &impl BusHome) {
    let store = home.open().await;
    publish(&store, &[("a", 1), ("a", 2)]).await;
    let mut unit = Unit::new(crate::origin("tests"));
    unit.checkpoint("one", Position(500));
    unit.checkpoint("batches", Position(500));
    store.commit(unit).await.unwrap();
    let probes = ["one", "batches"].map(|name| Probe::new(name, &store, |_, _, _| Action::Look));
    let [one, batches] = &probes;
    let options = BatchOptions { size: 8, delay: Duration::from_secs(20) };
    let subscriptions = vec![to(one), Subscription::batches::<Noted>("batches", "ledger", options, batches.clone())];
    let bus = start(&store, subscriptions).await;
    for _ in 0..2 {
        let all_halt = async || bus.status().await.unwrap().iter().all(|status| status.halted.is_some());
        until("all have halted", all_halt).await;
        for status in bus.status().await.unwrap() {
            let halted = status.halted.expect("it has halted");
            assert!(halted.contains("the log ends at 2, before position"), "{halted}");
        }
        for probe in &probes {
            bus.resume(probe.name()).await.unwrap();
        }
    }
    bus.stop().await;
    assert_eq!(one.tries().len() + batches.tries().len(), 0);
}

pub(super) async fn a_handler_that_does_not_end_is_reported(home: &impl BusHome) {
    let store = home.open().await;
    let options = || event_bus::BusOptions { overlong: Duration::from_millis(50), ..options() };
    for (name, concurrency) in [("straight", 1), ("lanes", 2)] {
        let probe = Probe::new(name, &store, |_, _, _| Action::Wait);
        let bus = start_with(&store, vec![to(&probe).with_concurrency(concurrency)], options()).await;
        if name == "straight" {
            publish(&store, &[("a", 1)]).await;
        }
        until("it is reported", async || !bus.status().await.unwrap()[0].overlong.is_empty()).await;
        let status = bus.status().await.unwrap().remove(0);
        let overlong = &status.overlong[0];
        assert_eq!((overlong.event_type.as_str(), overlong.key.as_str()), (Noted::NAME, "a"));
        assert!(overlong.age >= Duration::from_millis(50), "{overlong:?}");
        assert_eq!((status.in_flight, status.position.0), (1, 0));
        assert!(status.oldest.is_some());
        probe.gate().add_permits(1);
        drained(&bus).await;
        assert_eq!(bus.status().await.unwrap()[0].overlong, []);
        assert_eq!(probe.seen("a").await, [1], "it was reported, not stopped");
        bus.stop().await;
    }
}

/// Fails whatever has the fifth note in it, alone not before it may; what it has done, in order.
struct Packs {
    done: Mutex<Vec<u64>>,
    alone: AtomicBool,
    gate: Semaphore,
}

impl Packs {
    fn new() -> Arc<Self> {
        Arc::new(Self { done: Mutex::default(), alone: AtomicBool::new(false), gate: Semaphore::new(0) })
    }

    fn done(&self) -> Vec<u64> {
        self.done.lock().unwrap().clone()
    }
}

impl BatchSubscriber<Noted> for Arc<Packs> {
    async fn handle(&self, _: &Context, events: &[Noted], _: &mut Unit) -> Result<(), Error> {
        let notes: Vec<u64> = events.iter().map(|event| event.n).collect();
        if notes == [5] {
            self.alone.store(true, Ordering::SeqCst);
            self.gate.acquire().await.unwrap().forget();
        }
        if notes.contains(&5) {
            return Err(Error::internal("told to fail"));
        }
        self.done.lock().unwrap().extend(notes);
        Ok(())
    }
}

/// A batch that fails is gone through one by one, and given back in the middle of that.
/// Rule 6 of docs/durability.md.
pub(super) async fn a_batch_that_is_given_back_parks_its_keys_nevertheless(home: &impl BusHome) {
    let (store, packs) = (home.open().await, Packs::new());
    let batch = BatchOptions { size: 3, delay: Duration::ZERO };
    let once = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
    let to = Subscription::batches::<Noted>("packs", "ledger", batch, Arc::clone(&packs)).with_retry(once);
    let bus = start(&store, vec![to]).await;
    publish_together(&store, [Noted::new("k", 5), Noted::new("k", 6), Noted::new("l", 7)]).await;
    until("it is tried alone", async || packs.alone.load(Ordering::SeqCst)).await;
    bus.pause("packs").await.unwrap();
    packs.gate.add_permits(9);
    until("it is parked", async || letters(&store).await.len() == 1).await;
    bus.resume("packs").await.unwrap();
    drained(&bus).await;
    bus.stop().await;
    assert_eq!(packs.done(), [7]);
    let parked: Vec<_> = letters(&store).await.into_iter().map(|(_, key, n, tries)| (key, n, tries)).collect();
    assert_eq!(parked, [("k".to_owned(), 5, 1), ("k".to_owned(), 6, 0)]);
}

/// As a later program writes it.
#[derive(Serialize, Deserialize, JsonSchema)]
struct NotedLater {
    writer: String,
}

impl Event for NotedLater {
    const NAME: &'static str = Noted::NAME;
    const VERSION: u32 = 9;

    fn key(&self) -> String {
        self.writer.clone()
    }
}

/// An event that cannot be read comes while one of its key waits for its batch to be full.
/// Rule 2 of docs/durability.md.
pub(super) async fn nothing_is_parked_before_what_comes_before_it(home: &impl BusHome) {
    let (store, packs) = (home.open().await, Packs::new());
    let batch = BatchOptions { size: 100, delay: Duration::from_secs(60) };
    let bus = start(&store, vec![Subscription::batches::<Noted>("packs", "ledger", batch, Arc::clone(&packs))]).await;
    publish(&store, &[("k", 1)]).await;
    let mut unit = Unit::new(author());
    unit.publish(&NotedLater { writer: "k".into() });
    store.commit(unit).await.unwrap();
    publish(&store, &[("k", 3)]).await;
    until("what cannot be read is parked", async || letters_of(&store).await == 2).await;
    bus.discard_dead_letters(&LetterFilter::one("packs", Position(2)), "a test", &author().context).await.unwrap();
    until("all are done", async || packs.done().len() == 2).await;
    assert_eq!(packs.done(), [1, 3]);
    bus.stop().await;
}

async fn letters_of(store: &Arc<dyn Store>) -> usize {
    store.list::<DeadLetter>(None, 9).await.unwrap().len()
}
