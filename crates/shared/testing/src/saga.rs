//! The driver that every saga passes: each step repeated, each step failed, a crash before and after each commit.
//!
//! A [`SagaCase`] says what the saga is, which services it finds, and how its effects are read. The driver runs it
//! undisturbed once for reference, then disturbed in every way that it knows, and asserts that the effects are the same, or
//! that there are none. [`Effects`] is compared as JSON, so leave out of it what may differ between runs: ids and times.

use std::sync::Arc;

use async_trait::async_trait;
use event_sourcing::{MemoryStore, Origin, Store, Unit};
use kernel::{Error, ErrorKind, ManualClock, SequentialIds};
use request::{Requests, ServiceTable};
use saga::{Saga, SagaEngine, SagaId, SagaRecord, SagaState, Silent, Step, StepContext, Undo};
use serde_json::Value;

use crate::faults::{Fault, FaultPlan};

/// What a run left behind, read from the store and from wherever else the services keep something.
pub type Effects = Value;

/// One saga in one setting. Each call makes everything anew, so that runs cannot see each other.
#[async_trait]
pub trait SagaCase: Send + Sync {
    /// What is tested.
    type Saga: Saga;

    /// The saga over this store, which may be one that crashes.
    fn saga(&self, store: Arc<dyn Store>) -> Self::Saga;
    /// The services that the steps ask.
    fn services(&self, store: Arc<dyn Store>, table: &mut ServiceTable);
    /// What a run begins with.
    fn state(&self) -> <Self::Saga as Saga>::State;
    /// What the user may do.
    fn permissions(&self) -> &[&str];
    /// What there is now that somebody would notice. Equal after runs that should come to the same.
    async fn effects(&self, store: &dyn Store) -> Effects;
}

/// Runs a saga undisturbed.
///
/// # Panics
/// If it does not complete.
pub async fn completes<C: SagaCase>(case: impl Fn() -> C) -> Effects {
    let world = World::new(case(), Arc::new(MemoryStore::default()));
    let record = world.run(world.case.saga(Arc::clone(&world.store))).await;
    assert_eq!(record.state, SagaState::Completed, "undisturbed: {:?}", record.error);
    world.case.effects(&*world.store).await
}

/// Every step is run twice, as after a crash between its effects and its journal entry.
///
/// # Panics
/// If the effects differ from those of an undisturbed run.
pub async fn every_step_idempotent<C: SagaCase>(case: impl Fn() -> C) {
    let reference = completes(&case).await;
    for step in step_names(&case()) {
        let world = World::new(case(), Arc::new(MemoryStore::default()));
        let saga = world.case.saga(Arc::clone(&world.store));
        let record = world.run(Disturbed { saga, step, how: Disturbance::Repeat }).await;
        assert_eq!(record.state, SagaState::Completed, "`{step}` repeated: {:?}", record.error);
        assert_eq!(world.case.effects(&*world.store).await, reference, "`{step}` repeated leaves other effects");
    }
}

/// Every step is failed once before it did anything and once after it did everything.
///
/// # Panics
/// If a run does not end compensated by the failure of just that step, or leaves effects other than `nothing`.
pub async fn unwind_from_every_step<C: SagaCase>(case: impl Fn() -> C, nothing: &Effects) {
    for step in step_names(&case()) {
        for how in [Disturbance::FailBefore, Disturbance::FailAfter] {
            let world = World::new(case(), Arc::new(MemoryStore::default()));
            let saga = world.case.saga(Arc::clone(&world.store));
            let record = world.run(Disturbed { saga, step, how }).await;
            assert_eq!(record.state, SagaState::Compensated, "`{step}` {how:?}: {:?}", record.error);
            let failed = record.steps.iter().find(|s| s.error.is_some()).map(|s| s.name.as_str());
            assert_eq!(failed, Some(step), "another step failed than the one that was made to");
            assert_eq!(&world.case.effects(&*world.store).await, nothing, "`{step}` {how:?} leaves effects");
        }
    }
}

/// The process dies before and after each commit of a run; the next process resumes it.
///
/// # Panics
/// If a resumed run does not complete with the effects of an undisturbed one.
pub async fn crash_at_every_commit<C: SagaCase>(case: impl Fn() -> C) {
    let reference = completes(&case).await;
    let mut crashes = 0;
    for commit in 1.. {
        for (point, fault) in [("before", Fault::Hang), ("after", Fault::HangDone)] {
            let memory = Arc::new(MemoryStore::default());
            let crash = FaultPlan::at([(commit, fault)]).only(["store.commit"]);
            let world = World::new(case(), Arc::new(crash.around(Arc::clone(&memory))));
            let saga = world.case.saga(Arc::clone(&world.store));
            let died = tokio::select! {
                biased;
                () = crash.hung() => true,
                _ = world.run(saga) => false,
            };
            if !died {
                assert!(crashes > 0, "the run commits nothing, so nothing was tested");
                return;
            }
            crashes += 1;
            let world = World::new(world.case, memory);
            let record = world.take_up().await;
            let at = format!("crash {point} commit {commit}");
            let Some(record) = record else {
                assert_eq!((commit, point), (1, "before"), "{at}: the run is lost");
                continue;
            };
            assert_eq!(record.state, SagaState::Completed, "{at}: {:?}", record.error);
            assert_eq!(world.case.effects(&*world.store).await, reference, "{at}: other effects");
        }
    }
}

