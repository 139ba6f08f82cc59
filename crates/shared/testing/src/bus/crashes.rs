use std::{sync::Arc, time::Duration};

use chrono::DateTime;
use event_bus::{BusError, DeliveryRecord, Pause, RetryPolicy, Subscription, at_rest, scheduled};
use event_sourcing::{Position, StoreExt, Unit};

use super::{Action, BusHome, Probe, Seen, author, drained, letters, options, publish, start, until};
use crate::{patience::polled, store::Noted};

fn to(probe: &Probe) -> Subscription {
    Subscription::new::<Noted>(probe.name(), "ledger", probe.clone())
}

const NOTES: [(&str, u64); 6] = [("a", 1), ("b", 2), ("a", 3), ("c", 4), ("b", 5), ("a", 6)];

/// The bus is dropped after it was given so many turns, for every number of turns until it has come to its end: no effect is
/// missing, none is there twice, and none without the checkpoint or mark that belongs to it.
pub(super) async fn dropped_at_any_poll(home: &impl BusHome) {
    let store = home.open().await;
    publish(&store, &NOTES).await;
    for (name, concurrency) in [("one", 1), ("three", 3)] {
        let mut turns = 0;
        let mut cut_short = 0;
        loop {
            let probe = Probe::new(name, &store, |_, n, attempt| match (n, attempt) {
                (3, 1) => Action::Fail,
                (_, _) if n % 2 == 0 => Action::Sleep(1),
                _ => Action::Write,
            });
            let holders = Arc::strong_count(&store);
            let bus = start(&store, vec![to(&probe).with_concurrency(concurrency)]).await;
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            drop(bus);
            // A process that dies has no thread left that finishes something while the next one begins.
            until("all of it is gone", async || Arc::strong_count(&store) == holders).await;
            turns += 1;
            let done: usize =
                [probe.seen("a").await, probe.seen("b").await, probe.seen("c").await].map(|n| n.len()).iter().sum();
            cut_short += usize::from(done < NOTES.len());
            if done == NOTES.len() || turns > 200 {
                break;
            }
        }
        assert!(cut_short > 0, "it was never dropped half way, so nothing was shown");
        let probe = Probe::writing(name, &store);
        let bus = start(&store, vec![to(&probe).with_concurrency(concurrency)]).await;
        drained(&bus).await;
        bus.stop().await;
        let seen = [probe.seen("a").await, probe.seen("b").await, probe.seen("c").await];
        assert_eq!(seen, [vec![1, 3, 6], vec![2, 5], vec![4]], "{name}");
        assert_eq!(store.checkpoint(name).await.unwrap().0, NOTES.len() as u64);
    }
    assert!(letters(&store).await.is_empty());
}

/// The first event hangs, those behind it are done; then the process dies.
/// Rule 2 of docs/durability.md.
pub(super) async fn what_is_done_beyond_the_checkpoint_is_not_repeated(home: &impl BusHome) {
    for round in 0..3 {
        let store = home.open().await;
        if round == 0 {
            publish(&store, &NOTES).await;
        }
        // First the notes of `a` hang, then those that come after the first of them.
        let probe = Probe::new("ledger", &store, move |key, n, _| match round {
            0 if key == "a" => Action::Wait,
            1 if n > 1 => Action::Wait,
            _ => Action::Write,
        });
        let bus = start(&store, vec![to(&probe).with_concurrency(4)]).await;
        match round {
            0 => {
                until("the others are done", async || probe.seen("b").await == [2, 5] && probe.seen("c").await == [4])
                    .await
            }
            1 => until("the first is done", async || probe.seen("a").await == [1]).await,
            _ => drained(&bus).await,
        }
        if round < 2 {
            assert!(store.checkpoint("ledger").await.unwrap().0 <= 2, "it must not pass what is not done");
            drop(bus);
        } else {
            bus.stop().await;
            let seen = [probe.seen("a").await, probe.seen("b").await, probe.seen("c").await];
            assert_eq!(seen, [vec![1, 3, 6], vec![2, 5], vec![4]]);
            assert_eq!(probe.tries().len(), 2, "only what was missing: {:?}", probe.tries());
            assert_eq!(store.checkpoint("ledger").await.unwrap().0, NOTES.len() as u64);
            assert_eq!(store.list::<Seen>(None, 9).await.unwrap().len(), 3);
            assert_eq!(
                store.documents("event_bus.inbox", None, 9).await.unwrap(),
                [],
                "marks that were passed are gone"
            );
        }
    }
}

