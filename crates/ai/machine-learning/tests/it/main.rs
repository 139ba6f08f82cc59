//! The module as others meet it: requests over files, through the pipeline, answered with reports, bytes and events.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{fmt::Write as _, fs, path::Path, sync::Arc};

use event_sourcing::{Blobs, MemoryBlobs, MemoryStore, Store};
use expect_test::{Expect, expect};
use interfaces_ai::{DISCARD_MODEL, DiscardModel, ModelTrained, TRAIN_MODEL, TrainModel, TrainingReport};
use kernel::{DatasetRef, Error, ErrorKind, ManualClock, SequentialIds};
use machine_learning::Model;
use module::{Grants, Infrastructure, Options, assemble};
use tempfile::TempDir;

struct Assembly {
    requests: request::Requests,
    store: Arc<dyn Store>,
    blobs: Arc<dyn Blobs>,
}

impl Assembly {
    async fn new() -> Self {
        let (store, blobs): (Arc<dyn Store>, Arc<dyn Blobs>) =
            (Arc::new(MemoryStore::default()), Arc::new(MemoryBlobs::default()));
        let infrastructure = Infrastructure {
            store: Arc::clone(&store),
            blobs: Arc::clone(&blobs),
            clock: Arc::new(ManualClock::default()),
            ids: Arc::new(SequentialIds::default()),
        };
        let permissions = [TRAIN_MODEL, DISCARD_MODEL].map(|permission| permission.name().to_owned());
        let grants = Grants::from([("tester".to_owned(), permissions.into())]);
        let options = Options { grants, ..Options::default() };
        let application = assemble(vec![machine_learning::module()], infrastructure, options).await.unwrap();
        let requests = application.answering().requests;
        Self { requests, store, blobs }
    }

    async fn train(&self, request: TrainModel) -> Result<TrainingReport, Error> {
        self.requests.ask(&testing::context(&[TRAIN_MODEL.name()]), request).await
    }

    async fn events(&self) -> Vec<ModelTrained> {
        testing::Published::to(&*self.store).await.of()
    }
}

fn request(dataset: &DatasetRef, target: &str, exclude: &[&str]) -> TrainModel {
    TrainModel {
        dataset: dataset.clone(),
        target: target.into(),
        exclude: exclude.iter().map(ToString::to_string).collect(),
        folds: 5,
        seed: 42,
    }
}

async fn csv(text: &str) -> (TempDir, DatasetRef) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data.csv");
    fs::write(&path, text).unwrap();
    let reference = dataset::identify(&path).await.unwrap();
    (folder, reference)
}

/// Orders of one column of each type. Large ones on weekends are returned.
async fn orders() -> (TempDir, DatasetRef) {
    let mut text = "id,amount,price,gift,day,at,colour,returned,shop\n".to_owned();
    for row in 0..400 {
        let (amount, day, colour) = (row * 7 % 31, 1 + row % 28, ["red", "green", "blue"][row % 3]);
        let returned = if row % 40 == 39 {
            ""
        } else if amount > 20 && day % 7 > 4 {
            "yes"
        } else {
            "no"
        };
        let (gift, price) = (row % 5 == 0, amount as f64 * 1.5);
        writeln!(
            text,
            "order {row},{amount},{price},{gift},2024-02-{day:02},2024-02-{day:02}T10:00:00Z,{colour},{returned},"
        )
        .unwrap();
    }
    csv(&text).await
}

