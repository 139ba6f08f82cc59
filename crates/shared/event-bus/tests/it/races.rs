//! What comes between: an order, a discard or a slow read while a letter, a batch or a page is under way.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use event_bus::{
    BatchOptions, BatchSubscriber, DeadLetters, DeliveryClass, Drain, EventBus, LetterFilter, Overflow, RetryPolicy,
    Subscriber, Subscription,
};
use event_sourcing::{Position, Unit};
use kernel::{Context, Error};
use testing::{
    bus::{Action, Probe, drained, letters, publish, start, until},
    faults::Fault,
    store::Noted,
};
use tokio::time::{Instant, sleep, timeout};

use crate::{ailing, memory, patient};

fn forms(probe: &Probe, delay: Duration) -> [Subscription; 2] {
    let options = BatchOptions { size: 2, delay };
    [
        Subscription::new::<Noted>("ledger", "ledger", probe.clone()),
        Subscription::batches::<Noted>("ledger", "ledger", options, probe.clone()),
    ]
}

async fn discard(bus: &EventBus, at: u64) {
    let (filter, cx) = (LetterFilter::one("ledger", Position(at)), testing::origin("operator").context);
    assert_eq!(bus.discard_dead_letters(&filter, "old", &cx).await.unwrap(), 1);
}

/// A pause in the middle of a round of loose letters: the round is thrown away, and whoever resumes and drains hears `Complete`
/// with letters that nothing holds back.
#[tokio::test(start_paused = true)]
async fn a_drain_after_a_pause_waits_for_loose_letters() {
    for form in 0..2 {
        let store = memory();
        let probe = Probe::new("ledger", &store, |key, n, _| match (key, n) {
            ("bad", 1) => Action::Fail,
            ("bad", _) => Action::Sleep(200),
            _ => Action::Write,
        });
        let bus = start(&store, vec![forms(&probe, Duration::ZERO)[form].clone()]).await;
        publish(&store, &(1..=5).map(|n| ("bad", n)).collect::<Vec<_>>()).await;
        drained(&bus).await;
        discard(&bus, 1).await;
        until("the first is under way", async || probe.inside() == 1).await;
        bus.pause("ledger").await.unwrap();
        until("it has ended", async || letters(&store).await.len() == 3).await;
        sleep(Duration::from_millis(5)).await;
        bus.resume("ledger").await.unwrap();
        assert_eq!(bus.drain(Duration::from_secs(600)).await.unwrap(), Drain::Complete);
        assert_eq!(letters(&store).await, [], "form {form}: a drain that is complete leaves none");
        bus.stop().await;
    }
}

/// Takes a second and fails.
#[derive(Clone, Default)]
struct Slowly(Arc<Mutex<Vec<(String, u64)>>>);

impl Subscriber<Noted> for Slowly {
    async fn handle(&self, _: &Context, event: &Noted, _: &mut Unit) -> Result<(), Error> {
        self.0.lock().unwrap().push((event.writer.clone(), event.n));
        if event.n > 1 {
            sleep(Duration::from_secs(1)).await;
        }
        Err(Error::internal("told to fail"))
    }
}

