//! What becomes of events that a store does not take at once: [`publisher_conformance`].

#![expect(clippy::unwrap_used, reason = "a suite fails by panicking")]

use std::{fs, path::Path, sync::Arc, time::Duration};

use event_bus::{InlineSubscribers, PublishError, Published, Publisher, PublisherOptions, RefusedPublish, SpoolError};
use event_sourcing::{EventLimits, EventRules, Expected, LogQuery, Origin, Position, Receipt, Store, StoreExt, Unit};
use kernel::{ManualClock, SystemIds};

use crate::{
    actors::origin,
    bus::{BusHome, depths::Deep},
    faults::{Fault, FaultPlan},
    patience::{polled, soon},
    store::{Card, Noted},
};

/// Runs the whole suite. `make` gives an empty home each time, `folder` is one in which files may be made.
///
/// # Panics
/// Where an event is lost, published twice or out of order.
pub async fn publisher_conformance<H: BusHome>(make: impl AsyncFn() -> H, folder: &Path) {
    for file in [false, true] {
        let file = |name: &str| file.then(|| folder.join(name));
        what_fails_is_published_later_in_order(&make().await, options(file("order"))).await;
        a_lost_answer_publishes_nothing_twice(&make().await, options(file("answers"))).await;
        what_is_refused_for_good_is_set_aside(&make().await, options(file("refused"))).await;
        a_full_spool_says_so(&make().await, PublisherOptions { most: 2, ..options(file("full")) }).await;
    }
    what_is_kept_can_be_set_aside(&make().await, options(Some(folder.join("room")))).await;
    what_is_kept_survives_a_restart(&make().await, options(Some(folder.join("restart")))).await;
    a_torn_line_is_left_out_and_said(&make().await, options(Some(folder.join("torn")))).await;
    publishing_is_dropped_at_any_poll(&make().await, options(Some(folder.join("polls")))).await;
}

fn options(file: Option<std::path::PathBuf>) -> PublisherOptions {
    let (first, longest) = (Duration::from_millis(1), Duration::from_millis(4));
    PublisherOptions { file, first, longest, ..PublisherOptions::new("sensors") }
}

/// A store whose commits fail as the test says.
struct Flaky {
    plan: FaultPlan,
    /// With its faults.
    store: Arc<dyn Store>,
    /// Without them.
    sound: Arc<dyn Store>,
}

impl Flaky {
    fn over(sound: Arc<dyn Store>) -> Self {
        let plan = FaultPlan::by_hand().only(["store.commit"]);
        Self { store: Arc::new(plan.around(Arc::clone(&sound))), sound, plan }
    }
}

async fn open(store: &Flaky, options: PublisherOptions) -> Result<Publisher, SpoolError> {
    let shared = Arc::clone(&store.store);
    let rules = EventRules::new(EventLimits { payload_bytes: 100, ..EventLimits::default() });
    let inline = InlineSubscribers::of(&[]).holding_to(rules, Arc::clone(&shared));
    Publisher::open(options, shared, Arc::new(ManualClock::default()), Arc::new(SystemIds), inline).await
}

fn unit(notes: &[u64]) -> Unit {
    let mut unit = Unit::new(Origin { ids: Arc::new(SystemIds), ..origin("sensors") });
    notes.iter().for_each(|n| _ = unit.publish(&Noted::new("sensor", *n)));
    unit
}

async fn notes(store: &Flaky) -> Vec<u64> {
    crate::Published::to(&*store.sound).await.of::<Noted>().into_iter().map(|note| note.n).collect()
}

async fn is_empty(publisher: &Publisher) {
    soon("nothing is kept", publisher.drained()).await;
}

async fn what_fails_is_published_later_in_order(home: &impl BusHome, options: PublisherOptions) {
    let store = Flaky::over(home.open().await);
    let publisher = open(&store, options).await.unwrap();
    assert!(matches!(publisher.publish(unit(&[1])).await, Ok(Published::Committed(_))));
    for _ in 0..3 {
        store.plan.always(Some(Fault::Fail));
        let n = notes(&store).await.len() as u64;
        assert!(matches!(publisher.publish(unit(&[n + 1, n + 2])).await, Ok(Published::Kept)));
        assert!(matches!(publisher.publish(unit(&[n + 3])).await, Ok(Published::Kept)));
        let status = publisher.status();
        assert_eq!((status.waiting, status.error.is_some()), (2, true), "{status:?}");
        store.plan.always(None);
        is_empty(&publisher).await;
    }
    assert!(matches!(publisher.publish(unit(&[11])).await, Ok(Published::Committed(_))));
    assert_eq!(notes(&store).await, (1..=11).collect::<Vec<_>>());
    assert_eq!((publisher.status().kept, publisher.status().refused), (6, 0));
}

