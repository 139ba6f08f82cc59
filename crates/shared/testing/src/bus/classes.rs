use std::{sync::Arc, time::Duration};

use event_bus::{BatchOptions, BusOptions, DeliveryClass, InlineSubscribers, OnUnknown, Overflow, Subscription};
use event_sourcing::{EventLimits, EventRules, Position, StoreExt, Unit};

use super::{
    Action, BusHome, Probe, Seen, author, drained, failures::Other, letters, options, publish, publish_together, start,
    start_with, until,
};
use crate::{actors::origin, faults::Damaged, store::Noted};

fn to(probe: &Probe) -> Subscription {
    Subscription::new::<Noted>(probe.name(), "ledger", probe.clone())
}

pub(super) async fn inline_is_atomic_with_its_publisher(home: &impl BusHome) {
    let store = home.open().await;
    let probe = Probe::new("strict", &store, |key, _, _| if key == "bad" { Action::Fail } else { Action::Write });
    let last = Probe::writing("last", &store);
    let inline = |order| DeliveryClass::Inline { order };
    let subscriptions = vec![to(&last).with_class(inline(7)), to(&probe).with_class(inline(-1))];
    let bus = start(&store, subscriptions.clone()).await;
    for (writer, n) in [("good", 1), ("bad", 2)] {
        let mut unit = Unit::new(author());
        unit.publish(&Noted::new(writer, n));
        let committed = bus.commit(unit).await;
        match writer {
            "good" => assert_eq!(committed.unwrap().events.len(), 1),
            _ => assert_eq!(committed.unwrap_err().message, "`strict` of module `ledger`: told to fail"),
        }
    }
    assert_eq!((probe.seen("good").await, last.seen("good").await), (vec![1], vec![1]), "in the same unit");
    assert_eq!((probe.seen("bad").await, store.head().await.unwrap().0), (vec![], 1), "nothing of the other");
    assert_eq!(
        (probe.tries().len(), last.tries().len()),
        (2, 1),
        "in their order: the first fails before the last is asked"
    );
    bus.stop().await;

    // A durable subscriber publishes as anybody else does.
    let probe = Probe::writing("strict", &store);
    let echo = Subscription::envelopes("echo", "echo", "testing.noted", Echo);
    let bus = start(&store, vec![to(&probe).with_class(inline(0)), echo]).await;
    drained(&bus).await;
    assert_eq!(probe.seen("echo").await, [2]);
    assert!(InlineSubscribers::of(&[]).add_to(&mut Unit::new(origin("x"))).await.is_ok());
    bus.stop().await;
}

/// Answers the first two events.
struct Echo;

impl event_bus::EnvelopeSubscriber for Echo {
    async fn handle(
        &self,
        _: &kernel::Context,
        event: &Arc<kernel::Envelope>,
        unit: &mut Unit,
    ) -> Result<(), kernel::Error> {
        if event.metadata.position.is_some_and(|at| at <= 2) && event.metadata.key != "echo" {
            unit.publish(&Noted::new("echo", 2));
        }
        Ok(())
    }
}

pub(super) async fn ephemeral_starts_at_the_end_and_counts_what_it_drops(home: &impl BusHome) {
    let store = home.open().await;
    publish(&store, &[("a", 1)]).await;
    let cases = [
        ("waits", Overflow::Wait, &[2, 3, 4, 5, 6, 7][..], 0),
        ("forgets", Overflow::DropOldest, &[2, 6, 7], 3),
        ("rejects", Overflow::Reject, &[2, 3, 4], 3),
    ];
    let probes =
        cases.map(|(name, ..)| Probe::new(name, &store, |_, n, _| if n == 2 { Action::Wait } else { Action::Look }));
    let subscriptions = probes
        .iter()
        .zip(cases)
        .map(|(probe, (_, overflow, ..))| to(probe).with_class(DeliveryClass::Ephemeral { overflow }).with_mailbox(2));
    let bus = start(&store, subscriptions.collect()).await;
    publish(&store, &[("a", 2)]).await;
    until("all are busy", async || probes.iter().all(|probe| probe.inside() == 1)).await;
    publish_together(&store, (3..=7).map(|n| Noted::new("a", n))).await;
    until("mailboxes are full", async || bus.status().await.unwrap().iter().all(|status| status.queued == 2)).await;
    probes.iter().for_each(|probe| probe.gate().add_permits(1));
    drained(&bus).await;
    for ((probe, (name, _, expected, dropped)), status) in probes.iter().zip(cases).zip(bus.status().await.unwrap()) {
        let tried: Vec<u64> = probe.tries().into_iter().map(|(_, n)| n).collect();
        assert_eq!((tried.as_slice(), status.dropped), (expected, dropped), "{name}");
        assert_eq!(store.checkpoint(name).await.unwrap().0, 0, "nothing is kept of it");
    }
    bus.stop().await;
}

