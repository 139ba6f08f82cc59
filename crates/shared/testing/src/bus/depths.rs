//! Events at the edge of what documents have room for, and beyond it, as an earlier version has written them.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chrono::DateTime;
use event_bus::{
    BatchOptions, DeadLetter, Discarded, EnvelopeSubscriber, LetterFilter, OnUnknown, Retried, Schedule, Subscription,
    scheduled,
};
use event_sourcing::{CommitError, Store, StoreExt, Unit};
use kernel::{Context, Envelope, Error, Event, Json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{BusHome, author, drained, publish, start, until};
use crate::{actors::context, faults::Reading, store::nested};

/// The deepest event that is written.
const DEEPEST: usize = 120;
/// The deepest one for which a letter has room, and a letter that was discarded.
const IN_A_LETTER: usize = 125;
const DISCARDED: usize = 124;

/// An event whose data has so many levels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Deep {
    pub levels: usize,
    pub inside: Value,
}

impl Event for Deep {
    const NAME: &'static str = "testing.deep";

    fn key(&self) -> String {
        self.levels.to_string()
    }
}

impl Deep {
    /// The event itself is one level.
    pub fn of(levels: usize) -> Self {
        Self { levels, inside: nested(levels - 1) }
    }

    fn json(levels: usize) -> Json {
        Json::of(&Self::of(levels)).unwrap()
    }
}

/// Fails on deep events as long as it is told to. What it gets of them is remembered.
#[derive(Clone)]
struct Diver {
    is_broken: Arc<AtomicBool>,
    handled: Arc<Mutex<Vec<(String, Json)>>>,
}

impl Diver {
    fn broken() -> Self {
        Self { is_broken: Arc::new(AtomicBool::new(true)), handled: Arc::default() }
    }

    fn subscription(&self, name: &'static str) -> Subscription {
        Subscription::envelopes(name, "divers", "testing.*", self.clone())
    }

    /// Keys of what was handled. All of it was whole.
    fn handled(&self) -> Vec<String> {
        let handled = self.handled.lock().unwrap();
        for (key, data) in handled.iter().filter(|(key, _)| key.parse::<usize>().is_ok()) {
            assert_eq!(*data, Deep::json(key.parse().unwrap()), "{key}");
        }
        handled.iter().map(|(key, _)| key.clone()).collect()
    }
}

impl EnvelopeSubscriber for Diver {
    async fn handle(&self, _: &Context, event: &Arc<Envelope>, _: &mut Unit) -> Result<(), Error> {
        if event.event_type == Deep::NAME && self.is_broken.load(Ordering::SeqCst) {
            return Err(Error::internal("too deep to dive"));
        }
        self.handled.lock().unwrap().push((event.metadata.key.clone(), event.data.clone()));
        Ok(())
    }
}

async fn letters(store: &Arc<dyn Store>) -> Vec<DeadLetter> {
    store.list::<DeadLetter>(None, 1000).await.unwrap().into_iter().map(|letter| letter.value).collect()
}

/// The levels of the events of these letters, and whether they have their data.
fn levels(letters: &[DeadLetter]) -> Vec<(usize, bool)> {
    let levels = |letter: &DeadLetter| {
        let levels = letter.event.metadata.key.parse().unwrap();
        (levels, letter.event.data == Deep::json(levels))
    };
    letters.iter().map(levels).collect()
}

/// What can be published or scheduled can be fired, parked and discarded; what cannot is refused at once, and alike.
pub(super) async fn what_is_written_has_room_everywhere(home: &impl BusHome) {
    let store = home.open().await;
    for levels in [2, DEEPEST - 1, DEEPEST, DEEPEST + 1, 122, 123, 124, 125, 126, 127, 128, 200] {
        let (mut published, mut planned) = (Unit::new(author()), Unit::new(author()));
        published.publish(&Deep::of(levels));
        planned.schedule(&Deep::of(levels), DateTime::UNIX_EPOCH);
        for (how, unit) in [("published", published), ("scheduled", planned)] {
            match store.commit(unit).await {
                Ok(_) => assert!(levels <= DEEPEST, "{levels} {how}"),
                Err(CommitError::Unwritable(message)) => {
                    assert!(levels > DEEPEST, "{levels} {how}: {message}");
                    assert!(message.starts_with("event `testing.deep` nests deeper than 120 levels"), "{message}");
                }
                Err(other) => panic!("{levels} {how}: {other}"),
            }
        }
    }
    let diver = Diver::broken();
    let bus = start(&store, vec![diver.subscription("diver")]).await;
    until("what is due is published", async || scheduled(&*store, None, 1).await.unwrap().is_empty()).await;
    drained(&bus).await;
    let parked = letters(&store).await;
    let sorted = |letters: &[DeadLetter]| {
        let mut levels = levels(letters);
        levels.sort_unstable();
        levels
    };
    let wanted = [2, 2, DEEPEST - 1, DEEPEST - 1, DEEPEST, DEEPEST].map(|levels| (levels, true));
    assert_eq!(sorted(&parked), wanted);
    let discarded = bus.discard_dead_letters(&LetterFilter::default(), "seen", &context(&[])).await.unwrap();
    assert_eq!(discarded, 6);
    let records = store.list::<Discarded>(None, 10).await.unwrap();
    let discarded: Vec<_> = records.into_iter().map(|record| record.value.letter).collect();
    assert_eq!(sorted(&discarded), wanted);
    bus.stop().await;
}

