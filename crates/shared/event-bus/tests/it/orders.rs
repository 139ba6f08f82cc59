//! What is said to subscribers while they run holds from then on.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use event_bus::{
    BusError, CpuSubscriber, DeadLetters, Drain, EventBus, LetterFilter, Retried, Subscriber, Subscription,
};
use event_sourcing::{LogQuery, Position, Store, Unit};
use kernel::{Context, Error};
use testing::{
    bus::{Action, Probe, Ranked, drained, letters, publish, start, until},
    faults::{Fault, FaultPlan},
    store::Noted,
};
use tokio::time::{Instant, sleep, timeout};

use crate::{ailing, memory};

fn to(probe: &Probe) -> Subscription {
    Subscription::new::<Noted>(probe.name(), "ledger", probe.clone())
}

/// The bus looks every second who is paused. What such a look says that began before the pause is out of date.
#[tokio::test(start_paused = true)]
async fn a_pause_is_not_taken_back_by_a_look_that_began_before_it() {
    for at in (950..2_000).step_by(50) {
        let late = (1..1_000).map(|call| (call, Fault::Late(Duration::from_millis(100))));
        let slow = FaultPlan::at(late).only(["store.documents"]);
        let store: Arc<dyn Store> = Arc::new(slow.around(memory()));
        let probe = Probe::writing("ledger", &store);
        let bus = start(&store, vec![to(&probe)]).await;
        sleep(Duration::from_millis(at)).await;
        bus.pause("ledger").await.unwrap();
        publish(&store, &[("a", 1)]).await;
        sleep(Duration::from_secs(4)).await;
        assert_eq!(probe.tries(), [], "paused at {at} ms");
        bus.resume("ledger").await.unwrap();
        until("it goes on", async || probe.seen("a").await == [1]).await;
        bus.stop().await;
    }
}