/// The same round forgets how often its letters were tried: pauses give a poison event tries without end.
#[tokio::test(start_paused = true)]
async fn a_pause_does_not_give_more_tries() {
    let store = memory();
    let slowly = Slowly::default();
    let subscription = Subscription::new::<Noted>("ledger", "ledger", slowly.clone()).with_retry(patient());
    let bus = start(&store, vec![subscription]).await;
    publish(&store, &[("a", 1), ("b", 1)]).await;
    assert_eq!(bus.drain(Duration::from_secs(7200)).await.unwrap(), Drain::Complete);
    publish(&store, &[("a", 2), ("b", 2)]).await;
    drained(&bus).await;
    discard(&bus, 1).await;
    discard(&bus, 2).await;
    let tries = |key: &str| slowly.0.lock().unwrap().iter().filter(|(k, n)| k == key && *n == 2).count();
    for _ in 0..8 {
        sleep(Duration::from_secs(5)).await;
        bus.pause("ledger").await.unwrap();
        // Both ripen.
        sleep(Duration::from_secs(700)).await;
        let (a, b) = (tries("a"), tries("b"));
        bus.resume("ledger").await.unwrap();
        // The first of the two is under way.
        let mut waited = 0;
        while tries("a") + tries("b") == a + b && waited < 5000 {
            sleep(Duration::from_millis(1)).await;
            waited += 1;
        }
        bus.pause("ledger").await.unwrap();
        sleep(Duration::from_secs(2)).await;
        bus.resume("ledger").await.unwrap();
    }
    assert_eq!(bus.drain(Duration::from_secs(7200)).await.unwrap(), Drain::Complete);
    sleep(Duration::from_secs(7200)).await;
    assert_eq!((tries("a"), tries("b")), (4, 4), "as often as the policy says");
    bus.stop().await;
}

/// A pause that came while a letter was tried: no batch begins after it.
#[tokio::test(start_paused = true)]
async fn a_pause_during_a_letter_holds_the_next_batch() {
    let store = memory();
    let probe = Probe::new("ledger", &store, |key, n, _| match (key, n) {
        ("bad", 1) => Action::Fail,
        ("bad", _) => Action::Sleep(10_000),
        _ => Action::Write,
    });
    let bus = start(&store, vec![forms(&probe, Duration::ZERO)[1].clone()]).await;
    publish(&store, &[("bad", 1), ("bad", 2)]).await;
    drained(&bus).await;
    discard(&bus, 1).await;
    until("the letter is under way", async || probe.inside() == 1).await;
    bus.pause("ledger").await.unwrap();
    sleep(Duration::from_secs(5)).await;
    publish(&store, &[("other", 1), ("other", 2)]).await;
    sleep(Duration::from_secs(60)).await;
    assert!(!probe.tries().contains(&("other".to_owned(), 1)), "it is paused: {:?}", probe.tries());
    bus.stop().await;
}

/// As `whoever_asks_is_not_told_busy_while_events_have_their_turns`, with a batch subscriber.
#[tokio::test(start_paused = true)]
async fn whoever_asks_a_batch_subscriber_is_not_told_busy_while_batches_end() {
    let store = memory();
    let probe = Probe::new("ledger", &store, |key, n, attempt| match (key, n) {
        ("bad", 1) if attempt <= 3 => Action::Fail,
        ("bad", _) => Action::Sleep(11_000),
        _ => Action::Sleep(20_000),
    });
    let options = BatchOptions { size: 1, delay: Duration::ZERO };
    let batches = Subscription::batches::<Noted>("ledger", "ledger", options, probe.clone());
    let bus = start(&store, vec![batches]).await;
    publish(&store, &[("bad", 1)]).await;
    until("it is parked", async || letters(&store).await.len() == 1).await;
    publish(&store, &[("bad", 2), ("bad", 3)]).await;
    drained(&bus).await;
    assert_eq!(letters(&store).await.len(), 3);
    publish(&store, &(11..=19).map(|n| ("slow", n)).collect::<Vec<_>>()).await;
    sleep(Duration::from_secs(1)).await;
    let retried = bus.retry_dead_letters(&LetterFilter::default()).await.unwrap();
    assert_eq!((retried.delivered, retried.busy.len()), (3, 0), "{retried:?}");
    bus.stop().await;
}

