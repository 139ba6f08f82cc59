//! What becomes of dead letters, over every store: [`dead_letters_conformance`].

#![expect(clippy::unwrap_used, reason = "a suite fails by panicking")]

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use event_bus::{
    BatchOptions, BusError, DeadLetter, DeadLetters, DeliveryOutcome, DeliveryRecord, Discarded, LetterFilter, Retried,
    Subscription,
};
use event_sourcing::{Document, Expected, Position, Store, StoreExt, Unit};
use serde::{Deserialize, Serialize};

use crate::{
    actors::{context, origin},
    bus::{Action, BusHome, Probe, drained, letters, publish, start, until},
    patience::polled,
    store::Noted,
};

/// Runs the whole suite. `make` gives an empty home each time.
///
/// # Panics
/// Where dead letters are lost, repeated or out of order.
pub async fn dead_letters_conformance<H: BusHome>(make: impl AsyncFn() -> H) {
    they_are_listed_and_shown(&make().await).await;
    one_that_cannot_be_read_is_named_and_left_alone(&make().await).await;
    a_key_flows_again_in_its_order(&make().await).await;
    what_fails_again_stays_with_its_new_error(&make().await).await;
    a_batch_subscriber_gets_them_too(&make().await).await;
    discarding_leaves_a_record_and_frees_those_behind(&make().await).await;
    what_cannot_be_tried_here_is_said(&make().await).await;
    newer_events_of_the_key_wait_for_the_older_ones(&make().await).await;
    other_keys_flow_while_letters_are_tried(&make().await).await;
    retrying_is_cut_at_any_turn(&make().await).await;
    discarding_is_dropped_at_any_poll(&make().await).await;
}

/// A subscriber that fails on the first notes of `a` and `b` as long as it is told to.
fn poisoned(store: &Arc<dyn Store>, is_broken: &Arc<AtomicBool>) -> Probe {
    let is_broken = Arc::clone(is_broken);
    Probe::new("ledger", store, move |_, n, _| match n {
        1 | 2 if is_broken.load(Ordering::SeqCst) => Action::Fail,
        _ => Action::Write,
    })
}

fn to(probe: &Probe) -> Subscription {
    Subscription::new::<Noted>(probe.name(), "ledger", probe.clone())
}

const NOTES: [(&str, u64); 6] = [("a", 1), ("b", 2), ("a", 3), ("c", 4), ("b", 5), ("a", 6)];

/// Delivered once in vain: letters of `a` and `b`, none of `c`. What is published later is not.
async fn spoilt(home: &impl BusHome) -> (Arc<dyn Store>, Arc<AtomicBool>) {
    let store = home.open().await;
    let is_broken = Arc::new(AtomicBool::new(true));
    publish(&store, &NOTES).await;
    let probe = poisoned(&store, &is_broken);
    let bus = start(&store, vec![to(&probe)]).await;
    drained(&bus).await;
    bus.stop().await;
    assert_eq!(numbers(&store).await, [1, 2, 3, 5, 6]);
    (store, is_broken)
}

async fn numbers(store: &Arc<dyn Store>) -> Vec<u64> {
    letters(store).await.into_iter().map(|(_, _, n, _)| n).collect()
}

async fn they_are_listed_and_shown(home: &impl BusHome) {
    let (store, _) = spoilt(home).await;
    let letters = DeadLetters::of(&*store);
    let cases = [
        (LetterFilter::default(), vec![1, 2, 3, 5, 6]),
        (LetterFilter::of("ledger"), vec![1, 2, 3, 5, 6]),
        (LetterFilter::of("ledge"), vec![]),
        (LetterFilter { key: Some("a".into()), ..LetterFilter::default() }, vec![1, 3, 6]),
        (LetterFilter { event_type: Some("testing.noted".into()), ..LetterFilter::of("ledger") }, vec![1, 2, 3, 5, 6]),
        (LetterFilter { event_type: Some("testing".into()), ..LetterFilter::default() }, vec![]),
        (LetterFilter::one("ledger", Position(5)), vec![5]),
        (LetterFilter::one("ledger", Position(4)), vec![]),
    ];
    for (filter, wanted) in cases {
        for limit in [1, 2, 100] {
            let (mut found, mut after): (Vec<u64>, Option<String>) = (Vec::new(), None);
            loop {
                let page = letters.list(&filter, after.as_deref(), limit).await.unwrap();
                let Some(last) = page.last() else { break };
                assert!(page.len() <= limit);
                after = Some(last.key.clone());
                found.extend(page.iter().map(|letter| letter.value.event.decode::<Noted>().unwrap().n));
            }
            assert_eq!(found, wanted, "{filter:?} by {limit}");
        }
    }
    let first = letters.list(&LetterFilter::default(), None, 1).await.unwrap().remove(0);
    let shown = letters.show(&first.key).await.unwrap().unwrap();
    assert_eq!(shown, first);
    assert_eq!((shown.value.error.message.as_str(), shown.value.attempts), ("told to fail", 3));
    assert_eq!(letters.show("ledger/1").await.unwrap().unwrap(), first, "as people write it");
    for nobody in ["ledger/7", "ledger", "ledger/x", "nobody/1"] {
        assert_eq!(letters.show(nobody).await.unwrap(), None);
    }
}

