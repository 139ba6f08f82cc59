//! Metrics of a domain, declared once, and the bound on their series.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, atomic::AtomicU64, atomic::Ordering},
};

use expect_test::expect;
use metrics::{Key, KeyName, Metadata, Recorder, SharedString, counter};
use observability::{Bounded, Bounds, Counter, Gauge, Histogram, LABELS, Label, Metric, Unit};

/// Keeps everything by name and labels; of a histogram, the sum.
#[derive(Clone, Default)]
struct Recorded(Arc<Mutex<BTreeMap<String, Arc<AtomicU64>>>>);

impl Recorded {
    fn cell(&self, key: &Key) -> Arc<AtomicU64> {
        let labels: Vec<String> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let key = format!("{}{{{}}}", key.name(), labels.join(","));
        Arc::clone(self.0.lock().unwrap().entry(key).or_default())
    }

    fn shown(&self) -> String {
        let cells = self.0.lock().unwrap();
        let shown = |(key, cell): (&String, &Arc<AtomicU64>)| {
            let bits = cell.load(Ordering::Relaxed);
            let value = if key.contains("_total") { bits as f64 } else { f64::from_bits(bits) };
            format!("{key} {value}\n")
        };
        cells.iter().map(shown).collect()
    }
}

/// Adds up, where metrics have a cell that a gauge adds to.
struct Sum(Arc<AtomicU64>);

impl metrics::HistogramFn for Sum {
    fn record(&self, value: f64) {
        self.0.store((f64::from_bits(self.0.load(Ordering::Relaxed)) + value).to_bits(), Ordering::Relaxed);
    }
}

impl Recorder for Recorded {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key))
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key))
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(Sum(self.cell(key))))
    }
}

const SOLD: Metric<Counter, 2> =
    Metric::counter("shop_sold_total", "Things sold", [Label::of("paid_by", &["card", "cash"]), Label::open("shop")]);
const SHELVES: Metric<Gauge> = Metric::gauge("shop_shelves", "Shelves that are full", []);
const PACKING: Metric<Histogram, 1> =
    Metric::seconds("shop_packing_seconds", "Time to pack a parcel", [Label::of("size", &["small", "large"])]);

fn recorded(bounds: Bounds, work: impl FnOnce()) -> (String, String) {
    let recorded = Recorded::default();
    let bounded = Bounded::new(recorded.clone(), bounds);
    metrics::with_local_recorder(&bounded, work);
    let known = bounded.catalogue().metrics();
    let known = known.iter().map(|metric| {
        let unit = metric.unit.map_or("", |unit| unit.as_str());
        format!("{} {} {unit} [{}]: {}\n", metric.name, metric.kind, metric.labels.join(", "), metric.help)
    });
    (recorded.shown(), known.collect())
}

#[test]
fn a_package_counts_gauges_and_measures_on_its_own() {
    let (recorded, known) = recorded(Bounds::default(), || {
        SOLD.of(["card", "harbour"]).increment(2);
        SOLD.of(["a cheque of 1998", "harbour"]).increment(1);
        let shelves = SHELVES.of([]);
        shelves.set(5.0);
        shelves.decrement(1.0);
        let small = PACKING.of(["small"]);
        small.record(0.25);
        small.record(std::time::Duration::from_millis(500));
    });
    expect![[r#"
        shop_packing_seconds{size=small} 0.75
        shop_shelves{} 4
        shop_sold_total{paid_by=card,shop=harbour} 2
        shop_sold_total{paid_by=other,shop=harbour} 1
    "#]]
    .assert_eq(&recorded);
    expect![[r#"
        borough_metric_series_refused_total counter count [because, metric]: Series that were asked for and are counted as `other`, by what was wrong: label, series, metric
        shop_packing_seconds histogram seconds [size]: Time to pack a parcel
        shop_shelves gauge count []: Shelves that are full
        shop_sold_total counter count [paid_by, shop]: Things sold
    "#]]
    .assert_eq(&known);
    assert_eq!(SOLD.name(), "shop_sold_total");
}

#[test]
fn a_label_that_nobody_bounds_is_refused() {
    let (recorded, _) = recorded(Bounds::default(), || {
        for user in ["anna", "ben", "cleo"] {
            counter!("shop_visits_total", "user" => user, "module" => "shop").increment(1);
        }
    });
    expect![[r#"
        borough_metric_series_refused_total{metric=shop_visits_total,because=label} 3
        shop_visits_total{user=other,module=shop} 3
    "#]]
    .assert_eq(&recorded);
}

#[test]
fn what_is_beyond_the_bounds_is_one_series_and_counted() {
    let bounds = Bounds { metrics: 3, series: 2 };
    let (recorded, known) = recorded(bounds, || {
        for shop in ["harbour", "market", "station", "hill", "market"] {
            SOLD.of(["cash", shop]).increment(1);
        }
        SHELVES.of([]).set(1.0);
        for n in 0..2 {
            counter!(format!("shop_{n}_total")).increment(1);
        }
    });
    expect![[r#"
        borough_metric_series_refused_total{metric=other,because=metric} 2
        borough_metric_series_refused_total{metric=shop_sold_total,because=series} 2
        shop_shelves{} 1
        shop_sold_total{paid_by=cash,shop=harbour} 1
        shop_sold_total{paid_by=cash,shop=market} 2
        shop_sold_total{paid_by=other,shop=other} 2
    "#]]
    .assert_eq(&recorded);
    assert_eq!(known.lines().count(), 3);
}

#[test]
fn the_labels_that_may_be_are_told_in_order() {
    assert!(LABELS.is_sorted());
    assert!(LABELS.iter().all(|(_, meaning)| !meaning.is_empty()));
}