/// A crash may have it come again what had no effect; but not behind what has come after it of its key.
pub(super) async fn what_had_no_effect_does_not_come_again_behind_its_key(home: &impl BusHome) {
    let store = home.open().await;
    publish(&store, &[("a", 1), ("b", 1), ("a", 2), ("a", 3)]).await;
    let hour = Duration::from_secs(3600);
    let slow = RetryPolicy { first: hour, longest: 2 * hour, ..options().retry };
    for (name, concurrency) in [("alone", 1), ("beside", 4)] {
        // What has failed is tried again when nobody looks any more, and keeps the checkpoint where it is.
        let probe = Probe::new(name, &store, |key, n, _| match (key, n) {
            ("b", _) => Action::Fail,
            (_, 3) => Action::Write,
            _ => Action::Look,
        });
        let bus = start(&store, vec![to(&probe).with_concurrency(concurrency).with_retry(slow)]).await;
        until("the last is done", async || probe.seen("a").await == [3]).await;
        drop(bus);
        let again = Probe::writing(name, &store);
        let bus = start(&store, vec![to(&again).with_concurrency(concurrency)]).await;
        drained(&bus).await;
        bus.stop().await;
        assert_eq!(again.tries(), [("b".to_owned(), 1)], "{name}");
    }
}

/// What an operator or a publisher asks of the bus is done or not, never half, and the bus goes on.
pub(super) async fn calls_are_dropped_at_any_poll(home: &impl BusHome) {
    let store = home.open().await;
    let probe = Probe::writing("ledger", &store);
    // A start that is dropped leaves nobody running who would handle what comes.
    for polls in 0.. {
        if let Some(bus) = polled(start(&store, vec![to(&probe)]), polls).await {
            bus.stop().await;
            break;
        }
    }
    let bus = start(&store, vec![to(&probe)]).await;
    let settle = async || drop(store.commit(Unit::new(author())).await.unwrap());
    let mut published = 0;
    for call in ["pause", "resume", "commit", "remove", "add", "status", "at rest", "scheduled", "records", "drain"] {
        for polls in 0.. {
            let done = match call {
                "pause" => polled(bus.pause("ledger"), polls).await.map(|done| done.unwrap()),
                "resume" => polled(bus.resume("ledger"), polls).await.map(|done| done.unwrap()),
                "commit" => {
                    let mut unit = Unit::new(author());
                    unit.publish(&Noted::new("a", published + 1));
                    let done = polled(bus.commit(unit), polls).await;
                    settle().await;
                    published = store.head().await.unwrap().0;
                    done.map(|done| assert_eq!(done.unwrap().events.len(), 1))
                }
                // Dropped, it is carried out nevertheless: the second call finds nobody.
                "remove" => polled(bus.remove("ledger"), polls).await.map(drop),
                "add" => {
                    let added = polled(bus.add(to(&probe)), polls).await;
                    added.map(|added| assert!(matches!(added, Ok(()) | Err(BusError::Twice(_))), "{added:?}"))
                }
                "status" => polled(bus.status(), polls).await.map(|status| assert_eq!(status.unwrap().len(), 1)),
                "at rest" => polled(at_rest(&[to(&probe)], &*store, DateTime::UNIX_EPOCH), polls)
                    .await
                    .map(|all| _ = all.unwrap()),
                "scheduled" => polled(scheduled(&*store, None, 9), polls).await.map(|all| _ = all.unwrap()),
                "records" => polled(DeliveryRecord::of(&*store, Position(1)), polls).await.map(|all| _ = all.unwrap()),
                _ => polled(bus.drain(Duration::from_secs(60)), polls).await.map(|drain| _ = drain.unwrap()),
            };
            settle().await;
            if done.is_some() {
                break;
            }
        }
        let is_paused = store.get::<Pause>("ledger").await.unwrap().is_some();
        assert_eq!(is_paused, call == "pause", "{call}");
    }
    drained(&bus).await;
    assert_eq!(probe.seen("a").await, (1..=published).collect::<Vec<_>>(), "each once, in order");
    bus.stop().await;
}
