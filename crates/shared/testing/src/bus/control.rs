use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use event_bus::{
    BusError, BusOptions, DeliveryRecord, Drain, EventBus, Pause, Ports, Retention, Subscriber, Subscription,
};
use event_sourcing::{Document, Expected, Position, Unit};
use kernel::{Context, Error, ManualClock, SystemIds};
use serde::{Deserialize, Serialize};

use super::{Action, BusHome, Probe, drained, options, publish, publish_together, records, start, start_with, until};
use crate::{actors::origin, polled, store::Noted};

fn to(probe: &Probe) -> Subscription {
    Subscription::new::<Noted>(probe.name(), "ledger", probe.clone())
}

pub(super) async fn a_restart_repeats_nothing(home: &impl BusHome) {
    for round in 1..=3 {
        let store = home.open().await;
        publish(&store, &[("a", round), ("b", round)]).await;
        let (writes, looks) = (Probe::writing("writes", &store), Probe::new("looks", &store, |_, _, _| Action::Look));
        let bus = start(&store, vec![to(&writes), to(&looks)]).await;
        drained(&bus).await;
        bus.stop().await;
        assert_eq!(writes.seen("a").await, (1..=round).collect::<Vec<_>>());
        assert_eq!((writes.tries().len(), looks.tries().len()), (2, 2), "stopped in order, nothing comes again");
        assert_eq!(store.checkpoint("looks").await.unwrap(), Position(2 * round));
    }
}

async fn is_paused(bus: &EventBus) -> bool {
    bus.status().await.unwrap()[0].paused
}

/// The event that is being handled is the last one.
pub(super) async fn a_pause_holds_what_has_not_begun(home: &impl BusHome) {
    for (form, concurrency, events) in [("straight", 1, 60), ("lanes", 2, 120)] {
        let store = home.open().await;
        let probe = Probe::new(form, &store, |_, _, _| Action::Sleep(20));
        let bus = start(&store, vec![to(&probe).with_concurrency(concurrency)]).await;
        let notes: Vec<_> = ["a", "b"].into_iter().cycle().zip(1..=60).collect();
        publish(&store, &notes).await;
        until("it is at it", async || probe.tries().len() >= 3).await;
        bus.pause(form).await.unwrap();
        let begun = probe.tries().len();
        tokio::time::sleep(Duration::from_millis(300)).await;
        // Whoever takes the order may be in the middle of taking the next event.
        assert!(probe.tries().len() <= begun + concurrency, "{form}: {} begun, {} now", begun, probe.tries().len());
        bus.resume(form).await.unwrap();
        drained(&bus).await;
        let seen = [probe.seen("a").await, probe.seen("b").await].map(|seen| seen.len());
        assert_eq!((seen[0] + seen[1], probe.tries().len()), (events, events), "those of before as well");
        bus.stop().await;
    }
}

pub(super) async fn a_pause_survives_a_restart(home: &impl BusHome) {
    {
        let store = home.open().await;
        let probe = Probe::writing("ledger", &store);
        let bus = start(&store, vec![to(&probe)]).await;
        publish(&store, &[("a", 1)]).await;
        drained(&bus).await;
        bus.pause("ledger").await.unwrap();
        publish(&store, &[("a", 2)]).await;
        drained(&bus).await;
        assert!(is_paused(&bus).await);
        assert_eq!(probe.seen("a").await, [1]);
        bus.stop().await;
    }
    let store = home.open().await;
    let probe = Probe::writing("ledger", &store);
    let bus = start(&store, vec![to(&probe)]).await;
    publish(&store, &[("a", 3)]).await;
    until("it holds both", async || bus.status().await.unwrap()[0].queued == 2).await;
    let status = bus.status().await.unwrap().remove(0);
    assert!(status.paused && status.oldest.is_some() && status.position == Position(1), "{status:?}");
    bus.resume("ledger").await.unwrap();
    drained(&bus).await;
    assert_eq!(probe.seen("a").await, [1, 2, 3], "who was told to go on is waited for");
    assert!(!is_paused(&bus).await);
    assert_eq!(bus.pause("nobody").await, Err(BusError::Unknown("nobody".into())));
    bus.stop().await;
}