/// What somebody else has put among the letters.
#[derive(Debug, Serialize, Deserialize)]
struct Spoilt {}

impl Document for Spoilt {
    const COLLECTION: &'static str = DeadLetter::COLLECTION;
}

async fn one_that_cannot_be_read_is_named_and_left_alone(home: &impl BusHome) {
    let (store, _) = spoilt(home).await;
    let mut unit = Unit::new(origin("admin"));
    // The first of all, and one among those of a subscriber.
    for key in ["a/00000000000000000001", "ledger/00000000000000000002"] {
        unit.put(key, &Spoilt {}, Expected::Any);
    }
    store.commit(unit).await.unwrap();
    let letters = DeadLetters::of(&*store);
    let listed = letters.list(&LetterFilter::default(), None, 100).await.unwrap();
    assert_eq!(
        listed.iter().map(|letter| letter.value.event.decode::<Noted>().unwrap().n).collect::<Vec<_>>(),
        [1, 3, 5, 6]
    );
    let unreadable = letters.unreadable().await.unwrap();
    assert_eq!(
        unreadable.iter().map(|letter| letter.key.as_str()).collect::<Vec<_>>(),
        ["a/00000000000000000001", "ledger/00000000000000000002"]
    );
    assert!(unreadable[0].to_string().contains("cannot be read"), "{}", unreadable[0]);
    let of_b = LetterFilter { key: Some("b".into()), ..LetterFilter::default() };
    assert_eq!(letters.discard(&of_b, "a test", &origin("admin")).await.unwrap(), 1);
    let discarded = letters.discarded(&of_b, None, 10).await.unwrap();
    let told: Vec<_> = discarded.iter().map(|found| (&*found.value.reason, &*found.value.by)).collect();
    assert_eq!(told, [("a test", "tester")]);
    let record = DeliveryRecord::of(&*store, Position(5)).await.unwrap().remove(0);
    assert_eq!(
        (record.outcome, &record.error),
        (DeliveryOutcome::Discarded, &Some(discarded[0].value.letter.error.clone()))
    );
    let bus = start(&store, vec![to(&Probe::writing("ledger", &store))]).await;
    publish(&store, &[("d", 8)]).await;
    drained(&bus).await;
    let retried = bus.retry_dead_letters(&LetterFilter { key: Some("a".into()), ..LetterFilter::default() }).await;
    assert_eq!(retried.unwrap(), Retried { delivered: 3, ..Retried::default() });
    bus.stop().await;
    assert_eq!(letters.unreadable().await.unwrap(), unreadable);
}

/// One letter of each key is asked for; the others follow, and then what was published meanwhile.
/// Rule 2 of docs/durability.md.
async fn a_key_flows_again_in_its_order(home: &impl BusHome) {
    let (store, is_broken) = spoilt(home).await;
    is_broken.store(false, Ordering::SeqCst);
    let probe = poisoned(&store, &is_broken);
    let bus = start(&store, vec![to(&probe)]).await;
    publish(&store, &[("a", 7)]).await;
    drained(&bus).await;
    assert_eq!(probe.seen("a").await, [0; 0], "a parked key stays parked until somebody asks");
    let checkpoint = store.checkpoint("ledger").await.unwrap();
    let retried = bus.retry_dead_letters(&LetterFilter::one("ledger", Position(1))).await.unwrap();
    assert_eq!(retried, Retried { delivered: 4, ..Retried::default() });
    assert_eq!(store.checkpoint("ledger").await.unwrap(), checkpoint, "a retry moves no checkpoint");
    assert_eq!((probe.seen("a").await, probe.seen("b").await), (vec![1, 3, 6, 7], vec![]));
    publish(&store, &[("a", 8), ("b", 9)]).await;
    drained(&bus).await;
    assert_eq!(probe.seen("a").await, [1, 3, 6, 7, 8]);
    let retried = bus.retry_dead_letters(&LetterFilter::default()).await.unwrap();
    assert_eq!(retried, Retried { delivered: 3, ..Retried::default() });
    assert_eq!(probe.seen("b").await, [2, 5, 9]);
    assert_eq!(numbers(&store).await, [0; 0]);
    until("no key is parked", async || bus.status().await.unwrap()[0].parked_keys == 0).await;
}

