//! What waits for the writer while it is held up: it stops at the clock of a unit that has a deadline.

use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use event_sourcing::{Collection, CommitError, Expected, Origin, Position, Store, StoreErrorKind, Unit};
use kernel::{Clock, Error, ErrorKind, ManualClock};
use storage_sqlite::{Options, SqliteStore};
use testing::store::{Card, Noted};
use tokio::task::{JoinHandle, yield_now};

use crate::{options, place};

/// Units that the queue holds.
const QUEUE: u64 = 1024;

/// A clock before which the writer stands still, until it is let go.
struct Gate {
    arrived: Mutex<mpsc::Sender<()>>,
    open: Mutex<mpsc::Receiver<()>>,
}

impl Clock for Gate {
    fn now(&self) -> DateTime<Utc> {
        // Whoever waits for the unit looks too.
        if std::thread::current().name() != Some("sqlite-writer") {
            return DateTime::UNIX_EPOCH;
        }
        self.arrived.lock().unwrap().send(()).unwrap();
        // Whoever forgets to open it has ended.
        let _ = self.open.lock().unwrap().recv();
        DateTime::UNIX_EPOCH
    }
}

/// The writer stands at the gate: let go by the sender, and the unit that it holds is then written.
pub async fn hold(store: &Arc<SqliteStore>) -> (mpsc::Sender<()>, JoinHandle<()>) {
    let (arrive, arrived) = mpsc::channel();
    let (opener, open) = mpsc::channel();
    let clock = Arc::new(Gate { arrived: Mutex::new(arrive), open: Mutex::new(open) });
    let context = testing::context(&[]).until(DateTime::UNIX_EPOCH + TimeDelta::seconds(1));
    let mut unit = Unit::new(Origin { clock, context, ..testing::origin("test") });
    unit.put("held", &Card { n: 0 }, Expected::Absent);
    let store = Arc::clone(store);
    let held = tokio::spawn(async move { drop(store.commit(unit).await.unwrap()) });
    while arrived.try_recv().is_err() {
        yield_now().await;
    }
    (opener, held)
}

fn put(n: u64) -> Unit {
    let mut unit = Unit::new(testing::origin("test"));
    unit.put(n.to_string(), &Card { n }, Expected::Absent);
    unit
}

/// Time is paused, so that the patience is over as soon as everybody waits.
/// Rule 13 of docs/durability.md.
#[tokio::test(start_paused = true)]
async fn a_full_queue_is_busy_after_a_while() {
    let (_folder, path) = place();
    let patience = Duration::from_secs(3);
    let store = Arc::new(SqliteStore::open(&path, Options { patience, ..options() }).unwrap());
    let (gate, held) = hold(&store).await;
    let mut queued: Vec<_> = (1..=QUEUE).map(|n| store.commit(put(n))).collect();
    for commit in &mut queued {
        assert!(testing::polled(commit, 1).await.is_none(), "the writer stands still");
    }
    let start = tokio::time::Instant::now();
    for n in 1..=3 {
        let refused = store.commit(put(QUEUE + n)).await.unwrap_err();
        let CommitError::Store(error) = &refused else { panic!("{refused}") };
        assert_eq!(error.kind, StoreErrorKind::Busy);
        assert!(error.message.contains("1024 units waiting for its writer for 3s"), "{error}");
        let error = Error::from(refused);
        assert!(error.kind == ErrorKind::Unavailable && error.kind.is_transient(), "{error}");
        assert_eq!(start.elapsed(), patience * n as u32);
    }
    let refused = store.declare(&[Collection::of::<Card>()]).await.unwrap_err();
    assert_eq!((refused.kind, start.elapsed()), (StoreErrorKind::Busy, patience * 4), "{refused}");
    gate.send(()).unwrap();
    held.await.unwrap();
    for commit in queued {
        commit.await.unwrap();
    }
    store.commit(put(QUEUE + 9)).await.unwrap();
    let there = store.documents("testing.cards", None, usize::MAX).await.unwrap();
    assert_eq!(there.len() as u64, QUEUE + 2, "what was refused is not there, the rest is");
}

