//! What a process promises that shares subscribers with others over one store.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use event_bus::{BusError, BusOptions, EventBus, Node, Subscription, slot_of};
use event_sourcing::{Position, Store, Unit};
use kernel::ManualClock;
use testing::{
    bus::{Action, Probe, drained, options, publish, start, until},
    faults::Fault,
    store::Noted,
};
use tokio::time::{Instant, sleep, timeout};

use crate::{ailing, memory, with};

/// The bus of one of them, whose leases last so many seconds.
async fn node(
    id: &str,
    seconds: u64,
    store: &Arc<dyn Store>,
    clock: &Arc<ManualClock>,
    subscriptions: Vec<Subscription>,
) -> Result<EventBus, BusError> {
    let node = Some(Node { id: id.into(), lease: Duration::from_secs(seconds) });
    with(store, clock, subscriptions, BusOptions { node, ..options() }).await
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
    let (memory, ill, store) = ailing(["store.documents"]);
    let probe = Probe::new("ledger", &memory, |_, _, _| Action::Sleep(2000));
    let other = Probe::new("other", &memory, |_, _, _| Action::Wait);
    let to = |probe: &Probe| Subscription::new::<Noted>(probe.name(), "ledger", probe.clone());
    let clock = Arc::new(ManualClock::default());
    let bus = node("one", 30, &store, &clock, vec![to(&probe), to(&other)]).await.unwrap();
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

/// Whose slots are whose cannot be looked at just then: it is added, and looked at again.
#[tokio::test(start_paused = true)]
async fn an_add_on_a_node_does_not_depend_on_a_look() {
    let (memory, ill, store) = ailing(["store.documents"]);
    let probe = Probe::writing("ledger", &memory);
    let clock = Arc::new(ManualClock::default());
    let bus = node("one", 30, &store, &clock, vec![]).await.unwrap();
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

/// A removal on a node begins at once.
#[tokio::test(start_paused = true)]
async fn a_removal_on_a_node_begins_with_nothing_more() {
    let (memory, ill, store) = ailing(["store.documents"]);
    let probe = Probe::new("ledger", &memory, |_, _, _| Action::Sleep(100));
    let clock = Arc::new(ManualClock::default());
    let to = Subscription::new::<Noted>("ledger", "ledger", probe.clone());
    let bus = node("one", 300, &store, &clock, vec![to]).await.unwrap();
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

/// Two nodes with different numbers of slots, before either has done anything.
#[tokio::test(start_paused = true)]
async fn nodes_with_other_numbers_of_slots_are_refused() {
    for (slots, asked) in [(1, 4), (4, 1)] {
        let store = memory();
        let probe = Probe::writing("ledger", &store);
        let clock = Arc::new(ManualClock::default());
        let begin = async |id, slots| {
            let to = Subscription::new::<Noted>("ledger", "ledger", probe.clone()).in_slots(slots);
            node(id, 3000, &store, &clock, vec![to]).await
        };
        let one = begin("one", slots).await.unwrap();
        let other = begin("two", asked).await.err();
        assert_eq!(other, Some(BusError::Slots { name: "ledger", stored: slots, asked }));
        one.stop().await;
    }
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
        let subscriptions = vec![
            Subscription::new::<Noted>("ledger", "ledger", probe.clone()).in_slots(2),
            Subscription::envelopes("cards", "ledger", "cards.*", cards.clone()),
        ];
        buses.push(node(id, 3000, &store, &clock, subscriptions).await.unwrap());
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
        let to = Subscription::new::<Noted>("ledger", "ledger", probe.clone());
        buses.push(node(id, 3000, &store, &clock, vec![to]).await.unwrap());
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

/// The same of a node's leases.
#[tokio::test(start_paused = true)]
async fn a_panic_does_not_end_a_node_in_silence() {
    let (memory, ill, store) = ailing(["store.documents"]);
    let clock = Arc::new(ManualClock::default());
    let probe = Probe::writing("ledger", &memory);
    let to = Subscription::new::<Noted>("ledger", "ledger", probe.clone());
    let bus = node("one", 3, &store, &clock, vec![to]).await.unwrap();
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
