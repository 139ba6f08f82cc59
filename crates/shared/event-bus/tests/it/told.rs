//! What traces and reports tell of deliveries that fail or do not end.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use event_bus::{
    BatchOptions, BatchSubscriber, BusOptions, CpuSubscriber, DeliveryClass, DeliveryOutcome, EventBus, Failing,
    InlineSubscribers, LetterFilter, Overflow, Ports, RetryPolicy, Schedule, Subscriber, SubscriberStatus,
    Subscription, at_rest,
};
use event_sourcing::{Document, Expected, MemoryStore, Position, Store, StoreExt, Unit};
use expect_test::expect;
use kernel::{Clock as _, Context, Envelope, Error, ManualClock, SequentialIds};
use metrics::{Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString};
use observability::{EndedSpan, Export, SUBSCRIBER, SpanSink};
use serde::{Deserialize, Serialize};
use testing::{
    bus::{
        Action, Probe, Ranked, drained, letters, options, publish, publish_together, records, start, start_with, until,
    },
    faults::{Fault, FaultPlan, Reading},
    store::{Card, Noted, Tagged},
};
use tracing::{Dispatch, dispatcher::DefaultGuard};

use crate::ailing;

/// Subscriber and error of each delivery that has ended, in order.
#[derive(Default)]
struct Failures(Mutex<Vec<String>>);

impl SpanSink for Failures {
    fn ended(&self, span: EndedSpan) {
        let field = |name| span.fields.iter().find(|field| field.name == name).map(|field| field.value.to_string());
        if let Some(subscriber) = field(SUBSCRIBER) {
            let error = field(observability::ERROR).unwrap_or_else(|| "-".into());
            self.0.lock().unwrap().push(format!("{subscriber}: {error}"));
        }
    }
}

/// What this thread delivers is heard until both are dropped.
fn listen() -> (Arc<Failures>, (DefaultGuard, Dispatch)) {
    let failures = Arc::new(Failures::default());
    let lines = || {
        let options = observability::Options::default();
        Dispatch::new(observability::subscriber(options, None, ManualClock::default(), io::sink).unwrap())
    };
    // Where there is but one dispatcher, any other thread without one may decide for all that a span is not wanted.
    let (guard, second) = (tracing::dispatcher::set_default(&lines()), lines());
    let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SequentialIds::default()));
    observability::export_spans(Export { sink: Arc::clone(&failures) as _, ratio: 1.0, clock, ids }).unwrap();
    (failures, (guard, second))
}

/// The first try fails, the second panics, the third is the last.
fn trouble(name: &'static str, store: &Arc<dyn Store>) -> Probe {
    Probe::new(name, store, |_, _, attempt| match attempt {
        1 => Action::Fail,
        2 => Action::Panic,
        _ => Action::Write,
    })
}

#[tokio::test(start_paused = true)]
async fn every_failure_stands_in_its_span() {
    let (failures, _listening) = listen();
    let mut told = Vec::new();
    for form in ["straight", "lanes", "computes", "batches", "ephemeral"] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let probe = trouble(form, &store);
        let to = || Subscription::new::<Noted>(form, "ledger", probe.clone());
        let batch = BatchOptions { size: 1, delay: Duration::ZERO };
        let bus = start(
            &store,
            vec![match form {
                "lanes" => to().with_concurrency(2),
                "computes" => Subscription::cpu::<Noted>(form, "ledger", probe.clone()),
                "batches" => Subscription::batches::<Noted>(form, "ledger", batch, probe.clone()),
                "ephemeral" => to().with_class(DeliveryClass::Ephemeral { overflow: Overflow::Wait }),
                _ => to(),
            }],
        );
        let bus = bus.await;
        publish(&store, &[("a", 1)]).await;
        drained(&bus).await;
        bus.stop().await;
        told.push(std::mem::take(&mut *failures.0.lock().unwrap()).join(", "));
    }
    expect![[r#"
        straight: internal, straight: internal, straight: -
        lanes: internal, lanes: internal, lanes: -
        computes: internal, computes: internal, computes: -
        batches: internal, batches: -
        ephemeral: internal"#]]
    .assert_eq(&told.join("\n"));
}

/// What was tried before somebody asked for it once more is told as well.
#[tokio::test(start_paused = true)]
async fn a_letter_that_is_tried_again_keeps_what_it_failed_with() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let probe = Probe::new("ledger", &store, |_, _, attempt| if attempt < 5 { Action::Fail } else { Action::Write });
    let twice = RetryPolicy { attempts: 2, ..RetryPolicy::default() };
    let to = Subscription::new::<Noted>("ledger", "ledger", probe).with_retry(twice);
    let bus = start(&store, vec![to]).await;
    publish(&store, &[("a", 1)]).await;
    drained(&bus).await;
    for tries in 3..=5 {
        bus.retry_dead_letters(&LetterFilter::of("ledger")).await.unwrap();
        let record = records(&store).await.remove(0);
        let failed = record.failures.len() + usize::from(record.error.is_some());
        assert_eq!((record.attempts, failed), (tries, tries.min(4) as usize), "{record:?}");
    }
    bus.stop().await;
}

