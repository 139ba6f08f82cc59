use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use event_sourcing::{Expected, Found, Origin, Store, StoreExt, Unit};
use kernel::{AuthenticationError, Authenticator, Claims, Clock, Context, Error, ErrorKind, Ids, Principal};
use request::Requests;
use tokio::time::Instant;
use tracing::Instrument;

use crate::{Saga, SagaId, SagaRecord, SagaState, Step, StepContext, StepRecord, StepState, Undo, meters, step::Phase};

/// How often a step is tried when it fails for a passing reason, and an undo for any.
const ATTEMPTS: u32 = 3;
/// How often one is tried again at once because somebody else wrote what it read. Each time somebody did get on.
const CONFLICTS: u32 = 100;
/// Wait after the first failure; doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// Events that a step names, and that a run names.
const EVENTS: usize = 100;
/// Journals read at once.
const PAGE: usize = 256;

/// Is told what a saga does, while it does it. For progress bars; never decides anything.
pub trait Observer: Send + Sync + 'static {
    /// A step has begun, ended or been undone: `saga` is the journal as it now is, `step` its line there. The run goes on
    /// when this returns.
    fn step(&self, saga: &SagaRecord, step: &StepRecord);
}

/// Watches nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct Silent;

impl Observer for Silent {
    fn step(&self, _: &SagaRecord, _: &StepRecord) {}
}

