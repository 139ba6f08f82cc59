//! What the engine does when steps, undos or journals give trouble.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use event_sourcing::{Expected, MemoryStore, Origin, Store, StoreExt, Unit};
use kernel::{Error, ErrorKind, ManualClock, SequentialIds};
use request::{Requests, ServiceTable};
use saga::{ResumeError, Saga, SagaEngine, SagaId, SagaRecord, SagaState, Silent, Step, StepContext, Undo};
use testing::store::Noted;

/// One step whose run and undo fail so many times with such a kind and text.
struct Failing {
    kind: ErrorKind,
    message: String,
    runs: Arc<AtomicU32>,
    undos: Arc<AtomicU32>,
}

impl Failing {
    fn new(kind: ErrorKind, runs: u32, undos: u32) -> Self {
        Self { kind, message: "not now".into(), runs: Arc::new(runs.into()), undos: Arc::new(undos.into()) }
    }
}

impl Saga for Failing {
    type State = ();
    const NAME: &'static str = "test.failing";
    const VERSION: u32 = 2;

    fn steps(&self) -> Vec<Box<dyn Step<()>>> {
        let (runs, undos) = (Arc::clone(&self.runs), Arc::clone(&self.undos));
        vec![Box::new(FailingStep { kind: self.kind, message: self.message.clone(), runs, undos })]
    }
}

struct FailingStep {
    kind: ErrorKind,
    message: String,
    runs: Arc<AtomicU32>,
    undos: Arc<AtomicU32>,
}

impl FailingStep {
    fn fail(&self, left: &AtomicU32) -> Result<(), Error> {
        let taken = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        taken.map_or(Ok(()), |_| Err(Error::new(self.kind, self.message.as_str())))
    }
}

#[async_trait]
impl Step<()> for FailingStep {
    fn name(&self) -> &'static str {
        "only"
    }

    async fn run(&self, _: &StepContext<'_>, (): &mut (), _: &mut Unit) -> Result<(), Error> {
        self.fail(&self.runs)
    }

    async fn undo(&self, _: &StepContext<'_>, (): &(), _: &mut Unit) -> Result<Undo, Error> {
        self.fail(&self.undos).map(|()| Undo::Done)
    }
}

struct Process {
    store: Arc<dyn Store>,
    engine: SagaEngine,
}

impl Process {
    fn new(store: Arc<dyn Store>) -> Self {
        let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SequentialIds::default()));
        let requests = Requests::new(ServiceTable::default(), Arc::clone(&store), clock.clone(), ids.clone());
        Self { engine: SagaEngine::new(requests, Arc::clone(&store), clock, ids), store }
    }

    async fn begin<S: Saga<State = ()>>(&self, saga: &S) -> SagaId {
        let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SequentialIds::default()));
        let cx = testing::context(&[]);
        let mut unit = Unit::new(Origin { module: "test", context: cx.clone(), clock, ids });
        let id = SagaEngine::begin(saga, &cx, &(), &mut unit).unwrap();
        self.store.commit(unit).await.unwrap();
        id
    }
}

async fn drive<S: Saga<State = ()>>(saga: S) -> (SagaEngine, SagaRecord) {
    let process = Process::new(Arc::new(MemoryStore::default()));
    process.store.declare(&saga::collections()).await.unwrap();
    let id = process.begin(&saga).await;
    let engine = process.engine.with("test", Arc::new(saga));
    let record = engine.drive(id, &Silent).await.unwrap();
    (engine, record)
}

#[tokio::test(start_paused = true)]
async fn a_passing_trouble_is_waited_out() {
    let (_, record) = drive(Failing::new(ErrorKind::Unavailable, 2, 0)).await;
    assert_eq!((record.state, record.steps[0].attempts), (SagaState::Completed, 3));
}

#[tokio::test(start_paused = true)]
async fn a_lasting_trouble_is_not_waited_for() {
    let (_, record) = drive(Failing::new(ErrorKind::Invalid, 1, 0)).await;
    assert_eq!((record.state, record.steps[0].attempts), (SagaState::Compensated, 1));
    assert_eq!(record.error.unwrap().kind, ErrorKind::Invalid);
}

/// Rule 12 of docs/durability.md.
#[tokio::test(start_paused = true)]
async fn an_undo_that_keeps_failing_is_stuck_until_somebody_resumes_it() {
    let (engine, record) = drive(Failing::new(ErrorKind::Rejected, 1, 3)).await;
    assert_eq!(record.state, SagaState::Stuck);
    assert_eq!(engine.open().await.unwrap().len(), 1);

    let record = engine.drive(record.id, &Silent).await.unwrap();
    assert_eq!(record.state, SagaState::Compensated);
    assert!(engine.open().await.unwrap().is_empty());
}

