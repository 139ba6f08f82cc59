//! What is published by the clock, over every store: [`time_conformance`].

#![expect(clippy::unwrap_used, reason = "a suite fails by panicking")]

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use event_bus::{
    BusOptions, DayPassed, DeadLetter, DeliveryClass, EventBus, HourPassed, MonthPassed, Pause, Ports, RefusedPublish,
    Schedule, ScheduleId, Scheduled, Subscriber, Subscription, scheduled,
};
use event_sourcing::{
    CommitError, Document, EventLimits, EventRules, Expected, LogQuery, Origin, Position, Store, StoreExt, Unit, Write,
};
use kernel::{Context, Error, Event, Json, ManualClock, SystemIds};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::{
    Published,
    actors::origin,
    bus::{BusHome, depths::Deep, options},
    store::Noted,
};

/// Runs the whole suite, on paused time. `make` gives an empty home each time, whose store takes no such time
/// ([`FaultPlan::in_no_time`](crate::faults::FaultPlan::in_no_time), if it has threads).
///
/// # Panics
/// Where an event is published early, twice, out of order or not at all.
pub async fn time_conformance<H: BusHome>(make: impl AsyncFn() -> H) {
    what_is_due_is_published_once_and_in_order(&make().await).await;
    what_is_cancelled_is_not_published(&make().await).await;
    a_restart_changes_nothing(&make().await).await;
    what_is_refused_stays_scheduled(&make().await).await;
    one_that_does_not_end_holds_up_no_other(&make().await).await;
    what_is_against_the_rules_is_not_scheduled(&make().await).await;
    what_is_against_the_rules_when_it_is_due_is_set_aside(&make().await).await;
    what_an_earlier_version_has_scheduled_holds_up_no_other(&make().await).await;
    one_that_schedules_itself_is_cut(&make().await).await;
    what_cannot_be_read_holds_up_no_other(&make().await).await;
    hours_pass_once(&make().await).await;
    a_clock_that_was_ahead_stops_nothing(&make().await).await;
    what_was_missed_is_published_up_to_a_limit(&make().await).await;
    time_passes_only_for_those_who_ask(&make().await).await;
}

const START: &str = "2026-11-21T09:30:00Z";

struct Town {
    store: Arc<dyn Store>,
    clock: Arc<ManualClock>,
}

impl Town {
    async fn open(home: &impl BusHome) -> Self {
        let clock = Arc::new(ManualClock::starting_at(START.parse().unwrap()));
        Self { store: home.open().await, clock }
    }

    async fn start(&self, subscriptions: Vec<Subscription>) -> EventBus {
        self.start_under(EventRules::default(), subscriptions).await
    }

    async fn start_under(&self, rules: EventRules, subscriptions: Vec<Subscription>) -> EventBus {
        let ports = Ports { store: Some(Arc::clone(&self.store)), clock: self.clock.clone(), ids: Arc::new(SystemIds) };
        EventBus::start(subscriptions, ports, BusOptions { rules, ..options() }).await.unwrap()
    }

    fn unit(&self) -> Unit {
        Unit::new(Origin { clock: self.clock.clone(), ids: Arc::new(SystemIds), ..origin("calendar") })
    }

    /// The note of this number, so many seconds from now.
    async fn schedule(&self, n: u64, seconds: i64) -> ScheduleId {
        let mut unit = self.unit();
        let now = unit.origin().clock.now();
        let id = unit.schedule(&Noted::new("later", n), now + TimeDelta::seconds(seconds));
        self.store.commit(unit).await.unwrap();
        id
    }

    /// Lets the bus look at the clock twice.
    async fn look(&self) {
        sleep(Duration::from_millis(2_500)).await;
    }

    async fn notes(&self) -> Vec<u64> {
        Published::to(&*self.store).await.of::<Noted>().into_iter().map(|note| note.n).collect()
    }
}

async fn what_is_due_is_published_once_and_in_order(home: &impl BusHome) {
    let town = Town::open(home).await;
    let bus = town.start(vec![]).await;
    for (n, seconds) in [(3, 300), (1, 100), (2, 200), (4, 4_000), (0, -5)] {
        town.schedule(n, seconds).await;
    }
    town.look().await;
    assert_eq!(town.notes().await, [0], "what is past is due");
    town.clock.advance(TimeDelta::seconds(99));
    town.look().await;
    assert_eq!(town.notes().await, [0]);
    town.clock.advance(TimeDelta::seconds(1_000));
    town.look().await;
    assert_eq!(town.notes().await, [0, 1, 2, 3], "a jump forward: all that is due, in order");
    town.clock.advance(TimeDelta::seconds(-1_099));
    town.look().await;
    town.clock.advance(TimeDelta::seconds(1_099));
    town.look().await;
    assert_eq!(town.notes().await, [0, 1, 2, 3], "a jump backward: nothing twice");
    let left = scheduled(&*town.store, None, 10).await.unwrap();
    assert_eq!(left.iter().map(|found| found.value.event.decode::<Noted>().unwrap().n).collect::<Vec<_>>(), [4]);
    let log = town.store.log(LogQuery::after(Position(0), 10)).await.unwrap();
    let first = &log[1];
    assert_eq!(
        (&*first.source_module, first.metadata.user_id.as_str()),
        ("calendar", "tester"),
        "whoever scheduled it"
    );
    assert_eq!(first.timestamp, START.parse::<DateTime<Utc>>().unwrap() + TimeDelta::seconds(1_099), "as of now");
    bus.stop().await;
}