/// Drives sagas from their journals.
#[derive(Clone)]
pub struct SagaEngine {
    definitions: Arc<BTreeMap<&'static str, Arc<dyn Definition>>>,
    requests: Requests,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

/// A run that cannot be taken up.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ResumeError {
    /// The store has no run of this id.
    #[error("there is no saga run {0}: `borough sagas list` shows them")]
    Unknown(SagaId),
    /// The engine was not given the saga that the run is of: see [`SagaEngine::with`].
    #[error("run {id} is of saga `{saga}`, which no module of this program has: start the program that has it")]
    NoDefinition {
        /// The run.
        id: SagaId,
        /// [`Saga::NAME`], as the journal has it.
        saga: String,
    },
    /// The saga has changed since the run was begun, so its steps may not be those of the journal.
    #[error(
        "run {id} of saga `{saga}` was started by version {started} of its definition, this program has version {present}: \
         finish it with the program that started it"
    )]
    OtherVersion {
        /// The run.
        id: SagaId,
        /// [`Saga::NAME`], as the journal has it.
        saga: String,
        /// [`Saga::VERSION`] when the run was begun.
        started: u32,
        /// [`Saga::VERSION`] in this program.
        present: u32,
    },
    /// Somebody else has written the journal since it was read here: the run is theirs.
    #[error("run {0} is being driven by somebody else")]
    Taken(SagaId),
    /// The journal could not be read or written. The run stays where it is.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl SagaEngine {
    /// Without any saga yet: add them with [`with`](Self::with).
    pub fn new(requests: Requests, store: Arc<dyn Store>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { definitions: Arc::default(), requests, store, clock, ids }
    }

    /// Makes a saga known under its name.
    ///
    /// # Panics
    /// If two of its steps have one name, or the engine was cloned before: faults of the program.
    #[must_use]
    pub fn with<S: Saga>(mut self, module: &'static str, saga: Arc<S>) -> Self {
        let steps = saga.steps();
        let mut names = HashSet::new();
        for step in &steps {
            assert!(names.insert(step.name()), "saga `{}` has two steps named `{}`", S::NAME, step.name());
        }
        let definitions = Arc::get_mut(&mut self.definitions).expect("sagas are declared before the engine is shared");
        definitions.insert(S::NAME, Arc::new(Typed { module, saga, steps }));
        self
    }

    /// The names of a saga's steps, in their order; empty for a saga that is not known here.
    pub fn steps_of(&self, saga: &str) -> Vec<&'static str> {
        self.definitions.get(saga).map(|definition| definition.steps()).unwrap_or_default()
    }

    /// The journal of a new run, added to the caller's unit: the run exists once that is committed. Then [`drive`] it.
    ///
    /// [`drive`]: SagaEngine::drive
    pub fn begin<S: Saga>(saga: &S, cx: &Context, state: &S::State, unit: &mut Unit) -> Result<SagaId, Error> {
        let id = SagaId(unit.origin().ids.next());
        let now = unit.origin().clock.now();
        let data = serde_json::to_value(state).map_err(|e| {
            Error::internal(format!("the state of saga `{}` is not JSON", S::NAME)).with_detail(e.to_string())
        })?;
        let definition = saga.steps();
        let steps = definition.iter().map(|step| StepRecord {
            name: step.name().into(),
            state: StepState::Pending,
            attempts: 0,
            started_at: None,
            ended_at: None,
            undone_at: None,
            error: None,
            events: Vec::new(),
        });
        let record = SagaRecord {
            id,
            saga: S::NAME.into(),
            version: S::VERSION,
            state: SagaState::Running,
            correlation_id: cx.correlation(),
            claims: cx.principal().claims().clone(),
            begun_in: unit.origin().module.into(),
            begun_by: cx.asked().map(|asked| asked.request.to_owned()),
            causation_id: cx.causation(),
            started_at: now,
            updated_at: now,
            steps: steps.collect(),
            data,
            error: None,
            events: Vec::new(),
        };
        observability::originated(observability::SAGA, unit.origin().module, S::NAME, id.0, cx);
        unit.put(id.to_string(), &record, Expected::Absent);
        Ok(id)
    }

    /// Takes a run to its end, from wherever it is. A run that has ended is returned as it is.
    ///
    /// # Cancel safety
    /// Dropped at any point, the journal says where the run is, and driving it again goes on from there.
    pub async fn drive(&self, id: SagaId, observer: &dyn Observer) -> Result<SagaRecord, ResumeError> {
        let found = self.store.get::<SagaRecord>(&id.to_string()).await.map_err(Error::from)?;
        let found = found.ok_or(ResumeError::Unknown(id))?;
        if found.value.has_ended() {
            return Ok(found.value);
        }
        let (saga, started) = (found.value.saga.clone(), found.value.version);
        let definition = self.definitions.get(saga.as_str());
        let definition = definition.ok_or(ResumeError::NoDefinition { id, saga: saga.clone() })?;
        let present = definition.version();
        if present != started {
            return Err(ResumeError::OtherVersion { id, saga, started, present });
        }
        let principal = Principal::authenticate(&Journalled, &found.value.claims)
            .map_err(|e| Error::new(ErrorKind::Denied, e.to_string()))?;
        let context = Context::new(Arc::new(principal), found.value.correlation_id);
        let context = context.serving(definition.module(), definition.name());
        let span = observability::saga_span(definition.module(), &saga, id.0, &context);
        let run = Run { engine: self, definition: &**definition, context, journal: found, observer };
        let ended = run.finish().instrument(span).await?;
        if ended.has_ended() || ended.state == SagaState::Stuck {
            meters::ended(definition.module(), definition.name(), ended.state);
        }
        Ok(ended)
    }

    /// The runs that have not ended, oldest first. Those that have are not looked at, however many they are.
    ///
    /// # Errors
    /// What the store says; also if the [collections](crate::collections()) were not declared to it.
    pub async fn open(&self) -> Result<Vec<SagaRecord>, Error> {
        let mut runs: BTreeMap<SagaId, SagaRecord> = BTreeMap::new();
        // Twice: a run that goes on meanwhile may step from a state that is not looked at yet into one that was. What is found
        // later is later.
        for state in SagaState::OPEN.into_iter().chain(SagaState::OPEN) {
            let mut after = None;
            loop {
                let page =
                    self.store.find::<SagaRecord>(SagaRecord::BY_STATE, state.name(), after.as_ref(), PAGE).await?;
                runs.extend(page.documents.into_iter().map(|found| (found.value.id, found.value)));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        let mut runs: Vec<SagaRecord> = runs.into_values().collect();
        runs.sort_by_key(|run| (run.started_at, run.id));
        Ok(runs)
    }

    /// All runs, oldest first.
    pub async fn list(store: &dyn Store) -> Result<Vec<SagaRecord>, Error> {
        let mut runs: Vec<SagaRecord> = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = store.list::<SagaRecord>(after.as_deref(), PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            runs.extend(page.into_iter().map(|found| found.value));
        }
        runs.sort_by_key(|run| (run.started_at, run.id));
        Ok(runs)
    }
}

/// Vouches for whoever started the run, with the permissions of that moment.
struct Journalled;

impl Authenticator for Journalled {
    type Credentials = Claims;

    fn verify(&self, claims: &Claims) -> Result<Claims, AuthenticationError> {
        Ok(claims.clone())
    }
}

/// A saga with its state type erased: works on the journal's JSON.
#[async_trait]
trait Definition: Send + Sync {
    fn module(&self) -> &'static str;
    fn name(&self) -> &'static str;
    fn version(&self) -> u32;
    fn steps(&self) -> Vec<&'static str>;
    async fn run(
        &self,
        step: usize,
        cx: &StepContext<'_>,
        record: &mut SagaRecord,
        unit: &mut Unit,
    ) -> Result<(), Error>;
    async fn undo(
        &self,
        step: usize,
        cx: &StepContext<'_>,
        record: &SagaRecord,
        unit: &mut Unit,
    ) -> Result<Undo, Error>;
    fn compensated(&self, record: &SagaRecord, unit: &mut Unit) -> Result<(), Error>;
}

struct Typed<S: Saga> {
    module: &'static str,
    saga: Arc<S>,
    steps: Vec<Box<dyn Step<S::State>>>,
}

impl<S: Saga> Typed<S> {
    fn state(&self, record: &SagaRecord) -> Result<S::State, Error> {
        serde::Deserialize::deserialize(&record.data).map_err(|e| {
            Error::internal(format!("the journal of run {} cannot be read", record.id)).with_detail(e.to_string())
        })
    }

    fn step(&self, index: usize, record: &SagaRecord) -> Result<&dyn Step<S::State>, Error> {
        let name = &record.steps[index].name;
        let step = self.steps.iter().find(|step| step.name() == name);
        step.map(Box::as_ref)
            .ok_or_else(|| Error::internal(format!("saga `{}` has no step `{name}`: its version must change", S::NAME)))
    }
}

#[async_trait]
impl<S: Saga> Definition for Typed<S> {
    fn module(&self) -> &'static str {
        self.module
    }

    fn name(&self) -> &'static str {
        S::NAME
    }

    fn version(&self) -> u32 {
        S::VERSION
    }

    fn steps(&self) -> Vec<&'static str> {
        self.steps.iter().map(|step| step.name()).collect()
    }

    async fn run(
        &self,
        step: usize,
        cx: &StepContext<'_>,
        record: &mut SagaRecord,
        unit: &mut Unit,
    ) -> Result<(), Error> {
        let step = self.step(step, record)?;
        let mut state = self.state(record)?;
        let late =
            || Error::new(ErrorKind::Deadline, format!("step `{}` took longer than {:?}", step.name(), step.timeout()));
        tokio::time::timeout(step.timeout(), step.run(cx, &mut state, unit)).await.map_err(|_| late())??;
        record.data = serde_json::to_value(state).map_err(|e| {
            Error::internal(format!("the state of saga `{}` is not JSON", S::NAME)).with_detail(e.to_string())
        })?;
        Ok(())
    }

    async fn undo(
        &self,
        step: usize,
        cx: &StepContext<'_>,
        record: &SagaRecord,
        unit: &mut Unit,
    ) -> Result<Undo, Error> {
        // Mutant `undo_skipped`: what was done is not taken back, and the journal says that it is.
        if cfg!(mutant = "undo_skipped") {
            return Ok(Undo::Done);
        }
        let step = self.step(step, record)?;
        let state = self.state(record)?;
        let late = || {
            Error::new(
                ErrorKind::Deadline,
                format!("undoing step `{}` took longer than {:?}", step.name(), step.timeout()),
            )
        };
        tokio::time::timeout(step.timeout(), step.undo(cx, &state, unit)).await.map_err(|_| late())?
    }

    fn compensated(&self, record: &SagaRecord, unit: &mut Unit) -> Result<(), Error> {
        let state = self.state(record)?;
        let unknown = Error::internal("the run was undone for a reason that its journal does not have");
        self.saga.compensated(record.id, &state, record.error.as_ref().unwrap_or(&unknown), unit);
        Ok(())
    }
}

