//! Several processes over one store: who works on what, and that nobody does so twice.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use event_bus::{BusError, BusOptions, Drain, EventBus, Lease, LetterFilter, Node, Ports, Subscription, slot_of};
use event_sourcing::{Position, Store};
use kernel::{Clock as _, ManualClock, SystemIds};
use tokio::time::sleep;

use super::{Action, BusHome, Probe, letters, options, publish, start, until};
use crate::{faults::Reading, store::Noted};

/// By clocks that only the test moves. How often the processes look follows from it as well, by real time on some stores.
const LEASE: Duration = Duration::from_millis(240);

/// One process: a bus with a clock of its own, and its view of the store.
struct Process {
    bus: EventBus,
    clock: Arc<ManualClock>,
    /// Whether it hears nothing of leases, and says nothing about its own: paused, as far as others can see.
    is_stalled: Arc<AtomicBool>,
}

impl Process {
    async fn try_start(id: &str, store: &Arc<dyn Store>, subscriptions: Vec<Subscription>) -> Result<Self, BusError> {
        let (clock, is_stalled) = (Arc::new(ManualClock::default()), Arc::new(AtomicBool::new(false)));
        let stalled = Arc::clone(&is_stalled);
        let view = Reading::of(Arc::clone(store), |_| Ok(()))
            .stalling(move |collection| collection == "event_bus.leases" && stalled.load(Ordering::SeqCst));
        let ports = Ports { store: Some(Arc::new(view)), clock: clock.clone(), ids: Arc::new(SystemIds) };
        let node = Some(Node { id: id.into(), lease: LEASE });
        let bus = EventBus::start(subscriptions, ports, BusOptions { node, ..options() }).await?;
        Ok(Self { bus, clock, is_stalled })
    }

    async fn start(id: &str, store: &Arc<dyn Store>, subscriptions: Vec<Subscription>) -> Self {
        Self::try_start(id, store, subscriptions).await.unwrap()
    }

    /// As if it were killed. What runs on other threads hears of that a little later.
    async fn die(self) {
        let clock = Arc::downgrade(&self.clock);
        drop(self);
        until("nothing of it runs any more", async || clock.strong_count() == 0).await;
    }

    /// The slots that it works on, of its first subscriber.
    async fn slots(&self) -> Vec<u32> {
        let slots = self.bus.status().await.unwrap().swap_remove(0).slots;
        slots.into_iter().filter(|slot| slot.here).map(|slot| slot.index).collect()
    }

    /// On the first slot of its first subscriber.
    async fn lease(&self) -> Option<Lease> {
        self.bus.status().await.unwrap().swap_remove(0).slots.swap_remove(0).lease
    }

    /// Who has it, and under which token.
    async fn holder(&self) -> Option<(String, u64)> {
        self.lease().await.map(|lease| (lease.node, lease.token))
    }
}

/// So many milliseconds pass for all of them, and they have looked since.
async fn pass(processes: &[&Process], time: i64) {
    processes.iter().for_each(|process| process.clock.advance(TimeDelta::milliseconds(time)));
    look().await;
}

async fn look() {
    // Each looks in every third of a lease. A paused clock does not wait for a disk, so it is given many turns.
    for _ in 0..24 {
        sleep(Duration::from_millis(10)).await;
        tokio::task::yield_now().await;
    }
}

fn to(probe: &Probe) -> Subscription {
    Subscription::new::<Noted>(probe.name(), "ledger", probe.clone())
}

/// A key for each of so many slots.
fn keys(slots: u32) -> Vec<String> {
    let key = |slot| (0..).map(|n: u32| format!("writer {n}")).find(|key| slot_of(key, slots) == slot);
    (0..slots).map(|slot| key(slot).expect("there is one in every slot")).collect()
}