/// Rule 6 of docs/durability.md, of what no store would take today.
pub(super) async fn what_an_earlier_version_has_published_blocks_nobody(home: &impl BusHome, concurrency: usize) {
    const ALL: [usize; 9] = [DEEPEST, 121, 123, DISCARDED, IN_A_LETTER, 126, 127, 128, 200];
    let store = earlier(home.open().await);
    for levels in ALL {
        let mut unit = Unit::new(author());
        unit.publish(&Deep { levels, inside: Value::Null });
        store.commit(unit).await.unwrap();
        publish(&store, &[("sound", levels as u64)]).await;
    }
    let diver = Diver::broken();
    let bus = start(&store, vec![diver.subscription("diver").with_concurrency(concurrency)]).await;
    drained(&bus).await;
    assert_eq!(diver.handled(), ["sound"; ALL.len()], "other keys flow");
    for tries in [3, 4] {
        let parked = letters(&store).await;
        assert_eq!(levels(&parked), ALL.map(|levels| (levels, levels <= IN_A_LETTER)));
        assert!(parked.iter().all(|l| l.error.message == "too deep to dive" && l.attempts == tries), "{parked:?}");
        let retried = bus.retry_dead_letters(&LetterFilter::default()).await.unwrap();
        assert_eq!(retried, Retried { failed: ALL.len(), ..Retried::default() });
    }
    diver.is_broken.store(false, Ordering::SeqCst);
    for levels in [IN_A_LETTER, 126, 200] {
        let filter = LetterFilter { key: Some(levels.to_string()), ..LetterFilter::default() };
        let retried = bus.retry_dead_letters(&filter).await.unwrap();
        assert_eq!(retried, Retried { delivered: 1, ..Retried::default() });
        assert_eq!(diver.handled().last(), Some(&levels.to_string()), "whole, as it stands in the log");
    }
    bus.discard_dead_letters(&LetterFilter::default(), "seen", &context(&[])).await.unwrap();
    assert_eq!(letters(&store).await, []);
    let records = store.list::<Discarded>(None, 100).await.unwrap().into_iter();
    let discarded: Vec<_> = records.map(|record| record.value.letter).collect();
    let left = [DEEPEST, 121, 123, DISCARDED, 127, 128].map(|levels| (levels, levels <= DISCARDED));
    assert_eq!(levels(&discarded), left);
    bus.stop().await;
}

/// Rule 8 of docs/durability.md, of what nests deeper than anybody reads.
pub(super) async fn what_nobody_reads_is_parked_skipped_or_halts(home: &impl BusHome) {
    let store = earlier(home.open().await);
    let mut unit = Unit::new(author());
    unit.publish(&Deep { levels: 10, inside: Value::Null });
    unit.publish(&Deep { levels: 128, inside: Value::Null });
    unit.publish(&Deep { levels: 11, inside: Value::Null });
    store.commit(unit).await.unwrap();
    let batches = BatchOptions { size: 8, delay: Duration::from_millis(1) };
    let reader = || Reader::default();
    let readers = [reader(), reader(), reader(), reader()];
    let [parks, skips, halts, together] = readers.clone();
    let bus = start(
        &store,
        vec![
            Subscription::new::<Deep>("parks", "divers", parks),
            Subscription::new::<Deep>("skips", "divers", skips).with_unknown(OnUnknown::Skip),
            Subscription::new::<Deep>("halts", "divers", halts).with_unknown(OnUnknown::Halt),
            Subscription::batches::<Deep>("together", "divers", batches, together),
        ],
    )
    .await;
    drained(&bus).await;
    assert_eq!(readers.map(|reader| reader.seen()), [vec![10, 11], vec![10, 11], vec![10], vec![10, 11]]);
    let parked = letters(&store).await;
    assert_eq!(parked.iter().map(|letter| letter.subscriber.as_str()).collect::<Vec<_>>(), ["parks", "together"]);
    assert_eq!(levels(&parked), [(128, false); 2]);
    let halted = bus.status().await.unwrap().remove(2).halted.unwrap();
    assert!(halted.contains("testing.deep"), "{halted}");
    bus.stop().await;
}

/// Remembers the levels of what it reads.
#[derive(Clone, Default)]
struct Reader(Arc<Mutex<Vec<usize>>>);

impl Reader {
    fn seen(&self) -> Vec<usize> {
        self.0.lock().unwrap().clone()
    }
}

impl event_bus::Subscriber<Deep> for Reader {
    async fn handle(&self, _: &Context, event: &Deep, _: &mut Unit) -> Result<(), Error> {
        self.0.lock().unwrap().push(event.levels);
        Ok(())
    }
}

impl event_bus::BatchSubscriber<Deep> for Reader {
    async fn handle(&self, _: &Context, events: &[Deep], _: &mut Unit) -> Result<(), Error> {
        self.0.lock().unwrap().extend(events.iter().map(|event| event.levels));
        Ok(())
    }
}

/// A store whose deep events are as deep as they say: there was a time when a store took them.
fn earlier(store: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Reading::of(store, |event: &mut Envelope| {
        if event.event_type == Deep::NAME {
            event.data = Deep::json(event.metadata.key.parse().unwrap());
        }
        Ok(())
    }))
}
