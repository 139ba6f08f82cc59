use chrono::{DateTime, Utc};
use event_sourcing::{Collection, Document, Index};
use kernel::{CausationId, Claims, CorrelationId, Error, EventId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// Identity of one run of a saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SagaId(pub Uuid);

impl std::fmt::Display for SagaId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Everything that is known about a run: its journal, one document in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SagaRecord {
    /// The run, whose id is the key of the document.
    pub id: SagaId,
    /// [`Saga::NAME`](crate::Saga::NAME): how the engine finds the definition again.
    pub saga: String,
    /// Version of the definition that it was started with.
    pub version: u32,
    /// Whether it goes forward, goes back, or has ended.
    pub state: SagaState,
    /// That of the context that it was begun in; everything that its steps do has it.
    pub correlation_id: CorrelationId,
    /// On whose behalf it runs, with the permissions of its start.
    pub claims: Claims,
    /// Name of the module that began it.
    #[serde(default)]
    pub begun_in: String,
    /// Wire name of the request by whose service it was begun, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_by: Option<String>,
    /// The event that set it off, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<CausationId>,
    /// When it was begun, by the clock of the unit that it was begun in.
    pub started_at: DateTime<Utc>,
    /// When the journal was last written.
    pub updated_at: DateTime<Utc>,
    /// All steps of the definition in their order, also those that are not reached.
    pub steps: Vec<StepRecord>,
    /// The saga's own state, as its steps left it.
    pub data: Value,
    /// Why it went back, or why it is stuck.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
    /// What the saga published when it was compensated: the first 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventId>,
}

impl Document for SagaRecord {
    const COLLECTION: &'static str = "saga.runs";
    const INDEXES: &'static [Index] = &[Self::BY_STATE];
}

/// What the engine keeps: to be declared to the store at the start, by whoever assembles the modules.
pub fn collections() -> [Collection; 1] {
    [Collection::of::<SagaRecord>()]
}

impl SagaRecord {
    /// Finds runs by the [name](SagaState::name) of their state.
    pub const BY_STATE: Index = Index::new("by_state", "state");

    /// Whether there is nothing left to do.
    pub fn has_ended(&self) -> bool {
        match self.state {
            SagaState::Completed | SagaState::Compensated => true,
            SagaState::Running | SagaState::Waiting | SagaState::Compensating | SagaState::Stuck => false,
        }
    }
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SagaState {
    /// Its steps are done one after another, whenever somebody drives it.
    Running,
    /// A step failed for a passing reason and is tried again later.
    Waiting,
    /// A step failed for good. What was begun is undone, the last of it first.
    Compensating,
    /// Every step is done: an end.
    Completed,
    /// Everything that was begun is undone: an end.
    Compensated,
    /// An undo did not succeed: an operator has to look.
    Stuck,
}

impl SagaState {
    /// Of runs that have not ended.
    pub(crate) const OPEN: [Self; 4] = [Self::Running, Self::Waiting, Self::Compensating, Self::Stuck];

    /// In lower case, as the journal and `borough sagas` have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Compensating => "compensating",
            Self::Completed => "completed",
            Self::Compensated => "compensated",
            Self::Stuck => "stuck",
        }
    }
}

/// One step's line in the timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// [`Step::name`](crate::Step::name): how the engine finds the step again.
    pub name: String,
    /// What became of it.
    pub state: StepState,
    /// How often it was begun, also again after a conflict. Undoing does not count.
    pub attempts: u32,
    /// When it was first begun; absent if it never was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<DateTime<Utc>>,
    /// When it was done or failed for good; absent until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
    /// When undoing it ended, also if there was nothing to take back; absent until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undone_at: Option<DateTime<Utc>>,
    /// What it last failed with, unless it was done in the end; or what undoing it failed with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
    /// What it published in its own unit, also when it was undone: the first 100. Its commands have records that name theirs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventId>,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    /// Not begun.
    Pending,
    /// Written down before the step begins: it may have run, it may not.
    Started,
    /// Its writes and its result are in the store.
    Done,
    /// It failed for good, or ran out of tries. The run goes back.
    Failed,
    /// What it had done is taken back.
    Undone,
}

impl StepState {
    /// In lower case, as the journal and `borough sagas` have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Started => "started",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Undone => "undone",
        }
    }
}
