//! Letters, batches and orders leave each other their turns.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use event_bus::{
    BatchOptions, BatchSubscriber, BusError, DeadLetters, Drain, EventBus, LetterFilter, Retried, RetryPolicy,
    Subscription,
};
use event_sourcing::{Position, Store, StoreErrorKind, Unit};
use kernel::{Context, Error};
use testing::{
    bus::{Action, Probe, drained, letters, publish, start, until},
    faults::{Fault, FaultPlan},
    store::Noted,
};
use tokio::time::{Instant, sleep};

use crate::{ailing, memory, patient};

/// By event and in batches, one after another.
fn forms(probe: &Probe, delay: Duration) -> [Subscription; 2] {
    let options = BatchOptions { size: 2, delay };
    [
        Subscription::new::<Noted>("ledger", "ledger", probe.clone()),
        Subscription::batches::<Noted>("ledger", "ledger", options, probe.clone()),
    ]
}

/// The first note of `bad` is given up, and those behind it take a second each.
fn slow(store: &Arc<dyn Store>) -> Probe {
    Probe::new("ledger", store, |key, n, _| match (key, n) {
        ("bad", 1) => Action::Fail,
        ("bad", _) => Action::Sleep(1000),
        _ => Action::Write,
    })
}

/// So many letters that nothing holds back any more.
async fn loosened(store: &Arc<dyn Store>, bus: &EventBus, many: u64) {
    publish(store, &(1..=many).map(|n| ("bad", n)).collect::<Vec<_>>()).await;
    drained(bus).await;
    discard_the_first(bus).await;
}

