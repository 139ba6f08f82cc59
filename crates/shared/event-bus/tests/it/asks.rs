//! Who asks, gives up, pauses or discards while letters wait, are ripe or are read; and what is told of those that fail.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use event_bus::{BatchOptions, DeadLetters, Drain, EventBus, LetterFilter, RetryPolicy, Subscriber, Subscription};
use event_sourcing::{Position, Store, Unit};
use kernel::{Context, Error};
use testing::{
    bus::{Action, Probe, drained, letters, publish, start, until},
    faults::Fault,
    store::Noted,
};
use tokio::time::{Instant, sleep, timeout};

use crate::{ailing, memory, patient};

fn forms(probe: &Probe) -> [Subscription; 3] {
    let options = BatchOptions { size: 2, delay: Duration::ZERO };
    [
        Subscription::new::<Noted>("ledger", "ledger", probe.clone()),
        Subscription::new::<Noted>("ledger", "ledger", probe.clone()).with_concurrency(4),
        Subscription::batches::<Noted>("ledger", "ledger", options, probe.clone()),
    ]
}

async fn discard(bus: &EventBus, at: u64) {
    let (filter, cx) = (LetterFilter::one("ledger", Position(at)), testing::origin("operator").context);
    assert_eq!(bus.discard_dead_letters(&filter, "old", &cx).await.unwrap(), 1);
}

async fn discard_elsewhere(store: &Arc<dyn Store>, at: u64) {
    let (filter, origin) = (LetterFilter::one("ledger", Position(at)), testing::origin("operator"));
    assert_eq!(DeadLetters::of(&**store).discard(&filter, "old", &origin).await.unwrap(), 1);
}

/// 1: fails three times, then slow.
fn healing(store: &Arc<dyn Store>) -> Probe {
    Probe::new("ledger", store, |_, n, attempt| match n {
        1 if attempt <= 3 => Action::Fail,
        _ => Action::Sleep(200),
    })
}