async fn what_fails_again_stays_with_its_new_error(home: &impl BusHome) {
    let (store, is_broken) = spoilt(home).await;
    let panics = Probe::new("ledger", &store, |_, n, _| if n == 1 { Action::Panic } else { Action::Write });
    let bus = start(&store, vec![to(&panics)]).await;
    let retried = bus.retry_dead_letters(&LetterFilter::of("ledger")).await.unwrap();
    assert_eq!(retried, Retried { delivered: 2, failed: 1, behind: 2, ..Retried::default() });
    bus.stop().await;
    let left: Vec<_> = letters(&store).await.into_iter().map(|(_, _, n, attempts)| (n, attempts)).collect();
    assert_eq!(left, [(1, 4), (3, 0), (6, 0)]);
    let shown = DeadLetters::of(&*store).list(&LetterFilter::default(), None, 1).await.unwrap().remove(0);
    assert_eq!(shown.value.error.message, "the subscriber panicked");
    assert_eq!((panics.seen("a").await, panics.seen("b").await), (vec![], vec![2, 5]));
    drop(is_broken);
}

async fn a_batch_subscriber_gets_them_too(home: &impl BusHome) {
    let store = home.open().await;
    let is_broken = Arc::new(AtomicBool::new(true));
    publish(&store, &NOTES[..3]).await;
    let probe = poisoned(&store, &is_broken);
    let options = BatchOptions { size: 2, delay: std::time::Duration::from_millis(1) };
    let subscription = || Subscription::batches::<Noted>("ledger", "ledger", options, probe.clone());
    let bus = start(&store, vec![subscription()]).await;
    drained(&bus).await;
    assert_eq!(numbers(&store).await, [1, 2, 3]);
    is_broken.store(false, Ordering::SeqCst);
    let retried = bus.retry_dead_letters(&LetterFilter::default()).await.unwrap();
    assert_eq!(retried, Retried { delivered: 3, ..Retried::default() });
    for n in 1..=3 {
        assert_eq!(probe.seen(&format!("batch {n}")).await, [n]);
    }
    assert_eq!(numbers(&store).await, [0; 0]);
}

async fn discarding_leaves_a_record_and_frees_those_behind(home: &impl BusHome) {
    let (store, is_broken) = spoilt(home).await;
    let probe = poisoned(&store, &is_broken);
    let bus = start(&store, vec![to(&probe)]).await;
    let first = LetterFilter::one("ledger", Position(1));
    let refused = bus.discard_dead_letters(&first, " ", &context(&[])).await.unwrap_err();
    assert!(refused.message.contains("say why"), "{refused}");
    assert_eq!(bus.discard_dead_letters(&first, "booked by hand", &context(&[])).await.unwrap(), 1);
    until("those behind are delivered", async || probe.seen("a").await == [3, 6]).await;
    // The same from another process, while this one runs.
    let second = LetterFilter { key: Some("b".into()), ..LetterFilter::default() };
    assert_eq!(DeadLetters::of(&*store).discard(&second, "twice", &origin("operator")).await.unwrap(), 2);
    publish(&store, &[("b", 10)]).await;
    until("the key flows", async || probe.seen("b").await == [10]).await;
    bus.stop().await;
    assert_eq!(numbers(&store).await, [0; 0]);
    let records = store.list::<Discarded>(None, 10).await.unwrap();
    let records: Vec<_> = records
        .into_iter()
        .map(|record| {
            let Discarded { letter, reason, by, .. } = record.value;
            (letter.event.decode::<Noted>().unwrap().n, letter.error.message, reason, by)
        })
        .collect();
    let behind = "an earlier event of this key is parked";
    let record = |n, error: &str, reason: &str| (n, error.into(), reason.into(), "tester".into());
    assert_eq!(
        records,
        [record(1, "told to fail", "booked by hand"), record(2, "told to fail", "twice"), record(5, behind, "twice")]
    );
}

async fn what_cannot_be_tried_here_is_said(home: &impl BusHome) {
    let (store, is_broken) = spoilt(home).await;
    let other = Probe::writing("other", &store);
    let bus = start(&store, vec![to(&other)]).await;
    let retried = bus.retry_dead_letters(&LetterFilter::default()).await.unwrap();
    assert_eq!(retried, Retried { elsewhere: vec!["ledger".into()], ..Retried::default() });
    let probe = poisoned(&store, &is_broken);
    bus.add(to(&probe)).await.unwrap();
    bus.pause("ledger").await.unwrap();
    let retried = bus.retry_dead_letters(&LetterFilter::default()).await.unwrap();
    assert_eq!(retried, Retried { held: vec!["ledger".into()], ..Retried::default() });
    assert!(matches!(bus.remove("nobody").await, Err(BusError::Unknown(_))));
    assert_eq!(numbers(&store).await, [1, 2, 3, 5, 6]);
}

