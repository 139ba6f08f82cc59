//! What is exposed, and what it is when it is read back.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use expect_test::expect;
use metrics::with_local_recorder;
use monitoring_prometheus::{Exporter, InstallError};
use observability::{Bounds, Counter, Gauge, Histogram, Label, Metric};

use crate::{catalogue::lived, tools::program};

const SOLD: Metric<Counter, 1> = Metric::counter("shop_sold_total", "Things \\ sold", [Label::open("shop")]);
const SHELVES: Metric<Gauge> = Metric::gauge("shop_shelves", "Shelves that are full", []);
const PACKING: Metric<Histogram> = Metric::seconds("shop_packing_seconds", "Time to pack a parcel", []);

#[test]
fn counters_gauges_and_histograms_of_a_package_are_exposed_and_read_back() {
    let (recorder, exporter) = Exporter::with_recorder(Bounds::default()).unwrap();
    with_local_recorder(&recorder, || {
        SOLD.of(["a \"b\"\\ {c}, d=\"\n"]).increment(2);
        SOLD.of(["harbour"]).increment(1);
        SHELVES.of([]).set(-1.5);
        PACKING.of([]).record(0.03);
    });
    let mut told = String::new();
    for reading in exporter.readings() {
        told += &format!("{} {}: {}\n", reading.name, reading.kind, reading.help);
        let telling = reading.samples.iter().filter(|sample| sample.value != 0.0);
        let telling =
            telling.filter(|sample| sample.labels.get("le").is_none_or(|le| ["0.05", "+Inf"].contains(&&**le)));
        telling.for_each(|sample| told += &format!("  {} {:?} {}\n", sample.name, sample.labels, sample.value));
    }
    expect![[r#"
        shop_packing_seconds histogram: Time to pack a parcel
          shop_packing_seconds_bucket {"le": "0.05"} 1
          shop_packing_seconds_bucket {"le": "+Inf"} 1
          shop_packing_seconds_sum {} 0.03
          shop_packing_seconds_count {} 1
        shop_shelves gauge: Shelves that are full
          shop_shelves {} -1.5
        shop_sold_total counter: Things \ sold
          shop_sold_total {"shop": "a \"b\"\\ {c}, d=\"\n"} 2
          shop_sold_total {"shop": "harbour"} 1
    "#]]
    .assert_eq(&told);
    let json = serde_json::to_string(&exporter.readings()).unwrap();
    assert_eq!(serde_json::from_str::<Vec<monitoring_prometheus::Reading>>(&json).unwrap(), exporter.readings());
}

#[test]
fn what_is_no_number_is_told_as_such() {
    let (recorder, exporter) = Exporter::with_recorder(Bounds::default()).unwrap();
    for (value, told) in [(f64::NAN, "\"NaN\""), (f64::INFINITY, "\"inf\""), (f64::NEG_INFINITY, "\"-inf\"")] {
        with_local_recorder(&recorder, || SHELVES.of([]).set(value));
        let json = serde_json::to_string(&exporter.readings()).unwrap();
        assert!(json.contains(&format!("\"value\":{told}")), "{json}");
        let read: Vec<monitoring_prometheus::Reading> = serde_json::from_str(&json).unwrap();
        assert_eq!(format!("{read:?}"), format!("{:?}", exporter.readings()));
    }
}

/// Prometheus' own checker has neither an error nor a remark.
#[test]
fn promtool_finds_nothing_to_remark() {
    let mut promtool = Command::new(program("promtool"));
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let check = |text: &str| {
        let mut child = promtool.spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.code(), said.into_owned())
    };
    let mut check = check;
    assert_eq!(check(&lived().render()), (Some(0), String::new()));
    let (code, said) = check("# HELP shop_sold Sold\n# TYPE shop_sold counter\nshop_sold 1\n");
    assert_eq!(code, Some(3), "it does remark what is against its conventions: {said}");
}

#[test]
fn metrics_go_to_one_recorder() {
    Exporter::install(Bounds::default()).unwrap();
    let again = Exporter::install(Bounds::default()).err().unwrap();
    assert!(matches!(again, InstallError::Twice), "{again}");
}
