use std::time::Duration;

use async_trait::async_trait;
use event_sourcing::Unit;
use kernel::{Context, Error, Request, RequestKind};
use request::{IdempotencyKey, Requests};
use serde::{Serialize, de::DeserializeOwned};

use crate::SagaId;

/// A piece of work over several modules: all of it, or none.
pub trait Saga: Send + Sync + 'static {
    /// What the steps hand on to each other, journalled after each of them.
    type State: Serialize + DeserializeOwned + Send + Sync + 'static;
    /// `module.name`, stable: runs are resumed under it.
    const NAME: &'static str;
    /// Raised when the steps change in a way that a run in flight would notice.
    const VERSION: u32;

    /// The steps in their order, each with a name of its own.
    fn steps(&self) -> Vec<Box<dyn Step<Self::State>>>;

    /// Adds to the unit that ends an undone run, so that the outcome is told when everything is undone.
    fn compensated(&self, _id: SagaId, _state: &Self::State, _error: &Error, _unit: &mut Unit) {}
}

/// One named step.
#[async_trait]
pub trait Step<S: Send + Sync + 'static>: Send + Sync + 'static {
    /// Unique within the saga, stable, never reused: the journal knows a step by it.
    fn name(&self) -> &'static str;

    /// Writes in `unit` and changes of `state` are committed together when this succeeds. Repeated after a crash, so what it
    /// asks of others goes through `cx`.
    async fn run(&self, cx: &StepContext<'_>, state: &mut S, unit: &mut Unit) -> Result<(), Error>;

    /// Takes back what `run` did, or part of it: a step that failed or crashed is undone as well.
    async fn undo(&self, _cx: &StepContext<'_>, _state: &S, _unit: &mut Unit) -> Result<Undo, Error> {
        Ok(Undo::Nothing)
    }

    /// How long one attempt may take.
    fn timeout(&self) -> Duration {
        Duration::from_secs(3600)
    }
}

/// Whether there was something to take back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undo {
    /// Nothing that must be taken back: the step stays as it was in the journal.
    Nothing,
    /// It is taken back.
    Done,
}

/// A step's way to the other modules.
pub struct StepContext<'a> {
    pub(crate) saga: SagaId,
    pub(crate) step: &'a str,
    pub(crate) phase: Phase,
    pub(crate) context: &'a Context,
    pub(crate) requests: &'a Requests,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Run,
    Undo,
}

impl StepContext<'_> {
    /// The run that the step is a part of.
    pub fn saga(&self) -> SagaId {
        self.saga
    }

    /// On whose behalf the run goes: whoever began it, with the permissions of that moment.
    pub fn context(&self) -> &Context {
        self.context
    }

    /// Asks under an idempotency key of saga, step and request name: a repeated step gets the first answer. So a step sends
    /// each kind of command once. A query is asked anew.
    pub async fn ask<R: Request>(&self, request: R) -> Result<R::Response, Error> {
        match R::KIND {
            RequestKind::Query => self.requests.ask(self.context, request).await,
            RequestKind::Command => self.requests.send(self.context, &self.key::<R>(self.phase), request).await,
        }
    }

    /// What this step's run was answered to `R`, if that command was done: how an undo learns what a run did that failed or
    /// crashed before its result was written down.
    pub async fn answered<R: Request>(&self) -> Result<Option<R::Response>, Error> {
        self.requests.answered::<R>(self.context, &self.key::<R>(Phase::Run)).await
    }

    fn key<R: Request>(&self, phase: Phase) -> IdempotencyKey {
        let undo = match phase {
            Phase::Run => "",
            Phase::Undo => "/undo",
        };
        let key = format!("{}/{}{undo}/{}", self.saga, self.step, R::NAME);
        IdempotencyKey::try_new(key).expect("it has the id of the run")
    }
}