/// Paused, as the patience is: with it goes the clock of the deadline.
#[tokio::test(start_paused = true)]
async fn who_waits_for_room_beyond_the_deadline_is_told_so_then() {
    let (_folder, path) = place();
    let store = Arc::new(SqliteStore::open(&path, options()).unwrap());
    let (gate, held) = hold(&store).await;
    let mut queued: Vec<_> = (1..=QUEUE).map(|n| store.commit(put(n))).collect();
    for commit in &mut queued {
        assert!(testing::polled(commit, 1).await.is_none(), "the writer stands still");
    }
    let start = tokio::time::Instant::now();
    let clock = Arc::new(Ticking(start));
    let context = testing::context(&[]).until(DateTime::UNIX_EPOCH + TimeDelta::seconds(2));
    let mut unit = Unit::new(Origin { clock, context, ..testing::origin("test") });
    unit.put("hurried", &Card { n: 0 }, Expected::Absent);
    let refused = store.commit(unit).await.unwrap_err();
    assert!(matches!(refused, CommitError::Late { .. }), "{refused}");
    assert_eq!(start.elapsed().as_secs(), 2, "of the five that others wait");
    drop(gate);
    held.await.unwrap();
}

/// It waits for its turn, and there is room.
#[tokio::test(start_paused = true)]
async fn who_waits_in_the_queue_beyond_the_deadline_is_told_so_then_and_nothing_is_written() {
    let (_folder, path) = place();
    let store = Arc::new(SqliteStore::open(&path, options()).unwrap());
    let (gate, held) = hold(&store).await;
    let start = tokio::time::Instant::now();
    let context = testing::context(&[]).until(DateTime::UNIX_EPOCH + TimeDelta::seconds(2));
    let mut unit = Unit::new(Origin { clock: Arc::new(Ticking(start)), context, ..testing::origin("test") });
    unit.put("hurried", &Card { n: 0 }, Expected::Absent);
    let refused = store.commit(unit).await.unwrap_err();
    assert!(matches!(refused, CommitError::Late { .. }), "{refused}");
    assert_eq!(start.elapsed().as_secs(), 2);
    gate.send(()).unwrap();
    held.await.unwrap();
    store.commit(put(1)).await.unwrap();
    assert_eq!(store.document("testing.cards", "hurried").await.unwrap(), None);
}

/// The time since then.
struct Ticking(tokio::time::Instant);

impl Clock for Ticking {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + self.0.elapsed()
    }
}

#[tokio::test]
async fn a_unit_that_waits_beyond_its_deadline_is_not_written() {
    let (_folder, path) = place();
    let store = Arc::new(SqliteStore::open(&path, options()).unwrap());
    let (gate, held) = hold(&store).await;
    let clock = Arc::new(ManualClock::default());
    let hurried = |seconds: i64| {
        let context = testing::context(&[]).until(DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds));
        let mut unit = Unit::new(Origin { clock: clock.clone(), context, ..testing::origin("test") });
        unit.append("s", Expected::Any, &Noted::new("s", seconds as u64));
        unit
    };
    // They share a transaction: the late one does not take its neighbours with it.
    let [early, late, unhurried] = [hurried(60), hurried(5), put(1)].map(|unit| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.commit(unit).await })
    });
    yield_now().await;
    clock.advance(TimeDelta::seconds(30));
    gate.send(()).unwrap();
    held.await.unwrap();
    assert_eq!(early.await.unwrap().unwrap().position, Some(Position(1)));
    let refused = late.await.unwrap().unwrap_err();
    assert!(matches!(refused, CommitError::Late { .. }), "{refused}");
    unhurried.await.unwrap().unwrap();
    assert_eq!(store.head().await.unwrap(), Position(1));
    assert_eq!(store.stream("s", event_sourcing::StreamQuery::after(0, 9)).await.unwrap().len(), 1);
}