/// Best effort: it goes on behind what cannot be read.
pub(super) async fn ephemeral_drops_what_is_damaged(home: &impl BusHome) {
    let store = home.open().await;
    let port = Damaged::at(Position(3)).around(Arc::clone(&store));
    let probe = Probe::new("listens", &store, |_, _, _| Action::Look);
    let ephemeral = DeliveryClass::Ephemeral { overflow: Overflow::Wait };
    let bus = start(&port, vec![to(&probe).with_class(ephemeral)]).await;
    publish_together(&store, (1..=5).map(|n| Noted::new("a", n))).await;
    drained(&bus).await;
    let tried: Vec<u64> = probe.tries().into_iter().map(|(_, n)| n).collect();
    assert_eq!((tried, bus.status().await.unwrap()[0].dropped), (vec![1, 2, 4, 5], 1));
    bus.stop().await;
}

/// What comes during a pause is handled after it, as far as the mailbox and its policy allow.
pub(super) async fn an_ephemeral_pause_drops_nothing_uncounted(home: &impl BusHome) {
    let store = home.open().await;
    let cases = [
        ("waits", Overflow::Wait, &[1, 2, 3, 4, 5, 6][..], 0),
        ("forgets", Overflow::DropOldest, &[1, 4, 5, 6], 2),
        ("rejects", Overflow::Reject, &[1, 2, 3, 6], 2),
    ];
    let probes = cases.map(|(name, ..)| Probe::new(name, &store, |_, _, _| Action::Look));
    let subscriptions = probes
        .iter()
        .zip(cases)
        .map(|(probe, (_, overflow, ..))| to(probe).with_class(DeliveryClass::Ephemeral { overflow }).with_mailbox(2));
    let bus = start(&store, subscriptions.collect()).await;
    publish(&store, &[("a", 1)]).await;
    drained(&bus).await;
    for (name, ..) in cases {
        bus.pause(name).await.unwrap();
    }
    publish_together(&store, (2..=5).map(|n| Noted::new("a", n))).await;
    until("they hold what they can", async || bus.status().await.unwrap().iter().all(|status| status.queued == 2))
        .await;
    assert!(probes.iter().all(|probe| probe.tries().len() == 1), "none of it is handled");
    for (name, ..) in cases {
        bus.resume(name).await.unwrap();
    }
    drained(&bus).await;
    publish(&store, &[("a", 6)]).await;
    drained(&bus).await;
    for ((probe, (name, _, expected, dropped)), status) in probes.iter().zip(cases).zip(bus.status().await.unwrap()) {
        let tried: Vec<u64> = probe.tries().into_iter().map(|(_, n)| n).collect();
        assert_eq!((tried.as_slice(), status.dropped), (expected, dropped), "{name}");
    }
    bus.stop().await;
}

/// What it publishes goes through the inline subscribers and the rules of events.
pub(super) async fn an_ephemeral_unit_is_committed_as_any_other(home: &impl BusHome) {
    let store = home.open().await;
    let strict = Probe::writing("strict", &store);
    let echo = Subscription::envelopes("echo", "echo", "testing.noted", Echo);
    let subscriptions = vec![
        to(&strict).with_class(DeliveryClass::Inline { order: 0 }),
        echo.with_class(DeliveryClass::Ephemeral { overflow: Overflow::Wait }),
    ];
    let limits = |payload_bytes| EventRules::new(EventLimits { payload_bytes, ..EventLimits::default() });
    for (rules, heard) in [(limits(1), 1), (limits(1000), 2)] {
        let bus = start_with(&store, subscriptions.clone(), BusOptions { rules, ..options() }).await;
        publish(&store, &[("a", heard)]).await;
        drained(&bus).await;
        bus.stop().await;
    }
    assert_eq!(store.head().await.unwrap().0, 3, "the first answer was refused, the second was not");
    assert_eq!(strict.seen("echo").await, [2], "in the unit of the answer");
}

