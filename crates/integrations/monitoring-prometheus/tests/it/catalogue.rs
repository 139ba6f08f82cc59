//! Every metric of the product, as `docs/observability.md` lists it.

use std::{env, fs, path::Path};

use metrics::with_local_recorder;
use monitoring_prometheus::Exporter;
use observability::{Bounds, LABELS, MetricInfo};

use crate::product;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/observability.md");
const BEGIN: &str =
    "<!-- the metrics: held equal to the code by crates/integrations/monitoring-prometheus/tests/it/catalogue.rs -->\n";
const END: &str = "<!-- end of the metrics -->\n";

/// The exporter of a product that has done everything once.
pub fn lived() -> Exporter {
    let (recorder, exporter) = Exporter::with_recorder(Bounds::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    with_local_recorder(&recorder, || runtime.block_on(product::live()));
    exporter
}

fn table(metrics: &[MetricInfo]) -> String {
    let mut table = "| metric | kind | unit | labels | meaning |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for MetricInfo { name, kind, unit, help, labels, .. } in metrics {
        let unit = unit.map_or("", |unit| unit.as_str());
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        table += &format!("| `{name}` | {kind} | {unit} | {} | {help} |\n", labels.join(", "));
    }
    table += "\n| label | its values |\n| --- | --- |\n";
    LABELS.iter().for_each(|(label, values)| table += &format!("| `{label}` | {values} |\n"));
    table
}

/// Written anew with `UPDATE_EXPECT=1`.
#[test]
fn the_page_lists_every_metric_with_its_labels() {
    let table = table(&lived().catalogue().metrics());
    let page = fs::read_to_string(Path::new(PAGE)).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has a place for the metrics");
    let (listed, after) = rest.split_once(END).expect("the place for the metrics has an end");
    if listed != table && env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(PAGE, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(listed, table, "docs/observability.md is behind: UPDATE_EXPECT=1 writes it");
}

#[test]
fn names_units_and_labels_follow_the_conventions() {
    for metric in lived().catalogue().metrics() {
        let MetricInfo { name, kind, unit, help, labels, series } = &metric;
        assert!(name.starts_with("borough_"), "{name}");
        assert_eq!(name.ends_with("_total"), kind.to_string() == "counter", "{name}: `_total` is for counters");
        let unit = unit.map_or("", |unit| unit.as_str());
        assert_eq!(unit == "seconds", name.ends_with("_seconds"), "{name}: a time is in seconds");
        assert!(["count", "seconds", "bytes"].contains(&unit), "{name}: `{unit}` is no base unit");
        assert!(!help.is_empty() && !help.ends_with('.'), "{name}: {help}");
        assert!(labels.iter().all(|label| LABELS.iter().any(|(known, _)| known == label)), "{name}: {labels:?}");
        let is_told_by_trouble = name == "borough_metric_series_refused_total";
        assert_eq!(*series == 0, is_told_by_trouble, "{name}: the product above does not make it");
    }
}