pub(super) async fn another_process_pauses_and_resumes(home: &impl BusHome) {
    let store = home.open().await;
    let probe = Probe::writing("ledger", &store);
    let bus = start(&store, vec![to(&probe)]).await;
    let mut unit = Unit::new(origin("operator"));
    unit.put("ledger", &Pause { since: origin("x").clock.now() }, Expected::Any);
    store.commit(unit).await.unwrap();
    until("it is noticed", async || is_paused(&bus).await).await;
    publish(&store, &[("a", 1)]).await;
    until("it is taken in", async || bus.status().await.unwrap()[0].queued == 1).await;
    assert_eq!(probe.tries(), []);
    let mut unit = Unit::new(origin("operator"));
    unit.delete::<Pause>("ledger", Expected::Any);
    store.commit(unit).await.unwrap();
    until("it goes on", async || probe.seen("a").await == [1]).await;
    bus.stop().await;
}

pub(super) async fn subscribers_come_and_go(home: &impl BusHome) {
    let store = home.open().await;
    let (first, second) = (Probe::writing("first", &store), Probe::writing("second", &store));
    let bus = start(&store, vec![to(&first)]).await;
    publish(&store, &[("a", 1)]).await;
    bus.add(to(&second)).await.unwrap();
    assert_eq!(bus.add(to(&second)).await.unwrap_err(), BusError::Twice("second"));
    drained(&bus).await;
    assert_eq!((first.seen("a").await, second.seen("a").await), (vec![1], vec![1]), "from the start of the log");
    let removed = bus.remove("second").await.unwrap();
    publish(&store, &[("a", 2)]).await;
    drained(&bus).await;
    assert_eq!((first.seen("a").await, second.seen("a").await), (vec![1, 2], vec![1]));
    assert_eq!(bus.status().await.unwrap().len(), 1);
    bus.add(removed.with_concurrency(4)).await.unwrap();
    drained(&bus).await;
    assert_eq!(second.seen("a").await, [1, 2], "from where it was");
    assert_eq!(bus.remove("third").await.unwrap_err(), BusError::Unknown("third".into()));
    bus.stop().await;
}

/// It may be in the middle of something until it has gone.
pub(super) async fn who_leaves_has_gone_before_it_comes_again(home: &impl BusHome) {
    let store = home.open().await;
    let probe = Probe::new("slow", &store, |_, _, _| Action::Sleep(200));
    let bus = start(&store, vec![to(&probe)]).await;
    publish(&store, &[("a", 1)]).await;
    until("it is at it", async || probe.inside() == 1).await;
    let removed = {
        let mut removing = Box::pin(bus.remove("slow"));
        // On a thread of its own it may end at once.
        match polled(&mut removing, 1).await {
            Some(removed) => removed,
            None => {
                assert_eq!(bus.add(to(&probe)).await.unwrap_err(), BusError::Twice("slow"));
                removing.await
            }
        }
    };
    bus.add(removed.unwrap()).await.unwrap();
    drained(&bus).await;
    assert_eq!(probe.seen("a").await, [1]);
    bus.stop().await;
}

/// Counts down: each note sets off the one before.
struct Countdown;

impl Subscriber<Noted> for Countdown {
    async fn handle(&self, _: &Context, event: &Noted, unit: &mut Unit) -> Result<(), Error> {
        if event.n > 1 {
            unit.publish(&Noted::new(event.writer.as_str(), event.n - 1));
        }
        Ok(())
    }
}

pub(super) async fn draining_waits_for_what_handlers_publish(home: &impl BusHome) {
    let store = home.open().await;
    let probe = Probe::writing("ledger", &store);
    let stuck = Probe::new("stuck", &store, |_, _, _| Action::Wait);
    let countdown = Subscription::new::<Noted>("countdown", "countdown", Countdown);
    let bus = start(&store, vec![to(&probe), countdown]).await;
    publish(&store, &[("a", 5)]).await;
    drained(&bus).await;
    assert_eq!(probe.seen("a").await, [5, 4, 3, 2, 1]);
    bus.add(to(&stuck)).await.unwrap();
    assert_eq!(bus.drain(Duration::from_millis(20)).await.unwrap(), Drain::Incomplete);
    bus.stop().await;
    assert_eq!(store.checkpoint("stuck").await.unwrap(), Position(0), "it lost nothing");
}

