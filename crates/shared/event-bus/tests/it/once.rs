//! What was done is done once: a stop, a commit that fails and whoever reconfigures repeat nothing, and what is refused has done nothing.

use std::{sync::Arc, time::Duration};

use event_bus::{BusError, BusOptions, Drain, Subscription};
use event_sourcing::{Document, Expected, Position, Unit};
use serde::{Deserialize, Serialize};
use testing::{
    bus::{Action, Probe, drained, letters, publish, start, until},
    faults::Fault,
    store::Noted,
};
use tokio::time::{sleep, timeout};

use crate::{ailing, memory, patient, with};

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

/// "After a crash such an event comes again": a store that fails once is no crash.
#[tokio::test(start_paused = true)]
async fn what_had_no_effect_does_not_come_again_after_one_failed_commit() {
    for concurrency in [1, 4] {
        let (memory, ill, store) = ailing(["store.commit"]);
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
        let refused = with(&store, &Arc::default(), vec![to().in_slots(4)], BusOptions::default()).await.err();
        assert_eq!(refused, Some(BusError::Slots { name: "ledger", stored: 1, asked: 4 }), "{is_of_earlier_version}");
    }
}

/// What cannot be started has done nothing.
#[tokio::test(start_paused = true)]
async fn a_start_that_is_refused_has_handled_nothing() {
    let (memory, slow, store) = ailing(["store.document", "store.checkpoint"]);
    publish(&memory, &[("a", 1), ("b", 2)]).await;
    slow.always(Some(Fault::Delay(Duration::from_millis(5))));
    let probe = Probe::new("ledger", &memory, |_, _, _| Action::Write);
    let to = |name| Subscription::new::<Noted>(name, "ledger", probe.clone());
    let list = vec![to("ledger"), to("other"), to("no good name")];
    let refused = with(&store, &Arc::default(), list, BusOptions::default()).await;
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