/// Rule 2 of several checkpoints: each slot goes on where it was, and the keys have their order.
pub(super) async fn slots_divide_the_keys(home: &impl BusHome) {
    let writers = keys(4);
    for round in 1..=2 {
        let store = home.open().await;
        let probe = Probe::writing("ledger", &store);
        let bus = start(&store, vec![to(&probe).in_slots(4)]).await;
        for n in 2 * round - 1..=2 * round {
            let notes: Vec<(&str, u64)> = writers.iter().map(|writer| (writer.as_str(), n)).collect();
            publish(&store, &notes).await;
        }
        super::drained(&bus).await;
        let status = bus.status().await.unwrap().swap_remove(0);
        assert!(status.slots.iter().all(|slot| slot.here && slot.lease.is_none()), "without a node nobody asks");
        bus.stop().await;
        for writer in &writers {
            assert_eq!(probe.seen(writer).await, (1..=2 * round).collect::<Vec<_>>());
        }
        assert_eq!(probe.tries().len(), 8, "only what is new");
        assert_eq!(store.documents("event_bus.leases", None, 9).await.unwrap(), []);
        for slot in 0..4 {
            assert!(store.checkpoint(&format!("ledger#{slot}")).await.unwrap() > Position(0));
        }
    }
}

/// Rule 4: what nobody works on is no event less.
pub(super) async fn what_nobody_works_on_is_behind(home: &impl BusHome) {
    let store = home.open().await;
    let probe = Probe::writing("ledger", &store);
    let dead = Process::start("dead", &store, vec![to(&probe)]).await;
    dead.die().await;
    let heir = Process::start("heir", &store, vec![to(&probe)]).await;
    publish(&store, &[("a", 1), ("b", 2)]).await;
    let status = heir.bus.status().await.unwrap().remove(0);
    assert!(!status.slots[0].here, "its lease has not ended");
    assert_eq!((status.position, status.oldest.is_some()), (Position(0), true));
    assert_eq!(heir.bus.drain(Duration::from_millis(50)).await.unwrap(), Drain::Incomplete);
    heir.clock.advance(TimeDelta::milliseconds(2 * LEASE.as_millis() as i64));
    super::drained(&heir.bus).await;
    assert_eq!(probe.tries().len(), 2);
    assert_eq!(heir.bus.status().await.unwrap()[0].position, Position(2));
    // Of what another one works on the store tells.
    let other = Process::start("other", &store, vec![to(&probe)]).await;
    super::drained(&other.bus).await;
    assert_eq!(other.bus.status().await.unwrap()[0].position, Position(2));
    heir.bus.stop().await;
    other.bus.stop().await;
}

/// A process whose clock is ahead says so until when it is to be believed, and dies.
pub(super) async fn a_lease_of_a_clock_that_was_ahead_ends(home: &impl BusHome) {
    let store = home.open().await;
    let probe = Probe::writing("ledger", &store);
    let dead = Process::start("dead", &store, vec![to(&probe)]).await;
    pass(&[&dead], 1000 * 60 * 60 * 24 * 30).await;
    dead.die().await;
    publish(&store, &[("a", 1)]).await;
    let heir = Process::start("heir", &store, vec![to(&probe)]).await;
    pass(&[&heir], 1).await;
    super::drained(&heir.bus).await;
    assert_eq!(probe.seen("a").await, [1]);
    heir.bus.stop().await;
}

/// Rule 5: which events were done is stored for so many slots, so there can be no other number.
pub(super) async fn the_number_of_slots_is_stored(home: &impl BusHome) {
    let store = home.open().await;
    publish(&store, &[("a", 1)]).await;
    let probe = Probe::writing("whole", &store);
    let bus = start(&store, vec![to(&probe), to(&Probe::writing("parts", &store)).in_slots(3)]).await;
    super::drained(&bus).await;
    bus.stop().await;
    for (name, stored, asked) in [("whole", 1, 2), ("parts", 3, 1), ("parts", 3, 4)] {
        let subscription = to(&Probe::writing(name, &store)).in_slots(asked);
        let refused = Process::try_start("a", &store, vec![subscription]).await.err();
        assert_eq!(refused, Some(BusError::Slots { name, stored, asked }));
    }
}

