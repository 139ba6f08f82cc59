//! The module as others meet it: a request through the pipeline, answered with a report and announced by an event.

use std::{collections::BTreeMap, sync::Arc};

use ::module::{Grants, Infrastructure, Options, assemble};
use event_sourcing::{MemoryBlobs, MemoryStore, Store};
use interfaces_data::{CHECK_QUALITY, CheckCompleted, CheckDataset, Rule, Verdict};
use kernel::{ErrorKind, ManualClock, SequentialIds};
use tempfile::TempDir;

use crate::declared;

#[tokio::test]
async fn a_check_is_announced_unless_it_was_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data.csv");
    std::fs::write(&path, "a,b\n1,x\n2,\n3,\n4,x\n").unwrap();
    let dataset = dataset::identify(&path).await.unwrap();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let infrastructure = Infrastructure {
        store: Arc::clone(&store),
        blobs: Arc::new(MemoryBlobs::default()),
        clock: Arc::new(ManualClock::default()),
        ids: Arc::new(SequentialIds::default()),
    };
    let permission = CHECK_QUALITY.name();
    let grants: Grants = BTreeMap::from([("tester".to_owned(), [permission.to_owned()].into())]);
    let options = Options { grants, ..Options::default() };
    let application = assemble(vec![data_quality::module()], infrastructure, options).await.unwrap();
    let requests = application.answering().requests;
    let ask = |column: &str| {
        let checks = vec![declared(Rule::NotNull { column: column.into() })];
        let (requests, dataset) = (requests.clone(), dataset.clone());
        async move { requests.ask(&testing::context(&[permission]), CheckDataset { dataset, checks }).await }
    };

    assert_eq!(ask("c").await.unwrap_err().kind, ErrorKind::Invalid);
    let report = ask("b").await.unwrap();
    // a is complete and within its fences; b is neither complete as inferred (warn) nor as declared (error).
    assert_eq!((report.rows, report.verdict, report.score), (4, Verdict::Failed, 0.75));

    let announced = testing::Published::to(&*store).await.of::<CheckCompleted>();
    let expected = CheckCompleted {
        dataset,
        rows: 4,
        score: 0.75,
        verdict: Verdict::Failed,
        failed_checks: vec!["b is complete".into(), "b is not null".into()],
    };
    assert_eq!(announced, [expected]);
}