/// What another process has done to the letters is looked at every second in any case; also where batches are never idle.
#[tokio::test(start_paused = true)]
async fn a_busy_batch_subscriber_looks_at_its_letters() {
    let mut wrong = Vec::new();
    for form in 0..2 {
        let store = memory();
        let probe = Probe::new("ledger", &store, |key, n, _| match (key, n) {
            ("bad", 1) => Action::Fail,
            ("bad", _) => Action::Write,
            _ => Action::Sleep(20),
        });
        let bus = start(&store, vec![forms(&probe, Duration::ZERO)[form].clone()]).await;
        publish(&store, &[("bad", 1)]).await;
        drained(&bus).await;
        publish(&store, &[("bad", 2)]).await;
        drained(&bus).await;
        let publishing = Arc::clone(&store);
        let publisher = tokio::spawn(async move {
            for n in 11..=20_000 {
                publish(&publishing, &[("other", n)]).await;
                sleep(Duration::from_millis(5)).await;
            }
        });
        sleep(Duration::from_secs(1)).await;
        let (filter, origin) = (LetterFilter::one("ledger", Position(1)), testing::origin("operator"));
        assert_eq!(DeadLetters::of(&*store).discard(&filter, "old", &origin).await.unwrap(), 1);
        sleep(Duration::from_secs(20)).await;
        let left = letters(&store).await;
        if !left.is_empty() {
            wrong.push((form, left));
        }
        publisher.abort();
        bus.stop().await;
    }
    assert!(wrong.is_empty(), "after 20 seconds: {wrong:?}");
}

/// Counts how many of a key are inside.
#[derive(Clone, Default)]
struct Alone(Arc<Mutex<(Vec<u64>, Vec<String>)>>);

impl Subscriber<Noted> for Alone {
    async fn handle(&self, _: &Context, event: &Noted, _: &mut Unit) -> Result<(), Error> {
        {
            let (inside, told) = &mut *self.0.lock().unwrap();
            if !inside.is_empty() && event.writer == "bad" {
                told.push(format!("{} begins while {inside:?} are inside", event.n));
            }
            if event.writer == "bad" {
                inside.push(event.n);
            }
        }
        struct Leaves(Alone, u64);
        impl Drop for Leaves {
            fn drop(&mut self) {
                self.0.0.lock().unwrap().0.retain(|n| *n != self.1);
            }
        }
        let _leaves = Leaves(self.clone(), event.n);
        match event.n {
            1 => Err(Error::internal("told to fail")),
            _ => {
                sleep(Duration::from_secs(5)).await;
                Ok(())
            }
        }
    }
}

/// A letter is discarded while its handler runs: the next event of its key does not begin beside it.
#[tokio::test(start_paused = true)]
async fn no_two_events_of_a_key_are_handled_at_a_time() {
    let store = memory();
    let alone = Alone::default();
    let to = Subscription::new::<Noted>("ledger", "ledger", alone.clone()).with_concurrency(4);
    let bus = start(&store, vec![to]).await;
    publish(&store, &[("bad", 1)]).await;
    until("it is parked", async || letters(&store).await.len() == 1).await;
    publish(&store, &[("bad", 2)]).await;
    drained(&bus).await;
    discard(&bus, 1).await;
    until("the letter is under way", async || alone.0.lock().unwrap().0 == [2]).await;
    discard(&bus, 2).await;
    publish(&store, &[("bad", 3)]).await;
    sleep(Duration::from_secs(30)).await;
    assert_eq!(alone.0.lock().unwrap().1, Vec::<String>::new());
    bus.stop().await;
}