/// An inline subscriber fails whoever publishes: each has a span of its own, also where a dead letter is tried again.
#[tokio::test(start_paused = true)]
async fn an_inline_failure_stands_in_both_spans() {
    let (failures, _listening) = listen();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let strict = Probe::new("strict", &store, |_, _, _| Action::Fail);
    let strict = Subscription::new::<Noted>("strict", "ledger", strict).with_class(DeliveryClass::Inline { order: 0 });
    let options = BatchOptions { size: 1, delay: Duration::ZERO };
    for form in ["echoes", "batches"] {
        let subscription = match form {
            "batches" => Subscription::batches::<Noted>(form, "echo", options, Echo),
            _ => Subscription::new::<Noted>(form, "echo", Echo),
        };
        let bus = start(&store, vec![strict.clone(), subscription]).await;
        if form == "echoes" {
            publish(&store, &[("a", 1)]).await;
        }
        drained(&bus).await;
        failures.0.lock().unwrap().clear();
        bus.retry_dead_letters(&LetterFilter::of(form)).await.unwrap();
        let told = std::mem::take(&mut *failures.0.lock().unwrap());
        assert_eq!(told, ["strict: internal".to_owned(), format!("{form}: internal")]);
        bus.stop().await;
    }
}

/// A second for each event; of four it looks at three and writes or fails at the fourth.
struct Slow(u64);

impl Subscriber<Noted> for Slow {
    async fn handle(&self, _: &Context, event: &Noted, unit: &mut Unit) -> Result<(), Error> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if event.n == self.0 {
            return Err(Error::internal("told to fail"));
        }
        if event.n.is_multiple_of(4) {
            unit.publish(&Tagged { n: event.n, tags: Vec::new() });
        }
        Ok(())
    }
}

/// Seconds of all histograms, and all counters by their labels.
#[derive(Default)]
struct Measured {
    seconds: Mutex<Vec<f64>>,
    counts: Mutex<BTreeMap<String, Arc<AtomicU64>>>,
}

impl HistogramFn for Measured {
    fn record(&self, value: f64) {
        self.seconds.lock().unwrap().push(value);
    }
}

impl Measured {
    /// Those that are not nothing.
    fn counts(&self) -> String {
        let counts = self.counts.lock().unwrap();
        let counts = counts.iter().map(|(name, count)| (name, count.load(Ordering::SeqCst)));
        let counted: Vec<_> = counts.filter(|(_, count)| *count > 0).map(|(name, n)| format!("{name} {n}")).collect();
        counted.join(", ")
    }
}

struct Measures(Arc<Measured>);

impl Recorder for Measures {
    fn describe_counter(&self, _: KeyName, _: Option<metrics::Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<metrics::Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<metrics::Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let outcome = key.labels().find(|label| label.key() == "outcome");
        let name = outcome.map_or_else(|| key.name(), |label| label.value()).to_owned();
        Counter::from_arc(Arc::clone(self.0.counts.lock().unwrap().entry(name).or_default()))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::clone(&self.0))
    }
}

async fn measured(store: &Arc<dyn Store>, to: Subscription) -> (EventBus, Arc<Measured>) {
    let measured = Arc::new(Measured::default());
    let measures = Measures(Arc::clone(&measured));
    let _recorder = metrics::set_default_local_recorder(&measures);
    (start(store, vec![to]).await, measured)
}

