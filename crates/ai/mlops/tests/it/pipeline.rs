//! The pipeline passes the driver of all sagas.

use std::sync::Arc;

use async_trait::async_trait;
use event_sourcing::{LogQuery, MemoryBlobs, Position, Store, StoreExt};
use kernel::Fingerprint;
use mlops::{ModelLine, ModelVersion, Pipeline, PipelineState};
use request::ServiceTable;
use serde_json::{Value, json};
use testing::saga::{SagaCase, completes, crash_at_every_commit, every_step_idempotent, unwind_from_every_step};

use crate::neighbours::{Neighbours, PERMISSIONS, dataset, options};

struct Job {
    neighbours: Neighbours,
    target: Option<&'static str>,
}

impl Job {
    fn new(target: Option<&'static str>) -> Self {
        Self { neighbours: Neighbours::content(Arc::new(MemoryBlobs::default())), target }
    }
}

#[async_trait]
impl SagaCase for Job {
    type Saga = Pipeline;

    fn saga(&self, store: Arc<dyn Store>) -> Pipeline {
        Pipeline::new(store, Arc::clone(&self.neighbours.blobs))
    }

    fn services(&self, _: Arc<dyn Store>, table: &mut ServiceTable) {
        self.neighbours.serve(table);
    }

    fn state(&self) -> PipelineState {
        PipelineState::new(dataset("bytes"), options(self.target))
    }

    fn permissions(&self) -> &[&str] {
        PERMISSIONS
    }

    /// Registry, model bytes and the events of the registry: what a run that went back must not leave. The events of the
    /// other packages are facts and stay.
    async fn effects(&self, store: &dyn Store) -> Value {
        let lines = store.list::<ModelLine>(None, 100).await.unwrap();
        let lines: Vec<_> = lines.iter().map(|l| json!([l.key, l.value.latest, l.value.champion])).collect();
        let versions: Vec<String> =
            store.list::<ModelVersion>(None, 100).await.unwrap().into_iter().map(|v| v.key).collect();
        let events = store.log(LogQuery::after(Position(0), 1000)).await.unwrap();
        let registry = events.iter().map(|e| &*e.event_type).filter(|e| e.starts_with("mlops.model"));
        let model = Fingerprint::of(format!("model with AUC {}", self.neighbours.auc).as_bytes());
        let bytes = self.neighbours.blobs.get(&model).await.unwrap().is_some();
        json!({ "lines": lines, "versions": versions, "events": registry.collect::<Vec<_>>(), "bytes": bytes })
    }
}

fn nothing() -> Value {
    json!({ "lines": [], "versions": [], "events": [], "bytes": false })
}

#[tokio::test(start_paused = true)]
async fn a_run_registers_and_promotes_the_first_model() {
    let expected = json!({
        "lines": [["late", 1, 1]],
        "versions": ["late/0000000001"],
        "events": ["mlops.model_registered", "mlops.model_promoted"],
        "bytes": true,
    });
    assert_eq!(completes(|| Job::new(Some("x > 1"))).await, expected);
    assert_eq!(completes(|| Job::new(None)).await, nothing(), "without a target nothing is trained");
}

#[tokio::test(start_paused = true)]
async fn repeating_any_step_changes_nothing() {
    every_step_idempotent(|| Job::new(Some("x > 1"))).await;
    every_step_idempotent(|| Job::new(None)).await;
}

#[tokio::test(start_paused = true)]
async fn failing_any_step_takes_everything_back() {
    unwind_from_every_step(|| Job::new(Some("x > 1")), &nothing()).await;
}

#[tokio::test(start_paused = true)]
async fn dying_at_any_commit_loses_and_doubles_nothing() {
    crash_at_every_commit(|| Job::new(Some("x > 1"))).await;
}