/// One run being driven. `journal` is what the store has; each commit is guarded by its revision, so two drivers of one run
/// cannot both go on.
struct Run<'a> {
    engine: &'a SagaEngine,
    definition: &'a dyn Definition,
    context: Context,
    journal: Found<SagaRecord>,
    observer: &'a dyn Observer,
}

/// What a step or an undo came to; the outer error is the journal's: the run stays where it is.
type Outcome = Result<Result<(), Error>, ResumeError>;

impl Run<'_> {
    async fn finish(mut self) -> Result<SagaRecord, ResumeError> {
        if matches!(self.journal.value.state, SagaState::Running | SagaState::Waiting) {
            self.forward().await?;
        }
        if matches!(self.journal.value.state, SagaState::Compensating | SagaState::Stuck) {
            self.back().await?;
        }
        Ok(self.journal.value)
    }

    async fn forward(&mut self) -> Result<(), ResumeError> {
        let to_do = |s: &StepRecord| matches!(s.state, StepState::Pending | StepState::Started);
        while let Some(index) = self.journal.value.steps.iter().position(to_do) {
            if let Err(error) = self.run_step(index).await? {
                let mut record = self.at(SagaState::Compensating);
                record.error = Some(error.clone());
                let step = &mut record.steps[index];
                (step.state, step.ended_at, step.error) = (StepState::Failed, Some(self.now()), Some(error));
                self.commit(record, self.unit()).await?;
                self.tell(index);
                return Ok(());
            }
            self.tell(index);
        }
        self.commit(self.at(SagaState::Completed), self.unit()).await
    }

    async fn run_step(&mut self, index: usize) -> Outcome {
        let (mut attempt, mut conflicts) = (1, 0);
        loop {
            let Err(error) = self.attempt_step(index).await? else {
                return Ok(Ok(()));
            };
            self.log(index, attempt, &error);
            if error.kind == ErrorKind::Conflict && conflicts < CONFLICTS {
                conflicts += 1;
                continue;
            }
            if !error.kind.is_transient() || attempt == ATTEMPTS {
                return Ok(Err(error));
            }
            let mut record = self.at(SagaState::Waiting);
            record.steps[index].error = Some(error);
            self.commit(record, self.unit()).await?;
            tokio::time::sleep(FIRST_WAIT * 2_u32.pow(attempt - 1)).await;
            attempt += 1;
        }
    }

    async fn attempt_step(&mut self, index: usize) -> Outcome {
        let mut record = self.at(SagaState::Running);
        let step = &mut record.steps[index];
        step.state = StepState::Started;
        step.attempts += 1;
        step.started_at.get_or_insert(self.now());
        self.commit(record, self.unit()).await?;
        self.tell(index);

        let mut record = self.journal.value.clone();
        let mut unit = self.unit();
        let cx = self.step_context(index, Phase::Run);
        let ran = self.definition.run(index, &cx, &mut record, &mut unit);
        if let Err(error) = self.in_span(index, ran).await {
            return Ok(Err(error));
        }
        let step = &mut record.steps[index];
        (step.state, step.ended_at, step.error) = (StepState::Done, Some(self.now()), None);
        self.commit_step(index, record, unit).await
    }

    /// One try, in a span of its own.
    async fn in_span<T>(&self, index: usize, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let (definition, step) = (self.definition, &self.journal.value.steps[index].name);
        let span = observability::step_span(definition.module(), definition.name(), step, &self.context);
        let start = Instant::now();
        let failed = |error: &Error| observability::failed(error.code());
        // The journal keeps it, whatever a step says.
        let result = async { work.await.inspect_err(failed).map_err(Error::shortened) }.instrument(span).await;
        meters::tried(definition.name(), step, start.elapsed(), result.as_ref().err());
        result
    }

    async fn back(&mut self) -> Result<(), ResumeError> {
        let to_undo = |s: &StepRecord| s.started_at.is_some() && s.undone_at.is_none();
        while let Some(index) = self.journal.value.steps.iter().rposition(to_undo) {
            if let Err(error) = self.undo_step(index).await? {
                let mut record = self.at(SagaState::Stuck);
                record.steps[index].error = Some(error);
                return self.commit(record, self.unit()).await;
            }
            self.tell(index);
        }
        let mut record = self.at(SagaState::Compensated);
        let mut unit = self.unit();
        self.definition.compensated(&record, &mut unit)?;
        if let Err(error) = self.engine.requests.complete(&mut unit).await {
            let record = SagaRecord { error: Some(error.shortened()), ..self.at(SagaState::Stuck) };
            return self.commit(record, self.unit()).await;
        }
        record.events = unit.events().map(|event| event.event_id).take(EVENTS).collect();
        self.commit(record, unit).await
    }

    async fn undo_step(&mut self, index: usize) -> Outcome {
        let (mut attempt, mut conflicts) = (1, 0);
        loop {
            let Err(error) = self.attempt_undo(index).await? else {
                return Ok(Ok(()));
            };
            self.log(index, attempt, &error);
            if error.kind == ErrorKind::Conflict && conflicts < CONFLICTS {
                conflicts += 1;
                continue;
            }
            if attempt == ATTEMPTS {
                return Ok(Err(error));
            }
            tokio::time::sleep(FIRST_WAIT * 2_u32.pow(attempt - 1)).await;
            attempt += 1;
        }
    }

    async fn attempt_undo(&mut self, index: usize) -> Outcome {
        let mut record = self.at(SagaState::Compensating);
        let mut unit = self.unit();
        let cx = self.step_context(index, Phase::Undo);
        let undo = self.definition.undo(index, &cx, &record, &mut unit);
        let undo = match self.in_span(index, undo).await {
            Ok(undo) => undo,
            Err(error) => return Ok(Err(error)),
        };
        let step = &mut record.steps[index];
        step.undone_at = Some(self.now());
        if undo == Undo::Done {
            step.state = StepState::Undone;
        }
        self.commit_step(index, record, unit).await
    }

    /// Commits a step's own writes with the journal; a conflict of the writes is the step's to retry.
    async fn commit_step(&mut self, index: usize, mut record: SagaRecord, mut unit: Unit) -> Outcome {
        if let Err(error) = self.engine.requests.complete(&mut unit).await {
            return Ok(Err(error));
        }
        let told = &mut record.steps[index].events;
        told.extend(unit.events().map(|event| event.event_id).take(EVENTS - told.len()));
        // Mutant `step_apart_from_journal`: a crash between a step's writes and its entry in the journal repeats them.
        if cfg!(mutant = "step_apart_from_journal") {
            let writes = std::mem::replace(&mut unit, self.unit());
            if let Err(error) = self.engine.store.commit(writes).await {
                return Ok(Err(error.into()));
            }
        }
        match self.commit(record, unit).await {
            Ok(()) => Ok(Ok(())),
            Err(ResumeError::Failed(error)) if error.kind == ErrorKind::Conflict => Ok(Err(error)),
            Err(error) => Err(error),
        }
    }

    async fn commit(&mut self, mut record: SagaRecord, mut unit: Unit) -> Result<(), ResumeError> {
        record.updated_at = self.now();
        let revision = self.journal.revision;
        // Mutant `two_drivers`: whoever drives a run does not see that somebody else does.
        let expected = if cfg!(mutant = "two_drivers") { Expected::Any } else { Expected::Exact(revision) };
        unit.put(self.journal.key.clone(), &record, expected);
        if let Err(error) = self.engine.store.commit(unit).await {
            let present = self.engine.store.get::<SagaRecord>(&self.journal.key).await.map_err(Error::from)?;
            return Err(match present {
                Some(found) if found.revision == revision => ResumeError::Failed(error.into()),
                Some(_) | None => ResumeError::Taken(record.id),
            });
        }
        self.journal.value = record;
        self.journal.revision += 1;
        Ok(())
    }

    /// The journal with another state.
    fn at(&self, state: SagaState) -> SagaRecord {
        SagaRecord { state, ..self.journal.value.clone() }
    }

    fn tell(&self, index: usize) {
        self.observer.step(&self.journal.value, &self.journal.value.steps[index]);
    }

    fn log(&self, index: usize, attempt: u32, error: &Error) {
        let step = &self.journal.value.steps[index].name;
        if error.kind.is_of_the_caller() {
            tracing::info!(step, attempt, "{error}");
        } else {
            tracing::warn!(step, attempt, detail = error.detail.as_deref(), "{error}");
        }
    }

    fn step_context(&self, index: usize, phase: Phase) -> StepContext<'_> {
        let journal = &self.journal.value;
        let (step, requests) = (&journal.steps[index].name, &self.engine.requests);
        StepContext { saga: journal.id, step, phase, context: &self.context, requests }
    }

    fn unit(&self) -> Unit {
        let (clock, ids) = (Arc::clone(&self.engine.clock), Arc::clone(&self.engine.ids));
        Unit::new(Origin { module: self.definition.module(), context: self.context.clone(), clock, ids })
    }

    fn now(&self) -> DateTime<Utc> {
        self.engine.clock.now()
    }
}
