//! Histories drawn from a seed in which much is parked, one event at a time and in batches: letters are tried again and discarded,
//! whoever asks may give up, the store takes its time, and subscribers are paused, stopped, dropped between two polls and replaced. In the end every event is handled once, in the order of
//! its key, or was discarded.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use event_bus::{BatchOptions, BatchSubscriber, DeadLetters, Drain, EventBus, LetterFilter, Subscriber, Subscription};
use event_sourcing::{Expected, MemoryStore, Position, Store, StoreExt, Unit};
use kernel::{Context, Error};
use proptest::prelude::*;
use testing::{
    bus::{Seen, drained, letters, publish, start},
    faults::{Fault, FaultPlan},
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
    /// Nobody waits for the answer for longer than so many milliseconds, and what comes next comes beside it.
    Ask(Option<usize>, u64),
    /// The letter that comes so far behind the first.
    Discard(usize),
    /// By another process.
    DiscardElsewhere(usize),
    /// Waits until all is handled; what nothing holds back is then.
    Drain,
    /// The store takes so many milliseconds from here on.
    Slow(u64, bool),
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
    Batches { size: usize, delay: u64 },
}

impl Form {
    fn limit(self) -> usize {
        match self {
            Self::Each { concurrency } => concurrency,
            Self::Batches { .. } => 1,
        }
    }

    fn subscription(self, ledger: &Ledger, slots: u32) -> Subscription {
        ledger.inside.lock().unwrap().most = self.limit() * slots as usize;
        match self {
            Self::Each { concurrency } => Subscription::new::<Noted>(NAME, "x", ledger.clone())
                .with_concurrency(concurrency)
                .with_mailbox(concurrency.max(4))
                .in_slots(slots),
            Self::Batches { size, delay } => {
                let options = BatchOptions { size, delay: Duration::from_millis(delay) };
                Subscription::batches::<Noted>(NAME, "x", options, ledger.clone()).in_slots(slots)
            }
        }
    }
}