/// Who comes late writes fresh records about old events, and what is older may stand behind them.
pub(super) async fn records_are_removed_behind_fresh_ones(home: &impl BusHome) {
    let hour = Retention { age: Duration::from_secs(3600), events: 1000 };
    let (store, clock) = (home.open().await, Arc::new(ManualClock::default()));
    let begin = async |name, script: fn(&str, u64, u32) -> Action| {
        let ids = Arc::new(SystemIds);
        let ports = Ports { store: Some(Arc::clone(&store)), clock: Arc::<ManualClock>::clone(&clock), ids };
        let subscriptions = vec![to(&Probe::new(name, &store, script))];
        EventBus::start(subscriptions, ports, BusOptions { records: hour, ..options() }).await.unwrap()
    };
    publish_together(&store, (1..=310).map(|n| Noted::new("a", n))).await;
    let early = begin("early", |_, n, _| if n > 300 { Action::Write } else { Action::Look }).await;
    drained(&early).await;
    early.stop().await;
    clock.advance(TimeDelta::minutes(59));
    let late = begin("late", |_, n, _| if n > 300 { Action::Look } else { Action::Write }).await;
    drained(&late).await;
    assert_eq!(records(&store).await.len(), 310);
    clock.advance(TimeDelta::minutes(2));
    until("the old ones are removed", async || records(&store).await.len() == 300).await;
    assert!(records(&store).await.iter().all(|record| record.subscriber == "late"));
    late.stop().await;
}

/// Those of deliveries too long ago, and those of events too far back; and what is kept is found by its event.
pub(super) async fn records_are_kept_for_a_time_and_of_the_latest_events(home: &impl BusHome) {
    let store = home.open().await;
    let clock = Arc::new(ManualClock::default());
    let begin = async |records: Retention| {
        let ports = Ports {
            store: Some(Arc::clone(&store)),
            clock: Arc::<ManualClock>::clone(&clock),
            ids: Arc::new(SystemIds),
        };
        let subscriptions = vec![to(&Probe::writing("ledger", &store))];
        EventBus::start(subscriptions, ports, BusOptions { records, ..options() }).await.unwrap()
    };
    let hour = Retention { age: Duration::from_secs(3600), events: 1000 };
    let bus = begin(hour).await;
    // More than are removed at once.
    publish_together(&store, (1..=300).map(|n| Noted::new("a", n))).await;
    drained(&bus).await;
    assert_eq!(records(&store).await.len(), 300);
    clock.advance(TimeDelta::minutes(59));
    publish(&store, &[("b", 301)]).await;
    drained(&bus).await;
    clock.advance(TimeDelta::minutes(2));
    until("the old ones are removed", async || records(&store).await.len() == 1).await;
    let kept = DeliveryRecord::of(&*store, Position(301)).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].subscriber.as_str(), kept[0].attempts), ("ledger", 1));
    assert_eq!(DeliveryRecord::of(&*store, Position(300)).await.unwrap(), []);
    bus.stop().await;

    publish(&store, &[("c", 302), ("d", 303), ("e", 304)]).await;
    let bus = begin(Retention { events: 2, ..hour }).await;
    drained(&bus).await;
    until("those of the latest are left", async || records(&store).await.len() == 2).await;
    bus.stop().await;
    let bus = begin(Retention::NONE).await;
    until("none is left", async || records(&store).await.is_empty()).await;
    bus.stop().await;
}

/// As another program writes it.
#[derive(Serialize, Deserialize)]
struct Alien {}

impl Document for Alien {
    const COLLECTION: &'static str = DeliveryRecord::COLLECTION;
}

/// Of a later program, whose words this one does not know.
pub(super) async fn one_record_that_cannot_be_read_keeps_no_other(home: &impl BusHome) {
    let store = home.open().await;
    let mut unit = Unit::new(origin("later"));
    for position in [0, 10] {
        unit.put(format!("{position:020}/later"), &Alien {}, Expected::Any);
    }
    store.commit(unit).await.unwrap();
    let records = Retention { events: 2, ..Retention::default() };
    let to = vec![to(&Probe::writing("ledger", &store))];
    let bus = start_with(&store, to, BusOptions { records, ..options() }).await;
    publish_together(&store, (1..=9).map(|n| Noted::new("a", n))).await;
    drained(&bus).await;
    let keys = async || {
        let left = store.documents(DeliveryRecord::COLLECTION, None, 99).await.unwrap().into_iter();
        left.map(|document| document.key.trim_start_matches('0').to_owned()).collect::<Vec<_>>()
    };
    until("what is old is removed", async || keys().await == ["8/ledger", "9/ledger", "10/later"]).await;
    assert_eq!(DeliveryRecord::of(&*store, Position(10)).await.unwrap(), [], "who traces it sees the others");
    bus.stop().await;
}