async fn what_is_cancelled_is_not_published(home: &impl BusHome) {
    let town = Town::open(home).await;
    let [kept, cancelled] = [town.schedule(1, 10).await, town.schedule(2, 10).await];
    let mut unit = town.unit();
    unit.cancel(&cancelled, Expected::Exact(1));
    town.store.commit(unit).await.unwrap();
    let bus = town.start(vec![]).await;
    town.clock.advance(TimeDelta::seconds(10));
    town.look().await;
    assert_eq!(town.notes().await, [1]);
    for id in [kept, cancelled] {
        let mut late = town.unit();
        late.cancel(&id, Expected::Exact(1));
        assert!(matches!(town.store.commit(late).await, Err(CommitError::Conflict(_))), "too late to cancel {id}");
    }
    bus.stop().await;
}

/// The bus dies after so many turns of publishing what is due, for every number of turns.
async fn a_restart_changes_nothing(home: &impl BusHome) {
    let town = Town::open(home).await;
    for n in 1..=5 {
        town.schedule(n, 10).await;
    }
    town.clock.advance(TimeDelta::seconds(10));
    for turns in 0..60 {
        let bus = town.start(vec![]).await;
        sleep(Duration::from_millis(1_001)).await;
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        drop(bus);
    }
    let bus = town.start(vec![]).await;
    town.look().await;
    let mut notes = town.notes().await;
    notes.sort_unstable();
    assert_eq!(notes, [1, 2, 3, 4, 5]);
    bus.stop().await;
}

/// Refuses notes as long as the clock shows less than this.
struct Strict(DateTime<Utc>);

impl Subscriber<Noted> for Strict {
    async fn handle(&self, _: &Context, event: &Noted, unit: &mut Unit) -> Result<(), Error> {
        let refuses = event.n == 1 && unit.origin().clock.now() < self.0;
        if refuses { Err(Error::internal("not today")) } else { Ok(()) }
    }
}

async fn what_is_refused_stays_scheduled(home: &impl BusHome) {
    let town = Town::open(home).await;
    let tomorrow = START.parse::<DateTime<Utc>>().unwrap() + TimeDelta::days(1);
    let strict = Subscription::new::<Noted>("strict", "calendar", Strict(tomorrow));
    let bus = town.start(vec![strict.with_class(DeliveryClass::Inline { order: 0 })]).await;
    town.schedule(1, 1).await;
    town.schedule(2, 2).await;
    town.clock.advance(TimeDelta::seconds(5));
    town.look().await;
    assert_eq!(town.notes().await, [2], "one that is refused holds up no other");
    town.clock.advance(TimeDelta::days(1));
    town.look().await;
    assert_eq!(town.notes().await, [2, 1]);
    bus.stop().await;
}

/// Does not come to an end with the first note.
struct Endless;

impl Subscriber<Noted> for Endless {
    async fn handle(&self, _: &Context, event: &Noted, _: &mut Unit) -> Result<(), Error> {
        if event.n == 1 { std::future::pending().await } else { Ok(()) }
    }
}

async fn one_that_does_not_end_holds_up_no_other(home: &impl BusHome) {
    let town = Town::open(home).await;
    let endless = Subscription::new::<Noted>("endless", "calendar", Endless);
    let other = Subscription::new::<Noted>("other", "calendar", Strict(START.parse().unwrap()));
    let bus = town.start(vec![endless.with_class(DeliveryClass::Inline { order: 0 }), other]).await;
    town.schedule(1, 1).await;
    town.schedule(2, 2).await;
    town.clock.advance(TimeDelta::seconds(5));
    town.look().await;
    assert_eq!(town.notes().await, [0; 0], "it is waited for");
    let mut unit = town.unit();
    unit.put("other", &Pause { since: START.parse().unwrap() }, Expected::Absent);
    town.store.commit(unit).await.unwrap();
    town.look().await;
    assert!(bus.status().await.unwrap()[0].paused, "what another process orders does not wait for it");
    sleep(Duration::from_secs(30)).await;
    assert_eq!(town.notes().await, [2]);
    assert_eq!(scheduled(&*town.store, None, 10).await.unwrap().len(), 1, "it is due still");
    bus.stop().await;
}

