use std::sync::Arc;

use async_trait::async_trait;
use event_sourcing::{Blobs, Expected, Store, StoreExt, Unit};
use interfaces_ai::{
    AnomalyStage, DiscardModel, ModelPromoted, ModelRegistered, ModelStage, PipelineFailed, PipelineOptions,
    PipelineRun, RegistryStage, RegistryStatus, StageStatus, TrainModel, TrainingReport,
};
use interfaces_data::{CheckDataset, DetectAnomalies, ForestOptions, QualityReport, Verdict};
use kernel::{DatasetRef, Error, ErrorKind};
use saga::{Saga, SagaEngine, SagaId, Step, StepContext, Undo};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{ModelLine, ModelVersion, decide, version_key};

/// From a dataset to a registered model: quality, gate, anomalies, training, registry.
#[derive(Clone)]
pub struct Pipeline {
    store: Arc<dyn Store>,
    blobs: Arc<dyn Blobs>,
}

impl Pipeline {
    pub fn new(store: Arc<dyn Store>, blobs: Arc<dyn Blobs>) -> Self {
        Self { store, blobs }
    }
}

/// What the steps of a run hand on to each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PipelineState {
    pub dataset: DatasetRef,
    pub options: PipelineOptions,
    pub quality: Option<QualityReport>,
    pub anomalies: Option<AnomalyStage>,
    pub model: Option<ModelStage>,
    pub registry: Option<RegistryStage>,
}

impl PipelineState {
    pub fn new(dataset: DatasetRef, options: PipelineOptions) -> Self {
        Self { dataset, options, quality: None, anomalies: None, model: None, registry: None }
    }

    pub fn into_run(self, saga_id: Uuid, failure: Option<Error>) -> PipelineRun {
        let Self { dataset, options, quality, anomalies, model, registry } = self;
        PipelineRun { saga_id, dataset, options, quality, anomalies, model, registry, failure }
    }

    fn training(&self) -> Option<&TrainingReport> {
        self.model.as_ref().and_then(|model| model.report.as_ref())
    }
}

impl Saga for Pipeline {
    type State = PipelineState;
    const NAME: &'static str = "mlops.pipeline";
    const VERSION: u32 = 1;

    fn steps(&self) -> Vec<Box<dyn Step<PipelineState>>> {
        let store = || Arc::clone(&self.store);
        vec![
            Box::new(CheckQuality),
            Box::new(QualityGate),
            Box::new(FindAnomalies),
            Box::new(Train { store: store() }),
            Box::new(Register { store: store(), blobs: Arc::clone(&self.blobs) }),
        ]
    }

    fn compensated(&self, id: SagaId, state: &PipelineState, error: &Error, unit: &mut Unit) {
        let (dataset, reason) = (state.dataset.clone(), error.message.clone());
        let model_name = state.options.model_name.clone();
        unit.publish(&PipelineFailed { saga_id: id.0, model_name, dataset, reason });
    }
}

struct CheckQuality;

#[async_trait]
impl Step<PipelineState> for CheckQuality {
    fn name(&self) -> &'static str {
        "check-quality"
    }

    async fn run(&self, cx: &StepContext<'_>, state: &mut PipelineState, _: &mut Unit) -> Result<(), Error> {
        let (dataset, checks) = (state.dataset.clone(), state.options.checks.clone());
        state.quality = Some(cx.ask(CheckDataset { dataset, checks }).await?);
        Ok(())
    }
}

/// A step of its own, so that the report is in the journal when the gate says no.
struct QualityGate;

#[async_trait]
impl Step<PipelineState> for QualityGate {
    fn name(&self) -> &'static str {
        "quality-gate"
    }

    async fn run(&self, _: &StepContext<'_>, state: &mut PipelineState, _: &mut Unit) -> Result<(), Error> {
        let report = quality(state)?;
        if report.verdict == Verdict::Failed {
            let severe =
                |c: &&interfaces_data::CheckResult| !c.passed && c.severity == interfaces_data::Severity::Error;
            let failed: Vec<String> =
                report.checks.iter().filter(severe).map(|c| format!("{} ({} rows)", c.name, c.failing)).collect();
            return Err(rejected(format!("the quality gate is closed: failed checks: {}", failed.join(", "))));
        }
        if report.score < state.options.min_score {
            return Err(rejected(format!(
                "the quality gate is closed: score {:.4} is below the minimum of {:.4}",
                report.score, state.options.min_score
            )));
        }
        Ok(())
    }
}

struct FindAnomalies;

#[async_trait]
impl Step<PipelineState> for FindAnomalies {
    fn name(&self) -> &'static str {
        "detect-anomalies"
    }

    async fn run(&self, cx: &StepContext<'_>, state: &mut PipelineState, _: &mut Unit) -> Result<(), Error> {
        let forest = ForestOptions { seed: state.options.seed, ..ForestOptions::default() };
        let (dataset, top) = (state.dataset.clone(), state.options.top_anomalies);
        let report = cx.ask(DetectAnomalies { dataset, forest, top }).await?;
        state.anomalies = Some(AnomalyStage { columns: report.columns, anomalies: report.anomalies });
        Ok(())
    }
}

