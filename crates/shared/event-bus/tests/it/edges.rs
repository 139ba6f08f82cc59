//! What is refused, and what options change.

use std::{sync::Arc, time::Duration};

use event_bus::{
    BatchOptions, BusError, BusOptions, DeliveryClass, EventBus, InlineSubscribers, OnUnknown, Overflow, Ports,
    Publisher, PublisherOptions, Retention, RetryPolicy, Schedule, Subscription,
};
use event_sourcing::{Store, Unit};
use expect_test::expect;
use kernel::{ManualClock, SequentialIds};
use testing::{
    bus::{Action, Probe, drained, publish, records, start, start_with, until},
    store::Noted,
};

use crate::memory;
use tokio::time::Instant;

fn to(probe: &Probe) -> Subscription {
    Subscription::new::<Noted>(probe.name(), "ledger", probe.clone())
}

async fn refused(subscriptions: Vec<Subscription>, store: Option<Arc<dyn Store>>, options: BusOptions) -> String {
    let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SequentialIds::default()));
    let started = EventBus::start(subscriptions, Ports { store, clock, ids }, options).await;
    started.map(drop).unwrap_err().to_string()
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_is_refused_with_the_way_out() {
    let store = memory();
    let probe = || to(&Probe::writing("ledger", &store));
    let batches = |size| {
        let options = BatchOptions { size, delay: Duration::ZERO };
        Subscription::batches::<Noted>("batches", "ledger", options, Probe::writing("batches", &store))
    };
    let retry = RetryPolicy { attempts: 0, ..RetryPolicy::default() };
    let named = |name| Subscription::new::<Noted>(name, "ledger", Probe::writing("ledger", &store));
    let to_events = |events| Subscription::envelopes("archive", "ledger", events, Probe::writing("archive", &store));
    let inline = DeliveryClass::Inline { order: 0 };
    let ephemeral = DeliveryClass::Ephemeral { overflow: Overflow::Wait };
    let cases = [
        vec![probe(), probe()],
        vec![probe().with_concurrency(0)],
        vec![probe().with_concurrency(8).with_mailbox(7)],
        vec![batches(0)],
        vec![batches(1).with_class(DeliveryClass::Inline { order: 0 })],
        vec![probe().with_retry(retry)],
        vec![probe().with_mailbox(usize::MAX)],
        vec![Subscription::batches::<Noted>(
            "batches",
            "ledger",
            BatchOptions { size: 1, delay: Duration::MAX },
            Probe::writing("batches", &store),
        )],
        vec![named("")],
        vec![named("ledger/b")],
        vec![named("ledger\n")],
        vec![to_events("")],
        vec![to_events("*.noted")],
        vec![to_events("testing.*.noted")],
        vec![named("ledger").with_class(inline), named("ledger").with_class(inline)],
        vec![probe().with_concurrency(4).with_class(ephemeral)],
        vec![probe().with_retry(RetryPolicy::default()).with_class(ephemeral)],
        vec![probe().with_unknown(OnUnknown::Halt).with_class(inline)],
    ];
    let mut said = vec![refused(vec![probe()], None, BusOptions::default()).await];
    for case in cases {
        said.push(refused(case, Some(Arc::clone(&store)), BusOptions::default()).await);
    }
    for threads in [0, usize::MAX] {
        let options = BusOptions { threads, ..BusOptions::default() };
        said.push(refused(vec![], Some(Arc::clone(&store)), options).await);
    }
    expect![[r#"
        subscriber `ledger` is durable, and the bus has no store: give it one, or make the subscriber ephemeral
        there is a subscriber `ledger` already: each needs a name of its own
        subscriber `ledger`: concurrency is 0: allow one event at a time or more
        subscriber `ledger`: mailbox holds 7: make it 8 or more
        subscriber `batches`: batches of a size that cannot be: make it 1 to 1024, as the mailbox holds
        subscriber `batches`: batches are durable and come one after another: leave concurrency and class
        subscriber `ledger`: its retry is out of range: /attempts: must be 1 or more: the first call is one of them
        subscriber `ledger`: mailbox holds 18446744073709551615: make it 1048576 or less
        subscriber `batches`: its batches wait for more than a day: make their delay shorter
        subscriber ``: its name is empty: give it one of letters, digits, `-`, `_`, `.` and `:`, such as `billing.invoices`
        subscriber `ledger/b`: its name has a slash in it: give it one of letters, digits, `-`, `_`, `.` and `:`, such as `billing.invoices`
        subscriber `ledger
        `: its name cannot be written everywhere: give it one of letters, digits, `-`, `_`, `.` and `:`, such as `billing.invoices`
        subscriber `archive`: `` is the name of no event: take one wire name, all that begin alike, `orders.*`, or all, `*`
        subscriber `archive`: `*.noted` is the name of no event: take one wire name, all that begin alike, `orders.*`, or all, `*`
        subscriber `archive`: `testing.*.noted` is the name of no event: take one wire name, all that begin alike, `orders.*`, or all, `*`
        there is a subscriber `ledger` already: each needs a name of its own
        subscriber `ledger`: only a durable subscriber handles several at a time, tries again, and chooses what it does about what it cannot read: make it durable, or leave concurrency, retry and unknown
        subscriber `ledger`: only a durable subscriber handles several at a time, tries again, and chooses what it does about what it cannot read: make it durable, or leave concurrency, retry and unknown
        subscriber `ledger`: only a durable subscriber handles several at a time, tries again, and chooses what it does about what it cannot read: make it durable, or leave concurrency, retry and unknown
        the bus's options are out of range: threads is 0: allow 1 to 1024 threads for computations
        the bus's options are out of range: threads is 18446744073709551615: allow 1 to 1024 threads for computations"#]]
    .assert_eq(&said.join("\n"));
    assert_eq!(kernel::Error::from(BusError::Unknown("x".into())).kind, kernel::ErrorKind::NotFound);
}

/// Whoever publishes has asked the inline subscribers already: one that comes later would never be called.
#[tokio::test(start_paused = true)]
async fn an_inline_subscriber_is_there_from_the_start() {
    let store = memory();
    let strict = to(&Probe::writing("strict", &store)).with_class(DeliveryClass::Inline { order: 0 });
    let bus = start(&store, vec![strict]).await;
    let other = to(&Probe::writing("other", &store)).with_class(DeliveryClass::Inline { order: 0 });
    let said = [bus.add(other).await, bus.add(to(&Probe::writing("strict", &store))).await];
    expect![[r#"
        subscriber `other`: it is inline, and others publish already: give it to the bus's start
        there is a subscriber `strict` already: each needs a name of its own"#]]
    .assert_eq(&said.map(|said| said.unwrap_err().to_string()).join("\n"));
}

#[tokio::test(start_paused = true)]
async fn without_a_store_nothing_is_scheduled() {
    let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SequentialIds::default()));
    let bus = EventBus::start(vec![], Ports { store: None, clock, ids }, BusOptions::default()).await.unwrap();
    let mut unit = Unit::new(testing::origin("notes"));
    unit.schedule(&Noted::new("a", 1), chrono::DateTime::UNIX_EPOCH);
    expect!["module `notes` schedules `testing.noted`, and the bus has no store that would remember it: give it one"]
        .assert_eq(&bus.commit(unit).await.unwrap_err().to_string());
}

#[tokio::test]
async fn a_publisher_has_a_name_of_its_own() {
    let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SequentialIds::default()));
    let options = PublisherOptions::new("post/office");
    let opened = Publisher::open(options, memory(), clock, ids, InlineSubscribers::of(&[])).await;
    expect![[r#"the name "post/office" of a publisher has a slash in it: give it one of letters, digits, `-`, `_`, `.` and `:`, such as `billing.invoices`"#]].assert_eq(&opened.err().unwrap().to_string());
}

/// Without a store there are ephemeral subscribers to what is committed with the bus.
#[tokio::test(start_paused = true)]
async fn without_a_store_events_are_heard_and_not_kept() {
    let scratch = memory();
    let probe = Probe::new("hears", &scratch, |_, _, _| Action::Look);
    let ephemeral = to(&probe).with_class(DeliveryClass::Ephemeral { overflow: Overflow::Wait });
    let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SequentialIds::default()));
    let bus = EventBus::start(vec![ephemeral], Ports { store: None, clock, ids }, BusOptions::default()).await.unwrap();
    let mut unit = Unit::new(testing::origin("notes"));
    unit.publish(&Noted::new("a", 1));
    bus.commit(unit).await.unwrap();
    drained(&bus).await;
    assert_eq!(probe.tries(), [("a".to_owned(), 1)]);
}

