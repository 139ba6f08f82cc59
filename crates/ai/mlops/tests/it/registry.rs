//! Gate, registry and promotion, asked through the module's own contracts.

use std::sync::Arc;

use event_bus::{BusOptions, Drain, EventBus, Ports};
use event_sourcing::{Blobs, MemoryBlobs, MemoryStore, Store, StoreExt};
use interfaces_ai::{
    DISCARD_MODEL, DiscardModel, GetPipelineRun, ModelTrained, PipelineOptions, PipelineRun, RegistryStatus,
    StageStatus, StartPipeline, TrainModel,
};
use interfaces_data::{CheckCompleted, CheckDataset, DetectAnomalies, DetectionCompleted, Verdict};
use kernel::{ErrorKind, ManualClock, SequentialIds};
use mlops::Experiment;
use module::{Application, Grants, Infrastructure, Module, Options, assemble};
use saga::{SagaId, SagaState, Silent};

use crate::neighbours::{Neighbours, PERMISSIONS, dataset, options};

/// All modules over one store that outlives them.
struct Platform {
    store: Arc<dyn Store>,
    blobs: Arc<dyn Blobs>,
}

impl Platform {
    fn new() -> Self {
        Self { store: Arc::new(MemoryStore::default()), blobs: Arc::new(MemoryBlobs::default()) }
    }

    async fn assemble(&self, neighbours: Neighbours) -> Application {
        let others = Module::new("neighbours", "the other packages")
            .provides(|c| {
                c.value(neighbours);
            })
            .serves::<CheckDataset, Neighbours>()
            .serves::<DetectAnomalies, Neighbours>()
            .serves::<TrainModel, Neighbours>()
            .serves::<DiscardModel, Neighbours>()
            .publishes::<CheckCompleted>()
            .publishes::<DetectionCompleted>()
            .publishes::<ModelTrained>();
        let infrastructure = Infrastructure {
            store: Arc::clone(&self.store),
            blobs: Arc::clone(&self.blobs),
            clock: Arc::new(ManualClock::default()),
            // Ids go on where the last process was: versions of a run must not meet an earlier run's.
            ids: Arc::new(kernel::SystemIds),
        };
        let granted = PERMISSIONS.iter().map(ToString::to_string).collect();
        let grants = Grants::from([("local".to_owned(), granted)]);
        assert!(PERMISSIONS.contains(&DISCARD_MODEL.name()));
        let options = Options { grants, ..Options::default() };
        assemble(vec![mlops::module(), others], infrastructure, options).await.unwrap().answering()
    }

    /// One run, with its neighbours answering so, subscribers drained.
    async fn run(&self, neighbours: Neighbours, bytes: &str, options: PipelineOptions) -> (SagaState, PipelineRun) {
        let application = self.assemble(neighbours).await;
        let cx = testing::context(PERMISSIONS);
        let request = StartPipeline { dataset: dataset(bytes), options };
        let started = application.requests.ask(&cx, request).await.unwrap();
        let record = application.sagas.drive(SagaId(started.saga_id), &Silent).await.unwrap();
        let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SequentialIds::default()));
        let ports = Ports { store: Some(Arc::clone(&self.store)), clock, ids };
        let bus = EventBus::start(application.subscriptions, ports, BusOptions::default()).await.unwrap();
        assert_eq!(bus.drain(std::time::Duration::from_secs(60)).await.unwrap(), Drain::Complete);
        let run = application.requests.ask(&cx, GetPipelineRun { saga_id: started.saga_id }).await.unwrap();
        (record.state, run)
    }

    fn content(&self) -> Neighbours {
        Neighbours::content(Arc::clone(&self.blobs))
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_better_model_over_the_same_folds_of_the_same_bytes_is_promoted() {
    let platform = Platform::new();
    let target = options(Some("x > 1"));
    let other_target = options(Some("x > 2"));
    let other_folds = PipelineOptions { folds: 3, ..options(Some("x > 1")) };
    use RegistryStatus::{Promoted, Registered};
    let cases = [
        ("bytes", 0.5, &target, Registered, "ties with the majority-class baseline"),
        ("bytes", 0.8, &target, Promoted, "no champion yet"),
        ("bytes", 0.8, &target, Registered, "a tie does not promote"),
        ("bytes", 0.7, &target, Registered, "does not beat champion v2"),
        ("other", 0.9, &target, Registered, "other data"),
        ("bytes", 0.9, &other_target, Registered, "another target"),
        ("bytes", 0.9, &other_folds, Registered, "other folds"),
        ("bytes", 0.9, &target, Promoted, "beats champion v2"),
    ];
    for (number, (bytes, auc, options, status, reason)) in cases.into_iter().enumerate() {
        let (state, run) = platform.run(Neighbours { auc, ..platform.content() }, bytes, options.clone()).await;
        assert_eq!(state, SagaState::Completed);
        let registry = run.registry.unwrap();
        assert_eq!((registry.status, registry.version), (status, Some(number as u64 + 1)), "{reason}");
        assert!(registry.reason.contains(reason), "{}", registry.reason);
    }
}

#[tokio::test(start_paused = true)]
async fn a_closed_gate_stops_the_run_and_keeps_the_report() {
    let platform = Platform::new();
    let failed = Neighbours { verdict: Verdict::Failed, ..platform.content() };
    let poor = Neighbours { score: 0.49, ..platform.content() };
    for (neighbours, reason) in [(failed, "no nulls (7 rows)"), (poor, "0.4900 is below the minimum of 0.5000")] {
        let (state, run) = platform.run(neighbours, "bytes", options(Some("x > 1"))).await;
        assert_eq!(state, SagaState::Compensated);
        let failure = run.failure.unwrap();
        assert_eq!(failure.kind, ErrorKind::Rejected);
        assert!(failure.message.contains(reason), "{failure}");
        assert!(run.quality.is_some() && run.anomalies.is_none() && run.model.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_target_model_and_registry_say_that_they_were_skipped() {
    let platform = Platform::new();
    let (state, run) = platform.run(platform.content(), "bytes", options(None)).await;
    assert_eq!(state, SagaState::Completed);
    let (model, registry) = (run.model.unwrap(), run.registry.unwrap());
    assert_eq!((model.status, model.reason.as_deref()), (StageStatus::Skipped, Some("no target was given")));
    assert_eq!((registry.status, registry.reason.as_str()), (RegistryStatus::Skipped, "no model was trained"));
}

#[tokio::test(start_paused = true)]
async fn the_ledger_counts_each_training_once() {
    let platform = Platform::new();
    for times in 1..=2 {
        platform.run(platform.content(), "bytes", options(Some("x > 1"))).await;
        let experiments = platform.store.list::<Experiment>(None, 10).await.unwrap();
        assert_eq!(experiments.len(), 1);
        assert_eq!(experiments[0].value.times, times);
    }
}

#[tokio::test]
async fn every_wrong_option_is_told_at_once() {
    let platform = Platform::new();
    let application = platform.assemble(platform.content()).await;
    let wrong = PipelineOptions { model_name: " ".into(), min_score: 1.5, folds: 1, top_anomalies: 0, ..options(None) };
    let request = StartPipeline { dataset: dataset("bytes"), options: wrong };
    let error = application.requests.ask(&testing::context(PERMISSIONS), request).await.unwrap_err();
    let pointers: Vec<&str> = error.fields.iter().map(|field| field.pointer.as_str()).collect();
    assert_eq!(pointers, ["/options/model_name", "/options/min_score", "/options/folds", "/options/top_anomalies"]);
}