/// What came before it in the same page is not counted with it.
#[tokio::test(start_paused = true)]
async fn each_delivery_is_told_with_its_own_time() {
    for fails in [0, 8] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let notes: Vec<_> = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"].into_iter().zip(1..).collect();
        publish(&store, &notes).await;
        let once = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
        let to = Subscription::new::<Noted>("slow", "ledger", Slow(fails)).with_retry(once);
        let (bus, measured) = measured(&store, to).await;
        until("it is through", async || measured.seconds.lock().unwrap().len() >= 10).await;
        let told: Vec<_> = records(&store).await.iter().map(|record| record.seconds.round()).collect();
        assert_eq!(told, [1.0, 1.0], "those that wrote, or failed at {fails}");
        bus.stop().await;
        let seconds: Vec<_> = measured.seconds.lock().unwrap().iter().map(|seconds| seconds.round()).collect();
        assert_eq!(seconds, [1.0; 10], "each is counted once; it fails at {fails}");
    }
}

/// Looks at all events, and takes its time with one.
struct SlowAt(u64);

impl Subscriber<Noted> for SlowAt {
    async fn handle(&self, _: &Context, event: &Noted, _: &mut Unit) -> Result<(), Error> {
        if event.n == self.0 {
            tokio::time::sleep(Duration::from_secs(8)).await;
        }
        Ok(())
    }
}

/// A mean would hide it.
#[tokio::test(start_paused = true)]
async fn one_slow_handler_is_seen_among_fast_ones() {
    for slow in [1, 5, 20] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        publish_together(&store, (1..=20).map(|n| Noted::new("a", n))).await;
        let (bus, measured) = measured(&store, Subscription::new::<Noted>("slow", "ledger", SlowAt(slow))).await;
        drained(&bus).await;
        bus.stop().await;
        let mut seconds: Vec<_> = measured.seconds.lock().unwrap().iter().map(|seconds| seconds.round()).collect();
        seconds.sort_by(f64::total_cmp);
        assert_eq!(seconds, [&[0.0; 19][..], &[8.0]].concat(), "that of {slow}");
    }
}

/// The first try counts on what is not there, so that the store refuses what it wrote.
struct Overtaken(AtomicBool);

impl Subscriber<Noted> for Overtaken {
    async fn handle(&self, _: &Context, _: &Noted, unit: &mut Unit) -> Result<(), Error> {
        let expected = if self.0.swap(false, Ordering::SeqCst) { Expected::Exact(7) } else { Expected::Any };
        unit.put("card", &Card { n: 1 }, expected);
        Ok(())
    }
}

/// `done` is what the store has taken; every try is either done or failed.
#[tokio::test(start_paused = true)]
async fn each_try_is_counted_as_it_ended() {
    for concurrency in [1, 2] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        publish(&store, &[("a", 1)]).await;
        let to = Subscription::new::<Noted>("ledger", "ledger", Overtaken(true.into())).with_concurrency(concurrency);
        let (bus, measured) = measured(&store, to).await;
        drained(&bus).await;
        bus.stop().await;
        assert_eq!(measured.counts(), "borough_event_retries_total 1, borough_retries_total 1, done 1, failed 1");

        let store: Arc<dyn Store> = Arc::new(Reading::of(store, |event: &mut Envelope| {
            event.metadata.schema_version += 1;
            Ok(())
        }));
        let to = Subscription::new::<Noted>("later", "ledger", Overtaken(false.into())).with_concurrency(concurrency);
        let (bus, measured) = self::measured(&store, to).await;
        drained(&bus).await;
        bus.retry_dead_letters(&LetterFilter::of("later")).await.unwrap();
        bus.stop().await;
        assert_eq!(measured.counts(), "failed 2, parked 1", "it cannot be read, neither at first nor when asked again");
    }
}

