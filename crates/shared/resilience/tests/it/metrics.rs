use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use chrono::TimeDelta;
use expect_test::expect;
use kernel::ErrorKind;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use resilience::{Bulkhead, BulkheadOptions, Fallback, FallbackOptions, Outcome, Timeout, TimeoutOptions};
use tower::{Layer, ServiceExt};

use crate::world::{breakers, count, error, retry};

/// Keeps counters by name and labels.
#[derive(Default)]
struct Counters(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Counters {
    fn shown(&self) -> String {
        let counters = self.0.lock().unwrap();
        let counters = counters.iter().map(|(key, value)| (key, value.load(Ordering::Relaxed)));
        counters.filter(|(_, value)| *value > 0).map(|(key, value)| format!("{key} {value}\n")).collect()
    }
}

impl Recorder for Counters {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels: Vec<String> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let key = format!("{}{{{}}}", key.name(), labels.join(","));
        Counter::from_arc(Arc::clone(self.0.lock().unwrap().entry(key).or_default()))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        panic!("no gauge is known: {key}")
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        panic!("no histogram is known: {key}")
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_repeated_given_up_or_replaced_is_counted() {
    let counters = Counters::default();
    let made = metrics::with_local_recorder(&counters, || {
        let (breakers, clock) = breakers(count(1, 1, 1));
        let bulkhead = Bulkhead::try_new("users", BulkheadOptions { concurrent: 1, queue: 0 }).unwrap();
        let timeout = Timeout::try_new("users", &TimeoutOptions { limit_ms: 1 }).unwrap();
        let fallback = Fallback::try_new("users", FallbackOptions::default(), |(), _| async { Ok(0) }).unwrap();
        (breakers.of("users").unwrap(), clock, bulkhead, timeout, fallback, retry(3))
    });
    let (breaker, clock, bulkhead, timeout, fallback, retry) = made;

    breaker.admit().unwrap().record(Outcome::Failure);
    assert!(breaker.admit().is_err());
    assert!(breaker.admit().is_err());
    clock.advance(TimeDelta::seconds(1));
    breaker.admit().unwrap().record(Outcome::Success);

    let _running = bulkhead.enter().await.unwrap();
    assert!(bulkhead.enter().await.is_err());

    assert!(timeout.run::<()>(std::future::pending()).await.is_err());

    let users = fallback.layer(tower::service_fn(|()| async { Err(error(ErrorKind::Unavailable)) }));
    assert_eq!(users.oneshot(()).await, Ok(0));

    retry.run::<(), _>(|| async { Err(error(ErrorKind::Unavailable)) }).await.unwrap_err();
    retry.run::<(), _>(|| async { Err(error(ErrorKind::Invalid)) }).await.unwrap_err();

    expect![[r#"
        borough_breaker_changes_total{target=users,to=closed} 1
        borough_breaker_changes_total{target=users,to=half_open} 1
        borough_breaker_changes_total{target=users,to=open} 1
        borough_fallbacks_total{target=users} 1
        borough_rejected_total{target=users,by=breaker} 2
        borough_rejected_total{target=users,by=bulkhead} 1
        borough_retries_given_up_total{target=users,out_of=attempts} 1
        borough_retries_total{target=users} 2
        borough_timeouts_total{target=users} 1
    "#]]
    .assert_eq(&counters.shown());
}
