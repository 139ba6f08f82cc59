//! Histories drawn from a seed in which much is parked, one event at a time and in batches: letters are tried again and discarded,
//! subscribers paused, stopped, dropped between two polls and replaced. In the end every event is handled once, in the order of
//! its key, or was discarded.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use event_bus::{BatchOptions, BatchSubscriber, DeadLetters, EventBus, LetterFilter, Subscriber, Subscription};
use event_sourcing::{Expected, MemoryStore, Position, Store, StoreExt, Unit};
use kernel::{Context, Error};
use proptest::prelude::*;
use testing::{
    bus::{Seen, drained, letters, publish, start},
    store::Noted,
};

const KEYS: [&str; 3] = ["a", "b", "c"];
const NAME: &str = "ledger";

#[derive(Debug, Clone)]
enum Step {
    /// A note of each of these writers.
    Publish(Vec<usize>),
    /// Turns of the runtime.
    Turns(usize),
    Milliseconds(u64),
    Pause,
    Resume,
    /// Letters of this writer, or of all.
    Retry(Option<usize>),
    /// The letter that comes so far behind the first.
    Discard(usize),
    /// Stopped in order, or dropped; and begun anew.
    Restart {
        stops: bool,
        form: Form,
    },
    /// Replaced while the others run.
    Replace(Form),
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Each { concurrency: usize },
    Batches { size: usize },
}

impl Form {
    fn subscription(self, ledger: &Ledger) -> Subscription {
        match self {
            Self::Each { concurrency } => Subscription::new::<Noted>(NAME, "x", ledger.clone())
                .with_concurrency(concurrency)
                .with_mailbox(concurrency.max(4)),
            Self::Batches { size } => {
                let options = BatchOptions { size, delay: Duration::from_millis(2) };
                Subscription::batches::<Noted>(NAME, "x", options, ledger.clone())
            }
        }
    }
}

