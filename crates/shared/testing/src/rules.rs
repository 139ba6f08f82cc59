//! What the events of subscribers are held to, over every store: [`event_rules_conformance`].

#![expect(clippy::unwrap_used, reason = "a suite fails by panicking")]

use std::{sync::Arc, time::Duration};

use event_bus::{BatchOptions, BatchSubscriber, BusOptions, DeadLetter, EventBus, Ports, Subscriber, Subscription};
use event_sourcing::{EventLimits, EventRules, LogQuery, Origin, Position, Store, StoreExt, Unit};
use kernel::{Context, Error, Event, ManualClock, SystemIds};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    actors::origin,
    bus::{BusHome, drained, options},
};

/// Runs the whole suite. `make` gives an empty home each time.
///
/// # Panics
/// Where an event gets through that must not, or one does not that may.
pub async fn event_rules_conformance<H: BusHome>(make: impl AsyncFn() -> H) {
    modules_that_set_each_other_off_are_cut(&make().await).await;
    a_storm_is_cut_across_a_restart(&make().await).await;
    one_that_sets_itself_off_is_cut(&make().await).await;
    one_that_sets_itself_off_in_batches_is_cut(&make().await).await;
    one_that_sets_off_more_and_more_is_cut(&make().await).await;
    many_events_of_one_cause_are_no_storm(&make().await).await;
    what_begins_in_one_trace_is_counted_apart(&make().await).await;
    what_is_not_declared_is_refused(&make().await).await;
    what_is_too_large_is_refused(&make().await).await;
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Served {
    text: String,
}

impl Event for Served {
    const NAME: &'static str = "tennis.served";

    fn key(&self) -> String {
        "ball".into()
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Returned {
    text: String,
}

impl Event for Returned {
    const NAME: &'static str = "squash.returned";

    fn key(&self) -> String {
        "ball".into()
    }
}

/// Answers each event with so many others.
struct Player<E> {
    answers: Vec<E>,
}

impl<E: Event, T: Event> BatchSubscriber<E> for Player<T> {
    async fn handle(&self, _: &Context, _: &[E], unit: &mut Unit) -> Result<(), Error> {
        self.answers.iter().for_each(|answer| _ = unit.publish(answer));
        Ok(())
    }
}

impl<E: Event, T: Event> Subscriber<E> for Player<T> {
    async fn handle(&self, _: &Context, _: &E, unit: &mut Unit) -> Result<(), Error> {
        self.answers.iter().for_each(|answer| _ = unit.publish(answer));
        Ok(())
    }
}

fn served() -> Served {
    Served { text: "to you".into() }
}

fn squash(answers: usize) -> Subscription {
    let answers = vec![Returned { text: "and back".into() }; answers];
    Subscription::new::<Served>("squash.player", "squash", Player { answers })
}

fn tennis() -> Subscription {
    Subscription::new::<Returned>("tennis.player", "tennis", Player { answers: vec![served()] })
}

async fn serve(store: &Arc<dyn Store>) {
    let mut unit = Unit::new(Origin { ids: Arc::new(SystemIds), ..origin("tennis") });
    unit.publish(&served());
    store.commit(unit).await.unwrap();
}

async fn start(store: &Arc<dyn Store>, subscriptions: Vec<Subscription>, rules: EventRules) -> EventBus {
    let ports =
        Ports { store: Some(Arc::clone(store)), clock: Arc::new(ManualClock::default()), ids: Arc::new(SystemIds) };
    EventBus::start(subscriptions, ports, BusOptions { rules, ..options() }).await.unwrap()
}

fn depth(depth: u32) -> EventRules {
    EventRules::new(EventLimits { depth, ..EventLimits::default() })
}

async fn events(store: &Arc<dyn Store>) -> usize {
    store.log(LogQuery::after(Position(0), usize::MAX)).await.unwrap().len()
}

/// The one dead letter: who did not get it, after how many tries, and why.
async fn letter(store: &Arc<dyn Store>) -> (String, u32, Error) {
    let letters = store.list::<DeadLetter>(None, 10).await.unwrap();
    assert_eq!(letters.len(), 1, "{letters:?}");
    let DeadLetter { subscriber, attempts, error, .. } = letters.into_iter().next().unwrap().value;
    (subscriber, attempts, error)
}

#[track_caller]
fn says(error: &Error, code: &str, parts: &[&str]) {
    assert_eq!(error.code(), code, "{error}");
    for part in parts {
        assert!(error.message.contains(part), "`{part}` is missing in: {error}");
    }
}

const BOTH: [&str; 3] = [
    "`tennis.served` of module `tennis` and `squash.returned` of module `squash` set each other off",
    "are allowed",
    "publish only when something has changed",
];

async fn modules_that_set_each_other_off_are_cut(home: &impl BusHome) {
    let store = home.open().await;
    let bus = start(&store, vec![squash(1), tennis()], depth(21)).await;
    serve(&store).await;
    drained(&bus).await;
    assert_eq!(events(&store).await, 22, "the first and 21 in a row");
    let (subscriber, attempts, error) = letter(&store).await;
    assert_eq!((subscriber.as_str(), attempts), ("tennis.player", 1), "another try would end alike");
    says(&error, "event.storm", &["`squash.returned` of module `squash` and `tennis.served` of module `tennis`"]);
    says(&error, "event.storm", &["22 events in a row", "21 are allowed", BOTH[2]]);
}

/// The second process has seen nothing of the storm, and finds it in the log.
async fn a_storm_is_cut_across_a_restart(home: &impl BusHome) {
    let store = home.open().await;
    let bus = start(&store, vec![squash(1), tennis()], depth(u32::MAX)).await;
    serve(&store).await;
    // Whoever is never idle holds up a paused clock: nobody may wait for time here.
    while events(&store).await <= 40 {
        tokio::task::yield_now().await;
    }
    bus.stop().await;
    let before = events(&store).await;
    let bus = start(&store, vec![squash(1), tennis()], depth(10)).await;
    drained(&bus).await;
    let after = events(&store).await;
    assert!(after <= before + 11, "{before} events, and {after} when it was cut");
    let (_, _, error) = letter(&store).await;
    says(&error, "event.storm", &["set each other off", "10 are allowed"]);
}

async fn one_that_sets_itself_off_is_cut(home: &impl BusHome) {
    let store = home.open().await;
    let echo = Subscription::new::<Served>("tennis.echo", "tennis", Player { answers: vec![served()] });
    let bus = start(&store, vec![echo], depth(5)).await;
    serve(&store).await;
    drained(&bus).await;
    assert_eq!(events(&store).await, 6);
    says(&letter(&store).await.2, "event.storm", &["`tennis.served` of module `tennis` sets itself off"]);
    for _ in 0..3 {
        let retried = bus.retry_dead_letters(&event_bus::LetterFilter::default()).await.unwrap();
        assert_eq!((retried.failed, events(&store).await), (1, 6), "another try ends alike, however often");
    }
}

async fn one_that_sets_itself_off_in_batches_is_cut(home: &impl BusHome) {
    let store = home.open().await;
    let batch = BatchOptions { size: 3, delay: Duration::ZERO };
    let echo = Subscription::batches::<Served>("tennis.echo", "tennis", batch, Player { answers: vec![served()] });
    let bus = start(&store, vec![echo], depth(5)).await;
    serve(&store).await;
    // Somebody begins something new meanwhile.
    serve(&store).await;
    drained(&bus).await;
    let log = store.log(LogQuery::after(Position(0), usize::MAX)).await.unwrap();
    let caused = log.iter().filter(|event| event.metadata.causation_id.is_some()).count();
    assert!((5..=10).contains(&caused) && caused == log.len() - 2, "{caused} of {}", log.len());
    let letters = store.list::<DeadLetter>(None, 10).await.unwrap();
    says(&letters[0].value.error, "event.storm", &["`tennis.served` of module `tennis` sets itself off"]);
}

/// Each sets off two: long before they are many in a row, they are many.
async fn one_that_sets_off_more_and_more_is_cut(home: &impl BusHome) {
    let store = home.open().await;
    let twice = Subscription::new::<Served>("tennis.echo", "tennis", Player { answers: vec![served(), served()] });
    let rules = EventRules::new(EventLimits { caused: 50, depth: 12, ..EventLimits::default() });
    let bus = start(&store, vec![twice], rules).await;
    serve(&store).await;
    drained(&bus).await;
    assert_eq!(events(&store).await, 1 + 50);
    let letter = store.list::<DeadLetter>(None, 1).await.unwrap().remove(0).value;
    assert_eq!(letter.attempts, 1, "another try would end alike");
    let parts = ["`tennis.served` of module `tennis` is one event too many", "50 are allowed", "only when something"];
    says(&letter.error, "event.storm", &parts);
}

/// A piece of work of many events, none of which is far from its cause.
async fn many_events_of_one_cause_are_no_storm(home: &impl BusHome) {
    let store = home.open().await;
    let bus = start(&store, vec![squash(7)], depth(5)).await;
    for _ in 0..20 {
        serve(&store).await;
    }
    drained(&bus).await;
    assert_eq!(events(&store).await, 20 + 20 * 7, "all are of one correlation");
    assert!(store.list::<DeadLetter>(None, 1).await.unwrap().is_empty());
}

/// As the calls of a caller that has one trace for all of them: only the one that sets off too many is cut.
async fn what_begins_in_one_trace_is_counted_apart(home: &impl BusHome) {
    let store = home.open().await;
    let limits = EventLimits { caused: 7, depth: 5, ..EventLimits::default() };
    let rules = EventRules::new(limits);
    let bus = start(&store, vec![squash(7)], rules.clone()).await;
    for _ in 0..20 {
        serve(&store).await;
        drained(&bus).await;
    }
    assert_eq!(events(&store).await, 20 + 20 * 7, "all are of one correlation");
    bus.stop().await;
    for rules in [rules, EventRules::new(limits)] {
        let before = events(&store).await;
        let bus = start(&store, vec![squash(8)], rules).await;
        serve(&store).await;
        drained(&bus).await;
        assert_eq!(events(&store).await, before + 1);
        says(
            &letter(&store).await.2,
            "event.storm",
            &["7 events go back to event", "7 are allowed", "`events.caused`"],
        );
        bus.discard_dead_letters(&event_bus::LetterFilter::default(), "seen", &crate::context(&[])).await.unwrap();
        bus.stop().await;
    }
    let bus = start(&store, vec![squash(7)], EventRules::new(limits)).await;
    let before = events(&store).await;
    serve(&store).await;
    drained(&bus).await;
    assert_eq!(events(&store).await, before + 1 + 7, "what others of the trace set off is not its fault");
}

async fn what_is_not_declared_is_refused(home: &impl BusHome) {
    let store = home.open().await;
    let rules = EventRules::declare(EventLimits::default(), [("squash", vec!["squash.won"])]);
    let bus = start(&store, vec![squash(1)], rules).await;
    serve(&store).await;
    drained(&bus).await;
    assert_eq!(events(&store).await, 1);
    let (subscriber, attempts, error) = letter(&store).await;
    assert_eq!((subscriber.as_str(), attempts), ("squash.player", 1));
    says(&error, "event.undeclared", &["module `squash`", "`squash.returned`", "`.publishes::<..>()`"]);
    bus.stop().await;
    let rules = EventRules::declare(EventLimits::default(), [("squash", vec!["squash.returned"]), ("tennis", vec![])]);
    let bus = start(&store, vec![squash(1)], rules).await;
    let retried = bus.retry_dead_letters(&event_bus::LetterFilter::default()).await.unwrap();
    assert_eq!((retried.delivered, events(&store).await), (1, 2), "declared, it goes through");
}

async fn what_is_too_large_is_refused(home: &impl BusHome) {
    let store = home.open().await;
    let size = r#"{"text":"and back"}"#.len();
    for (payload, events_then) in [(size - 1, 1), (size, 3)] {
        let rules = EventRules::new(EventLimits { payload_bytes: payload, ..EventLimits::default() });
        let bus = start(&store, vec![squash(1)], rules).await;
        if events_then == 1 {
            serve(&store).await;
            drained(&bus).await;
            let (_, _, error) = letter(&store).await;
            let sizes = format!("has {size} bytes of data, and {payload} are allowed");
            says(&error, "event.too_large", &["`squash.returned` of module `squash`", &sizes]);
        } else {
            bus.retry_dead_letters(&event_bus::LetterFilter::default()).await.unwrap();
            assert!(store.list::<DeadLetter>(None, 1).await.unwrap().is_empty());
        }
        assert_eq!(events(&store).await, if events_then == 1 { 1 } else { 2 });
        bus.stop().await;
    }
}