fn form() -> impl Strategy<Value = Form> {
    prop_oneof![
        (1_usize..4).prop_map(|concurrency| Form::Each { concurrency }),
        (1_usize..7, 0_u64..9).prop_map(|(size, delay)| Form::Batches { size, delay }),
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
        2 => (prop::option::of(0..KEYS.len()), 0_u64..30).prop_map(|(key, time)| Step::Ask(key, time)),
        2 => (0_usize..5).prop_map(Step::Discard),
        1 => (0_usize..5).prop_map(Step::DiscardElsewhere),
        2 => Just(Step::Drain),
        2 => (0_u64..8, any::<bool>()).prop_map(|(time, late)| Step::Slow(time, late)),
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
    /// Milliseconds below which some handlers take their time.
    naps: u64,
    inside: Arc<Mutex<Inside>>,
}

/// Who is being handled.
#[derive(Default)]
struct Inside {
    of_key: BTreeMap<String, usize>,
    /// Calls, of batches as of events, and how many there may be.
    calls: usize,
    most: usize,
    wrong: Vec<String>,
}

/// A call of a handler with notes of these keys.
struct Call(Ledger, Vec<String>);

impl Call {
    fn of(ledger: &Ledger, notes: &[Noted]) -> Self {
        let keys: BTreeSet<String> = notes.iter().map(|note| note.writer.clone()).collect();
        let inside = &mut *ledger.inside.lock().unwrap();
        for key in &keys {
            let of_key = inside.of_key.entry(key.clone()).or_default();
            *of_key += 1;
            if *of_key > 1 {
                inside.wrong.push(format!("two of {key}"));
            }
        }
        inside.calls += 1;
        if inside.calls > inside.most {
            inside.wrong.push(format!("{} of {}", inside.calls, inside.most));
        }
        Self(ledger.clone(), keys.into_iter().collect())
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut inside = self.0.inside.lock().unwrap();
        inside.calls -= 1;
        for key in &self.1 {
            *inside.of_key.get_mut(key).unwrap() -= 1;
        }
    }
}

impl Ledger {
    async fn note(&self, notes: &[Noted], unit: &mut Unit) -> Result<(), Error> {
        let _call = Call::of(self, notes);
        // Time in which something else may happen.
        if self.naps > 0 && notes[0].n.is_multiple_of(2) {
            tokio::time::sleep(Duration::from_millis(notes[0].n * 7 % self.naps)).await;
        } else {
            tokio::task::yield_now().await;
        }
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

async fn history(first: Form, steps: Vec<Step>, poison: u64, seed: u64, slots: u32, naps: u64) {
    let memory: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let ill = FaultPlan::by_hand();
    let ill =
        ill.only(["store.commit", "store.log", "store.document", "store.documents", "store.checkpoint", "store.head"]);
    let store: Arc<dyn Store> = Arc::new(ill.around(Arc::clone(&memory)));
    let ledger =
        Ledger { store: Arc::clone(&memory), seed, poison, well: Arc::default(), naps, inside: Arc::default() };
    let mut is_paused = false;
    let mut published = [0_u64; KEYS.len()];
    let mut bus = Arc::new(start(&store, vec![first.subscription(&ledger, slots)]).await);
    let mut asks: Vec<tokio::task::JoinHandle<()>> = Vec::new();
    let mut elsewhere = false;
    for step in steps {
        match step {
            Step::Publish(keys) => {
                for key in keys {
                    published[key] += 1;
                    publish(&memory, &[(KEYS[key], published[key])]).await;
                }
            }
            Step::Turns(turns) => {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
            }
            Step::Milliseconds(time) => tokio::time::sleep(Duration::from_millis(time)).await,
            Step::Pause => {
                bus.pause(NAME).await.unwrap();
                is_paused = true;
            }
            Step::Resume => {
                bus.resume(NAME).await.unwrap();
                is_paused = false;
            }
            Step::Retry(key) => {
                let filter = LetterFilter { key: key.map(|key| KEYS[key].to_owned()), ..LetterFilter::of(NAME) };
                drop(bus.retry_dead_letters(&filter).await.unwrap());
            }
            Step::Ask(key, time) => {
                let filter = LetterFilter { key: key.map(|key| KEYS[key].to_owned()), ..LetterFilter::of(NAME) };
                let asked = Arc::clone(&bus);
                asks.push(tokio::spawn(async move {
                    let _answer =
                        tokio::time::timeout(Duration::from_millis(time), asked.retry_dead_letters(&filter)).await;
                }));
            }
            Step::Drain => {
                let drain = bus.drain(Duration::from_secs(60)).await.unwrap();
                assert_eq!(drain, Drain::Complete, "{:#?}", bus.status().await);
                if !is_paused && !elsewhere && asks.iter().all(|ask| ask.is_finished()) {
                    no_loose(&memory).await;
                }
            }
            Step::Slow(time, late) => {
                let time = Duration::from_millis(time);
                ill.always((!time.is_zero()).then_some(if late { Fault::Late(time) } else { Fault::Delay(time) }));
            }
            Step::DiscardElsewhere(index) => {
                elsewhere = true;
                let letters = DeadLetters::of(&*memory).list(&LetterFilter::of(NAME), None, index + 1).await.unwrap();
                if let Some(letter) = letters.into_iter().nth(index) {
                    let position = Position(letter.value.event.metadata.position.unwrap());
                    let origin = testing::origin("operator");
                    DeadLetters::of(&*memory)
                        .discard(&LetterFilter::one(NAME, position), "drawn", &origin)
                        .await
                        .unwrap();
                }
            }
            Step::Discard(index) => discard(&store, &bus, index).await,
            Step::Restart { stops, form } => {
                for ask in asks.drain(..) {
                    ask.await.unwrap();
                }
                let last = Arc::into_inner(bus).unwrap();
                if stops {
                    last.stop().await;
                } else {
                    drop(last);
                    tokio::task::yield_now().await;
                }
                bus = Arc::new(start(&store, vec![form.subscription(&ledger, slots)]).await);
            }
            Step::Replace(form) => {
                drop(bus.remove(NAME).await.unwrap());
                bus.add(form.subscription(&ledger, slots)).await.unwrap();
            }
        }
    }
    for ask in asks.drain(..) {
        ask.await.unwrap();
    }
    bus.resume(NAME).await.unwrap();
    drained(&bus).await;
    if !elsewhere {
        no_loose(&memory).await;
    }
    ledger.well.store(true, Ordering::Relaxed);
    drop(bus.retry_dead_letters(&LetterFilter::of(NAME)).await.unwrap());
    drained(&bus).await;
    ill.always(None);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let status = bus.status().await.unwrap().remove(0);
    assert_eq!(
        (status.retrying, status.failing.len(), status.queued, status.in_flight, status.parked_keys),
        (0, 0, 0, 0, 0),
        "{status:?}"
    );
    assert_eq!(status.position, status.head);
    assert_eq!(ledger.inside.lock().unwrap().wrong, Vec::<String>::new());
    assert_eq!(letters(&store).await, [], "every letter was tried again, and could be handled");
    check(&store, &published).await;
}

/// Of no key the first letter was never tried.
async fn no_loose(store: &Arc<dyn Store>) {
    let mut seen = BTreeSet::new();
    for (_, key, n, attempts) in letters(store).await {
        let is_first = seen.insert(key.clone());
        assert!(!is_first || attempts > 0, "{key} {n} is held back by nothing");
    }
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
        steps in prop::collection::vec(step(), 1..40),
        poison in 0_u64..60,
        seed in any::<u64>(),
        slots in 1_u32..3,
        naps in 0_u64..25,
    ) {
        crate::random::simulated(history(first, steps, poison, seed, slots, naps));
    }
}
