use event_bus::Subscription;
use event_sourcing::Unit;

use super::{Action, BusHome, Probe, Ranked, author, drained, letters, publish, publish_together, start, until};
use crate::store::Noted;

fn to(probe: &Probe) -> Subscription {
    Subscription::new::<Noted>(probe.name(), "ledger", probe.clone())
}

/// One that hangs and one that fails delay and lose nothing for the third.
pub(super) async fn subscribers_are_independent(home: &impl BusHome) {
    let store = home.open().await;
    let hangs = Probe::new("hangs", &store, |_, _, _| Action::Wait);
    let fails = Probe::new("fails", &store, |_, n, _| if n == 2 { Action::Fail } else { Action::Write });
    let works = Probe::writing("works", &store);
    let bus = start(&store, vec![to(&hangs), to(&fails), to(&works)]).await;
    publish(&store, &[("a", 1), ("a", 2), ("a", 3), ("b", 4)]).await;
    until("the third has all", async || works.seen("b").await == [4]).await;
    assert_eq!(works.seen("a").await, [1, 2, 3]);
    until("the second is through", async || letters(&store).await.len() == 2).await;
    until("with what it could", async || fails.seen("b").await == [4]).await;
    assert_eq!(fails.seen("a").await, [1]);
    assert_eq!((hangs.seen("a").await, hangs.tries()), (vec![], vec![("a".to_owned(), 1)]));
    hangs.gate().add_permits(4);
    drained(&bus).await;
    assert_eq!((hangs.seen("a").await, hangs.seen("b").await), (vec![1, 2, 3], vec![4]));
    bus.stop().await;
}

pub(super) async fn events_of_a_key_keep_their_order(home: &impl BusHome) {
    let store = home.open().await;
    for (name, concurrency) in [("one", 1), ("two", 2), ("many", 16)] {
        // The later ones are faster, and some fail once.
        let probe = Probe::new(name, &store, |_, n, attempt| match n % 3 {
            0 => Action::Sleep(2),
            1 if attempt == 1 => Action::Fail,
            _ => Action::Write,
        });
        let bus = start(&store, vec![to(&probe).with_concurrency(concurrency)]).await;
        if name == "one" {
            let notes = (1..=12).flat_map(|n| (0..8).map(move |writer| Noted::new(format!("writer {writer}"), n)));
            publish_together(&store, notes).await;
        }
        drained(&bus).await;
        for writer in 0..8 {
            let seen = probe.seen(&format!("writer {writer}")).await;
            assert_eq!(seen, (1..=12).collect::<Vec<_>>(), "{name}: writer {writer}");
        }
        assert!(letters(&store).await.is_empty());
        bus.stop().await;
    }
}

pub(super) async fn keys_run_concurrently_up_to_the_limit(home: &impl BusHome) {
    let store = home.open().await;
    publish_together(&store, (1..=20).map(|n| Noted::new(format!("writer {}", n % 10), n))).await;
    let probe = Probe::new("limited", &store, |_, _, _| Action::Wait);
    let bus = start(&store, vec![to(&probe).with_concurrency(4)]).await;
    until("as many as may run", async || probe.inside() == 4).await;
    until("which status tells", async || bus.status().await.unwrap()[0].in_flight == 4).await;
    probe.gate().add_permits(20);
    drained(&bus).await;
    assert_eq!((probe.most_inside(), probe.tries().len()), (4, 20));
    bus.stop().await;
}