#[tokio::test(start_paused = true)]
async fn batches_keep_what_they_failed_with() {
    let batch = BatchOptions { size: 2, delay: Duration::ZERO };
    let together = [(DeliveryOutcome::Done, 3, 2); 2];
    let alone = [(DeliveryOutcome::Parked, 3, 2), (DeliveryOutcome::Done, 1, 0)];
    for (tries, ends) in [(3, together), (9, alone)] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let probe = Probe::new(
            "batch",
            &store,
            move |_, n, attempt| {
                if n == 1 && attempt < tries { Action::Fail } else { Action::Write }
            },
        );
        let bus = start(&store, vec![Subscription::batches::<Noted>("batch", "ledger", batch, probe)]).await;
        publish_together(&store, [Noted::new("a", 1), Noted::new("b", 2)]).await;
        drained(&bus).await;
        bus.stop().await;
        let records = records(&store).await.into_iter();
        let told: Vec<_> = records.map(|record| (record.outcome, record.attempts, record.failures.len())).collect();
        assert_eq!(told, ends);
    }
}

/// Sets off an event for each.
struct Answers;

fn answer(note: &Noted, unit: &mut Unit) {
    unit.publish(&Ranked::<0> { key: note.n.to_string() });
}

impl Subscriber<Noted> for Answers {
    async fn handle(&self, _: &Context, note: &Noted, unit: &mut Unit) -> Result<(), Error> {
        answer(note, unit);
        Ok(())
    }
}