/// Rule 6: a poison event parks its key, and neither the other keys of its slot nor the other slots.
pub(super) async fn letters_are_of_the_subscriber(home: &impl BusHome) {
    let store = home.open().await;
    let writers = keys(2);
    let is_cured = Arc::new(AtomicBool::new(false));
    let (cured, poisoned) = (Arc::clone(&is_cured), writers[1].clone());
    let probe = Probe::new("ledger", &store, move |key, n, _| {
        if key == poisoned && n == 1 && !cured.load(Ordering::SeqCst) { Action::Fail } else { Action::Write }
    });
    let one = Process::start("one", &store, vec![to(&probe).in_slots(2)]).await;
    let other = Process::start("other", &store, vec![to(&probe).in_slots(2)]).await;
    until("each has its share", async || one.slots().await.len() == 1 && other.slots().await.len() == 1).await;
    for n in 1..=2 {
        publish(&store, &[(&writers[0], n), (&writers[1], n)]).await;
    }
    until("it is parked", async || letters(&store).await.len() == 2).await;
    assert!(letters(&store).await.iter().all(|letter| letter.0 == "ledger" && letter.1 == writers[1]));
    until("the other slot goes on", async || probe.seen(&writers[0]).await == [1, 2]).await;
    is_cured.store(true, Ordering::SeqCst);
    let filter = LetterFilter::of("ledger");
    let (holder, idle) = if one.slots().await == [1] { (&one, &other) } else { (&other, &one) };
    let retried = idle.bus.retry_dead_letters(&filter).await.unwrap();
    assert_eq!((retried.delivered, retried.elsewhere), (0, vec!["ledger".to_owned()]), "that is for its holder");
    let retried = holder.bus.retry_dead_letters(&filter).await.unwrap();
    assert_eq!((retried.delivered, retried.elsewhere), (2, vec![]));
    assert_eq!(probe.seen(&writers[1]).await, [1, 2]);
    holder.bus.pause("ledger").await.unwrap();
    until("both hear of it", async || idle.bus.status().await.unwrap()[0].paused).await;
    one.bus.stop().await;
    other.bus.stop().await;
}

/// Rule 3: what a process that is gone held is taken after its lease, and not before.
/// Rule 3 of docs/durability.md.
pub(super) async fn a_slot_is_taken_when_its_lease_has_ended(home: &impl BusHome) {
    let store = home.open().await;
    let probe = Probe::writing("ledger", &store);
    let dead = Process::start("dead", &store, vec![to(&probe)]).await;
    let heir = Process::start("heir", &store, vec![to(&probe)]).await;
    publish(&store, &[("a", 1)]).await;
    until("it is handled", async || probe.seen("a").await == [1]).await;
    assert_eq!((dead.slots().await, heir.slots().await), (vec![0], vec![]));
    let token = heir.holder().await;
    assert_eq!(token, Some(("dead".into(), 1)));
    // It renews as long as it lives.
    for _ in 0..3 {
        pass(&[&dead, &heir], 120).await;
        let end = dead.clock.now() + LEASE;
        until("it has renewed", async || heir.lease().await.and_then(|lease| lease.until) == Some(end)).await;
        assert_eq!(heir.holder().await, token);
    }
    dead.die().await;
    publish(&store, &[("a", 2)]).await;
    pass(&[&heir], 239).await;
    assert_eq!((heir.slots().await, probe.seen("a").await), (vec![], vec![1]), "the lease goes on");
    pass(&[&heir], 1).await;
    until("it is taken", async || heir.slots().await == [0]).await;
    assert_eq!(heir.holder().await, Some(("heir".into(), 2)), "under a higher token");
    until("it goes on", async || probe.seen("a").await == [1, 2]).await;
    until("nobody thinks of the dead", async || {
        store.documents("event_bus.members", None, 9).await.unwrap().len() == 1
    })
    .await;
    heir.bus.stop().await;
    assert_eq!(store.documents("event_bus.members", None, 9).await.unwrap(), []);
}

/// Whoever stops in order leaves nothing behind that others would have to wait for.
pub(super) async fn whoever_stops_lets_go_at_once(home: &impl BusHome) {
    let store = home.open().await;
    let probe = Probe::writing("ledger", &store);
    let first = Process::start("first", &store, vec![to(&probe)]).await;
    let second = Process::start("second", &store, vec![to(&probe)]).await;
    first.bus.stop().await;
    until("no time passes by its clock", async || second.slots().await == [0]).await;
    let removed = second.bus.remove("ledger").await.unwrap();
    let third = Process::start("third", &store, vec![to(&probe)]).await;
    assert_eq!(third.slots().await, [0]);
    third.bus.stop().await;
    second.bus.add(removed).await.unwrap();
    assert_eq!(second.holder().await.unwrap().0, "second");
    second.bus.stop().await;
}