/// While the first letter of a key is being handled, the key's next event is published.
/// Rule 6 of docs/durability.md.
async fn newer_events_of_the_key_wait_for_the_older_ones(home: &impl BusHome) {
    let (store, _) = spoilt(home).await;
    for concurrency in [1, 4] {
        let probe = Probe::new("ledger", &store, |_, n, _| if n <= 2 { Action::Wait } else { Action::Write });
        let bus = start(&store, vec![to(&probe).with_concurrency(concurrency)]).await;
        let key = if concurrency == 1 { "a" } else { "b" };
        let filter = LetterFilter { key: Some(key.into()), ..LetterFilter::default() };
        let asking = bus.retry_dead_letters(&filter);
        let publishing = async {
            until("it is being handled", async || probe.inside() == 1).await;
            publish(&store, &[(key, 20), ("c", 21)]).await;
            assert_eq!(probe.seen(key).await, [0; 0]);
            probe.gate().add_permits(1);
        };
        let (retried, ()) = tokio::join!(asking, publishing);
        assert_eq!(retried.unwrap().failed, 0);
        drained(&bus).await;
        let wanted = if concurrency == 1 { vec![1, 3, 6, 20] } else { vec![2, 5, 20] };
        until("in order", async || probe.seen(key).await == wanted).await;
        bus.stop().await;
    }
    assert_eq!(numbers(&store).await, [0; 0]);
}

/// One handler does not end, and neither does that of a letter: who has a place left handles the others.
async fn other_keys_flow_while_letters_are_tried(home: &impl BusHome) {
    let (store, _) = spoilt(home).await;
    let probe = Probe::new("ledger", &store, |_, n, _| if n == 2 || n == 20 { Action::Wait } else { Action::Write });
    let bus = start(&store, vec![to(&probe).with_concurrency(3)]).await;
    publish(&store, &[("d", 20)]).await;
    until("the first does not end", async || probe.inside() == 1).await;
    let filter = LetterFilter { key: Some("b".into()), ..LetterFilter::default() };
    let asking = bus.retry_dead_letters(&filter);
    let publishing = async {
        until("the letter is tried nevertheless", async || probe.inside() == 2).await;
        publish(&store, &[("c", 21)]).await;
        until("and another key flows", async || probe.seen("c").await == [4, 21]).await;
        probe.gate().add_permits(2);
    };
    let (retried, ()) = tokio::join!(asking, publishing);
    assert_eq!(retried.unwrap(), Retried { delivered: 2, ..Retried::default() });
    drained(&bus).await;
    assert_eq!((probe.seen("b").await, probe.seen("d").await), (vec![2, 5], vec![20]));
    bus.stop().await;
}

/// The bus dies after so many turns of a retry, for every number of turns: each event has had its effect or has its letter.
async fn retrying_is_cut_at_any_turn(home: &impl BusHome) {
    let (store, _) = spoilt(home).await;
    let mut cut_short = 0;
    for turns in 0.. {
        let probe = Probe::new("ledger", &store, |_, n, _| if n == 5 { Action::Sleep(1) } else { Action::Write });
        let bus = start(&store, vec![to(&probe).with_concurrency(2)]).await;
        let _answer = polled(bus.retry_dead_letters(&LetterFilter::default()), turns).await;
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        drop(bus);
        settled(&store).await;
        let seen = [probe.seen("a").await, probe.seen("b").await].concat();
        let left = numbers(&store).await;
        let mut all = [seen.clone(), left.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3, 5, 6], "after {turns} turns: handled {seen:?}, left {left:?}");
        cut_short += usize::from(!left.is_empty());
        if left.is_empty() {
            assert_eq!((probe.seen("a").await, probe.seen("b").await), (vec![1, 3, 6], vec![2, 5]));
            break;
        }
        assert!(turns < 500, "it never comes to an end");
    }
    assert!(cut_short > 0, "it was never cut short, so nothing was shown");
}

async fn discarding_is_dropped_at_any_poll(home: &impl BusHome) {
    let (store, _) = spoilt(home).await;
    for polls in 0.. {
        let origin = origin("operator");
        let letters = DeadLetters::of(&*store);
        let done = polled(letters.discard(&LetterFilter::default(), "old", &origin), polls).await;
        settled(&store).await;
        let discarded = store.list::<Discarded>(None, 100).await.unwrap().len();
        assert_eq!(discarded + numbers(&store).await.len(), 5, "each is there or on record");
        if done.is_some() {
            assert_eq!(discarded, 5);
            break;
        }
    }
}

/// Waits behind what may still be under way.
async fn settled(store: &Arc<dyn Store>) {
    store.commit(Unit::new(origin("test"))).await.unwrap();
}