impl BatchSubscriber<Noted> for Answers {
    async fn handle(&self, _: &Context, notes: &[Noted], unit: &mut Unit) -> Result<(), Error> {
        notes.iter().for_each(|note| answer(note, unit));
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_has_what_its_delivery_set_off() {
    let batch = |size| BatchOptions { size, delay: Duration::ZERO };
    let ways = [
        (Subscription::new::<Noted>("answers", "ledger", Answers), [1, 1]),
        (Subscription::new::<Noted>("answers", "ledger", Answers).with_concurrency(2), [1, 1]),
        (Subscription::batches::<Noted>("answers", "ledger", batch(1), Answers), [1, 1]),
        // What a batch sets off is caused by its last event.
        (Subscription::batches::<Noted>("answers", "ledger", batch(2), Answers), [0, 2]),
    ];
    for (subscription, expected) in ways {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let bus = start(&store, vec![subscription]).await;
        publish_together(&store, [Noted::new("a", 1), Noted::new("b", 2)]).await;
        drained(&bus).await;
        bus.stop().await;
        let records = records(&store).await;
        assert_eq!(records.iter().map(|record| record.events.len()).collect::<Vec<_>>(), expected);
        let log = store.readable(Position(2), 10).await.unwrap();
        let told: Vec<_> = records.into_iter().flat_map(|record| record.events).collect();
        assert_eq!(told, log.events.iter().map(|event| event.event_id).collect::<Vec<_>>());
    }
}

/// Says when it has been written to.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What this thread logs from warnings on, until both are dropped.
fn hear() -> (Lines, (DefaultGuard, Dispatch)) {
    let lines = Lines::default();
    let to = |writer: Lines| {
        let (options, make) = (observability::Options::default(), move || writer.clone());
        Dispatch::new(observability::subscriber(options, Some("warn"), ManualClock::default(), make).unwrap())
    };
    // Two, as above.
    let (guard, second) = (tracing::dispatcher::set_default(&to(lines.clone())), to(Lines::default()));
    (lines, (guard, second))
}

/// Ends when the world does.
struct Endless;

impl Subscriber<Noted> for Endless {
    async fn handle(&self, _: &Context, _: &Noted, _: &mut Unit) -> Result<(), Error> {
        std::future::pending().await
    }
}

/// Whoever publishes waits for it, and would not know for whom.
#[tokio::test(start_paused = true)]
async fn an_inline_handler_that_does_not_end_is_told_of() {
    let (lines, _listening) = hear();
    let endless = Subscription::new::<Noted>("endless", "ledger", Endless);
    let inline = InlineSubscribers::of(&[endless.with_class(DeliveryClass::Inline { order: 0 })]);
    let mut unit = Unit::new(testing::origin("shop"));
    unit.publish(&Noted::new("a", 1));
    assert!(tokio::time::timeout(Duration::from_secs(29), inline.add_to(&mut unit)).await.is_err());
    assert_eq!(lines.0.lock().unwrap().len(), 0);
    assert!(tokio::time::timeout(Duration::from_secs(61), inline.add_to(&mut unit)).await.is_err());
    let told = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for part in ["subscriber=\"endless\"", "`testing.noted` has not ended for 30s", "make it durable"] {
        assert_eq!(told.matches(part).count(), 1, "{part}: {told}");
    }
}

/// Counts on what is not so.
struct Mistaken;

impl Subscriber<Noted> for Mistaken {
    async fn handle(&self, _: &Context, _: &Noted, unit: &mut Unit) -> Result<(), Error> {
        unit.put("card", &Card { n: 1 }, Expected::Exact(7));
        Ok(())
    }
}

/// It is due for ever, and nobody would know why.
#[tokio::test(start_paused = true)]
async fn what_is_due_and_always_refused_is_told_of_once() {
    let lines = Lines::default();
    let written = lines.clone();
    let options = observability::Options::default();
    let subscriber =
        observability::subscriber(options, Some("warn"), ManualClock::default(), move || written.clone()).unwrap();
    let _listening = tracing::subscriber::set_default(subscriber);
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let mut unit = Unit::new(testing::origin("shop"));
    unit.schedule(&Noted::new("a", 1), chrono::DateTime::UNIX_EPOCH);
    store.commit(unit).await.unwrap();
    let mistaken = Subscription::new::<Noted>("mistaken", "ledger", Mistaken);
    let bus = start(&store, vec![mistaken.with_class(DeliveryClass::Inline { order: 0 })]).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    bus.stop().await;
    let told = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(told.matches("`testing.noted` is due and refused: document `testing.cards/card`").count(), 1, "{told}");
}

/// As far as the store tells: of the events that it takes, not of those of others.
#[tokio::test(start_paused = true)]
async fn at_rest_the_oldest_event_is_one_that_it_takes() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let mut unit = Unit::new(testing::origin("shop"));
    unit.publish(&Tagged { n: 1, tags: Vec::new() });
    store.commit(unit).await.unwrap();
    let later = ManualClock::default();
    later.advance(chrono::TimeDelta::hours(1));
    let to = [Subscription::new::<Noted>("ledger", "ledger", Echo)];
    let rests = async || {
        let status = at_rest(&to, &*store, later.now()).await.unwrap().remove(0);
        (status.head.0 - status.position.0, status.oldest.is_some())
    };
    assert_eq!(rests().await, (0, false));
    publish(&store, &[("a", 1)]).await;
    assert_eq!(rests().await, (1, true));
}

/// Publishes what it hears.
struct Echo;

impl Subscriber<Noted> for Echo {
    async fn handle(&self, _: &Context, event: &Noted, unit: &mut Unit) -> Result<(), Error> {
        unit.publish(event);
        Ok(())
    }
}

impl BatchSubscriber<Noted> for Echo {
    async fn handle(&self, _: &Context, events: &[Noted], unit: &mut Unit) -> Result<(), Error> {
        events.iter().for_each(|event| _ = unit.publish(event));
        Ok(())
    }
}

/// Holds its thread until somebody says a word.
struct Blocks(Mutex<mpsc::Receiver<()>>);

impl Subscriber<Noted> for Blocks {
    async fn handle(&self, _: &Context, _: &Noted, _: &mut Unit) -> Result<(), Error> {
        self.0.lock().unwrap().recv().map_err(|gone| Error::internal(gone.to_string()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_holds_its_thread_is_reported() {
    for (name, concurrency) in [("straight", 1), ("lanes", 2)] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let (word, waits) = mpsc::channel();
        let blocks =
            Subscription::new::<Noted>(name, "ledger", Blocks(Mutex::new(waits))).with_concurrency(concurrency);
        let options = BusOptions { overlong: Duration::from_millis(20), ..options() };
        let bus = start_with(&store, vec![blocks], options).await;
        publish(&store, &[("a", 1)]).await;
        until("it is reported", async || !bus.status().await.unwrap()[0].overlong.is_empty()).await;
        let overlong = bus.status().await.unwrap().remove(0).overlong.remove(0);
        assert_eq!((overlong.event_type.as_str(), overlong.key.as_str()), ("testing.noted", "a"));
        word.send(()).unwrap();
        drained(&bus).await;
        assert_eq!(bus.status().await.unwrap()[0].overlong, []);
        bus.stop().await;
    }
}

impl CpuSubscriber<Noted> for Blocks {
    fn handle(&self, _: &Context, _: &Noted, _: &mut Unit) -> Result<(), Error> {
        self.0.lock().unwrap().recv().map_err(|gone| Error::internal(gone.to_string()))
    }
}

/// What waits for a thread is not being handled, and nobody complains that it takes long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_computation_begins_when_it_has_a_thread() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let (word, waits) = mpsc::channel();
    let blocks = Subscription::cpu::<Noted>("computes", "ledger", Blocks(Mutex::new(waits))).with_concurrency(3);
    let options = BusOptions { overlong: Duration::from_millis(20), threads: 1, ..options() };
    let bus = start_with(&store, vec![blocks], options).await;
    publish(&store, &[("a", 1), ("b", 2), ("c", 3), ("d", 4)]).await;
    until("one is overlong", async || !bus.status().await.unwrap()[0].overlong.is_empty()).await;
    until("three have their turn", async || bus.status().await.unwrap()[0].queued == 3).await;
    let status = bus.status().await.unwrap().remove(0);
    assert_eq!((status.in_flight, status.overlong.len()), (1, 1), "{status:?}");
    (0..4).for_each(|_| word.send(()).unwrap());
    drained(&bus).await;
    bus.stop().await;
}

/// How old the oldest event is that waits is also known of a subscriber that has not read it.
#[tokio::test(start_paused = true)]
async fn the_oldest_event_is_known_that_nobody_has_read() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SequentialIds::default()));
    let ports = Ports { store: Some(Arc::clone(&store)), clock: Arc::<ManualClock>::clone(&clock), ids };
    let subscription = Subscription::new::<Noted>("held", "ledger", Probe::writing("held", &store));
    let bus = EventBus::start(vec![subscription], ports, options()).await.unwrap();
    bus.pause("held").await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    publish(&store, &[("a", 1)]).await;
    clock.advance(chrono::TimeDelta::minutes(5));
    publish(&store, &[("a", 2)]).await;
    for _ in 0..2 {
        let age = bus.status().await.unwrap()[0].oldest;
        assert_eq!(age, Some(Duration::from_secs(300)), "of the first");
    }
    bus.resume("held").await.unwrap();
    until("nothing waits", async || bus.status().await.unwrap()[0].oldest.is_none()).await;
}