/// A letter of `bad`, which would be handled now, and a handler of `slow` that does not end.
async fn busy(concurrency: usize) -> (Arc<dyn Store>, Probe, EventBus) {
    let store = memory();
    let probe = Probe::new("ledger", &store, |key, _, attempt| match key {
        "bad" if attempt <= 3 => Action::Fail,
        "bad" | "slow" => Action::Wait,
        _ => Action::Write,
    });
    let bus = start(&store, vec![to(&probe).with_concurrency(concurrency)]).await;
    publish(&store, &[("bad", 1), ("bad", 2)]).await;
    drained(&bus).await;
    if concurrency == 1 {
        publish(&store, &[("slow", 3)]).await;
        until("it does not end", async || probe.inside() == 1).await;
    }
    (store, probe, bus)
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_for_a_retry_does_not_wait_for_ever() {
    for concurrency in [1, 2] {
        let (store, probe, bus) = busy(concurrency).await;
        let asked = Instant::now();
        let retried = bus.retry_dead_letters(&LetterFilter::default()).await.unwrap();
        assert_eq!(retried, Retried { busy: vec!["ledger".into()], ..Retried::default() });
        assert!(asked.elapsed() < Duration::from_secs(31), "{:?}", asked.elapsed());
        // What ends late is not followed by what nobody waits for any more.
        probe.gate().add_permits(1);
        publish(&store, &[("c", 4)]).await;
        until("others flow", async || probe.seen("c").await == [4]).await;
        let left: Vec<_> = letters(&store).await.into_iter().map(|(_, _, n, attempts)| (n, attempts)).collect();
        match concurrency {
            1 => assert_eq!(left, [(1, 3), (2, 0)], "it never had its turn"),
            _ => until("what was begun has ended", async || probe.seen("bad").await == [1]).await,
        }
        drop(bus);
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_nobody_waits_for_holds_nobody_up() {
    let (store, probe, bus) = busy(1).await;
    let filter = LetterFilter::default();
    let asking = timeout(Duration::from_secs(10), bus.retry_dead_letters(&filter));
    assert!(asking.await.is_err());
    probe.gate().add_permits(1);
    publish(&store, &[("c", 4)]).await;
    until("others flow", async || probe.seen("c").await == [4]).await;
    assert_eq!(letters(&store).await.len(), 2);
    bus.stop().await;
}

/// What another process does to them is noticed, and many of them are not read again and again for that.
#[tokio::test(start_paused = true)]
async fn many_letters_are_looked_at_page_by_page() {
    let memory = memory();
    let counted = FaultPlan::at([]).only(["store.documents"]);
    let store: Arc<dyn Store> = Arc::new(counted.around(Arc::clone(&memory)));
    let probe = Probe::new("ledger", &store, |_, n, _| if n == 1 { Action::Fail } else { Action::Write });
    let bus = start(&store, vec![to(&probe)]).await;
    let notes: Vec<_> = (1..=2_000).map(|n| ("bad", n)).collect();
    publish(&memory, &notes).await;
    drained(&bus).await;
    let before = counted.calls();
    sleep(Duration::from_secs(10)).await;
    let calls = counted.calls() - before;
    assert!((20..50).contains(&calls), "{calls} reads in ten seconds, of {} pages", 2_000 / 256);
    let origin = testing::origin("operator");
    let discarded = DeadLetters::of(&*memory).discard(&LetterFilter::default(), "old", &origin).await;
    assert_eq!(discarded.unwrap(), 2_000);
    until("it is noticed", async || bus.status().await.unwrap()[0].parked_keys == 0).await;
    bus.stop().await;
}

/// The first of all calls holds its thread until somebody says a word. Each call publishes that it was made.
struct Stuck {
    calls: AtomicUsize,
    word: Mutex<mpsc::Receiver<()>>,
}

/// It is shared by the subscriptions of two buses.
struct Shared(Arc<Stuck>);

impl Subscriber<Noted> for Shared {
    async fn handle(&self, _: &Context, _: &Noted, unit: &mut Unit) -> Result<(), Error> {
        let call = self.0.calls.fetch_add(1, Ordering::SeqCst);
        if call == 0 {
            self.0.word.lock().unwrap().recv().map_err(|gone| Error::internal(gone.to_string()))?;
        }
        unit.publish(&Ranked::<0> { key: format!("call {call}") });
        Ok(())
    }
}

/// A task ends where it waits. One whose handler holds its thread goes on when that comes back, and another one has taken its place.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn what_was_abandoned_has_no_effect_beside_what_took_its_place() {
    for concurrency in [1, 2] {
        let store = memory();
        publish(&store, &[("a", 1)]).await;
        let (word, waits) = mpsc::channel();
        let stuck = Arc::new(Stuck { calls: AtomicUsize::new(0), word: Mutex::new(waits) });
        let to = || {
            let subscriber = Shared(Arc::clone(&stuck));
            Subscription::new::<Noted>("stuck", "ledger", subscriber).with_concurrency(concurrency)
        };
        let first = start(&store, vec![to()]).await;
        until("it is stuck", async || stuck.calls.load(Ordering::SeqCst) == 1).await;
        drop(first);
        let second = start(&store, vec![to()]).await;
        drained(&second).await;
        // Who is stuck holds one of them.
        let holders = Arc::strong_count(&stuck);
        word.send(()).unwrap();
        until("the first is gone", async || Arc::strong_count(&stuck) < holders).await;
        let log = store.log(LogQuery::after(Position(1), 9)).await.unwrap();
        let effects: Vec<_> = log.iter().map(|event| event.metadata.key.as_str()).collect();
        assert_eq!(effects, ["call 1"], "with a concurrency of {concurrency}");
        second.stop().await;
    }
}

/// It is not silent: whoever looks sees it, nobody waits for it, and nobody takes it for one that is through.
#[tokio::test(start_paused = true)]
async fn a_subscriber_whose_task_has_died_says_so() {
    let (memory, panics, store) = ailing(["store.log"]);
    let probe = Probe::new("ledger", &store, |key, _, _| if key == "bad" { Action::Fail } else { Action::Write });
    let bus = start(&store, vec![to(&probe)]).await;
    publish(&memory, &[("a", 1), ("bad", 1)]).await;
    drained(&bus).await;
    panics.next(&[Fault::Panic]);
    publish(&memory, &[("a", 2)]).await;
    // It is the next that reads the log.
    sleep(Duration::from_millis(1)).await;
    let halted = bus.status().await.unwrap().remove(0).halted.unwrap();
    assert!(halted.starts_with("its task has panicked: injected: call"), "{halted}");
    let retried = bus.retry_dead_letters(&LetterFilter::default()).await.unwrap();
    assert_eq!(retried, Retried { held: vec!["ledger".into()], ..Retried::default() });
    let other = Probe::new("other", &memory, |_, _, _| Action::Sleep(1000));
    bus.add(to(&other)).await.unwrap();
    let asked = Instant::now();
    assert_eq!(bus.drain(Duration::from_secs(60)).await.unwrap(), Drain::Incomplete);
    assert_eq!((other.seen("a").await, asked.elapsed().as_secs()), (vec![1, 2], 3), "the others are waited for");
    bus.stop().await;
}

/// Two who add a subscriber of one name, side by side.
#[tokio::test(start_paused = true)]
async fn one_of_two_who_add_the_same_subscriber_is_refused() {
    let memory = memory();
    let late = FaultPlan::by_hand().only(["store.document", "store.commit"]);
    late.always(Some(Fault::Late(Duration::from_millis(1))));
    let store: Arc<dyn Store> = Arc::new(late.around(Arc::clone(&memory)));
    let names: Vec<String> = (0..50).map(|n| format!("writer {n}")).collect();
    publish(&memory, &names.iter().map(|name| (name.as_str(), 1)).collect::<Vec<_>>()).await;
    let probe = Probe::new("ledger", &memory, |_, _, _| Action::Write);
    let bus = start(&store, vec![]).await;
    let to = || to(&probe).in_slots(8);
    let (first, second) = tokio::join!(bus.add(to()), bus.add(to()));
    assert_eq!((first, second), (Ok(()), Err(BusError::Twice("ledger"))));
    drained(&bus).await;
    assert_eq!(probe.tries().len(), names.len());
    bus.remove("ledger").await.unwrap();
    bus.add(to()).await.unwrap();
    bus.stop().await;
}

/// Computes until somebody says a word.
struct Computing {
    log: Arc<Mutex<Vec<&'static str>>>,
    word: Mutex<mpsc::Receiver<()>>,
}

impl CpuSubscriber<Noted> for Computing {
    fn handle(&self, _: &Context, _: &Noted, _: &mut Unit) -> Result<(), Error> {
        self.log.lock().unwrap().push("begins");
        self.word.lock().unwrap().recv().map_err(|gone| Error::internal(gone.to_string()))?;
        self.log.lock().unwrap().push("ends");
        Ok(())
    }
}

/// What computes cannot be dropped: whoever takes its place waits for it.
#[tokio::test]
async fn who_computes_has_ended_before_it_comes_again() {
    let store = memory();
    let log = Arc::new(Mutex::new(Vec::new()));
    let to = || {
        let (word, heard) = mpsc::channel();
        let computing = Computing { log: Arc::clone(&log), word: Mutex::new(heard) };
        (word, Subscription::cpu::<Noted>("computes", "ledger", computing))
    };
    let (word, first) = to();
    let bus = start(&store, vec![first]).await;
    publish(&store, &[("a", 1)]).await;
    until("it computes", async || !log.lock().unwrap().is_empty()).await;
    let (next, second) = to();
    let replacing = async {
        bus.remove("computes").await.unwrap();
        bus.add(second).await.unwrap();
        next.send(()).unwrap();
        drained(&bus).await;
    };
    let saying = async {
        sleep(Duration::from_millis(50)).await;
        word.send(()).unwrap();
    };
    tokio::join!(replacing, saying);
    assert_eq!(*log.lock().unwrap(), ["begins", "ends", "begins", "ends"]);
    bus.stop().await;
}