pub(super) async fn batches_have_a_size_and_a_delay(home: &impl BusHome) {
    let store = home.open().await;
    publish_together(&store, (1..=7).map(|n| Noted::new(format!("writer {n}"), n))).await;
    let probe = Probe::writing("batches", &store);
    let options = BatchOptions { size: 3, delay: Duration::from_millis(50) };
    let subscription = Subscription::batches::<Noted>("batches", "ledger", options, probe.clone());
    let bus = start(&store, vec![subscription.clone()]).await;
    drained(&bus).await;
    let sizes = [("batch 1", &[1, 2, 3][..]), ("batch 4", &[4, 5, 6]), ("batch 7", &[7])];
    for (batch, notes) in sizes {
        assert_eq!(probe.seen(batch).await, notes);
    }
    bus.stop().await;
    publish(&store, &[("a", 8)]).await;
    let bus = start(&store, vec![subscription]).await;
    drained(&bus).await;
    assert_eq!((probe.seen("batch 8").await, probe.tries().len()), (vec![8], 4), "each once, restarts included");
    bus.stop().await;
}

pub(super) async fn a_batch_that_is_spoilt_parks_only_what_spoils_it(home: &impl BusHome) {
    let store = home.open().await;
    publish_together(&store, (1..=4).map(|n| Noted::new(format!("writer {}", n.min(3)), n))).await;
    let probe = Probe::new("batches", &store, |_, n, _| if n == 3 { Action::Fail } else { Action::Write });
    let options = BatchOptions { size: 4, delay: Duration::from_millis(5) };
    let bus = start(&store, vec![Subscription::batches::<Noted>("batches", "ledger", options, probe.clone())]).await;
    drained(&bus).await;
    let found = store.list::<Seen>(None, 10).await.unwrap();
    let notes: Vec<u64> = found.into_iter().flat_map(|seen| seen.value.notes).collect();
    assert_eq!(notes, [1, 2]);
    let parked: Vec<_> = letters(&store).await.into_iter().map(|(.., n, attempts)| (n, attempts)).collect();
    assert_eq!(parked, [(3, 3), (4, 0)], "and its key behind it");
    bus.stop().await;
    assert_eq!(store.checkpoint("batches").await.unwrap().0, 4);
}

/// What comes before it is handled, it is not passed, and what comes behind it is handled when it is out of the way: each once.
pub(super) async fn a_batch_ends_before_what_halts_it(home: &impl BusHome) {
    let store = home.open().await;
    publish(&store, &[("a", 1)]).await;
    let mut unit = Unit::new(author());
    unit.publish(&Other::<9> { writer: "b".into() });
    store.commit(unit).await.unwrap();
    publish(&store, &[("c", 3), ("d", 4)]).await;
    let probe = Probe::writing("batches", &store);
    let options = BatchOptions { size: 10, delay: Duration::from_millis(10) };
    let to = || Subscription::batches::<Noted>("batches", "ledger", options, probe.clone());
    let bus = start(&store, vec![to().with_unknown(OnUnknown::Halt)]).await;
    until("it halts", async || bus.status().await.unwrap()[0].halted.is_some()).await;
    publish(&store, &[("e", 5)]).await;
    bus.resume("batches").await.unwrap();
    drained(&bus).await;
    assert!(bus.status().await.unwrap()[0].halted.is_some(), "it finds the same");
    bus.stop().await;
    assert_eq!((probe.seen("batch 1").await, probe.tries().len()), (vec![1], 1), "what comes before it");
    assert_eq!(store.checkpoint("batches").await.unwrap(), Position(1));
    let bus = start(&store, vec![to()]).await;
    drained(&bus).await;
    assert_eq!((probe.seen("batch 3").await, probe.tries().len()), (vec![3, 4, 5], 2), "and what comes behind it");
    assert_eq!(letters(&store).await.len(), 1);
    bus.stop().await;
}

pub(super) async fn computations_have_threads_of_their_own(home: &impl BusHome) {
    let store = home.open().await;
    publish_together(&store, (1..=6).map(|n| Noted::new(format!("writer {n}"), n))).await;
    let probe = Probe::new("computes", &store, |_, n, _| if n == 6 { Action::Panic } else { Action::Sleep(5) });
    let subscription = Subscription::cpu::<Noted>("computes", "ledger", probe.clone()).with_concurrency(6);
    let bus = start(&store, vec![subscription]).await;
    drained(&bus).await;
    assert!((1..=2).contains(&probe.most_inside()), "the bus has two threads, {} ran", probe.most_inside());
    for n in 1..=5 {
        assert_eq!(probe.seen(&format!("writer {n}")).await, [n]);
    }
    assert_eq!(letters(&store).await.len(), 1, "a panic is isolated there as well");
    bus.stop().await;
}