fn nothing_of_the_calendar() -> EventRules {
    EventRules::declare(EventLimits::default(), [("calendar", vec!["calendar.torn_off"])])
}

async fn what_is_against_the_rules_is_not_scheduled(home: &impl BusHome) {
    let town = Town::open(home).await;
    let at = START.parse::<DateTime<Utc>>().unwrap();
    let small = EventRules::new(EventLimits { payload_bytes: 100, ..EventLimits::default() });
    for (rules, code) in [(small, "event.too_large"), (nothing_of_the_calendar(), "event.undeclared")] {
        let bus = town.start_under(rules, vec![]).await;
        let mut unit = town.unit();
        unit.schedule(&Noted::new("x".repeat(100), 1), at);
        assert_eq!(bus.commit(unit).await.unwrap_err().code(), code);
        bus.stop().await;
    }
    assert!(scheduled(&*town.store, None, 1).await.unwrap().is_empty());
}

/// Scheduled when it was allowed.
async fn what_is_against_the_rules_when_it_is_due_is_set_aside(home: &impl BusHome) {
    let town = Town::open(home).await;
    town.schedule(1, 0).await;
    let bus = town.start_under(nothing_of_the_calendar(), vec![]).await;
    town.look().await;
    assert_eq!(town.notes().await, [0; 0]);
    assert!(scheduled(&*town.store, None, 1).await.unwrap().is_empty(), "it will be refused for ever");
    let refused = town.store.list::<RefusedPublish>(None, 10).await.unwrap();
    assert_eq!(refused.len(), 1);
    let RefusedPublish { events, error } = &refused[0].value;
    assert_eq!((events[0].event.decode::<Noted>().unwrap().n, error.code()), (1, "event.undeclared"));
    bus.stop().await;
}

/// Events of all depths for which there is room in what is scheduled, put there as an earlier version did: what no store takes as an
/// event is set aside, whole or as its text.
async fn what_an_earlier_version_has_scheduled_holds_up_no_other(home: &impl BusHome) {
    let town = Town::open(home).await;
    let depths = 119..=125;
    for levels in depths.clone() {
        let mut unit = town.unit();
        unit.publish(&Deep::of(levels));
        let Some(Write::Append { stream, envelope, tags, .. }) = unit.into_writes().pop() else { panic!("an event") };
        let (at, event) = (DateTime::UNIX_EPOCH, Arc::unwrap_or_clone(envelope));
        let mut unit = town.unit();
        unit.put(format!("{levels:020}"), &Scheduled { at, stream, event, tags }, Expected::Absent);
        town.store.commit(unit).await.unwrap();
    }
    town.schedule(1, 0).await;
    let bus = town.start(vec![]).await;
    town.look().await;
    assert_eq!(town.notes().await, [1]);
    assert!(scheduled(&*town.store, None, 1).await.unwrap().is_empty());
    let fired = Published::to(&*town.store).await.of::<Deep>();
    assert_eq!(fired.iter().map(|event| event.levels).collect::<Vec<_>>(), [119, 120]);
    let mut refused = town.store.list::<RefusedPublish>(None, 10).await.unwrap();
    refused.sort_by_key(|refused| refused.value.events[0].event.metadata.key.clone());
    assert_eq!(refused.len(), 5);
    for (refused, levels) in refused.into_iter().zip(121..=125) {
        let RefusedPublish { events, error } = refused.value;
        let (data, whole) = (&events[0].event.data, Json::of(&Deep::of(levels)).unwrap());
        if levels <= 123 {
            assert_eq!(*data, whole);
        } else {
            assert_eq!(data.read::<String>().unwrap(), whole.text());
        }
        assert_eq!(error.code(), "store.unwritable");
    }
    bus.stop().await;
}

/// Answers each note with another one that is due at once.
struct Snoozes;

impl Subscriber<Noted> for Snoozes {
    async fn handle(&self, _: &Context, event: &Noted, unit: &mut Unit) -> Result<(), Error> {
        unit.schedule(&Noted::new("later", event.n + 1), DateTime::UNIX_EPOCH);
        Ok(())
    }
}

async fn one_that_schedules_itself_is_cut(home: &impl BusHome) {
    let town = Town::open(home).await;
    let rules = EventRules::new(EventLimits { depth: 3, ..EventLimits::default() });
    let bus = town.start_under(rules, vec![Subscription::new::<Noted>("snoozes", "calendar", Snoozes)]).await;
    town.schedule(0, 0).await;
    for _ in 0..4 {
        town.look().await;
    }
    assert_eq!(town.notes().await, [0, 1, 2, 3]);
    assert!(scheduled(&*town.store, None, 1).await.unwrap().is_empty());
    let letters = town.store.list::<DeadLetter>(None, 10).await.unwrap();
    assert_eq!((letters.len(), letters[0].value.error.code()), (1, "event.storm"));
    bus.stop().await;
}

