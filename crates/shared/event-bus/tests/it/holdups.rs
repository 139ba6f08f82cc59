//! What is slow, damaged or panics holds up nobody else, and is told.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use event_bus::{
    BatchOptions, BatchSubscriber, BusOptions, DeadLetters, DeliveryClass, Drain, EnvelopeSubscriber,
    InlineSubscribers, LetterFilter, Schedule, Subscriber, Subscription,
};
use event_sourcing::{Document, Expected, Position, Store, StoreError, StoreErrorKind, StoreExt, Unit, Write};
use kernel::{Context, Envelope, Error, ManualClock};
use testing::{
    bus::{Action, Probe, Seen, drained, letters, publish, start, until},
    faults::{Fault, Reading},
    store::Noted,
};
use tokio::{
    task::yield_now,
    time::{Instant, sleep},
};

use crate::{Blind, ailing, edge, memory, with};

impl BatchSubscriber<Noted> for Blind {
    async fn handle(&self, _: &Context, events: &[Noted], unit: &mut Unit) -> Result<(), Error> {
        for event in events {
            unit.put(&event.writer, &Seen { notes: vec![event.n] }, Expected::Any);
        }
        Ok(())
    }
}

/// A store that refuses, as SQLite does with a damaged document, whatever is written upon that of the key `bad`.
fn blemished() -> Arc<dyn Store> {
    let is_damaged = |write: &Write| matches!(write, Write::Put { collection, key, .. } if *collection == Seen::COLLECTION && key == "bad");
    let message = "document: it is not what was written there: restore the store from a copy";
    let damage = StoreError { kind: StoreErrorKind::Corrupt, message: message.into() };
    let refuses = move |unit: &Unit| unit.writes().iter().any(is_damaged).then(|| damage.clone());
    Arc::new(Reading::of(memory(), |_| Ok(())).refusing(refuses))
}

/// One damaged document parks the key whose events are written upon it, or at least halts: nothing goes round for ever unsaid.
#[tokio::test(start_paused = true)]
async fn what_is_written_upon_damage_holds_up_no_other_key() {
    let mut wrong = Vec::new();
    for form in 0..3 {
        let store = blemished();
        let options = BatchOptions { size: 2, delay: Duration::ZERO };
        let to = match form {
            0 => Subscription::new::<Noted>("ledger", "ledger", Blind),
            1 => Subscription::new::<Noted>("ledger", "ledger", Blind).with_concurrency(4),
            _ => Subscription::batches::<Noted>("ledger", "ledger", options, Blind),
        };
        publish(&store, &[("bad", 1), ("a", 2), ("bad", 3), ("b", 4)]).await;
        let bus = start(&store, vec![to]).await;
        sleep(Duration::from_secs(3600)).await;
        let a = store.get::<Seen>("a").await.unwrap().is_some();
        let b = store.get::<Seen>("b").await.unwrap().is_some();
        let status = bus.status().await.unwrap().swap_remove(0);
        if !(a && b) || letters(&store).await.is_empty() {
            wrong.push(format!(
                "form {form}: after an hour a {a} b {b}, letters {:?}, halted {:?}, retrying {}",
                letters(&store).await.len(),
                status.halted,
                status.retrying,
            ));
        }
        bus.stop().await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// "Nobody but a store that fails keeps one event from being published because another one cannot be."
#[tokio::test(start_paused = true)]
async fn one_scheduled_event_that_cannot_be_committed_holds_up_no_other() {
    let store = blemished();
    let clock = Arc::new(ManualClock::default());
    let inline = Subscription::new::<Noted>("strict", "ledger", Blind).with_class(DeliveryClass::Inline { order: 0 });
    let bus = with(&store, &clock, vec![inline], BusOptions::default()).await.unwrap();
    let now = kernel::Clock::now(&*clock);
    let mut unit = Unit::new(testing::origin("notes"));
    unit.schedule(&Noted::new("bad", 1), now + TimeDelta::seconds(1));
    unit.schedule(&Noted::new("good", 2), now + TimeDelta::seconds(2));
    store.commit(unit).await.unwrap();
    clock.advance(TimeDelta::seconds(10));
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(store.head().await.unwrap(), Position(1));
    bus.stop().await;
}

/// The page of letters is read before, and answered after, one is put behind what has gone.
#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_what_is_put_behind_a_letter_during_a_look() {
    let mut wrong = Vec::new();
    for is_retried in [false, true] {
        let (memory, ill, store) = ailing(["store.documents"]);
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

/// One panic of a port does not end, unsaid, what publishes what is due.
#[tokio::test(start_paused = true)]
async fn a_panic_does_not_stop_time_in_silence() {
    let (memory, ill, store) = ailing(["store.documents"]);
    let clock = Arc::new(ManualClock::default());
    let probe = Probe::writing("ledger", &memory);
    let to = Subscription::new::<Noted>("ledger", "ledger", probe.clone());
    let bus = with(&store, &clock, vec![to], BusOptions::default()).await.unwrap();
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
    let (_, ill, store) = ailing(["store.commit"]);
    let publisher = edge(&store, InlineSubscribers::of(&[])).await;
    ill.next(&[Fault::Fail, Fault::Panic]);
    let mut unit = publisher.work_of("edge");
    unit.publish(&Noted::new("a", 1));
    publisher.publish(unit).await.unwrap();
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(publisher.status().waiting, 0, "{:?}", publisher.status());
}

/// Who resumes what nobody works on any more is told.
#[tokio::test(start_paused = true)]
async fn a_dead_subscriber_is_not_resumed_in_silence() {
    let (memory, ill, store) = ailing(["store.log"]);
    let probe = Probe::writing("ledger", &memory);
    let bus = start(&store, vec![Subscription::new::<Noted>("ledger", "ledger", probe.clone())]).await;
    ill.always(Some(Fault::Panic));
    sleep(Duration::from_secs(3)).await;
    ill.always(None);
    let said = bus.resume("ledger").await.unwrap_err().to_string();
    assert!(said.contains("`ledger`: its task has panicked") && said.contains("start the program again"), "{said}");
    bus.stop().await;
}