/// What says more than any store takes stands in the journal as far as it fits.
#[tokio::test(start_paused = true)]
async fn an_error_of_any_size_is_kept() {
    let long = |kind, runs, undos| Failing { message: "x".repeat(20 << 20), ..Failing::new(kind, runs, undos) };
    for (failing, state) in [
        (long(ErrorKind::Unavailable, 2, 0), SagaState::Completed),
        (long(ErrorKind::Rejected, 1, 0), SagaState::Compensated),
        (long(ErrorKind::Rejected, 1, 3), SagaState::Stuck),
    ] {
        let (_, record) = drive(failing).await;
        assert_eq!(record.state, state);
        let told = record.error.map(|error| error.message.len());
        assert!(told.is_none_or(|bytes| (4096..5000).contains(&bytes)), "{told:?}");
    }
}

/// Fails, and publishes a note of so many bytes about it.
struct Loud(Failing, Arc<AtomicU32>);

impl Saga for Loud {
    type State = ();
    const NAME: &'static str = "test.loud";
    const VERSION: u32 = 1;

    fn steps(&self) -> Vec<Box<dyn Step<()>>> {
        self.0.steps()
    }

    fn compensated(&self, _: SagaId, (): &(), _: &Error, unit: &mut Unit) {
        unit.publish(&Noted::new("x".repeat(self.1.load(Ordering::SeqCst) as usize), 1));
    }
}

/// What a service or a step may not publish, a saga does not publish either when it has gone back.
#[tokio::test(start_paused = true)]
async fn what_a_compensated_saga_publishes_is_held_to_the_rules() {
    let size = Arc::new(AtomicU32::new(2 << 20));
    let (engine, record) = drive(Loud(Failing::new(ErrorKind::Invalid, 1, 0), Arc::clone(&size))).await;
    assert_eq!((record.state, record.events.len()), (SagaState::Stuck, 0));
    assert!(record.error.unwrap().message.contains("testing.noted"));

    size.store(1, Ordering::SeqCst);
    let record = engine.drive(record.id, &Silent).await.unwrap();
    assert_eq!((record.state, record.events.len()), (SagaState::Compensated, 1));
}

#[tokio::test(start_paused = true)]
async fn an_ended_run_is_left_as_it_is() {
    let (engine, record) = drive(Failing::new(ErrorKind::Invalid, 0, 0)).await;
    assert_eq!(engine.drive(record.id, &Silent).await.unwrap(), record);
}

/// While the first waits to try again, the second takes the run to its end.
#[tokio::test(start_paused = true)]
async fn of_two_who_drive_a_run_one_goes_on() {
    let process = Process::new(Arc::new(MemoryStore::default()));
    let saga = Failing::new(ErrorKind::Unavailable, 1, 0);
    let id = process.begin(&saga).await;
    let engine = process.engine.with("test", Arc::new(saga));
    let (first, second) = tokio::join!(engine.drive(id, &Silent), engine.drive(id, &Silent));
    let ended = second.unwrap();
    assert_eq!(ended.state, SagaState::Completed);
    assert!(matches!(first, Err(ResumeError::Taken(taken)) if taken == id), "{first:?}");
    assert_eq!(process.store.get::<SagaRecord>(&id.to_string()).await.unwrap().unwrap().value, ended);
}

/// Rule 12 of docs/durability.md.
#[tokio::test(start_paused = true)]
async fn runs_that_cannot_be_taken_up_say_why() {
    let process = Process::new(Arc::new(MemoryStore::default()));
    let saga = Failing::new(ErrorKind::Invalid, 0, 0);
    let id = process.begin(&saga).await;
    let Err(error) = process.engine.drive(id, &Silent).await else { panic!("no module has this saga") };
    assert!(matches!(error, ResumeError::NoDefinition { .. }), "{error}");

    // As if an older program had started it.
    let found = process.store.get::<SagaRecord>(&id.to_string()).await.unwrap().unwrap();
    let mut unit = Unit::new(testing::origin("test"));
    unit.put(id.to_string(), &SagaRecord { version: 1, ..found.value }, Expected::Any);
    process.store.commit(unit).await.unwrap();
    let engine = process.engine.with("test", Arc::new(saga));
    let Err(error) = engine.drive(id, &Silent).await else { panic!("the versions differ") };
    assert!(matches!(error, ResumeError::OtherVersion { started: 1, present: 2, .. }), "{error}");

    let Err(error) = engine.drive(SagaId(uuid::Uuid::nil()), &Silent).await else { panic!("there is no such run") };
    assert!(matches!(error, ResumeError::Unknown(_)), "{error}");
}
