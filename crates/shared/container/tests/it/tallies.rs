use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use container::{Builder, Container};
use expect_test::expect;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use crate::text::shortened;

struct Clock;
struct Session;
struct Job;

fn wired() -> Container {
    let mut b = Builder::new();
    b.transient(|_: Arc<Clock>, _: Arc<Session>| Job).scoped(|_: Arc<Clock>| Session).singleton(|| Clock);
    b.singleton(|| -> u8 { panic!("never works") });
    b.build().unwrap()
}

/// Resolutions and makes of job, session, clock and of what never works.
fn numbers(container: &Container) -> Vec<(u64, u64)> {
    container.tallies().iter().map(|tally| (tally.resolved, tally.made)).collect()
}

#[test]
fn counts_what_is_handed_out_to_callers_and_to_factories_and_what_is_made() {
    let container = wired();
    assert_eq!(numbers(&container), [(0, 0); 4]);
    container.get::<Clock>();
    container.get::<Clock>();
    let scope = container.scope();
    scope.get::<Job>();
    scope.get::<Job>();
    scope.get::<Session>();
    container.try_get::<u8>().unwrap_err();
    // The clock: two callers, two jobs, one session.
    assert_eq!(numbers(&container), [(2, 2), (3, 1), (5, 1), (1, 0)]);
}

#[test]
fn counts_of_all_threads_are_added_up_also_of_those_that_have_ended() {
    let container = wired();
    thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| (0..1000).for_each(|_| drop(container.get::<Clock>())));
        }
    });
    thread::scope(|threads| {
        threads.spawn(|| drop(container.get::<Clock>()));
    });
    assert_eq!(numbers(&container)[2], (4001, 1));
}

#[derive(Default)]
struct Counters(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Recorder for Counters {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::clone(self.0.lock().unwrap().entry(shortened(&key.to_string())).or_default()))
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn published_to_the_metrics_facade() {
    let (container, counters) = (wired(), Counters::default());
    metrics::with_local_recorder(&counters, || {
        container.scope().get::<Session>();
        container.publish_tallies();
        container.get::<Clock>();
        container.publish_tallies();
    });
    let counters = counters.0.lock().unwrap();
    let lines: Vec<String> =
        counters.iter().map(|(key, value)| format!("{key} {}", value.load(Ordering::Relaxed))).collect();
    expect![[r#"
        Key(borough_container_makes_total, [registration = Clock, place = tallies.rs]) 1
        Key(borough_container_makes_total, [registration = Job, place = tallies.rs]) 0
        Key(borough_container_makes_total, [registration = Session, place = tallies.rs]) 1
        Key(borough_container_makes_total, [registration = u8, place = tallies.rs]) 0
        Key(borough_container_resolutions_total, [registration = Clock, place = tallies.rs]) 2
        Key(borough_container_resolutions_total, [registration = Job, place = tallies.rs]) 0
        Key(borough_container_resolutions_total, [registration = Session, place = tallies.rs]) 1
        Key(borough_container_resolutions_total, [registration = u8, place = tallies.rs]) 0"#]]
    .assert_eq(&lines.join("\n"));
}
