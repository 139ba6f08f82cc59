//! Durable sagas: named steps, undone in reverse on failure, with a journal that survives `kill -9`.
//!
//! A [`Saga`] is a typed state and a list of [`Step`]s. A step does two kinds of things: it adds writes to the unit that it is
//! given, which is committed together with its result (exactly once), and it asks other modules through its [`StepContext`],
//! whose commands carry an idempotency key made of saga and step (done once however often the step is repeated). The engine
//! writes down that a step begins before it begins, and what came of it when it ends; a crash in between repeats the step.
//!
//! Invariant: nothing of a saga lives in memory only. [`SagaEngine::drive`] can be dropped at any point and called again.
#![warn(missing_docs)]

mod engine;
mod journal;
mod meters;
mod step;

pub use engine::{Observer, ResumeError, SagaEngine, Silent};
pub use journal::{SagaId, SagaRecord, SagaState, StepRecord, StepState, collections};
pub use step::{Saga, Step, StepContext, Undo};