async fn discard_the_first(bus: &EventBus) {
    let (filter, cx) = (LetterFilter::one("ledger", Position(1)), testing::origin("operator").context);
    assert_eq!(bus.discard_dead_letters(&filter, "old", &cx).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn other_keys_do_not_wait_for_the_last_of_many_letters() {
    for form in 0..2 {
        let store = memory();
        let probe = slow(&store);
        let bus = start(&store, vec![forms(&probe, Duration::ZERO)[form].clone()]).await;
        loosened(&store, &bus, 300).await;
        sleep(Duration::from_secs(3)).await;
        let published = Instant::now();
        publish(&store, &[("other", 1000)]).await;
        until("it has its turn", async || probe.tries().contains(&("other".to_owned(), 1000))).await;
        assert!(published.elapsed() < Duration::from_secs(3), "after {:?}", published.elapsed());
        assert!(letters(&store).await.len() > 290, "and they have theirs");
        assert_eq!(bus.drain(Duration::from_secs(600)).await.unwrap(), Drain::Complete);
        assert_eq!(letters(&store).await, [], "whoever drains waits for them");
        bus.stop().await;
    }
}

/// A batch that waits for more does not wait with the letters.
#[tokio::test(start_paused = true)]
async fn letters_do_not_wait_for_a_batch_to_be_due() {
    for by_this_process in [true, false] {
        let store = memory();
        let probe = slow(&store);
        let bus = start(&store, vec![forms(&probe, Duration::from_secs(3600))[1].clone()]).await;
        publish(&store, &[("bad", 1), ("x", 2), ("bad", 3), ("y", 4)]).await;
        until("it is parked with what is behind it", async || letters(&store).await.len() == 2).await;
        let discarded = Instant::now();
        if by_this_process {
            discard_the_first(&bus).await;
        } else {
            let (filter, origin) = (LetterFilter::one("ledger", Position(1)), testing::origin("operator"));
            assert_eq!(DeadLetters::of(&*store).discard(&filter, "old", &origin).await.unwrap(), 1);
        }
        until("what was behind it is handled", async || letters(&store).await.is_empty()).await;
        assert!(discarded.elapsed() < Duration::from_secs(4), "after {:?}", discarded.elapsed());
        assert!(!probe.tries().contains(&("y".to_owned(), 4)), "the other waits for its batch");
        bus.stop().await;
    }
}

/// Fails, and knows when it was asked.
#[derive(Clone)]
struct Failing(Arc<Mutex<Vec<u64>>>, Instant);

impl BatchSubscriber<Noted> for Failing {
    async fn handle(&self, _: &Context, _: &[Noted], _: &mut Unit) -> Result<(), Error> {
        self.0.lock().unwrap().push(self.1.elapsed().as_secs());
        Err(Error::internal("told to fail"))
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_does_not_shorten_the_wait_between_two_tries() {
    let store = memory();
    let failing = Failing(Arc::default(), Instant::now());
    let options = BatchOptions { size: 2, delay: Duration::ZERO };
    let retry = RetryPolicy {
        attempts: 4,
        first: Duration::from_secs(60),
        longest: Duration::from_secs(600),
        ..RetryPolicy::default()
    };
    let batches = Subscription::batches::<Noted>("ledger", "ledger", options, failing.clone()).with_retry(retry);
    publish(&store, &[("a", 1), ("b", 2)]).await;
    let bus = start(&store, vec![batches]).await;
    for turn in 0..600 {
        sleep(Duration::from_millis(1500)).await;
        bus.letters_changed("ledger").unwrap();
        if turn % 100 == 50 {
            bus.pause("ledger").await.unwrap();
            bus.resume("ledger").await.unwrap();
        }
    }
    let tries = failing.0.lock().unwrap().clone();
    let waits: Vec<u64> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // Each twice the one before, with a random part of up to as much again; then one by one.
    assert!((59..=121).contains(&waits[0]) && (119..=241).contains(&waits[1]), "{tries:?}");
    assert!((239..=481).contains(&waits[2]) && waits[3] == 0, "{tries:?}");
    bus.stop().await;
}

/// Who asks for a retry is told what has come in between, and not that there was nobody to ask.
#[tokio::test(start_paused = true)]
async fn a_retry_that_is_cut_off_says_why() {
    for (form, store_fails) in [(0, false), (0, true), (1, false), (1, true)] {
        let (memory, ill, store) = ailing(["store.commit"]);
        let probe =
            Probe::new("ledger", &store, |_, _, attempt| if attempt <= 3 { Action::Fail } else { Action::Sleep(5000) });
        let bus = start(&store, vec![forms(&probe, Duration::ZERO)[form].clone()]).await;
        publish(&memory, &[("bad", 1)]).await;
        drained(&bus).await;
        let filter = LetterFilter::default();
        let asking = bus.retry_dead_letters(&filter);
        let cutting = async {
            sleep(Duration::from_secs(1)).await;
            if store_fails {
                ill.always(Some(Fault::Fail));
            } else {
                bus.remove("ledger").await.unwrap();
            }
        };
        let (retried, ()) = tokio::join!(asking, cutting);
        match retried.unwrap_err() {
            BusError::Store(error) if store_fails => assert_eq!(error.kind, StoreErrorKind::Unavailable),
            BusError::Stopped(name) if !store_fails => assert_eq!(name, "ledger"),
            error => panic!("{error}"),
        }
        ill.always(None);
        assert_eq!(letters(&store).await.len(), 1, "it is still there");
        bus.stop().await;
    }
}

/// A store in memory, what becomes of its commits, and how a subscriber sees it.
fn slowed() -> (Arc<dyn Store>, FaultPlan, Arc<dyn Store>) {
    let (memory, ill, store) = ailing(["store.commit"]);
    (memory, ill, store)
}

/// The first note fails until it is a letter, and would succeed then.
fn recovered(store: &Arc<dyn Store>) -> Probe {
    Probe::new("ledger", store, |_, n, attempt| if n == 1 && attempt <= 3 { Action::Fail } else { Action::Write })
}

/// The letter before it goes while an event is being put behind it.
#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_what_is_put_behind_a_letter_that_goes() {
    for is_retried in [false, true] {
        let (memory, ill, store) = slowed();
        let probe = recovered(&store);
        let subscription = forms(&probe, Duration::ZERO)[0].clone().with_concurrency(4);
        let bus = start(&store, vec![subscription]).await;
        publish(&memory, &[("bad", 1)]).await;
        drained(&bus).await;
        ill.always(Some(Fault::Delay(Duration::from_millis(500))));
        let filter = LetterFilter::default();
        let going = async {
            if is_retried {
                assert_eq!(bus.retry_dead_letters(&filter).await.unwrap().delivered, 1);
            } else {
                sleep(Duration::from_millis(200)).await;
                let origin = testing::origin("operator");
                assert_eq!(DeadLetters::of(&*memory).discard(&filter, "old", &origin).await.unwrap(), 1);
                bus.letters_changed("ledger").unwrap();
            }
        };
        let coming = async {
            sleep(Duration::from_millis(100)).await;
            publish(&memory, &[("bad", 2)]).await;
            sleep(Duration::from_millis(10)).await;
        };
        tokio::join!(going, coming);
        assert_eq!(bus.drain(Duration::from_secs(600)).await.unwrap(), Drain::Complete);
        assert_eq!(letters(&memory).await, [], "retried: {is_retried}, {:?}", probe.tries());
        bus.stop().await;
    }
}

/// Each of them is a commit.
#[tokio::test(start_paused = true)]
async fn letters_do_not_wait_for_the_last_that_is_put_behind_them() {
    let (memory, ill, store) = slowed();
    let bus = start(&store, vec![forms(&recovered(&store), Duration::ZERO)[0].clone()]).await;
    publish(&memory, &(1..=10).map(|n| ("bad", n)).collect::<Vec<_>>()).await;
    drained(&bus).await;
    ill.always(Some(Fault::Delay(Duration::from_millis(100))));
    publish(&memory, &(11..=900).map(|n| ("bad", n)).collect::<Vec<_>>()).await;
    let retried = bus.retry_dead_letters(&LetterFilter::default()).await.unwrap();
    assert_eq!((retried.delivered, retried.busy.len()), (10, 0), "{retried:?}");
    bus.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_does_not_wait_for_the_last_that_is_put_behind_letters() {
    let (memory, ill, store) = slowed();
    let probe = Probe::new("ledger", &store, |key, _, _| if key == "bad" { Action::Fail } else { Action::Write });
    let bus = start(&store, vec![forms(&probe, Duration::from_millis(500))[1].clone()]).await;
    publish(&memory, &[("bad", 1)]).await;
    until("it is parked", async || letters(&memory).await.len() == 1).await;
    ill.always(Some(Fault::Delay(Duration::from_millis(100))));
    let published = Instant::now();
    let behind = (3..=250).map(|n| ("bad", n));
    publish(&memory, &[("a", 2)].into_iter().chain(behind).collect::<Vec<_>>()).await;
    until("it is tried", async || probe.tries().contains(&("a".to_owned(), 2))).await;
    assert!(published.elapsed() < Duration::from_secs(3), "after {:?}", published.elapsed());
    bus.stop().await;
}

/// Who asks behind others hears of what they wait for.
#[tokio::test(start_paused = true)]
async fn whoever_asks_behind_others_is_not_told_busy_while_they_go_on() {
    let store = memory();
    let probe = Probe::new("ledger", &store, |key, n, attempt| match (key, n) {
        ("bad", 1) => Action::Fail,
        ("bad", _) => Action::Sleep(1000),
        (_, _) if attempt <= 3 => Action::Fail,
        _ => Action::Write,
    });
    let bus = start(&store, vec![forms(&probe, Duration::ZERO)[0].clone().with_concurrency(8)]).await;
    publish(&store, &[("other", 1000)]).await;
    publish(&store, &(2..=100).map(|n| ("bad", n - 1)).collect::<Vec<_>>()).await;
    drained(&bus).await;
    let (filter, cx) = (LetterFilter::one("ledger", Position(2)), testing::origin("operator").context);
    assert_eq!(bus.discard_dead_letters(&filter, "old", &cx).await.unwrap(), 1);
    sleep(Duration::from_secs(2)).await;
    let filter = LetterFilter { key: Some("other".into()), ..LetterFilter::default() };
    let retried = bus.retry_dead_letters(&filter).await.unwrap();
    assert_eq!((retried.delivered, retried.busy.len()), (1, 0), "{retried:?}");
    bus.stop().await;
}

/// Nor does who asks a subscriber with one place, in which events that take long come in between.
#[tokio::test(start_paused = true)]
async fn whoever_asks_is_not_told_busy_while_events_have_their_turns() {
    let store = memory();
    let probe = Probe::new("ledger", &store, |key, n, attempt| match (key, n) {
        ("bad", 1) if attempt <= 3 => Action::Fail,
        ("bad", _) => Action::Sleep(11_000),
        _ => Action::Sleep(20_000),
    });
    let bus = start(&store, vec![forms(&probe, Duration::ZERO)[0].clone()]).await;
    publish(&store, &[("bad", 1), ("bad", 2), ("bad", 3)]).await;
    drained(&bus).await;
    publish(&store, &(1..=9).map(|n| ("slow", n)).collect::<Vec<_>>()).await;
    sleep(Duration::from_secs(1)).await;
    let retried = bus.retry_dead_letters(&LetterFilter::default()).await.unwrap();
    assert_eq!((retried.delivered, retried.busy.len()), (3, 0), "{retried:?}");
    bus.stop().await;
}

/// What nothing holds back any more has the tries of any event, and what flows meanwhile does not wait with it.
#[tokio::test(start_paused = true)]
async fn what_was_behind_a_letter_is_tried_as_often_as_any_event() {
    for (form, is_mended) in [(0, false), (0, true), (1, false), (1, true)] {
        let store = memory();
        let probe = Probe::new("ledger", &store, move |key, n, attempt| match (key, n) {
            ("bad", 1) => Action::Fail,
            ("bad", 2) if attempt <= 3 || !is_mended => Action::Fail,
            _ => Action::Write,
        });
        let bus = start(&store, vec![forms(&probe, Duration::ZERO)[form].clone().with_retry(patient())]).await;
        publish(&store, &[("bad", 1)]).await;
        assert_eq!(bus.drain(Duration::from_secs(3600)).await.unwrap(), Drain::Complete);
        publish(&store, &[("bad", 2), ("bad", 3)]).await;
        drained(&bus).await;
        discard_the_first(&bus).await;
        let tries = || probe.tries().into_iter().filter(|(key, n)| key == "bad" && *n > 1).map(|(_, n)| n);
        until("it is tried", async || tries().count() == 1).await;
        let published = Instant::now();
        publish(&store, &[("other", 1), ("bad", 4)]).await;
        until("it flows", async || probe.tries().contains(&("other".to_owned(), 1))).await;
        bus.pause("ledger").await.unwrap();
        sleep(Duration::from_secs(200)).await;
        assert_eq!((tries().count(), letters(&store).await.len()), (1, 3), "it waits, and what comes behind it too");
        bus.resume("ledger").await.unwrap();
        assert_eq!(bus.drain(Duration::from_secs(3600)).await.unwrap(), Drain::Complete);
        assert!(published.elapsed() > Duration::from_secs(300), "after {:?}", published.elapsed());
        let left = letters(&store).await.into_iter().map(|(_, _, n, attempts)| (n, attempts));
        let (expected, all) = match is_mended {
            true => (vec![], vec![2, 2, 2, 2, 3, 4]),
            false => (vec![(2, 4), (3, 0), (4, 0)], vec![2; 4]),
        };
        assert_eq!((left.collect::<Vec<_>>(), tries().collect::<Vec<_>>()), (expected, all), "form {form}");
        bus.stop().await;
    }
}

/// An operator's try comes at once. It is the only one of what was given up, and one of those that what was not has.
#[tokio::test(start_paused = true)]
async fn who_asks_for_what_waits_for_its_next_try_has_it_tried_now() {
    for form in 0..2 {
        let store = memory();
        let probe = Probe::new("ledger", &store, |_, _, _| Action::Fail);
        let bus = start(&store, vec![forms(&probe, Duration::ZERO)[form].clone().with_retry(patient())]).await;
        publish(&store, &[("bad", 1)]).await;
        assert_eq!(bus.drain(Duration::from_secs(3600)).await.unwrap(), Drain::Complete);
        publish(&store, &[("bad", 2)]).await;
        drained(&bus).await;
        discard_the_first(&bus).await;
        let tries = || probe.tries().iter().filter(|(_, n)| *n == 2).count();
        until("it is tried", async || tries() == 1).await;
        let failed = |retried: Retried| assert_eq!((retried.failed, retried.delivered + retried.behind), (1, 0));
        failed(bus.retry_dead_letters(&LetterFilter::default()).await.unwrap());
        assert_eq!((tries(), bus.drain(Duration::from_secs(1)).await.unwrap()), (2, Drain::Incomplete));
        assert_eq!(bus.drain(Duration::from_secs(3600)).await.unwrap(), Drain::Complete);
        assert_eq!((letters(&store).await[0].3, tries()), (4, 4), "form {form}");
        failed(bus.retry_dead_letters(&LetterFilter::default()).await.unwrap());
        assert_eq!(bus.drain(Duration::from_secs(1)).await.unwrap(), Drain::Complete);
        sleep(Duration::from_secs(3600)).await;
        assert_eq!((letters(&store).await[0].3, tries()), (5, 5), "form {form}");
        bus.stop().await;
    }
}

/// Whatever waits for its next try, and whoever discards it.
#[tokio::test(start_paused = true)]
async fn what_was_behind_a_letter_that_is_discarded_follows_at_once() {
    for (form, by_this_process) in [(0, true), (0, false), (1, true), (1, false)] {
        let store = memory();
        let probe = Probe::new("ledger", &store, |_, n, _| if n <= 2 { Action::Fail } else { Action::Write });
        let bus = start(&store, vec![forms(&probe, Duration::ZERO)[form].clone().with_retry(patient())]).await;
        publish(&store, &[("bad", 1), ("sad", 1)]).await;
        assert_eq!(bus.drain(Duration::from_secs(3600)).await.unwrap(), Drain::Complete);
        publish(&store, &[("bad", 2), ("bad", 3), ("sad", 2)]).await;
        drained(&bus).await;
        let discard = async |position| {
            let (filter, origin) = (LetterFilter::one("ledger", Position(position)), testing::origin("operator"));
            if by_this_process {
                assert_eq!(bus.discard_dead_letters(&filter, "old", &origin.context).await.unwrap(), 1);
            } else {
                assert_eq!(DeadLetters::of(&*store).discard(&filter, "old", &origin).await.unwrap(), 1);
            }
        };
        discard(1).await;
        discard(2).await;
        let tries = || probe.tries().iter().filter(|(_, n)| *n == 2).count();
        until("both are tried", async || tries() == 2).await;
        discard(3).await;
        discard(5).await;
        let discarded = Instant::now();
        until("none is left", async || letters(&store).await.is_empty()).await;
        assert_eq!(bus.drain(Duration::from_secs(60)).await.unwrap(), Drain::Complete);
        assert!(discarded.elapsed() < Duration::from_secs(4), "form {form}: after {:?}", discarded.elapsed());
        bus.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_its_batch_is_queued() {
    let store = memory();
    let options = BatchOptions { size: 10, delay: Duration::from_secs(3600) };
    let batches = Subscription::batches::<Noted>("ledger", "ledger", options, Probe::writing("ledger", &store));
    let bus = start(&store, vec![batches]).await;
    publish(&store, &[("a", 1), ("b", 2), ("c", 3)]).await;
    sleep(Duration::from_secs(5)).await;
    let status = bus.status().await.unwrap().remove(0);
    assert_eq!((status.queued, status.in_flight), (3, 0));
    bus.stop().await;
}

/// Whatever does not answer is given up once for all of them.
#[tokio::test(start_paused = true)]
async fn subscribers_and_slots_stop_side_by_side() {
    let (memory, ill, store) = slowed();
    let slots = |name| {
        let probe = Probe::writing(name, &store);
        Subscription::new::<Noted>(name, "ledger", probe).in_slots(8)
    };
    let bus = start(&store, ["first", "second", "third"].map(slots).into()).await;
    ill.always(Some(Fault::Delay(Duration::from_secs(3600))));
    let keys: Vec<String> = (0..64).map(|n| format!("key {n}")).collect();
    publish(&memory, &keys.iter().map(|key| (key.as_str(), 1)).collect::<Vec<_>>()).await;
    sleep(Duration::from_secs(1)).await;
    let asked = Instant::now();
    bus.remove("first").await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(6), "after {:?}", asked.elapsed());
    bus.stop().await;
    assert!(asked.elapsed() < Duration::from_secs(12), "after {:?}", asked.elapsed());
}