/// A pause that came while the log was read: nothing begins after it.
#[tokio::test(start_paused = true)]
async fn a_pause_while_the_log_is_read_holds_what_was_read() {
    let mut wrong = Vec::new();
    for (form, concurrency) in [("straight", 1), ("lanes", 4), ("batches", 1)] {
        let (memory, ill, store) = ailing(["store.log"]);
        let probe = Probe::new("ledger", &store, |_, _, _| Action::Look);
        let to = match form {
            "batches" => Subscription::batches::<Noted>(
                "ledger",
                "ledger",
                BatchOptions { size: 200, delay: Duration::ZERO },
                probe.clone(),
            ),
            _ => forms(&probe, Duration::ZERO)[0].clone().with_concurrency(concurrency),
        };
        let bus = start(&store, vec![to]).await;
        sleep(Duration::from_millis(100)).await;
        ill.always(Some(Fault::Late(Duration::from_millis(500))));
        publish(&memory, &(1..=200).map(|n| ("k", n)).collect::<Vec<_>>()).await;
        sleep(Duration::from_millis(100)).await;
        bus.pause("ledger").await.unwrap();
        let begun = probe.tries().len();
        sleep(Duration::from_secs(10)).await;
        let now = probe.tries().len();
        if now > begun + concurrency {
            wrong.push(format!("{form}: {begun} begun when it was paused, {now} now"));
        }
        if form == "batches" && now > begun {
            wrong.push(format!("{form}: a batch was begun after the pause"));
        }
        ill.always(None);
        bus.stop().await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// An ephemeral subscriber that drops what it has no room for handles events while more are appended.
#[tokio::test(start_paused = true)]
async fn an_ephemeral_subscriber_is_not_starved_by_whoever_publishes() {
    let mut wrong = Vec::new();
    for overflow in [Overflow::Wait, Overflow::DropOldest, Overflow::Reject] {
        let (memory, ill, store) = ailing(["store.log"]);
        let probe = Probe::new("ledger", &store, |_, _, _| Action::Look);
        let to = forms(&probe, Duration::ZERO)[0].clone();
        let to = to.with_class(DeliveryClass::Ephemeral { overflow }).with_mailbox(4);
        let bus = start(&store, vec![to]).await;
        ill.always(Some(Fault::Delay(Duration::from_millis(10))));
        let publishing = Arc::clone(&memory);
        let publisher = tokio::spawn(async move {
            for n in 1..=20_000 {
                publish(&publishing, &[("k", n)]).await;
                sleep(Duration::from_millis(5)).await;
            }
        });
        sleep(Duration::from_secs(20)).await;
        let handled = probe.tries().len();
        let status = bus.status().await.unwrap().remove(0);
        let asked = Instant::now();
        bus.pause("ledger").await.unwrap();
        bus.stop().await;
        if handled < 10 || asked.elapsed() > Duration::from_secs(2) {
            wrong.push(format!(
                "{overflow:?}: {handled} handled in 20 seconds, {} dropped, stops after {:?}",
                status.dropped,
                asked.elapsed()
            ));
        }
        publisher.abort();
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Whoever drains does not wait for a subscriber whose removal was begun and dropped.
#[tokio::test(start_paused = true)]
async fn a_drain_does_not_wait_for_one_whose_removal_was_dropped() {
    let store = memory();
    let probe = Probe::new("ledger", &store, |_, _, _| Action::Wait);
    let bus = start(&store, vec![forms(&probe, Duration::ZERO)[0].clone()]).await;
    publish(&store, &[("k", 1)]).await;
    until("it is under way", async || probe.inside() == 1).await;
    let removing = async {
        sleep(Duration::from_secs(1)).await;
        let _dropped = timeout(Duration::ZERO, bus.remove("ledger")).await;
    };
    let started = Instant::now();
    let (drained, ()) = tokio::join!(bus.drain(Duration::from_secs(600)), removing);
    assert_eq!((drained.unwrap(), started.elapsed() < Duration::from_secs(30)), (Drain::Complete, true));
}

/// A unit with many events is no storm of inline subscribers, none of which takes any of them.
#[tokio::test(start_paused = true)]
async fn many_events_of_one_unit_are_no_storm() {
    let store = memory();
    let probe = Probe::writing("strict", &store);
    let inline = Subscription::envelopes("strict", "ledger", "elsewhere.happened", probe)
        .with_class(DeliveryClass::Inline { order: 0 });
    let bus = start(&store, vec![inline]).await;
    let mut unit = Unit::new(testing::origin("notes"));
    (1..=1001).for_each(|n| _ = unit.publish(&Noted::new("k", n)));
    let committed = bus.commit(unit).await;
    assert!(committed.is_ok(), "{:?}", committed.map(drop));
    bus.stop().await;
}

/// Publishes what it subscribes to.
#[derive(Clone, Default)]
struct Storming(Arc<Mutex<Vec<u64>>>);

impl BatchSubscriber<Noted> for Storming {
    async fn handle(&self, _: &Context, events: &[Noted], unit: &mut Unit) -> Result<(), Error> {
        for event in events.iter().filter(|event| event.writer == "storm") {
            self.0.lock().unwrap().push(event.n);
            unit.publish(&Noted::new("storm", event.n + 1));
        }
        sleep(Duration::from_millis(10)).await;
        Ok(())
    }
}

/// Publishes one more event of another key for each that comes from a request.
struct Side;

impl Subscriber<testing::bus::Ranked<0>> for Side {
    async fn handle(&self, _: &Context, _: &testing::bus::Ranked<0>, unit: &mut Unit) -> Result<(), Error> {
        unit.publish(&Noted::new("side", 0));
        Ok(())
    }
}

/// A batch subscriber that publishes what it subscribes to is cut, whatever else is in its batches.
#[tokio::test(start_paused = true)]
async fn a_storm_through_batches_is_cut() {
    let store = memory();
    let storming = Storming::default();
    let options = BatchOptions { size: 10, delay: Duration::from_millis(50) };
    let to = [
        Subscription::batches::<Noted>("ledger", "ledger", options, storming.clone()),
        Subscription::new::<testing::bus::Ranked<0>>("side", "side", Side),
    ];
    let bus = start(&store, to.into()).await;
    publish(&store, &[("storm", 1)]).await;
    for n in 0..2000 {
        let ids = Arc::new(kernel::SystemIds);
        let mut origin = event_sourcing::Origin { ids, ..testing::origin("notes") };
        origin.context = Context::new(
            testing::origin("notes").context.principal().clone().into(),
            kernel::CorrelationId::new(uuid::Uuid::from_u128(1000 + n)),
        );
        let mut unit = Unit::new(origin);
        unit.publish(&testing::bus::Ranked::<0> { key: "r".into() });
        store.commit(unit).await.unwrap();
        sleep(Duration::from_millis(15)).await;
    }
    let rounds = storming.0.lock().unwrap().len();
    assert!(rounds <= 150, "{rounds} rounds, and it is not cut");
    bus.stop().await;
}

/// Counts on what is not so.
struct Absent;

impl Subscriber<Noted> for Absent {
    async fn handle(&self, _: &Context, event: &Noted, unit: &mut Unit) -> Result<(), Error> {
        if event.writer == "bad" {
            let seen = testing::bus::Seen { notes: vec![] };
            unit.put("taken", &seen, event_sourcing::Expected::Absent);
        }
        Ok(())
    }
}

/// What an inline subscriber makes impossible for good does not hold up all that a publisher has kept behind it.
#[tokio::test(start_paused = true)]
async fn a_kept_unit_that_always_conflicts_holds_up_no_other() {
    let store = memory();
    let mut unit = Unit::new(testing::origin("notes"));
    unit.put("taken", &testing::bus::Seen { notes: vec![] }, event_sourcing::Expected::Any);
    store.commit(unit).await.unwrap();
    let inline = Subscription::new::<Noted>("strict", "ledger", Absent).with_class(DeliveryClass::Inline { order: 0 });
    let (clock, ids) = (Arc::new(kernel::ManualClock::default()), Arc::new(kernel::SystemIds));
    let publisher = event_bus::Publisher::open(
        event_bus::PublisherOptions::new("edge"),
        Arc::clone(&store),
        clock,
        ids,
        event_bus::InlineSubscribers::of(&[inline]),
    );
    let publisher = publisher.await.unwrap();
    for (writer, n) in [("bad", 1), ("good", 2)] {
        let mut unit = publisher.work_of("edge");
        unit.publish(&Noted::new(writer, n));
        let _kept_or_refused = publisher.publish(unit).await;
    }
    sleep(Duration::from_secs(3600)).await;
    assert_eq!((store.head().await.unwrap(), publisher.status().waiting), (Position(1), 0), "{:?}", publisher.status());
}

/// Who gives up asking for letters that wait for their next try leaves them as they were.
#[tokio::test(start_paused = true)]
async fn a_retry_that_is_given_up_leaves_the_other_letters_waiting() {
    let store = memory();
    let slowly = Slowly::default();
    let subscription = Subscription::new::<Noted>("ledger", "ledger", slowly.clone()).with_retry(patient());
    let bus = start(&store, vec![subscription]).await;
    publish(&store, &[("a", 1), ("b", 1)]).await;
    assert_eq!(bus.drain(Duration::from_secs(7200)).await.unwrap(), Drain::Complete);
    publish(&store, &[("a", 2), ("b", 2)]).await;
    drained(&bus).await;
    discard(&bus, 1).await;
    discard(&bus, 2).await;
    let tries = |key: &str| slowly.0.lock().unwrap().iter().filter(|(k, n)| k == key && *n == 2).count();
    sleep(Duration::from_secs(5)).await;
    assert_eq!((tries("a"), tries("b")), (1, 1), "both wait");
    let _given_up =
        timeout(Duration::from_millis(500), bus.retry_dead_letters(&LetterFilter::default())).await.unwrap_err();
    sleep(Duration::from_secs(10)).await;
    assert_eq!((tries("a"), tries("b")), (2, 1), "dropped, no letter is tried but the one whose handler has begun");
    bus.stop().await;
}

/// A subscriber that is never idle, for others are published without end, has a checkpoint that follows.
#[tokio::test(start_paused = true)]
async fn the_checkpoint_follows_events_that_are_of_no_interest() {
    let (memory, ill, store) = ailing(["store.log"]);
    let probe = Probe::new("ledger", &store, |_, _, _| Action::Look);
    let bus = start(&store, vec![forms(&probe, Duration::ZERO)[0].clone()]).await;
    ill.always(Some(Fault::Late(Duration::from_millis(10))));
    let publishing = Arc::clone(&memory);
    let publisher = tokio::spawn(async move {
        for _ in 0..1000 {
            let ids = Arc::new(kernel::SystemIds);
            let mut unit = Unit::new(event_sourcing::Origin { ids, ..testing::origin("notes") });
            (0..60).for_each(|_| _ = unit.publish(&testing::bus::Ranked::<0> { key: "r".into() }));
            publishing.commit(unit).await.unwrap();
            sleep(Duration::from_millis(5)).await;
        }
    });
    sleep(Duration::from_millis(4800)).await;
    let (head, stored) = (memory.head().await.unwrap(), memory.checkpoint("ledger").await.unwrap());
    let position = bus.status().await.unwrap()[0].position;
    publisher.abort();
    assert!(position.0 - stored.0 < 3 * 4096, "head {head:?}, it is at {position:?}, stored {stored:?}");
    bus.stop().await;
}

/// The same where another process gives up all of the key.
#[tokio::test(start_paused = true)]
async fn nor_where_another_process_discards() {
    let store = memory();
    let alone = Alone::default();
    let to = Subscription::new::<Noted>("ledger", "ledger", alone.clone()).with_concurrency(4);
    let bus = start(&store, vec![to]).await;
    publish(&store, &[("bad", 1)]).await;
    until("it is parked", async || letters(&store).await.len() == 1).await;
    publish(&store, &[("bad", 2), ("bad", 4)]).await;
    drained(&bus).await;
    discard(&bus, 1).await;
    until("the letter is under way", async || alone.0.lock().unwrap().0 == [2]).await;
    let (filter, origin) = (LetterFilter::of("ledger"), testing::origin("operator"));
    assert_eq!(DeadLetters::of(&*store).discard(&filter, "old", &origin).await.unwrap(), 2);
    sleep(Duration::from_secs(2)).await;
    publish(&store, &[("bad", 5)]).await;
    sleep(Duration::from_secs(30)).await;
    assert_eq!(alone.0.lock().unwrap().1, Vec::<String>::new());
    bus.stop().await;
}

/// `Wait` too, where what comes is of another type: the whole log is read, and the fullness of the mailbox ends nothing.
#[tokio::test(start_paused = true)]
async fn an_ephemeral_subscriber_is_not_starved_by_events_of_no_interest() {
    let (memory, ill, store) = ailing(["store.log"]);
    let probe = Probe::new("ledger", &store, |_, _, _| Action::Look);
    let to = forms(&probe, Duration::ZERO)[0].clone();
    let bus = start(&store, vec![to.with_class(DeliveryClass::Ephemeral { overflow: Overflow::Wait })]).await;
    ill.always(Some(Fault::Delay(Duration::from_millis(2))));
    publish(&memory, &[("k", 1)]).await;
    let publishing = Arc::clone(&memory);
    let publisher = tokio::spawn(async move {
        loop {
            let ids = Arc::new(kernel::SystemIds);
            let mut unit = Unit::new(event_sourcing::Origin { ids, ..testing::origin("notes") });
            unit.publish(&testing::bus::Ranked::<0> { key: "r".into() });
            publishing.commit(unit).await.unwrap();
            sleep(Duration::from_millis(1)).await;
        }
    });
    sleep(Duration::from_secs(20)).await;
    let handled = probe.tries().len();
    publisher.abort();
    bus.stop().await;
    assert_eq!(handled, 1, "its one event");
}

/// Waits for 50 milliseconds and remembers how long that was.
#[derive(Clone, Default)]
struct Timed(Arc<Mutex<Vec<Duration>>>);

impl event_bus::EnvelopeSubscriber for Timed {
    async fn handle(&self, _: &Context, _: &Arc<kernel::Envelope>, _: &mut Unit) -> Result<(), Error> {
        let began = Instant::now();
        sleep(Duration::from_millis(50)).await;
        self.0.lock().unwrap().push(began.elapsed());
        Ok(())
    }
}

/// A handler goes on while its follower reads the log.
#[tokio::test(start_paused = true)]
async fn a_handler_goes_on_while_the_store_is_slow() {
    let mut wrong = Vec::new();
    for (form, concurrency) in [("straight", 1), ("lanes", 4), ("ephemeral", 1)] {
        let (memory, ill, store) = ailing(["store.log"]);
        let timed = Timed::default();
        let to = Subscription::envelopes("ledger", "ledger", "*", timed.clone()).with_concurrency(concurrency);
        let to = match form {
            "ephemeral" => to.with_class(DeliveryClass::Ephemeral { overflow: Overflow::DropOldest }),
            _ => to,
        };
        let bus = start(&store, vec![to]).await;
        publish(&memory, &[("a", 1), ("b", 2)]).await;
        sleep(Duration::from_millis(5)).await;
        ill.always(Some(Fault::Delay(Duration::from_secs(10))));
        publish(&memory, &[("c", 1), ("d", 2)]).await;
        sleep(Duration::from_secs(120)).await;
        let longest = timed.0.lock().unwrap().iter().max().copied();
        if longest.is_none_or(|longest| longest > Duration::from_secs(1)) {
            wrong.push(format!("{form}: 50 milliseconds took {longest:?}"));
        }
        ill.always(None);
        bus.stop().await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Who asks for a letter has a turn between those of other keys, which are tried again and again.
#[tokio::test(start_paused = true)]
async fn who_asks_does_not_wait_behind_what_ripens() {
    let store = memory();
    let (slowly, milli) = (Slowly::default(), Duration::from_millis(1));
    let retry = RetryPolicy { attempts: 4, first: milli, longest: 2 * milli, ..RetryPolicy::default() };
    let to = Subscription::new::<Noted>("ledger", "ledger", slowly.clone()).with_retry(retry);
    let bus = start(&store, vec![to]).await;
    let keys: Vec<String> = (0..60).map(|key| format!("key {key}")).collect();
    publish(&store, &[("asked", 0), ("asked too", 0)]).await;
    publish(&store, &keys.iter().map(|key| (key.as_str(), 1)).collect::<Vec<_>>()).await;
    publish(&store, &keys.iter().map(|key| (key.as_str(), 2)).collect::<Vec<_>>()).await;
    drained(&bus).await;
    for at in 3..63 {
        discard(&bus, at).await;
    }
    until("they are tried", async || slowly.0.lock().unwrap().iter().any(|(_, n)| *n == 2)).await;
    let asking = Instant::now();
    let asked = |key: &str| LetterFilter { key: Some(key.to_owned()), ..LetterFilter::default() };
    let (one, other) = (asked("asked"), asked("asked too"));
    let (one, other) = tokio::join!(bus.retry_dead_letters(&one), bus.retry_dead_letters(&other));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert!(one.failed == 1 && other.failed == 1, "{one:?} {other:?}");
    assert!(asking.elapsed() < Duration::from_secs(10), "after {:?}", asking.elapsed());
    assert!(slowly.0.lock().unwrap().iter().filter(|(_, n)| *n == 2).count() < 100, "and they are still tried");
    assert_eq!(bus.drain(Duration::from_secs(600)).await.unwrap(), Drain::Complete);
    let tries = slowly.0.lock().unwrap().iter().filter(|(_, n)| *n == 2).count();
    assert_eq!(tries, 60 * 4, "each as often as any other event");
    bus.stop().await;
}

/// To look at many letters takes time, in which events of other keys begin and end, and a stop is heard.
#[tokio::test(start_paused = true)]
async fn a_slow_look_at_letters_holds_up_neither_handlers_nor_a_stop() {
    let (memory, ill, store) = ailing(["store.documents"]);
    let probe = Probe::new("ledger", &memory, |key, _, _| if key == "bad" { Action::Fail } else { Action::Sleep(100) });
    let to = Subscription::new::<Noted>("ledger", "ledger", probe.clone()).with_concurrency(2);
    let bus = start(&store, vec![to]).await;
    publish(&memory, &[("bad", 1)]).await;
    drained(&bus).await;
    publish(&memory, &(10..20).map(|n| ("other", n)).collect::<Vec<_>>()).await;
    until("they are being handled", async || probe.inside() == 1).await;
    ill.always(Some(Fault::Delay(Duration::from_secs(60))));
    let began = Instant::now();
    bus.letters_changed("ledger").unwrap();
    until("they are handled", async || probe.tries().iter().filter(|(key, _)| key == "other").count() == 10).await;
    assert!(began.elapsed() < Duration::from_secs(3), "after {:?}", began.elapsed());
    bus.letters_changed("ledger").unwrap();
    sleep(Duration::from_secs(1)).await;
    let stopping = Instant::now();
    bus.stop().await;
    assert!(stopping.elapsed() < Duration::from_secs(3), "after {:?}", stopping.elapsed());
}

/// Panics with what panics when it is dropped.
#[derive(Clone, Copy)]
struct Spiteful;

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("once more");
    }
}

impl Subscriber<Noted> for Spiteful {
    async fn handle(&self, _: &Context, event: &Noted, _: &mut Unit) -> Result<(), Error> {
        if event.n == 1 {
            std::panic::panic_any(Bomb);
        }
        Ok(())
    }
}

impl BatchSubscriber<Noted> for Spiteful {
    async fn handle(&self, _: &Context, events: &[Noted], _: &mut Unit) -> Result<(), Error> {
        if events.iter().any(|event| event.n == 1) {
            std::panic::panic_any(Bomb);
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_that_panics_when_it_is_dropped_parks_its_event() {
    let options = BatchOptions { size: 2, delay: Duration::ZERO };
    for to in [
        Subscription::new::<Noted>("ledger", "ledger", Spiteful),
        Subscription::new::<Noted>("ledger", "ledger", Spiteful).with_concurrency(4),
        Subscription::batches::<Noted>("ledger", "ledger", options, Spiteful),
    ] {
        let store = memory();
        publish(&store, &[("a", 1), ("b", 2)]).await;
        let bus = start(&store, vec![to]).await;
        drained(&bus).await;
        assert_eq!(letters(&store).await.len(), 1);
        assert_eq!(bus.status().await.unwrap()[0].halted, None);
        bus.stop().await;
    }
}