struct Train {
    store: Arc<dyn Store>,
}

#[async_trait]
impl Step<PipelineState> for Train {
    fn name(&self) -> &'static str {
        "train-model"
    }

    async fn run(&self, cx: &StepContext<'_>, state: &mut PipelineState, _: &mut Unit) -> Result<(), Error> {
        let options = &state.options;
        let Some(target) = options.target.clone() else {
            let reason = Some("no target was given".into());
            state.model = Some(ModelStage { status: StageStatus::Skipped, reason, report: None });
            return Ok(());
        };
        let (exclude, folds, seed) = (options.exclude.clone(), options.folds, options.seed);
        let report = cx.ask(TrainModel { dataset: state.dataset.clone(), target, exclude, folds, seed }).await?;
        state.model = Some(ModelStage { status: StageStatus::Trained, reason: None, report: Some(report) });
        Ok(())
    }

    /// Removes the bytes, unless a registered version has the very same ones, or a run that is not at its end may come to. Bytes
    /// that nothing names do no harm.
    async fn undo(&self, cx: &StepContext<'_>, _: &PipelineState, _: &mut Unit) -> Result<Undo, Error> {
        let Some(training) = cx.answered::<TrainModel>().await? else { return Ok(Undo::Nothing) };
        let runs = SagaEngine::list(&*self.store).await?;
        if runs.iter().any(|run| run.saga == Pipeline::NAME && run.id != cx.saga() && !run.has_ended()) {
            return Ok(Undo::Nothing);
        }
        let mut after: Option<String> = None;
        loop {
            let page = self.store.list::<ModelVersion>(after.as_deref(), 256).await?;
            if page.iter().any(|found| found.value.training.model == training.model) {
                return Ok(Undo::Nothing);
            }
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
        }
        cx.ask(DiscardModel { model: training.model.clone() }).await?;
        Ok(Undo::Done)
    }
}

/// Version, champion and both events are one unit: there is nothing to undo.
struct Register {
    store: Arc<dyn Store>,
    blobs: Arc<dyn Blobs>,
}

#[async_trait]
impl Step<PipelineState> for Register {
    fn name(&self) -> &'static str {
        "register-model"
    }

    async fn run(&self, cx: &StepContext<'_>, state: &mut PipelineState, unit: &mut Unit) -> Result<(), Error> {
        let model_name = state.options.model_name.clone();
        let Some(training) = state.training().cloned() else {
            let reason = "no model was trained".to_owned();
            let status = RegistryStatus::Skipped;
            state.registry =
                Some(RegistryStage { status, model_name, version: None, reason, champion: None, model: None });
            return Ok(());
        };
        if self.blobs.get(&training.model).await?.is_none() {
            return Err(Error::internal(format!(
                "the bytes of the trained model, {}, are gone from the folder of the models: start the run again",
                training.model
            )));
        }
        let line = self.store.get::<ModelLine>(&model_name).await?;
        let guard = line.as_ref().map_or(Expected::Absent, |found| Expected::Exact(found.revision));
        let line = line.map(|found| found.value).unwrap_or_default();
        let champion = self.champion(&model_name, line.champion).await?;
        let decision = decide(&training, champion.as_ref());
        let number = line.latest + 1;
        let (dataset, model, metrics) = (training.dataset.clone(), training.model.clone(), training.metrics);
        let version = ModelVersion {
            model_name: model_name.clone(),
            version: number,
            saga_id: cx.saga().0,
            registered_at: unit.origin().clock.now(),
            training,
            quality: quality(state)?.clone(),
        };
        unit.put(version_key(&model_name, number), &version, Expected::Absent);
        let next = if decision.promote { Some(number) } else { line.champion };
        unit.put(model_name.clone(), &ModelLine { latest: number, champion: next }, guard);
        unit.publish(&ModelRegistered {
            model_name: model_name.clone(),
            version: number,
            model: model.clone(),
            dataset,
            metrics,
        });
        let previous = line.champion;
        if decision.promote {
            let (model_name, reason) = (model_name.clone(), decision.reason.clone());
            unit.publish(&ModelPromoted { model_name, version: number, model: model.clone(), previous, reason });
        }
        state.registry = Some(RegistryStage {
            status: if decision.promote { RegistryStatus::Promoted } else { RegistryStatus::Registered },
            model_name,
            version: Some(number),
            reason: decision.reason,
            champion: previous,
            model: Some(model),
        });
        Ok(())
    }
}

impl Register {
    async fn champion(&self, model_name: &str, version: Option<u64>) -> Result<Option<ModelVersion>, Error> {
        let Some(version) = version else { return Ok(None) };
        let found = self.store.get::<ModelVersion>(&version_key(model_name, version)).await?;
        let found = found.ok_or_else(|| {
            Error::internal(format!("the registry names version {version} of `{model_name}` and does not have it"))
        })?;
        Ok(Some(found.value))
    }
}

fn quality(state: &PipelineState) -> Result<&QualityReport, Error> {
    state.quality.as_ref().ok_or_else(|| Error::internal("the journal has no quality report after its step"))
}

fn rejected(message: String) -> Error {
    Error::new(ErrorKind::Rejected, message)
}