#[tokio::test]
async fn late_flights_are_predicted_better_than_by_the_majority() {
    let sample = Path::new("../../../samples/flights-week.csv");
    let dataset = dataset::identify(sample).await.unwrap();
    let known_too_late = ["dep_delay", "dep_time", "arr_time", "air_time"];
    let report = Assembly::new().await.train(request(&dataset, "arr_delay > 15", &known_too_late)).await.unwrap();
    assert_eq!(report.rows, 6043);
    let (metrics, baseline) = (report.metrics, report.baseline);
    expect![[r#"
        day sched_dep_time sched_arr_time carrier flight origin dest distance hour minute time_hour
        accuracy 0.80 instead of 0.79, AUC 0.73"#]]
    .assert_eq(&format!(
        "{}\naccuracy {:.2} instead of {:.2}, AUC {:.2}",
        report.features.join(" "),
        metrics.accuracy,
        baseline.accuracy,
        metrics.auc
    ));
}

#[tokio::test]
async fn a_model_is_stored_and_announced() {
    let (_folder, dataset) = orders().await;
    let assembly = Assembly::new().await;
    let report = assembly.train(request(&dataset, "returned = 'yes'", &[])).await.unwrap();
    assert!(report.metrics.auc > 0.9 && report.metrics.accuracy > report.baseline.accuracy, "{report:?}");

    let bytes = assembly.blobs.get(&report.model).await.unwrap().unwrap();
    assert_eq!(bytes.len() as u64, report.model_bytes);
    let model = Model::from_bytes(&bytes).unwrap();
    let described: Vec<String> = model.features().iter().map(|f| format!("{} {}", f.name, f.column_type)).collect();
    // The target's column, identifiers and an empty column are none.
    expect!["amount integer, price float, gift boolean, day date, at timestamp, colour text"]
        .assert_eq(&described.join(", "));
    assert_eq!(model.target(), "returned = 'yes'");

    let announced = ModelTrained {
        dataset,
        algorithm: report.algorithm,
        target: report.target,
        model: report.model,
        accuracy: report.metrics.accuracy,
        auc: report.metrics.auc,
        baseline_accuracy: report.baseline.accuracy,
    };
    assert_eq!(assembly.events().await, [announced]);
}

#[tokio::test]
async fn neither_the_targets_columns_nor_excluded_ones_are_features() {
    let (_folder, dataset) = orders().await;
    let target = "(amount > 10 AND colour <> 'red') OR gift";
    let report = Assembly::new().await.train(request(&dataset, target, &["price", "returned"])).await.unwrap();
    assert_eq!(report.features, ["day", "at"]);
}

#[tokio::test]
async fn the_same_request_has_the_same_answer() {
    let (_folder, dataset) = orders().await;
    let train = async |seed| {
        let request = TrainModel { seed, ..request(&dataset, "returned = 'yes'", &[]) };
        Assembly::new().await.train(request).await.unwrap()
    };
    assert_eq!(train(42).await, train(42).await);
    assert_ne!(train(42).await.folds, train(43).await.folds);
}

#[tokio::test]
async fn a_model_is_discarded_once() {
    let (_folder, dataset) = orders().await;
    let assembly = Assembly::new().await;
    let model = assembly.train(request(&dataset, "returned = 'yes'", &[])).await.unwrap().model;
    let discard = async || {
        let context = testing::context(&[DISCARD_MODEL.name()]);
        assembly.requests.ask(&context, DiscardModel { model: model.clone() }).await.unwrap().removed
    };
    assert!(discard().await);
    assert_eq!(assembly.blobs.get(&model).await.unwrap(), None);
    assert!(!discard().await);
}

#[tokio::test]
async fn what_cannot_be_trained_is_refused_and_leaves_nothing() {
    let (_folder, dataset) = orders().await;
    let assembly = Assembly::new().await;
    let check = async |request: TrainModel, message: Expect| {
        let error = assembly.train(request).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
        message.assert_eq(&error.message);
    };
    check(request(&dataset, "amount >= 0", &[]), expect!["target `amount >= 0` is true in all 400 rows where it is known, and false in none: choose a target that is sometimes true and sometimes false"]).await;
    check(
        request(&dataset, "shop = 'north'", &[]),
        expect!["target `shop = 'north'` is null in all 400 rows: choose a target that is known for some of them"],
    )
    .await;
    check(request(&dataset, "amount > 1", &["Prise"]), expect!["/exclude/0: no column is named `Prise` (did you mean `price`?): the columns are `id`, `amount`, `price`, `gift`, `day`, `at`, `colour`, `returned`, `shop`"]).await;
    check(request(&dataset, "amount > 1", &["price", "gift", "day", "at", "colour", "returned"]), expect!["no column is left to learn from (`id` has 400 different texts): exclude fewer columns, or bring some that vary"]).await;
    check(
        request(&dataset, "amount", &[]),
        expect!["/target: `amount` yields an integer, not true or false: compare it with something"],
    )
    .await;
    check(
        TrainModel { folds: 1, ..request(&dataset, " ", &[]) },
        expect![
            "/target: no condition: give one on the columns, such as `delay > 15`; /folds: 1 folds: choose from 2 to 50"
        ],
    )
    .await;
    assert_eq!(assembly.events().await, []);
}