/// Rule 3: whoever was paused beyond its lease, or whose clock is behind, believes that it holds a slot. It commits nothing.
/// Rule 3 of docs/durability.md.
pub(super) async fn a_stalled_owner_commits_nothing(home: &impl BusHome, form: &'static str, concurrency: usize) {
    let store = home.open().await;
    let slow = Probe::new(form, &store, |_, _, _| Action::Wait);
    let stalled = Process::start("stalled", &store, vec![to(&slow).with_concurrency(concurrency)]).await;
    publish(&store, &[("a", 1), ("b", 2), ("a", 3)]).await;
    until("it is in the middle of it", async || slow.inside() == concurrency).await;
    stalled.is_stalled.store(true, Ordering::SeqCst);
    let probe = Probe::writing(form, &store);
    let heir = Process::start("heir", &store, vec![to(&probe)]).await;
    pass(&[&heir], 240).await;
    until("the heir has done it", async || probe.seen("a").await == [1, 3]).await;
    let handled = async || (probe.seen("a").await, probe.seen("b").await);
    let before = (store.checkpoint(form).await.unwrap(), handled().await);
    // Now its handlers end, and it commits what they did.
    slow.gate().add_permits(9);
    until("it ends", async || slow.inside() == 0).await;
    look().await;
    assert_eq!((store.checkpoint(form).await.unwrap(), handled().await), before, "{form}");
    assert_eq!(slow.tries().len(), concurrency, "it begins with nothing more");
    until("it has ended", async || stalled.slots().await.is_empty()).await;
    assert_eq!(letters(&store).await, vec![], "{form}");
    stalled.is_stalled.store(false, Ordering::SeqCst);
    pass(&[&heir, &stalled], 1).await;
    assert_eq!(heir.slots().await, [0]);
    heir.bus.stop().await;
    until("it is a node like others again", async || stalled.slots().await == [0]).await;
    publish(&store, &[("c", 4)]).await;
    until("and works", async || slow.seen("c").await == [4]).await;
    stalled.bus.stop().await;
}

/// Each holds its share rounded up at most. What is above that is given back when what is under way has ended.
pub(super) async fn shares_are_fair(home: &impl BusHome) {
    let store = home.open().await;
    let writers = keys(5);
    let probe = Probe::new("ledger", &store, |_, n, _| if n == 1 { Action::Wait } else { Action::Write });
    let start = async |id: &str| Process::start(id, &store, vec![to(&probe).in_slots(5)]).await;
    let one = start("one").await;
    assert_eq!(one.slots().await, [0, 1, 2, 3, 4]);
    let all = |n| writers.iter().map(move |writer| (writer.as_str(), n)).collect::<Vec<_>>();
    publish(&store, &all(1)).await;
    until("all are busy", async || probe.inside() == 5).await;
    let two = start("two").await;
    look().await;
    assert_eq!((one.slots().await.len(), two.slots().await.len()), (5, 0), "nothing is dropped half way");
    probe.gate().add_permits(5);
    let count = async |processes: &[&Process]| {
        let mut counts = Vec::new();
        for process in processes {
            counts.push(process.slots().await.len());
        }
        counts.sort_unstable();
        counts
    };
    until("two share", async || count(&[&one, &two]).await == [2, 3]).await;
    let three = start("three").await;
    until("three share", async || count(&[&one, &two, &three]).await == [1, 2, 2]).await;
    assert_eq!(probe.tries().len(), 5, "nothing was dropped that had begun");
    publish(&store, &all(2)).await;
    one.bus.stop().await;
    until("two share again", async || count(&[&two, &three]).await == [2, 3]).await;
    for writer in &writers {
        until("each once and in order", async || probe.seen(writer).await == [1, 2]).await;
    }
    two.bus.stop().await;
    three.bus.stop().await;
}
