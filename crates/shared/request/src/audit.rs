use event_sourcing::{Expected, Unit};
use kernel::{Context, Contract, Error, Event, EventId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::IdempotencyKey;

/// The stream of all [`CommandRecorded`] events.
pub const AUDIT_STREAM: &str = "audit";

/// What became of a command: who sent it, what it was about, how it ended. Never the payload, so never a secret.
///
/// Done: written in the command's own unit, so there is one exactly if the command happened. Refused or failed: in a unit of
/// its own. A command that was answered from its idempotency key was recorded the first time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CommandRecorded {
    /// Name of the principal who sent it.
    pub user: String,
    /// Who acted as the user, where that was somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acting: Option<String>,
    /// Name of the module that serves it; `nobody` if none here does.
    pub module: String,
    /// Wire name of the command.
    pub request: String,
    /// Wire name of the request by whose service it was asked, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<String>,
    /// The idempotency key that it was sent under, or the first 200 characters of it; of a step of a saga, `RUN/STEP/REQUEST`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What it was about, in the words of the command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What the data was wanted for, where the caller said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Done, or whose it is to mend.
    pub outcome: Outcome,
    /// The error's stable code, unless it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Seconds that it took, without the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// The events of its unit, this one not counted: the first 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventId>,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Committed, this record with it.
    Done,
    /// For the caller to mend.
    Refused,
    /// For us to mend.
    Failed,
}

impl Event for CommandRecorded {
    const NAME: &'static str = "audit.command_recorded";

    fn key(&self) -> String {
        self.user.clone()
    }
}

/// The event of this crate, which has a file in `docs/contracts`.
pub fn contracts() -> Vec<Contract> {
    vec![Contract::of_event::<CommandRecorded>()]
}

/// A command that is under way.
pub(crate) struct Audited<'a> {
    pub module: &'static str,
    pub request: &'a str,
    pub key: Option<&'a IdempotencyKey>,
    pub subject: Option<String>,
    pub since: Instant,
}

/// Events of a command that its record names.
const EVENTS: usize = 100;
/// Characters of a key that a record has.
const KEY: usize = 200;

impl Audited<'_> {
    pub fn done(&self, cx: &Context, unit: &mut Unit) {
        self.record(cx, unit, Outcome::Done, None);
    }

    pub fn not_done(&self, cx: &Context, unit: &mut Unit, error: &Error) {
        let outcome = if error.kind.is_of_the_caller() { Outcome::Refused } else { Outcome::Failed };
        self.record(cx, unit, outcome, Some(error.code().to_owned()));
    }

    fn record(&self, cx: &Context, unit: &mut Unit, outcome: Outcome, code: Option<String>) {
        let principal = cx.principal();
        let event = CommandRecorded {
            events: unit.events().map(|event| event.event_id).take(EVENTS).collect(),
            seconds: Some(self.since.elapsed().as_secs_f64()),
            user: principal.user().to_owned(),
            acting: principal.acting().map(str::to_owned),
            module: self.module.to_owned(),
            request: self.request.to_owned(),
            asked_by: cx.asked().map(|asked| asked.request.to_owned()),
            key: self.key.map(|key| key.as_str().chars().take(KEY).collect()),
            subject: self.subject.clone(),
            purpose: cx.purpose().map(str::to_owned),
            outcome,
            code,
        };
        unit.append(AUDIT_STREAM, Expected::Any, &event);
    }
}
