use chrono::{DateTime, Utc};
use event_sourcing::Document;
use kernel::{Claims, CorrelationId, Error};
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
    pub id: SagaId,
    pub saga: String,
    /// Version of the definition that it was started with.
    pub version: u32,
    pub state: SagaState,
    pub correlation_id: CorrelationId,
    /// On whose behalf it runs, with the permissions of its start.
    pub claims: Claims,
    pub started_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub steps: Vec<StepRecord>,
    /// The saga's own state, as its steps left it.
    pub data: Value,
    /// Why it went back, or why it is stuck.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}

impl Document for SagaRecord {
    const COLLECTION: &'static str = "saga.runs";
}

impl SagaRecord {
    /// Whether there is nothing left to do.
    pub fn has_ended(&self) -> bool {
        match self.state {
            SagaState::Completed | SagaState::Compensated => true,
            SagaState::Running | SagaState::Waiting | SagaState::Compensating | SagaState::Stuck => false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SagaState {
    Running,
    /// A step failed for a passing reason and is tried again later.
    Waiting,
    Compensating,
    Completed,
    Compensated,
    /// An undo did not succeed: an operator has to look.
    Stuck,
}

impl SagaState {
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
    pub name: String,
    pub state: StepState,
    pub attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undone_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    Pending,
    /// Written down before the step begins: it may have run, it may not.
    Started,
    Done,
    Failed,
    Undone,
}

impl StepState {
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
