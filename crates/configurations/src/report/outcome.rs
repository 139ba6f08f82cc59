//! How a run stands, and what its owner can do about it.

use interfaces_data::Verdict;
use kernel::ErrorKind;
use saga::{SagaState, StepState};

use crate::report::{RunReport, StepSummary, figures};

/// Good, worth a look, bad: a colour wherever there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Good,
    Warn,
    Bad,
}

impl Tone {
    pub fn mark(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Warn => "!",
            Self::Bad => "✗",
        }
    }

    /// Name of its colour in the page's style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

impl RunReport {
    pub(super) fn tone(&self) -> Tone {
        match self.saga.state {
            SagaState::Completed => Tone::Good,
            SagaState::Running | SagaState::Waiting => Tone::Warn,
            SagaState::Compensating | SagaState::Compensated | SagaState::Stuck => Tone::Bad,
        }
    }

    /// Where the run has got to, in a few words.
    pub(super) fn outcome(&self) -> String {
        let stopped = || match self.stopped_at() {
            Some(step) => format!("stopped at {}", step.name),
            None => "stopped".into(),
        };
        match self.saga.state {
            SagaState::Completed => match self.elapsed() {
                Some(time) => format!("completed in {time}"),
                None => "completed".into(),
            },
            SagaState::Compensated => format!("{} and undone", stopped()),
            SagaState::Compensating => format!("{}, not yet undone", stopped()),
            SagaState::Stuck => match self.saga.steps.iter().find(|step| step.error.is_some()) {
                Some(step) => format!("stuck: {} could not be undone", step.name),
                None => "stuck".into(),
            },
            SagaState::Running | SagaState::Waiting => match self.saga.steps.iter().find(|step| is_open(step)) {
                Some(step) => format!("not finished, at {}", step.name),
                None => "not finished".into(),
            },
        }
    }

    /// The step that could not be done: the last with an error, as no step after it was begun.
    fn stopped_at(&self) -> Option<&StepSummary> {
        self.saga.steps.iter().rfind(|step| step.error.is_some())
    }

    /// What stopped the run, what was undone, how to go on, as label and text. Empty for a run that completed.
    pub(super) fn stop(&self) -> Vec<(&'static str, String)> {
        let Some(advice) = self.advice() else { return Vec::new() };
        let mut facts = Vec::new();
        facts.extend(self.failure.as_ref().map(|error| ("why", figures::visible(&error.message))));
        facts.extend(self.undone().map(|undone| ("undone", undone)));
        let waiting = self.saga.steps.iter().filter(|step| step.state == StepState::Pending);
        let waiting: Vec<&str> = waiting.map(|step| step.name.as_str()).collect();
        if !waiting.is_empty() {
            facts.push(("not begun", waiting.join(", ")));
        }
        facts.push(("go on", advice));
        facts
    }

    /// What was taken back; nothing for a run that went forward only.
    fn undone(&self) -> Option<String> {
        let undone = self.saga.steps.iter().filter(|step| step.state == StepState::Undone);
        let undone: Vec<&str> = undone.map(|step| step.name.as_str()).collect();
        match self.saga.state {
            SagaState::Completed | SagaState::Running | SagaState::Waiting => None,
            SagaState::Compensated if undone.is_empty() => Some("nothing: no step had to be taken back".into()),
            SagaState::Compensating | SagaState::Stuck if undone.is_empty() => Some("nothing yet".into()),
            SagaState::Compensating | SagaState::Compensated | SagaState::Stuck => Some(undone.join(", ")),
        }
    }

    /// How to go on from a run that did not complete.
    fn advice(&self) -> Option<String> {
        let id = self.saga.id;
        match self.saga.state {
            SagaState::Completed => None,
            SagaState::Running | SagaState::Waiting | SagaState::Compensating => {
                Some(format!("`borough sagas resume {id}` goes on where it was left"))
            }
            SagaState::Stuck => Some(format!(
                "remove the cause, then `borough sagas resume {id}` tries again; `borough sagas show {id}` has the timeline"
            )),
            SagaState::Compensated => Some(self.remedy()),
        }
    }

    fn remedy(&self) -> String {
        let severe = self.quality.as_ref().is_some_and(|quality| quality.verdict == Verdict::Failed);
        match self.failure.as_ref().map(|error| error.kind) {
            Some(ErrorKind::Rejected) if severe => {
                "correct the data, or give the check `severity = \"warn\"` to have it reported only; then run again"
                    .into()
            }
            Some(ErrorKind::Rejected) => {
                "correct the data, or accept its score with `--min-score`; then run again".into()
            }
            Some(ErrorKind::Invalid | ErrorKind::NotFound) => "correct what the message names; then run again".into(),
            Some(ErrorKind::Denied) => {
                "grant the permission under [access.grants] in the settings; then run again".into()
            }
            Some(ErrorKind::Conflict | ErrorKind::Unavailable | ErrorKind::Deadline) => {
                "run again: the cause may have passed".into()
            }
            Some(ErrorKind::Internal) | None => {
                format!("`borough sagas show {}` has the timeline; run again with -v to see more", self.saga.id)
            }
        }
    }

    fn elapsed(&self) -> Option<String> {
        let time = self.saga.ended_at? - self.saga.started_at;
        u64::try_from(time.num_milliseconds()).ok().map(figures::duration)
    }
}

fn is_open(step: &StepSummary) -> bool {
    matches!(step.state, StepState::Pending | StepState::Started)
}