/// What a subscriber without a store has not come to is forgotten some day, and it says how much that is.
#[tokio::test(start_paused = true)]
async fn without_a_store_who_falls_behind_counts_what_is_gone() {
    const EVENTS: u64 = 40_000;
    let scratch = memory();
    let probe = Probe::new("hears", &scratch, |_, _, _| Action::Look);
    let ephemeral = to(&probe).with_class(DeliveryClass::Ephemeral { overflow: Overflow::Wait });
    let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SequentialIds::default()));
    let bus = EventBus::start(vec![ephemeral], Ports { store: None, clock, ids }, BusOptions::default()).await.unwrap();
    // All at once: it cannot look in between.
    let mut unit = Unit::new(testing::origin("notes"));
    for n in 1..=EVENTS {
        unit.publish(&Noted::new("a", n));
    }
    bus.commit(unit).await.unwrap();
    drained(&bus).await;
    let heard: Vec<u64> = probe.tries().into_iter().map(|(_, n)| n).collect();
    let first = heard[0];
    assert!((EVENTS - 16_384 - 2048..=EVENTS - 16_384 + 1).contains(&first), "{first}");
    assert!(heard.iter().copied().eq(first..=EVENTS), "those that are left, in order");
    assert_eq!(bus.status().await.unwrap()[0].dropped, first - 1);
}