async fn a_lost_answer_publishes_nothing_twice(home: &impl BusHome, options: PublisherOptions) {
    let store = Flaky::over(home.open().await);
    let publisher = open(&store, options).await.unwrap();
    for n in 1..=5 {
        store.plan.next(&[Fault::Mute, Fault::Fail, Fault::Mute][..n as usize % 4]);
        publisher.publish(unit(&[n])).await.unwrap();
    }
    is_empty(&publisher).await;
    assert_eq!(notes(&store).await, [1, 2, 3, 4, 5]);
}

async fn what_is_refused_for_good_is_set_aside(home: &impl BusHome, options: PublisherOptions) {
    let store = Flaky::over(home.open().await);
    let publisher = open(&store, options).await.unwrap();
    let mut large = unit(&[]);
    large.publish(&Noted::new("x".repeat(100), 1));
    let refused = publisher.publish(large).await.unwrap_err();
    assert!(matches!(&refused, PublishError::Refused(error) if error.code() == "event.too_large"), "{refused}");
    let mut card = unit(&[1]);
    card.put("k", &Card { n: 1 }, Expected::Any);
    assert!(matches!(publisher.publish(card).await, Err(PublishError::NotOnlyEvents)));
    assert!(matches!(publisher.publish(unit(&[])).await, Ok(Published::Committed(_))));
    store.plan.always(Some(Fault::Fail));
    publisher.publish(unit(&[1])).await.unwrap();
    let mut large = unit(&[]);
    large.publish(&Noted::new("x".repeat(100), 2));
    assert!(matches!(publisher.publish(large).await, Ok(Published::Kept)), "nobody has looked at it yet");
    publisher.publish(unit(&[3])).await.unwrap();
    store.plan.always(None);
    is_empty(&publisher).await;
    assert_eq!((notes(&store).await, publisher.status().refused), (vec![1, 3], 1));
    let set_aside = store.sound.list::<RefusedPublish>(None, 10).await.unwrap();
    assert_eq!(set_aside.len(), 1);
    assert_eq!(set_aside[0].value.events[0].event.decode::<Noted>().unwrap().n, 2);
    assert_eq!(set_aside[0].value.error.code(), "event.too_large");
}

/// While others wait, nobody looks at what the rules say: but what no store takes is not kept, and what is has room where it is set
/// aside.
async fn what_is_kept_can_be_set_aside(home: &impl BusHome, options: PublisherOptions) {
    let store = Flaky::over(home.open().await);
    let publisher = open(&store, options).await.unwrap();
    store.plan.always(Some(Fault::Fail));
    publisher.publish(unit(&[1])).await.unwrap();
    let deep = |levels| {
        let mut deep = unit(&[]);
        deep.publish(&Deep::of(levels));
        deep
    };
    // As an event it has room, and in a document with the name of its stream it has none.
    let mut large = unit(&[]);
    large.append("x".repeat(65 << 20), Expected::Any, &Noted::new("sensor", 2));
    for refused in [deep(121), deep(200), large] {
        let refused = kernel::Error::from(publisher.publish(refused).await.unwrap_err());
        assert_eq!(refused.code(), "store.unwritable", "{refused}");
    }
    assert!(matches!(publisher.publish(deep(120)).await, Ok(Published::Kept)));
    store.plan.always(None);
    is_empty(&publisher).await;
    assert_eq!((notes(&store).await, publisher.status().refused), (vec![1], 1), "larger than the rules allow");
    let set_aside = store.sound.list::<RefusedPublish>(None, 10).await.unwrap();
    assert_eq!((set_aside.len(), set_aside[0].value.error.code()), (1, "event.too_large"));
    assert_eq!(set_aside[0].value.events[0].event.decode::<Deep>().unwrap(), Deep::of(120));
}

async fn a_full_spool_says_so(home: &impl BusHome, options: PublisherOptions) {
    let store = Flaky::over(home.open().await);
    let publisher = open(&store, options).await.unwrap();
    store.plan.always(Some(Fault::Fail));
    for n in 1..=2 {
        publisher.publish(unit(&[n])).await.unwrap();
    }
    let full = publisher.publish(unit(&[3])).await.unwrap_err();
    assert!(matches!(full, PublishError::Full { kept: 2, .. }), "{full}");
    assert_eq!(kernel::Error::from(full).code(), "event.spool_full");
    store.plan.always(None);
    is_empty(&publisher).await;
    publisher.publish(unit(&[4])).await.unwrap();
    assert_eq!(notes(&store).await, [1, 2, 4], "what was refused was not published");
}