/// While the first is handled, 200 urgent keys and one that is not become ready.
pub(super) async fn urgent_keys_go_first_and_others_do_not_starve(home: &impl BusHome) {
    let store = home.open().await;
    let probe = Probe::new("ranked", &store, |_, n, _| if n == 1 { Action::Wait } else { Action::Look });
    let subscription = Subscription::envelopes("ranked", "ledger", "ranks.*", probe.clone());
    let mut unit = Unit::new(author());
    unit.publish(&Ranked::<3> { key: "first".into() });
    unit.publish(&Ranked::<0> { key: "patient".into() });
    unit.publish(&Ranked::<1> { key: "normal".into() });
    for n in 0..200 {
        unit.publish(&Ranked::<3> { key: format!("critical {n}") });
    }
    unit.publish(&Ranked::<2> { key: "high".into() });
    store.commit(unit).await.unwrap();
    let bus = start(&store, vec![subscription]).await;
    until("the first is being handled", async || probe.inside() == 1).await;
    until("the others wait", async || bus.status().await.unwrap()[0].queued == 203).await;
    probe.gate().add_permits(1);
    drained(&bus).await;
    let tries = probe.tries();
    let place = |key: &str| tries.iter().position(|(tried, _)| tried.ends_with(key)).unwrap();
    assert!(tries[1].0.starts_with("ranks.critical"), "the most urgent first: {:?}", &tries[..4]);
    // The bound: 64 dequeues for each that was ready before it, and for itself.
    assert!(place("patient") <= 64 + 2 && place("patient") < place("normal"), "{}", place("patient"));
    assert!(place("normal") <= 2 * 64 + 3, "{}", place("normal"));
    assert!(place("critical 0") < place("critical 1"), "equals in their order");
    bus.stop().await;
}

/// A thousand keys have waited for long when an urgent one comes.
pub(super) async fn what_is_urgent_overtakes_what_waits(home: &impl BusHome) {
    let store = home.open().await;
    let mut unit = Unit::new(author());
    for n in 0..1000 {
        unit.publish(&Ranked::<0> { key: format!("low {n}") });
    }
    store.commit(unit).await.unwrap();
    for (name, concurrency) in [("one", 1), ("two", 2)] {
        let probe = Probe::new(name, &store, |_, _, _| Action::Sleep(20));
        let subscription = Subscription::envelopes(name, "ledger", "ranks.*", probe.clone());
        let bus = start(&store, vec![subscription.with_concurrency(concurrency)]).await;
        until("it has begun", async || probe.tries().len() > 4).await;
        let mut unit = Unit::new(author());
        unit.publish(&Ranked::<3> { key: format!("urgent {name}") });
        store.commit(unit).await.unwrap();
        let before = probe.tries().len();
        let is_urgent = |(tried, _): &(String, u64)| tried.ends_with(&format!("urgent {name}"));
        until("the urgent one is handled", async || probe.tries().iter().any(is_urgent)).await;
        let place = probe.tries().iter().position(is_urgent).unwrap();
        assert!(place < before + 30, "{name}: {before} were handled before it came, {place} before it was handled");
        bus.stop().await;
    }
}

pub(super) async fn a_mailbox_is_bounded(home: &impl BusHome) {
    let store = home.open().await;
    publish_together(&store, (1..=100).map(|n| Noted::new(format!("writer {n}"), n))).await;
    let probe = Probe::new("small", &store, |_, _, _| Action::Wait);
    let bus = start(&store, vec![to(&probe).with_concurrency(3).with_mailbox(7)]).await;
    until("its fill", async || probe.inside() == 3).await;
    for _ in 0..100 {
        probe.gate().add_permits(1);
        tokio::task::yield_now().await;
        let status = bus.status().await.unwrap().remove(0);
        assert!(status.queued <= 7 && status.in_flight <= 3, "{status:?}");
    }
    drained(&bus).await;
    assert_eq!(probe.tries().len(), 100);
    bus.stop().await;
}

pub(super) async fn patterns_take_what_they_name(home: &impl BusHome) {
    let store = home.open().await;
    let mut unit = Unit::new(author());
    unit.publish(&Ranked::<0> { key: "k".into() });
    unit.publish(&Noted::new("k", 1));
    unit.publish(&Ranked::<2> { key: "k".into() });
    store.commit(unit).await.unwrap();
    let cases = [("all", "*", &[1, 2, 3][..]), ("ranks", "ranks.*", &[1, 3]), ("high", "ranks.high", &[3])];
    let probes = cases.map(|(name, pattern, expected)| (Probe::writing(name, &store), pattern, expected));
    let subscription = |(probe, pattern, _): &(Probe, &'static str, _)| {
        Subscription::envelopes(probe.name(), "x", pattern, probe.clone())
    };
    let bus = start(&store, probes.iter().map(subscription).collect()).await;
    drained(&bus).await;
    for (probe, pattern, expected) in probes {
        let seen: Vec<u64> = probe.tries().into_iter().map(|(_, position)| position).collect();
        assert_eq!(seen, expected, "{pattern}");
    }
    bus.stop().await;
}