fn step_names<C: SagaCase>(case: &C) -> Vec<&'static str> {
    let saga = case.saga(Arc::new(MemoryStore::default()));
    saga.steps().iter().map(|step| step.name()).collect()
}

/// One process: services and engine on a store.
struct World<C> {
    case: C,
    store: Arc<dyn Store>,
    requests: Requests,
    clock: Arc<ManualClock>,
    ids: Arc<SequentialIds>,
}

impl<C: SagaCase> World<C> {
    fn new(case: C, store: Arc<dyn Store>) -> Self {
        let mut table = ServiceTable::default();
        case.services(Arc::clone(&store), &mut table);
        let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SequentialIds::default()));
        let requests = Requests::new(table, Arc::clone(&store), clock.clone(), ids.clone());
        Self { case, store, requests, clock, ids }
    }

    fn engine<S: Saga>(&self, saga: S) -> SagaEngine {
        let (clock, ids) = (self.clock.clone(), self.ids.clone());
        SagaEngine::new(self.requests.clone(), Arc::clone(&self.store), clock, ids).with("test", Arc::new(saga))
    }

    async fn run<S: Saga<State = <C::Saga as Saga>::State>>(&self, saga: S) -> SagaRecord {
        let cx = crate::context(self.case.permissions());
        let (clock, ids) = (self.clock.clone(), self.ids.clone());
        let mut unit = Unit::new(Origin { module: "test", context: cx.clone(), clock, ids });
        let id: SagaId = SagaEngine::begin(&saga, &cx, &self.case.state(), &mut unit).expect("a state is JSON");
        self.store.commit(unit).await.expect("a new run has no conflict");
        self.engine(saga).drive(id, &Silent).await.expect("the journal is in memory")
    }

    /// What the next process does: resumes the one open run.
    async fn take_up(&self) -> Option<SagaRecord> {
        let engine = self.engine(self.case.saga(Arc::clone(&self.store)));
        let runs = SagaEngine::list(&*self.store).await.expect("the journal is in memory");
        let run = runs.first()?;
        Some(engine.drive(run.id, &Silent).await.expect("the journal is in memory"))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disturbance {
    Repeat,
    FailBefore,
    FailAfter,
}

/// A saga with one step disturbed.
struct Disturbed<S> {
    saga: S,
    step: &'static str,
    how: Disturbance,
}

impl<S: Saga> Saga for Disturbed<S> {
    type State = S::State;
    const NAME: &'static str = S::NAME;
    const VERSION: u32 = S::VERSION;

    fn steps(&self) -> Vec<Box<dyn Step<S::State>>> {
        let disturb = |step: Box<dyn Step<S::State>>| -> Box<dyn Step<S::State>> {
            if step.name() == self.step { Box::new(DisturbedStep { step, how: self.how }) } else { step }
        };
        self.saga.steps().into_iter().map(disturb).collect()
    }

    fn compensated(&self, id: SagaId, state: &S::State, error: &Error, unit: &mut Unit) {
        self.saga.compensated(id, state, error, unit);
    }
}

struct DisturbedStep<S> {
    step: Box<dyn Step<S>>,
    how: Disturbance,
}

#[async_trait]
impl<S: serde::Serialize + serde::de::DeserializeOwned + Send + Sync + 'static> Step<S> for DisturbedStep<S> {
    fn name(&self) -> &'static str {
        self.step.name()
    }

    async fn run(&self, cx: &StepContext<'_>, state: &mut S, unit: &mut Unit) -> Result<(), Error> {
        let injected = || Error::new(ErrorKind::Rejected, "injected");
        match self.how {
            Disturbance::FailBefore => Err(injected()),
            Disturbance::FailAfter => {
                self.step.run(cx, state, unit).await?;
                Err(injected())
            }
            Disturbance::Repeat => {
                let json = serde_json::to_value(&*state).expect("a saga's state is JSON");
                let mut lost: S = serde_json::from_value(json).expect("a saga's state can be read back");
                self.step.run(cx, &mut lost, &mut Unit::new(unit.origin().clone())).await?;
                self.step.run(cx, state, unit).await
            }
        }
    }

    async fn undo(&self, cx: &StepContext<'_>, state: &S, unit: &mut Unit) -> Result<Undo, Error> {
        self.step.undo(cx, state, unit).await
    }
}