/// Who asks goes away while the letter is tried; it is delivered; those behind it are held back by nothing.
#[tokio::test(start_paused = true)]
async fn what_somebody_gave_up_asking_for_is_waited_for() {
    let mut wrong = Vec::new();
    for form in 0..3 {
        let store = memory();
        let probe = healing(&store);
        let bus = start(&store, vec![forms(&probe)[form].clone()]).await;
        publish(&store, &[("bad", 1)]).await;
        until("parked", async || letters(&store).await.len() == 1).await;
        publish(&store, &[("bad", 2), ("bad", 3)]).await;
        drained(&bus).await;
        assert_eq!(letters(&store).await.len(), 3);
        let _gone =
            timeout(Duration::from_millis(50), bus.retry_dead_letters(&LetterFilter::default())).await.unwrap_err();
        until("delivered", async || letters(&store).await.len() == 2).await;
        let began = Instant::now();
        sleep(Duration::from_millis(1)).await;
        let drain = bus.drain(Duration::from_secs(600)).await.unwrap();
        let left = letters(&store).await;
        if drain == Drain::Complete && !left.is_empty() {
            wrong.push(format!("form {form}: complete after {:?} with {left:?}", began.elapsed()));
        }
        until("gone", async || letters(&store).await.is_empty()).await;
        bus.stop().await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The same where it was the only letter: is a later event of the key parked, though nothing holds it back?
#[tokio::test(start_paused = true)]
async fn an_event_behind_a_letter_that_nobody_heard_of_is_handled() {
    let mut wrong = Vec::new();
    for form in 0..3 {
        let store = memory();
        let probe = healing(&store);
        let bus = start(&store, vec![forms(&probe)[form].clone()]).await;
        publish(&store, &[("bad", 1)]).await;
        until("parked", async || letters(&store).await.len() == 1).await;
        let _gone =
            timeout(Duration::from_millis(50), bus.retry_dead_letters(&LetterFilter::default())).await.unwrap_err();
        until("delivered", async || letters(&store).await.is_empty()).await;
        publish(&store, &[("bad", 2)]).await;
        let drain = bus.drain(Duration::from_secs(600)).await.unwrap();
        let left = letters(&store).await;
        if drain == Drain::Complete && !left.is_empty() {
            wrong.push(format!("form {form}: complete with {left:?}"));
        }
        bus.stop().await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A pause while a letter that somebody asked for is under way.
#[tokio::test(start_paused = true)]
async fn a_pause_while_an_asked_letter_is_tried_leaves_none_behind() {
    let mut wrong = Vec::new();
    for form in 0..3 {
        let store = memory();
        let probe = healing(&store);
        let bus = start(&store, vec![forms(&probe)[form].clone()]).await;
        publish(&store, &[("bad", 1)]).await;
        until("parked", async || letters(&store).await.len() == 1).await;
        publish(&store, &[("bad", 2), ("bad", 3)]).await;
        drained(&bus).await;
        let pausing = async {
            sleep(Duration::from_millis(50)).await;
            assert_eq!(probe.inside(), 1);
            bus.pause("ledger").await.unwrap();
        };
        let filter = LetterFilter::default();
        let (retried, ()) = tokio::join!(bus.retry_dead_letters(&filter), pausing);
        assert_eq!(retried.unwrap().held, ["ledger"], "form {form}");
        bus.resume("ledger").await.unwrap();
        let drain = bus.drain(Duration::from_secs(600)).await.unwrap();
        let left = letters(&store).await;
        if drain == Drain::Complete && !left.is_empty() {
            wrong.push(format!("form {form}: complete with {left:?}"));
        }
        bus.stop().await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A pause while it is read which letters are due.
#[tokio::test(start_paused = true)]
async fn a_pause_while_letters_are_read_holds_them() {
    let mut wrong = Vec::new();
    for is_asked in [false, true] {
        for form in 0..3 {
            let (memory, ill, store) = ailing(["store.documents"]);
            let probe = Probe::new("ledger", &memory, |_, n, attempt| match n {
                1 if attempt <= 3 => Action::Fail,
                _ => Action::Write,
            });
            let bus = start(&store, vec![forms(&probe)[form].clone()]).await;
            publish(&memory, &[("bad", 1)]).await;
            until("parked", async || letters(&memory).await.len() == 1).await;
            publish(&memory, &[("bad", 2), ("bad", 3)]).await;
            drained(&bus).await;
            let tries = probe.tries().len();
            // A look, and then a read of what is due: one second each.
            let filter = LetterFilter::one("ledger", Position(1));
            let acting = async {
                if is_asked {
                    let _answer = timeout(Duration::from_secs(30), bus.retry_dead_letters(&filter)).await;
                } else {
                    discard_elsewhere(&memory, 1).await;
                    bus.letters_changed("ledger").unwrap();
                }
            };
            let pausing = async {
                // subscribers() reads the store as well where somebody asks.
                let mut waited = 0;
                ill.always(Some(Fault::Late(Duration::from_millis(1000))));
                sleep(Duration::from_millis(if is_asked { 3500 } else { 1500 })).await;
                while probe.tries().len() > tries && waited < 1 {
                    waited += 1;
                }
                bus.pause("ledger").await.unwrap();
                let begun = probe.tries().len();
                sleep(Duration::from_secs(10)).await;
                if probe.tries().len() > begun {
                    wrong.push(format!(
                        "asked {is_asked}, form {form}: begun after the pause: {:?}",
                        &probe.tries()[begun..]
                    ));
                }
            };
            tokio::join!(acting, pausing);
            ill.always(None);
            bus.stop().await;
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Fails from the second on.
#[derive(Clone, Default)]
struct Fails(Arc<Mutex<Vec<(String, u64)>>>);

impl Subscriber<Noted> for Fails {
    async fn handle(&self, _: &Context, event: &Noted, _: &mut Unit) -> Result<(), Error> {
        self.0.lock().unwrap().push((event.writer.clone(), event.n));
        Err(Error::internal("told to fail"))
    }
}

/// One parked, and those behind it wait for their next try. 1: a, 2: b, 3..: a 2, b 2, a 3, b 3.
async fn waiting(store: &Arc<dyn Store>, to: Subscription) -> EventBus {
    let bus = start(store, vec![to.with_retry(patient())]).await;
    publish(store, &[("a", 1), ("b", 1)]).await;
    assert_eq!(bus.drain(Duration::from_secs(7200)).await.unwrap(), Drain::Complete);
    publish(store, &[("a", 2), ("b", 2), ("a", 3), ("b", 3)]).await;
    drained(&bus).await;
    discard(&bus, 1).await;
    discard(&bus, 2).await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!(bus.status().await.unwrap()[0].retrying, 2);
    bus
}

/// Discarded elsewhere right before it ripens.
#[tokio::test(start_paused = true)]
async fn what_is_discarded_before_it_ripens_does_not_fail_any_more() {
    let store = memory();
    let bus = waiting(&store, Subscription::new::<Noted>("ledger", "ledger", Fails::default())).await;
    let next = bus.status().await.unwrap()[0].failing[0].next;
    sleep(next - Duration::from_millis(2)).await;
    // Both a 2 and a 3.
    discard_elsewhere(&store, 3).await;
    discard_elsewhere(&store, 5).await;
    discard_elsewhere(&store, 4).await;
    discard_elsewhere(&store, 6).await;
    sleep(Duration::from_secs(1200)).await;
    assert_eq!(letters(&store).await, []);
    let status = bus.status().await.unwrap().remove(0);
    assert_eq!((status.retrying, status.failing.len()), (0, 0), "{status:?}");
    bus.stop().await;
}

/// An ask, right after the first was discarded elsewhere.
#[tokio::test(start_paused = true)]
async fn nor_does_what_is_discarded_before_somebody_asks() {
    let store = memory();
    let bus = waiting(&store, Subscription::new::<Noted>("ledger", "ledger", Fails::default())).await;
    discard_elsewhere(&store, 3).await;
    discard_elsewhere(&store, 4).await;
    let _retried = bus.retry_dead_letters(&LetterFilter::default()).await.unwrap();
    sleep(Duration::from_secs(7200)).await;
    let status = bus.status().await.unwrap().remove(0);
    assert_eq!((status.retrying, status.failing.len()), (0, 0), "{status:?}\n{:?}", letters(&store).await);
    bus.stop().await;
}

/// Many ripen at once, and what is in the round is discarded with an order.
#[tokio::test(start_paused = true)]
async fn nor_does_what_is_discarded_while_it_waits_for_its_turn() {
    let store = memory();
    #[derive(Clone, Default)]
    struct Slow;
    impl Subscriber<Noted> for Slow {
        async fn handle(&self, _: &Context, event: &Noted, _: &mut Unit) -> Result<(), Error> {
            if event.n > 1 {
                sleep(Duration::from_secs(20)).await;
            }
            Err(Error::internal("told to fail"))
        }
    }
    let retry = RetryPolicy {
        attempts: 3,
        first: Duration::from_secs(1),
        longest: Duration::from_secs(4),
        ..RetryPolicy::default()
    };
    let bus = start(&store, vec![Subscription::new::<Noted>("ledger", "ledger", Slow).with_retry(retry)]).await;
    publish(&store, &[("a", 1), ("b", 1), ("c", 1)]).await;
    assert_eq!(bus.drain(Duration::from_secs(7200)).await.unwrap(), Drain::Complete);
    publish(&store, &[("a", 2), ("b", 2), ("c", 2)]).await;
    drained(&bus).await;
    for at in 1..=3 {
        discard(&bus, at).await;
    }
    // a, b, c are tried in turn, 20 seconds each; b and c are ripe while a is tried again.
    sleep(Duration::from_secs(65)).await;
    for at in 4..=6 {
        discard(&bus, at).await;
    }
    sleep(Duration::from_secs(600)).await;
    assert_eq!(letters(&store).await, []);
    let status = bus.status().await.unwrap().remove(0);
    assert_eq!((status.retrying, status.failing.len()), (0, 0), "{status:?}");
    bus.stop().await;
}

/// After a hiccup of the store, letters that wait for their next try are still told of.
#[tokio::test(start_paused = true)]
async fn what_waits_is_told_after_a_failure_of_the_store() {
    let (memory, ill, store) = ailing(["store.log"]);
    let fails = Fails::default();
    let bus =
        start(&store, vec![Subscription::new::<Noted>("ledger", "ledger", fails.clone()).with_retry(patient())]).await;
    publish(&memory, &[("a", 1)]).await;
    assert_eq!(bus.drain(Duration::from_secs(7200)).await.unwrap(), Drain::Complete);
    publish(&memory, &[("a", 2)]).await;
    drained(&bus).await;
    discard(&bus, 1).await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(bus.status().await.unwrap()[0].retrying, 1);
    ill.next(&[Fault::Fail]);
    publish(&memory, &[("c", 9)]).await;
    sleep(Duration::from_secs(5)).await;
    let tries = || fails.0.lock().unwrap().iter().filter(|tried| **tried == ("a".to_owned(), 2)).count();
    assert_eq!(tries(), 1, "it still waits");
    let status = bus.status().await.unwrap().remove(0);
    assert!(status.failing.iter().any(|failing| failing.key == "a"), "{status:?}");
    bus.stop().await;
}

/// Two who ask without end, and what nobody asks for.
#[tokio::test(start_paused = true)]
async fn those_who_ask_do_not_starve_what_nobody_asks_for() {
    #[derive(Clone, Default)]
    struct Asked(Arc<Mutex<Vec<(String, u64)>>>);
    impl Subscriber<Noted> for Asked {
        async fn handle(&self, _: &Context, event: &Noted, _: &mut Unit) -> Result<(), Error> {
            self.0.lock().unwrap().push((event.writer.clone(), event.n));
            if event.writer == "asked" {
                sleep(Duration::from_millis(100)).await;
            }
            if event.writer == "asked" || event.n == 1 { Err(Error::internal("told to fail")) } else { Ok(()) }
        }
    }
    for askers in [1, 2] {
        let (store, asked) = (memory(), Asked::default());
        let bus = Arc::new(start(&store, vec![Subscription::new::<Noted>("ledger", "ledger", asked.clone())]).await);
        publish(&store, &[("asked", 1), ("bad", 1), ("bad", 2)]).await;
        drained(&bus).await;
        let tasks: Vec<_> = (0..askers)
            .map(|_| {
                let bus = Arc::clone(&bus);
                tokio::spawn(async move {
                    let filter = LetterFilter { key: Some("asked".into()), ..LetterFilter::default() };
                    loop {
                        let _retried = bus.retry_dead_letters(&filter).await;
                    }
                })
            })
            .collect();
        sleep(Duration::from_secs(1)).await;
        discard(&bus, 2).await;
        sleep(Duration::from_secs(30)).await;
        let tries = asked.0.lock().unwrap().clone();
        tasks.iter().for_each(|asker| asker.abort());
        assert!(
            tries.contains(&("bad".to_owned(), 2)),
            "{askers} askers: {} tries of what is asked for in 30 seconds, none of what nothing holds back",
            tries.len()
        );
    }
}

/// An error larger than any document.
#[derive(Clone, Default)]
struct Verbose(Arc<Mutex<Vec<(String, u64)>>>, usize);

impl Subscriber<Noted> for Verbose {
    async fn handle(&self, _: &Context, event: &Noted, _: &mut Unit) -> Result<(), Error> {
        self.0.lock().unwrap().push((event.writer.clone(), event.n));
        if event.writer == "bad" { Err(Error::internal("x".repeat(self.1))) } else { Ok(()) }
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_any_size_parks_its_event() {
    let store = memory();
    let verbose = Verbose(Arc::default(), 65 << 20);
    let to = Subscription::new::<Noted>("ledger", "ledger", verbose.clone());
    let to = to.with_retry(RetryPolicy {
        attempts: 1,
        first: Duration::from_millis(1),
        longest: Duration::from_millis(4),
        ..RetryPolicy::default()
    });
    let bus = start(&store, vec![to]).await;
    publish(&store, &[("bad", 1)]).await;
    let drain = bus.drain(Duration::from_secs(3)).await.unwrap();
    let tries = verbose.0.lock().unwrap().clone();
    assert_eq!(drain, Drain::Complete, "{} tries, {:?} letters", tries.len(), letters(&store).await.len());
    bus.stop().await;
}

/// Orders come faster than the log is read.
#[tokio::test(start_paused = true)]
async fn orders_do_not_keep_the_log_from_being_read() {
    let mut wrong = Vec::new();
    for form in 0..3 {
        let (memory, ill, store) = ailing(["store.log"]);
        let probe = Probe::new("ledger", &memory, |_, _, _| Action::Look);
        let bus = start(&store, vec![forms(&probe)[form].clone()]).await;
        ill.always(Some(Fault::Late(Duration::from_millis(50))));
        publish(&memory, &[("a", 1)]).await;
        for _ in 0..500 {
            bus.letters_changed("ledger").unwrap();
            sleep(Duration::from_millis(40)).await;
        }
        let handled = probe.tries().len();
        if handled == 0 {
            wrong.push(format!("form {form}: nothing handled in 20 seconds"));
        }
        ill.always(None);
        bus.stop().await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// An ask for what is ripe and waits for its turn.
#[tokio::test(start_paused = true)]
async fn who_asks_for_what_is_ripe_gives_it_no_more_tries() {
    #[derive(Clone, Default)]
    struct Slow(Arc<Mutex<Vec<(String, u64)>>>, Arc<AtomicBool>);
    impl Subscriber<Noted> for Slow {
        async fn handle(&self, _: &Context, event: &Noted, _: &mut Unit) -> Result<(), Error> {
            self.0.lock().unwrap().push((event.writer.clone(), event.n));
            if event.n > 1 {
                sleep(Duration::from_secs(10)).await;
            }
            Err(Error::internal("told to fail"))
        }
    }
    let store = memory();
    let slow = Slow::default();
    slow.1.store(true, Ordering::Relaxed);
    let retry = RetryPolicy {
        attempts: 4,
        first: Duration::from_secs(1),
        longest: Duration::from_secs(2),
        ..RetryPolicy::default()
    };
    let bus = start(&store, vec![Subscription::new::<Noted>("ledger", "ledger", slow.clone()).with_retry(retry)]).await;
    publish(&store, &[("a", 1), ("b", 1), ("c", 1)]).await;
    assert_eq!(bus.drain(Duration::from_secs(7200)).await.unwrap(), Drain::Complete);
    publish(&store, &[("a", 2), ("b", 2), ("c", 2)]).await;
    drained(&bus).await;
    for at in 1..=3 {
        discard(&bus, at).await;
    }
    // a b c a: b and c are ripe.
    sleep(Duration::from_secs(35)).await;
    let filter = LetterFilter { key: Some("c".into()), ..LetterFilter::default() };
    timeout(Duration::from_secs(100), bus.retry_dead_letters(&filter)).await.unwrap().unwrap();
    assert_eq!(bus.drain(Duration::from_secs(7200)).await.unwrap(), Drain::Complete);
    let tries = |key: &str| slow.0.lock().unwrap().iter().filter(|(k, n)| k == key && *n == 2).count();
    assert_eq!((tries("a"), tries("b"), tries("c")), (4, 4, 4), "{:?}", letters(&store).await);
    bus.stop().await;
}

/// A slot that moves to another process takes what waits there with it.
#[tokio::test(start_paused = true)]
async fn a_slot_that_has_moved_tells_of_nothing() {
    use event_bus::{BusOptions, Node, Ports};
    let store = memory();
    let clock = Arc::new(kernel::ManualClock::default());
    let process = async |id: &str| {
        let is_well = Arc::new(AtomicBool::new(false));
        let well = Arc::clone(&is_well);
        let probe =
            Probe::new(
                "ledger",
                &store,
                move |_, _, _| if well.load(Ordering::Relaxed) { Action::Write } else { Action::Fail },
            );
        let to = Subscription::new::<Noted>("ledger", "ledger", probe).in_slots(2).with_retry(patient());
        let ports = Ports { store: Some(Arc::clone(&store)), clock: clock.clone(), ids: Arc::new(kernel::SystemIds) };
        let node = Some(Node { id: id.into(), lease: Duration::from_secs(30) });
        (EventBus::start(vec![to], ports, BusOptions { node, ..testing::bus::options() }).await.unwrap(), is_well)
    };
    let (first, _) = process("first").await;
    publish(&store, &(0..8).map(|n| (["a", "b", "c", "d", "e", "f", "g", "h"][n], 1)).collect::<Vec<_>>()).await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!(first.status().await.unwrap()[0].retrying, 8);
    let (_second, is_well) = process("second").await;
    is_well.store(true, Ordering::Relaxed);
    sleep(Duration::from_secs(10)).await;
    let one = first.status().await.unwrap().remove(0);
    let here: Vec<u32> = one.slots.iter().filter(|slot| slot.here).map(|slot| slot.index).collect();
    let strange: Vec<_> = one
        .failing
        .iter()
        .filter(|failing| !here.contains(&event_bus::slot_of(&failing.key, 2)))
        .map(|f| (f.key.clone(), f.position))
        .collect();
    assert!(
        strange.is_empty(),
        "it works on {here:?} and tells of {strange:?}; checkpoints {:?} {:?}",
        store.checkpoint("ledger#0").await,
        store.checkpoint("ledger#1").await
    );
}

/// A pause while what is behind a letter in a batch is parked.
#[tokio::test(start_paused = true)]
async fn a_pause_while_a_batch_parks_holds_the_rest() {
    let (memory, ill, store) = ailing(["store.commit"]);
    #[derive(Clone, Default)]
    struct Batches(Arc<Mutex<Vec<Vec<u64>>>>);
    impl event_bus::BatchSubscriber<Noted> for Batches {
        async fn handle(&self, _: &Context, events: &[Noted], _: &mut Unit) -> Result<(), Error> {
            self.0.lock().unwrap().push(events.iter().map(|event| event.n).collect());
            if events.iter().any(|e| e.writer == "bad") { Err(Error::internal("told to fail")) } else { Ok(()) }
        }
    }
    let batches = Batches::default();
    let options = BatchOptions { size: 4, delay: Duration::from_millis(50) };
    let to = Subscription::batches::<Noted>("ledger", "ledger", options, batches.clone());
    let bus = start(&store, vec![to]).await;
    ill.always(Some(Fault::Late(Duration::from_millis(300))));
    publish(&memory, &[("bad", 1), ("bad", 2), ("bad", 3), ("good", 1)]).await;
    // bad 2 and bad 3 are parked behind bad 1, a commit each, and then good 1 is handed over.
    until("the last is parked", async || letters(&memory).await.len() == 3).await;
    ill.always(None);
    bus.pause("ledger").await.unwrap();
    let begun = batches.0.lock().unwrap().len();
    sleep(Duration::from_secs(20)).await;
    let now = batches.0.lock().unwrap().clone();
    assert_eq!(now.len(), begun, "begun after the pause: {:?}", &now[begun..]);
    bus.stop().await;
}

/// A slow look at the letters when there was nothing else to do. Batches have it before the next of them.
#[tokio::test(start_paused = true)]
async fn new_events_do_not_wait_for_a_look_at_letters() {
    let mut wrong = Vec::new();
    for form in 0..2 {
        let (memory, ill, store) = ailing(["store.documents"]);
        let probe = Probe::new("ledger", &memory, |key, _, _| if key == "bad" { Action::Fail } else { Action::Write });
        let bus = start(&store, vec![forms(&probe)[form].clone()]).await;
        publish(&memory, &[("bad", 1)]).await;
        until("parked", async || letters(&memory).await.len() == 1).await;
        ill.always(Some(Fault::Delay(Duration::from_secs(20))));
        bus.letters_changed("ledger").unwrap();
        sleep(Duration::from_secs(1)).await;
        let began = Instant::now();
        publish(&memory, &[("good", 1)]).await;
        while !probe.tries().contains(&("good".to_owned(), 1)) {
            sleep(Duration::from_millis(10)).await;
        }
        if began.elapsed() > Duration::from_secs(2) {
            wrong.push(format!("form {form}: an event of another key waits for {:?}", began.elapsed()));
        }
        ill.always(None);
        bus.stop().await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Who asks behind a letter that does not end, while orders come.
#[tokio::test(start_paused = true)]
async fn who_asks_is_told_busy_whatever_others_order() {
    let mut wrong = Vec::new();
    for is_ordered in [false, true] {
        let store = memory();
        let probe =
            Probe::new("ledger", &store, |_, _, attempt| if attempt <= 3 { Action::Fail } else { Action::Wait });
        let bus = start(&store, vec![forms(&probe)[1].clone()]).await;
        publish(&store, &[("a", 1), ("b", 1)]).await;
        until("parked", async || letters(&store).await.len() == 2).await;
        let of = |key: &str| LetterFilter { key: Some(key.to_owned()), ..LetterFilter::default() };
        let (a, b) = (of("a"), of("b"));
        let began = Instant::now();
        let asking = async {
            let _busy = bus.retry_dead_letters(&a).await;
        };
        let other = async {
            sleep(Duration::from_secs(1)).await;
            let answer = timeout(Duration::from_secs(600), bus.retry_dead_letters(&b)).await;
            if answer.is_err() {
                wrong.push(format!("ordered {is_ordered}: no answer after {:?}", began.elapsed()));
            }
        };
        let ordering = async {
            for _ in 0..70 {
                sleep(Duration::from_secs(10)).await;
                if is_ordered {
                    bus.letters_changed("ledger").unwrap();
                }
            }
        };
        tokio::join!(asking, other, ordering);
        bus.stop().await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// An error that says never to come back.
#[tokio::test(start_paused = true)]
async fn an_error_that_says_never_keeps_its_letter() {
    #[derive(Clone, Default)]
    struct Never(Arc<Mutex<Vec<(String, u64)>>>);
    impl Subscriber<Noted> for Never {
        async fn handle(&self, _: &Context, event: &Noted, _: &mut Unit) -> Result<(), Error> {
            self.0.lock().unwrap().push((event.writer.clone(), event.n));
            if event.n == 1 {
                Err(Error::new(kernel::ErrorKind::Unavailable, "never").with_retry_after(Duration::MAX))
            } else {
                Ok(())
            }
        }
    }
    let (store, never) = (memory(), Never::default());
    let to = Subscription::new::<Noted>("ledger", "ledger", never.clone());
    let bus = start(&store, vec![to]).await;
    publish(&store, &[("bad", 1), ("bad", 2)]).await;
    drained(&bus).await;
    sleep(Duration::from_secs(5)).await;
    publish(&store, &[("bad", 3)]).await;
    sleep(Duration::from_secs(5)).await;
    let listed = DeadLetters::of(&*store).list(&LetterFilter::default(), None, 10).await.unwrap().len();
    let unreadable = DeadLetters::of(&*store).unreadable().await.unwrap();
    let status = bus.status().await.unwrap().remove(0);
    let tries = never.0.lock().unwrap().clone();
    assert!(
        !tries.contains(&("bad".into(), 2)),
        "tries {tries:?}, {listed} letters, unreadable {unreadable:?}, parked keys {}",
        status.parked_keys
    );
    bus.stop().await;
}

/// A policy with a wait without end.
#[tokio::test(start_paused = true)]
async fn a_wait_without_end_is_one_of_weeks() {
    let (store, fails) = (memory(), Fails::default());
    let retry = RetryPolicy { longest: Duration::MAX, ..RetryPolicy::default() };
    #[derive(Clone)]
    struct Later(Fails);
    impl Subscriber<Noted> for Later {
        async fn handle(&self, _: &Context, event: &Noted, _: &mut Unit) -> Result<(), Error> {
            self.0.0.lock().unwrap().push((event.writer.clone(), event.n));
            if event.n == 1 {
                Err(Error::internal("later").with_retry_after(Duration::from_secs(1 << 40)))
            } else {
                Ok(())
            }
        }
    }
    let to = Subscription::new::<Noted>("ledger", "ledger", Later(fails.clone())).with_retry(retry);
    let (clock, ids) = (Arc::new(kernel::ManualClock::default()), Arc::new(kernel::SequentialIds::default()));
    let ports = event_bus::Ports { store: Some(Arc::clone(&store)), clock, ids };
    let bus = EventBus::start(vec![to], ports, testing::bus::options()).await.unwrap();
    publish(&store, &[("bad", 1), ("good", 2)]).await;
    sleep(Duration::from_secs(5)).await;
    let status = bus.status().await.unwrap().remove(0);
    assert_eq!(status.halted, None);
    assert!(fails.0.lock().unwrap().contains(&("good".into(), 2)));
    bus.stop().await;
}

/// As T1b, with many letters of other keys.
#[tokio::test(start_paused = true)]
async fn a_key_whose_letter_nobody_heard_of_flows_among_many_letters() {
    let store = memory();
    let probe = Probe::new("ledger", &store, |key, n, attempt| match (key, n) {
        ("other", _) => Action::Fail,
        (_, 1) if attempt <= 3 => Action::Fail,
        _ => Action::Sleep(200),
    });
    let bus = start(&store, vec![forms(&probe)[0].clone()]).await;
    publish(&store, &[("bad", 1)]).await;
    publish(&store, &(1..=5000).map(|n| ("other", n)).collect::<Vec<_>>()).await;
    drained(&bus).await;
    let filter = LetterFilter { key: Some("bad".into()), ..LetterFilter::default() };
    let _gone = timeout(Duration::from_millis(50), bus.retry_dead_letters(&filter)).await.unwrap_err();
    sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    publish(&store, &[("bad", 2)]).await;
    while !probe.tries().contains(&("bad".to_owned(), 2)) {
        sleep(Duration::from_millis(50)).await;
    }
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "an event whose key has no letter was handled after {:?}",
        began.elapsed()
    );
    bus.stop().await;
}

/// A handler that panics when it is dropped, and a store that does not answer once.
#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_when_it_is_dropped_is_dropped() {
    #[derive(Clone, Default)]
    struct Guarded(Arc<Mutex<Vec<(String, u64)>>>);
    struct Guard;
    impl Drop for Guard {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("left in the middle");
            }
        }
    }
    impl Subscriber<Noted> for Guarded {
        async fn handle(&self, _: &Context, event: &Noted, _: &mut Unit) -> Result<(), Error> {
            self.0.lock().unwrap().push((event.writer.clone(), event.n));
            if event.n == 1 {
                let guard = Guard;
                sleep(Duration::from_secs(5)).await;
                std::mem::forget(guard);
            }
            Ok(())
        }
    }
    let (memory, ill, store) = ailing(["store.log"]);
    let guarded = Guarded::default();
    let bus =
        start(&store, vec![Subscription::new::<Noted>("ledger", "ledger", guarded.clone()).with_concurrency(2)]).await;
    publish(&memory, &[("a", 1)]).await;
    sleep(Duration::from_secs(1)).await;
    ill.next(&[Fault::Fail]);
    publish(&memory, &[("b", 2)]).await;
    sleep(Duration::from_secs(60)).await;
    let status = bus.status().await.unwrap().remove(0);
    assert_eq!((status.halted, status.position), (None, Position(2)));
    bus.stop().await;
}