/// What somebody else has put where scheduled events are.
#[derive(Serialize, Deserialize)]
struct Spoilt {}

impl Document for Spoilt {
    const COLLECTION: &'static str = Scheduled::COLLECTION;
}

async fn what_cannot_be_read_holds_up_no_other(home: &impl BusHome) {
    let town = Town::open(home).await;
    let mut unit = town.unit();
    unit.put("00000000000000000001-spoilt", &Spoilt {}, Expected::Absent);
    town.store.commit(unit).await.unwrap();
    town.schedule(1, 0).await;
    let bus = town.start(vec![]).await;
    town.look().await;
    assert_eq!(town.notes().await, [1]);
    assert!(town.store.get::<Spoilt>("00000000000000000001-spoilt").await.unwrap().is_some(), "it is left alone");
    bus.stop().await;
}

/// Takes what it gets.
struct Idle;

impl<E: Event> Subscriber<E> for Idle {
    async fn handle(&self, _: &Context, _: &E, _: &mut Unit) -> Result<(), Error> {
        Ok(())
    }
}

fn hourly() -> Subscription {
    Subscription::new::<HourPassed>("hourly", "calendar", Idle)
}

async fn ends<E: Event>(town: &Town, ended: impl Fn(E) -> DateTime<Utc>) -> Vec<String> {
    let events = Published::to(&*town.store).await.of::<E>().into_iter();
    events.map(|event| ended(event).format("%m-%d %H:%M").to_string()).collect()
}

async fn hours(town: &Town) -> Vec<String> {
    ends::<HourPassed>(town, |event| event.ended).await
}

async fn hours_pass_once(home: &impl BusHome) {
    let town = Town::open(home).await;
    let bus = town.start(vec![hourly()]).await;
    town.look().await;
    assert_eq!(hours(&town).await, [""; 0], "the hour is not over");
    town.clock.advance(TimeDelta::minutes(30));
    town.look().await;
    town.clock.advance(TimeDelta::minutes(-20));
    town.look().await;
    town.clock.advance(TimeDelta::minutes(20));
    town.look().await;
    assert_eq!(hours(&town).await, ["11-21 10:00"]);
    town.clock.advance(TimeDelta::hours(2));
    town.look().await;
    assert_eq!(hours(&town).await, ["11-21 10:00", "11-21 11:00", "11-21 12:00"]);
    bus.stop().await;
}

async fn a_clock_that_was_ahead_stops_nothing(home: &impl BusHome) {
    let town = Town::open(home).await;
    town.clock.advance(TimeDelta::days(365));
    let bus = town.start(vec![hourly()]).await;
    town.look().await;
    town.clock.advance(TimeDelta::days(-365));
    town.look().await;
    assert_eq!(hours(&town).await, [""; 0]);
    town.clock.advance(TimeDelta::hours(2));
    town.look().await;
    assert_eq!(hours(&town).await, ["11-21 10:00", "11-21 11:00"]);
    bus.stop().await;
}

async fn what_was_missed_is_published_up_to_a_limit(home: &impl BusHome) {
    let town = Town::open(home).await;
    let all = || {
        let daily = Subscription::new::<DayPassed>("daily", "calendar", Idle);
        vec![hourly(), daily, Subscription::new::<MonthPassed>("monthly", "calendar", Idle)]
    };
    let bus = town.start(all()).await;
    town.look().await;
    bus.stop().await;
    town.clock.advance(TimeDelta::days(40));
    for _ in 0..3 {
        let bus = town.start(all()).await;
        town.look().await;
        bus.stop().await;
    }
    let hours = hours(&town).await;
    assert_eq!((hours.len(), hours[0].as_str(), hours[47].as_str()), (48, "12-29 10:00", "12-31 09:00"));
    let days = ends::<DayPassed>(&town, |event| event.ended).await;
    assert_eq!((days.len(), days[0].as_str(), days[30].as_str()), (31, "12-01 00:00", "12-31 00:00"));
    assert_eq!(ends::<MonthPassed>(&town, |event| event.ended).await, ["12-01 00:00"]);
}

async fn time_passes_only_for_those_who_ask(home: &impl BusHome) {
    let town = Town::open(home).await;
    let all = Subscription::envelopes("archive", "calendar", "*", crate::bus::Probe::writing("archive", &town.store));
    let bus = town.start(vec![all]).await;
    for _ in 0..3 {
        town.look().await;
        town.clock.advance(TimeDelta::days(1));
    }
    assert_eq!(town.store.head().await.unwrap(), Position(0));
    bus.stop().await;
}