/// Where the store takes its time, and not the handler, and there is always a next event.
#[tokio::test(start_paused = true)]
async fn a_subscriber_that_is_never_idle_tells_how_far_it_is() {
    let memory: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let late = (1..100).map(|call| (call, Fault::Delay(Duration::from_millis(100))));
    let slow = FaultPlan::at(late).only(["store.commit"]);
    let store: Arc<dyn Store> = Arc::new(slow.around(Arc::clone(&memory)));
    let bus = start(&store, vec![Subscription::new::<Noted>("busy", "ledger", Probe::writing("busy", &store))]).await;
    for n in 1..=50 {
        publish(&memory, &[("a", n)]).await;
    }
    for seconds in 1..=4 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (status, stored) = (bus.status().await.unwrap().remove(0), store.checkpoint("busy").await.unwrap());
        assert!(stored.0 >= seconds * 9 && stored.0 <= status.position.0 + 2, "{stored:?}: {status:?}");
        assert!(status.oldest.is_some());
    }
    drained(&bus).await;
    bus.stop().await;
}

/// What stands among the dead letters and is none.
#[derive(Debug, Serialize, Deserialize)]
struct NoLetter {}

impl Document for NoLetter {
    const COLLECTION: &'static str = "event_bus.dead_letters";
}

/// The subscriber looks at its letters every second as long as one of its keys is parked.
#[tokio::test(start_paused = true)]
async fn a_letter_that_cannot_be_read_is_told_of_once() {
    let (lines, _listening) = hear();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let mut unit = Unit::new(testing::origin("test"));
    unit.put("fails/00000000000000000007", &NoLetter {}, Expected::Absent);
    store.commit(unit).await.unwrap();
    let fails = Probe::new("fails", &store, |_, _, _| Action::Fail);
    let bus = start(&store, vec![Subscription::new::<Noted>("fails", "ledger", fails)]).await;
    publish(&store, &[("a", 1)]).await;
    drained(&bus).await;
    tokio::time::sleep(Duration::from_secs(9)).await;
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.matches("a dead letter is passed over").count(), 1, "{text}");
    assert!(text.contains("fails/00000000000000000007"), "{text}");
}