fn form() -> impl Strategy<Value = Form> {
    prop_oneof![
        (1_usize..4).prop_map(|concurrency| Form::Each { concurrency }),
        (1_usize..7).prop_map(|size| Form::Batches { size }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec(0..KEYS.len(), 1..8).prop_map(Step::Publish),
        6 => (0_usize..40).prop_map(Step::Turns),
        4 => (1_u64..20).prop_map(Step::Milliseconds),
        1 => Just(Step::Pause),
        2 => Just(Step::Resume),
        2 => prop::option::of(0..KEYS.len()).prop_map(Step::Retry),
        2 => (0_usize..5).prop_map(Step::Discard),
        2 => (any::<bool>(), form()).prop_map(|(stops, form)| Step::Restart { stops, form }),
        1 => form().prop_map(Step::Replace),
    ]
}

/// Writes down what it handles, key by key. Some notes it cannot handle before it is well.
#[derive(Clone)]
struct Ledger {
    store: Arc<dyn Store>,
    seed: u64,
    /// Of 100 notes, those that fail until then.
    poison: u64,
    well: Arc<AtomicBool>,
}

impl Ledger {
    async fn note(&self, notes: &[Noted], unit: &mut Unit) -> Result<(), Error> {
        // Time in which something else may happen.
        tokio::task::yield_now().await;
        for key in KEYS {
            let of_key: Vec<u64> = notes.iter().filter(|note| note.writer == key).map(|note| note.n).collect();
            if of_key.is_empty() {
                continue;
            }
            let found = self.store.get::<Seen>(key).await?;
            let expected = found.as_ref().map_or(Expected::Absent, |found| Expected::Exact(found.revision));
            let mut seen = found.map(|found| found.value).unwrap_or_default();
            seen.notes.extend(of_key);
            unit.put(key, &seen, expected);
        }
        let is_well = self.well.load(Ordering::Relaxed);
        match notes.iter().find(|note| !is_well && self.is_poison(note)) {
            Some(note) => Err(Error::internal(format!("cannot handle {} of {}", note.n, note.writer))),
            None => Ok(()),
        }
    }

    fn is_poison(&self, note: &Noted) -> bool {
        let mixed =
            (self.seed ^ note.n ^ (u64::from(note.writer.as_bytes()[0]) << 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> 40) % 100 < self.poison
    }
}

impl Subscriber<Noted> for Ledger {
    async fn handle(&self, _: &Context, event: &Noted, unit: &mut Unit) -> Result<(), Error> {
        self.note(std::slice::from_ref(event), unit).await
    }
}

impl BatchSubscriber<Noted> for Ledger {
    async fn handle(&self, _: &Context, events: &[Noted], unit: &mut Unit) -> Result<(), Error> {
        self.note(events, unit).await
    }
}

async fn history(first: Form, steps: Vec<Step>, poison: u64, seed: u64) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let ledger = Ledger { store: Arc::clone(&store), seed, poison, well: Arc::default() };
    let mut published = [0_u64; KEYS.len()];
    let mut bus = start(&store, vec![first.subscription(&ledger)]).await;
    for step in steps {
        match step {
            Step::Publish(keys) => {
                for key in keys {
                    published[key] += 1;
                    publish(&store, &[(KEYS[key], published[key])]).await;
                }
            }
            Step::Turns(turns) => {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
            }
            Step::Milliseconds(time) => tokio::time::sleep(Duration::from_millis(time)).await,
            Step::Pause => bus.pause(NAME).await.unwrap(),
            Step::Resume => bus.resume(NAME).await.unwrap(),
            Step::Retry(key) => {
                let filter = LetterFilter { key: key.map(|key| KEYS[key].to_owned()), ..LetterFilter::of(NAME) };
                drop(bus.retry_dead_letters(&filter).await.unwrap());
            }
            Step::Discard(index) => discard(&store, &bus, index).await,
            Step::Restart { stops, form } => {
                if stops {
                    bus.stop().await;
                } else {
                    drop(bus);
                }
                bus = start(&store, vec![form.subscription(&ledger)]).await;
            }
            Step::Replace(form) => {
                drop(bus.remove(NAME).await.unwrap());
                bus.add(form.subscription(&ledger)).await.unwrap();
            }
        }
    }
    bus.resume(NAME).await.unwrap();
    drained(&bus).await;
    ledger.well.store(true, Ordering::Relaxed);
    drop(bus.retry_dead_letters(&LetterFilter::of(NAME)).await.unwrap());
    drained(&bus).await;
    assert_eq!(letters(&store).await, [], "every letter was tried again, and could be handled");
    check(&store, &published).await;
}

async fn discard(store: &Arc<dyn Store>, bus: &EventBus, index: usize) {
    let letters = DeadLetters::of(&**store).list(&LetterFilter::of(NAME), None, index + 1).await.unwrap();
    let Some(letter) = letters.into_iter().nth(index) else { return };
    let position = Position(letter.value.event.metadata.position.unwrap());
    bus.discard_dead_letters(&LetterFilter::one(NAME, position), "drawn", &testing::context(&[])).await.unwrap();
}

async fn check(store: &Arc<dyn Store>, published: &[u64; KEYS.len()]) {
    let discarded = DeadLetters::of(&**store).discarded(&LetterFilter::of(NAME), None, usize::MAX).await.unwrap();
    for (key, count) in KEYS.iter().zip(published) {
        let of_key = discarded.iter().map(|found| &found.value.letter.event).filter(|event| event.metadata.key == *key);
        let given_up: BTreeSet<u64> = of_key.map(|event| event.decode::<Noted>().unwrap().n).collect();
        let seen = store.get::<Seen>(key).await.unwrap().map(|found| found.value.notes).unwrap_or_default();
        let rest: Vec<u64> = (1..=*count).filter(|n| !given_up.contains(n)).collect();
        assert_eq!(seen, rest, "{key}: each once, in order, but for {given_up:?}, which were discarded");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200 * testing::effort(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_parked_stays_in_order(
        first in form(),
        steps in prop::collection::vec(step(), 1..25),
        poison in 0_u64..40,
        seed in any::<u64>(),
    ) {
        crate::random::simulated(history(first, steps, poison, seed));
    }
}