/// The process dies while it keeps units, of which one was committed without an answer, and again while it publishes them.
async fn what_is_kept_survives_a_restart(home: &impl BusHome, options: PublisherOptions) {
    let store = Flaky::over(home.open().await);
    let publisher = open(&store, options.clone()).await.unwrap();
    store.plan.next(&[Fault::Mute]);
    store.plan.always(Some(Fault::Fail));
    for n in 0..10 {
        publisher.publish(unit(&[2 * n + 1, 2 * n + 2])).await.unwrap();
    }
    drop(publisher);
    for turns in 0..30 {
        let publisher = open(&store, options.clone()).await.unwrap();
        store.plan.always(None);
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        drop(publisher);
        store.plan.always((turns % 2 == 0).then_some(Fault::Mute));
        // What the dead one was writing is written.
        store.sound.commit(unit(&[])).await.unwrap();
    }
    store.plan.always(None);
    let publisher = open(&store, options).await.unwrap();
    is_empty(&publisher).await;
    assert_eq!(notes(&store).await, (1..=20).collect::<Vec<_>>());
    assert_eq!(publisher.publish(unit(&[21])).await.unwrap(), publisher_committed(&store).await);
}

async fn publisher_committed(store: &Flaky) -> Published {
    let log = store.sound.log(LogQuery::after(Position(20), 1)).await.unwrap();
    Published::Committed(Receipt { events: [(log[0].event_id, 21)].into(), position: Some(Position(21)) })
}

async fn a_torn_line_is_left_out_and_said(home: &impl BusHome, options: PublisherOptions) {
    let store = Flaky::over(home.open().await);
    let path = options.file.clone().unwrap();
    store.plan.always(Some(Fault::Fail));
    let publisher = open(&store, options.clone()).await.unwrap();
    for n in 1..=2 {
        publisher.publish(unit(&[n])).await.unwrap();
    }
    drop(publisher);
    let whole = fs::read(&path).unwrap();
    let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for length in first..=whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let publisher = open(&store, options.clone()).await.unwrap();
        let status = publisher.status();
        let is_whole = length == first || length == whole.len();
        assert_eq!((status.torn, status.waiting), (!is_whole, 1 + usize::from(length == whole.len())), "at {length}");
    }
    for (at, number) in [(3, 1), (first + 3, 2)] {
        let mut damaged = whole.clone();
        damaged[at] = b'#';
        fs::write(&path, &damaged).unwrap();
        let error = open(&store, options.clone()).await.err().unwrap();
        assert!(matches!(error, SpoolError::Damaged { line, .. } if line == number), "{error}");
        assert_eq!(fs::read(&path).unwrap(), damaged, "what was promised is not thrown away");
    }
    fs::write(&path, &whole[..whole.len() - 5]).unwrap();
    let publisher = open(&store, options).await.unwrap();
    publisher.publish(unit(&[3])).await.unwrap();
    store.plan.always(None);
    is_empty(&publisher).await;
    assert_eq!(notes(&store).await, [1, 3]);
    assert_eq!(fs::read(&path).unwrap(), b"", "nothing is left");
}

async fn publishing_is_dropped_at_any_poll(home: &impl BusHome, options: PublisherOptions) {
    let store = Flaky::over(home.open().await);
    let publisher = open(&store, options).await.unwrap();
    let (mut n, mut answered) = (0, Vec::new());
    for fault in [None, Some(Fault::Fail), Some(Fault::Mute)] {
        for polls in 0.. {
            n += 2;
            store.plan.next(fault.as_slice());
            let answer = polled(publisher.publish(unit(&[n, n + 1])), polls).await;
            store.plan.always(None);
            store.sound.commit(unit(&[])).await.unwrap();
            if answer.is_some() {
                answered.extend([n, n + 1]);
                break;
            }
        }
    }
    is_empty(&publisher).await;
    let mut notes = notes(&store).await;
    assert!(answered.iter().all(|n| notes.contains(n)), "{answered:?} were promised, {notes:?} are there");
    assert_eq!(answered.len(), 6, "each came to its end");
    notes.sort_unstable();
    let mut once = notes.clone();
    once.dedup();
    assert_eq!(notes, once, "nothing twice");
    assert!(notes.chunks(2).all(|pair| pair[0] + 1 == pair[1]), "half of a unit: {notes:?}");
}