/// Which events have failed and are tried again, how often and with what, until they are handled, parked or discarded.
#[tokio::test(start_paused = true)]
async fn what_waits_for_its_next_try_is_told() {
    let (first, longest) = (Duration::from_secs(2), Duration::from_secs(20));
    let retry = RetryPolicy { attempts: 3, first, longest, ..RetryPolicy::default() };
    let options = BatchOptions { size: 1, delay: Duration::ZERO };
    for form in ["straight", "lanes", "batches"] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let probe = Probe::new("ledger", &store, |key, n, _| match (key, n) {
            ("bad", 1) | ("worse", _) => Action::Fail,
            _ => Action::Write,
        });
        let to = match form {
            "batches" => Subscription::batches::<Noted>("ledger", "ledger", options, probe),
            "lanes" => Subscription::new::<Noted>("ledger", "ledger", probe).with_concurrency(4),
            _ => Subscription::new::<Noted>("ledger", "ledger", probe),
        };
        let bus = start(&store, vec![to.with_retry(retry)]).await;
        let status = async || bus.status().await.unwrap().remove(0);
        publish(&store, &[("bad", 1), ("good", 2), ("bad", 3)]).await;
        until("it has failed", async || status().await.retrying == 1).await;
        let SubscriberStatus { failing, queued, .. } = status().await;
        let Failing { event_type, key, position, attempts, error, next, .. } = failing[0].clone();
        assert_eq!((event_type.as_str(), key.as_str(), position.0, attempts), ("testing.noted", "bad", 1, 1));
        assert!(error.contains("told to fail") && next > Duration::from_secs(1), "{form}: {error}, {next:?}");
        assert!(queued >= 1, "{form}: it is in memory and not being handled: {queued}");
        until("it has failed again", async || status().await.failing.first().is_some_and(|it| it.attempts == 2)).await;
        until("it is parked", async || !letters(&store).await.is_empty()).await;
        until("and the one behind it", async || letters(&store).await.len() == 2).await;
        assert_eq!(status().await.failing, [], "{form}");

        // The one that was behind it is tried as any other, and tells that it fails.
        let (one, cx) = (LetterFilter::one("ledger", Position(1)), testing::origin("operator").context);
        publish(&store, &[("worse", 4), ("worse", 5)]).await;
        until("it is parked", async || letters(&store).await.len() == 4).await;
        bus.discard_dead_letters(&LetterFilter::one("ledger", Position(4)), "old", &cx).await.unwrap();
        until("it has failed", async || status().await.retrying == 1).await;
        assert_eq!(status().await.failing[0].position, Position(5));
        bus.discard_dead_letters(&LetterFilter::one("ledger", Position(5)), "old", &cx).await.unwrap();
        until("it is not tried again", async || status().await.retrying == 0).await;
        bus.discard_dead_letters(&one, "old", &cx).await.unwrap();
        drained(&bus).await;
        assert_eq!((status().await.failing, letters(&store).await.len()), (vec![], 0), "{form}");
        bus.stop().await;
    }
}

/// What keeps a subscriber from going on is not only in the log lines.
#[tokio::test(start_paused = true)]
async fn who_waits_for_the_store_says_why() {
    let batch = BatchOptions { size: 5, delay: Duration::ZERO };
    for is_batch in [false, true] {
        let (memory, ill, store) = ailing(["store.commit"]);
        let probe = Probe::writing("ledger", &memory);
        let to = match is_batch {
            false => Subscription::new::<Noted>("ledger", "ledger", probe.clone()),
            true => Subscription::batches::<Noted>("ledger", "ledger", batch, probe.clone()),
        };
        let bus = start(&store, vec![to]).await;
        let trouble = async || bus.status().await.unwrap().swap_remove(0).trouble;
        assert_eq!(trouble().await, None);
        ill.always(Some(Fault::Fail));
        publish(&memory, &[("a", 1)]).await;
        until("it waits for the store", async || trouble().await.is_some_and(|why| why.contains("injected: "))).await;
        ill.always(None);
        drained(&bus).await;
        assert_eq!(trouble().await, None);
        bus.stop().await;
    }
}
