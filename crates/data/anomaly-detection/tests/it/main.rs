//! The module as others meet it: a request over a file, through the pipeline, answered with a report and an event.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{fmt::Write as _, fs, path::Path, sync::Arc};

use event_sourcing::{MemoryBlobs, MemoryStore, Store};
use expect_test::expect;
use interfaces_data::{AnomalyReport, DETECT_ANOMALIES, DetectAnomalies, DetectionCompleted, ForestOptions};
use kernel::{DatasetRef, Error, ErrorKind, ManualClock, SequentialIds};
use module::{Grants, Infrastructure, Options, assemble};
use tempfile::TempDir;

struct Assembly {
    requests: request::Requests,
    store: Arc<dyn Store>,
}

impl Assembly {
    async fn new() -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let infrastructure = Infrastructure {
            store: Arc::clone(&store),
            blobs: Arc::new(MemoryBlobs::default()),
            clock: Arc::new(ManualClock::default()),
            ids: Arc::new(SequentialIds::default()),
        };
        let permissions = [DETECT_ANOMALIES.name().to_owned()];
        let grants = Grants::from([("tester".to_owned(), permissions.into())]);
        let options = Options { grants, ..Options::default() };
        let application = assemble(vec![anomaly_detection::module()], infrastructure, options).await.unwrap();
        let requests = application.answering().requests;
        Self { requests, store }
    }

    async fn detect(&self, request: DetectAnomalies) -> Result<AnomalyReport, Error> {
        let context = testing::context(&[DETECT_ANOMALIES.name()]);
        self.requests.ask(&context, request).await
    }

    async fn events(&self) -> Vec<DetectionCompleted> {
        testing::Published::to(&*self.store).await.of()
    }
}

fn request(dataset: DatasetRef, top: u32) -> DetectAnomalies {
    DetectAnomalies { dataset, forest: ForestOptions::default(), top }
}

async fn csv(text: &str) -> (TempDir, DatasetRef) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data.csv");
    fs::write(&path, text).unwrap();
    let reference = dataset::identify(&path).await.unwrap();
    (folder, reference)
}

/// As a person would list it.
fn listing(report: &AnomalyReport) -> String {
    let mut text = String::new();
    for anomaly in &report.anomalies {
        write!(text, "row {}, {:.3}:", anomaly.row, anomaly.score).unwrap();
        for driver in &anomaly.drivers {
            write!(text, " {}={} ({:.0} %)", driver.column, driver.value.unwrap(), 100.0 * driver.share).unwrap();
        }
        text.push('\n');
    }
    text
}

#[tokio::test]
async fn flights_that_are_unlike_the_others_are_named_with_what_makes_them_so() {
    let sample = Path::new("../../../samples/flights-week.csv");
    let dataset = dataset::identify(sample).await.unwrap();
    let report = Assembly::new().await.detect(request(dataset, 5)).await.unwrap();
    assert_eq!((report.rows, report.columns.len()), (6099, 14));
    expect![[r#"
        row 1788, 0.683: dep_delay=156 (24 %) arr_delay=143 (15 %) sched_arr_time=437 (13 %)
        row 835, 0.682: arr_delay=456 (37 %) dep_delay=379 (21 %) dep_time=2343 (11 %)
        row 152, 0.678: arr_delay=851 (32 %) dep_delay=853 (29 %) dep_time=848 (6 %)
        row 831, 0.677: dep_delay=192 (27 %) arr_delay=191 (26 %) dep_time=2312 (11 %)
        row 1787, 0.675: dep_delay=185 (26 %) arr_delay=172 (20 %) dep_time=50 (13 %)
    "#]]
    .assert_eq(&listing(&report));
}

#[tokio::test]
async fn a_detection_is_announced() {
    let mut text = "label,amount\n".to_owned();
    for row in 0..50 {
        writeln!(text, "item {row},{}", row % 7).unwrap();
    }
    text.push_str("item 50,900\n");
    let (_folder, dataset) = csv(&text).await;
    let assembly = Assembly::new().await;
    let report = assembly.detect(request(dataset.clone(), 1)).await.unwrap();
    assert_eq!(report.columns, ["amount"]);
    assert_eq!(report.anomalies[0].row, 51);
    assert_eq!(report.anomalies[0].drivers[0].value, Some(900.0));
    let highest_score = report.anomalies[0].score;
    let announced = DetectionCompleted { dataset, rows: 51, anomalies: 1, highest_score };
    assert_eq!(assembly.events().await, [announced]);
}

#[tokio::test]
async fn without_numbers_there_are_no_anomalies() {
    let (_folder, dataset) = csv("colour,known\nred,true\nblue,\n").await;
    let assembly = Assembly::new().await;
    let report = assembly.detect(request(dataset.clone(), 3)).await.unwrap();
    assert_eq!((report.rows, report.columns, report.anomalies), (2, vec![], vec![]));
    let announced = DetectionCompleted { dataset, rows: 2, anomalies: 0, highest_score: 0.0 };
    assert_eq!(assembly.events().await, [announced]);
}

#[tokio::test]
async fn rows_that_are_all_alike_are_no_anomalies() {
    let (_folder, dataset) = csv("a,b\n1,2\n1,2\n1,2\n").await;
    let report = Assembly::new().await.detect(request(dataset, 3)).await.unwrap();
    assert_eq!((report.columns.len(), report.anomalies), (2, vec![]));
}

#[tokio::test]
async fn the_same_request_has_the_same_answer() {
    let text: String = (0..300).map(|row| format!("{},{}\n", row * row % 101, row % 13)).collect();
    let (_folder, dataset) = csv(&format!("a,b\n{text}")).await;
    let first = Assembly::new().await.detect(request(dataset.clone(), 20)).await.unwrap();
    let second = Assembly::new().await.detect(request(dataset, 20)).await.unwrap();
    assert_eq!(first, second);
}

#[tokio::test]
async fn every_refused_field_is_named() {
    let (_folder, dataset) = csv("a\n1\n").await;
    let assembly = Assembly::new().await;
    let refusal = async |top, trees, samples| {
        let forest = ForestOptions { trees, samples, seed: 1 };
        let error = assembly.detect(DetectAnomalies { forest, ..request(dataset.clone(), top) }).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
        error.message
    };
    expect!["/top: 0 anomalies: ask for at least 1; /forest/trees: 0 trees: choose from 1 to 10000; /forest/samples: 1 samples a tree: give at least 2"]
        .assert_eq(&refusal(0, 0, 1).await);
    expect!["/forest/trees: 10001 trees: choose from 1 to 10000; /forest/samples: 20002000 samples in all trees: at most 16777216 fit"].assert_eq(&refusal(1, 10_001, 2000).await);
    assert_eq!(assembly.events().await, []);
}