/// One that fails all the time is tried slowly when its budget is used up, and another one is not.
#[tokio::test(start_paused = true)]
async fn retries_are_paid_from_a_budget_of_the_subscriber() {
    let retry = RetryPolicy {
        attempts: 2,
        first: Duration::from_millis(1),
        longest: Duration::from_secs(60),
        budget_percent: 1,
        budget_per_second: 1,
    };
    let store = memory();
    // Ten retries are there at the start: one for each second of the window.
    for n in 1..=20 {
        publish(&store, &[(&format!("writer {n}"), n)]).await;
    }
    let poor = Probe::new("poor", &store, |_, _, attempt| if attempt == 1 { Action::Fail } else { Action::Write });
    let start_of_all = Instant::now();
    let bus = start(&store, vec![to(&poor).with_retry(retry)]).await;
    until("some are through", async || poor.tries().len() >= 20 + 10).await;
    assert!(start_of_all.elapsed() < Duration::from_secs(1), "within the budget it goes quickly");
    drained(&bus).await;
    assert!(start_of_all.elapsed() >= Duration::from_secs(50), "then slowly: {:?}", start_of_all.elapsed());
    assert_eq!(poor.tries().len(), 40, "but each is tried again");
}

/// It is not left to the slow poll, however long nothing has happened.
#[tokio::test(start_paused = true)]
async fn a_lone_event_is_handled_at_once() {
    let store = memory();
    let subscribers = [
        ("durable", DeliveryClass::Durable, 1),
        ("lanes", DeliveryClass::Durable, 2),
        ("ephemeral", DeliveryClass::Ephemeral { overflow: Overflow::Wait }, 1),
    ];
    let probes = subscribers.map(|(name, ..)| Probe::writing(name, &store));
    let to = |(probe, (_, class, concurrency))| to(probe).with_class(class).with_concurrency(concurrency);
    let bus = start(&store, probes.iter().zip(subscribers).map(to).collect()).await;
    for n in 1..10 {
        tokio::time::sleep(Duration::from_millis(1_700 * (n - 1))).await;
        let published = Instant::now();
        publish(&store, &[("a", n)]).await;
        for probe in &probes {
            until("it is handled", async || probe.seen("a").await.len() as u64 == n).await;
            assert!(published.elapsed() < Duration::from_millis(10), "{}: {:?}", probe.name(), published.elapsed());
        }
    }
    bus.stop().await;
}

/// What comes while one key waits for its next try, and after more of that key has come.
#[tokio::test(start_paused = true)]
async fn a_new_event_of_another_key_does_not_wait_for_the_next_try() {
    let (first, longest) = (Duration::from_secs(20), Duration::from_secs(60));
    let store = memory();
    let probe = Probe::new("waits", &store, |key, _, _| if key == "a" { Action::Fail } else { Action::Write });
    let retry = RetryPolicy { attempts: 2, first, longest, ..RetryPolicy::default() };
    let bus = start(&store, vec![to(&probe).with_retry(retry)]).await;
    publish(&store, &[("a", 1)]).await;
    until("it fails", async || probe.tries().len() == 1).await;
    for n in 2..10 {
        publish(&store, &[("a", n)]).await;
        until("it is behind", async || bus.status().await.unwrap()[0].queued == n as usize - 1).await;
        let published = Instant::now();
        publish(&store, &[("b", n)]).await;
        until("the other key is through", async || probe.seen("b").await.contains(&n)).await;
        assert!(published.elapsed() < Duration::from_millis(10), "{:?}", published.elapsed());
    }
    bus.stop().await;
}

#[tokio::test(start_paused = true)]
async fn records_can_be_left_out() {
    for (kept, retention) in [(1, Retention::default()), (0, Retention::NONE)] {
        let store = memory();
        publish(&store, &[("a", 1)]).await;
        let options = BusOptions { records: retention, ..testing::bus::options() };
        let probe =
            Probe::new("ledger", &store, |_, _, attempt| if attempt == 1 { Action::Fail } else { Action::Write });
        let bus = start_with(&store, vec![to(&probe)], options).await;
        drained(&bus).await;
        assert_eq!(records(&store).await.len(), kept);
        assert_eq!(probe.seen("a").await, [1]);
    }
}

/// A checkpoint is stored with what was written, and behind what was only looked at when there is nothing else to do.
#[tokio::test(start_paused = true)]
async fn what_is_only_looked_at_is_not_committed_one_by_one() {
    let store = memory();
    let probe = Probe::new("looks", &store, |_, _, _| Action::Look);
    let bus = start(&store, vec![to(&probe)]).await;
    for n in 1..=20 {
        publish(&store, &[("a", n)]).await;
        drained(&bus).await;
    }
    let before = store.checkpoint("looks").await.unwrap().0;
    assert!(before < 20, "the checkpoint follows when there is time: {before}");
    until("a second passes", async || store.checkpoint("looks").await.unwrap().0 == 20).await;
}
