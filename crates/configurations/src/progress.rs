//! What a run shows while it runs: a bar per step on a terminal, plain lines otherwise. On stderr.

use std::{
    collections::HashMap,
    io::{IsTerminal, Write},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use event_sourcing::RebuildProgress;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use saga::{Observer, SagaRecord, SagaState, StepRecord, StepState};
use tokio::time::Instant;

pub enum Progress {
    Bars { all: MultiProgress, steps: Mutex<HashMap<String, ProgressBar>> },
    Lines,
}

impl Progress {
    pub fn new() -> Self {
        if std::io::stderr().is_terminal() {
            Self::Bars { all: MultiProgress::new(), steps: Mutex::default() }
        } else {
            Self::Lines
        }
    }
}

impl Observer for Progress {
    fn step(&self, saga: &SagaRecord, step: &StepRecord) {
        match self {
            Self::Bars { all, steps } => {
                let mut steps = steps.lock().unwrap_or_else(PoisonError::into_inner);
                let bar = steps.entry(step.name.clone()).or_insert_with(|| {
                    let bar = all.add(ProgressBar::new_spinner());
                    bar.enable_steady_tick(Duration::from_millis(80));
                    bar
                });
                let style = if step.state == StepState::Started { "{spinner:.cyan} {msg} {elapsed}" } else { "{msg}" };
                if let Ok(style) = ProgressStyle::with_template(style) {
                    bar.set_style(style);
                }
                let text = line(saga, step);
                if step.state == StepState::Started { bar.set_message(text) } else { bar.finish_with_message(text) }
            }
            // A closed stderr must not end a run that would complete.
            Self::Lines => drop(writeln!(anstream::stderr(), "{}", line(saga, step))),
        }
    }
}

fn line(saga: &SagaRecord, step: &StepRecord) -> String {
    let number = saga.steps.iter().position(|s| s.name == step.name).map_or(0, |index| index + 1);
    let number = format!("[{number}/{}]", saga.steps.len());
    let name = &step.name;
    if saga.state == SagaState::Compensating && step.undone_at.is_some() {
        let what = if step.state == StepState::Undone { "undone" } else { "nothing to undo" };
        return format!("{number} {name}: {what}");
    }
    match step.state {
        StepState::Pending => format!("{number} {name}"),
        StepState::Started if step.attempts > 1 => format!("{number} {name} (attempt {})", step.attempts),
        StepState::Started => format!("{number} {name} ..."),
        StepState::Done => format!("{number} {name}: done{}", took(step)),
        StepState::Failed => format!("{number} {name}: failed{}", took(step)),
        StepState::Undone => format!("{number} {name}: undone"),
    }
}

fn took(step: &StepRecord) -> String {
    let (Some(start), Some(end)) = (step.started_at, step.ended_at) else { return String::new() };
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are far below 2^52")]
    let seconds = (end - start).num_milliseconds() as f64 / 1000.0;
    format!(" in {seconds:.2} s")
}

/// How far a rebuild is: a bar on a terminal, a line every few seconds otherwise. On stderr.
pub enum RebuildBar {
    Bar(ProgressBar),
    Lines { name: String, told: Mutex<Option<Instant>> },
}

/// Between two lines.
const LINES: Duration = Duration::from_secs(2);

impl RebuildBar {
    pub fn new(name: &str) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Lines { name: name.to_owned(), told: Mutex::default() };
        }
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{msg} {bar:40.cyan} {pos}/{len} {prefix}") {
            bar.set_style(style);
        }
        bar.set_message(name.to_owned());
        Self::Bar(bar)
    }

    pub fn show(&self, progress: &RebuildProgress) {
        let RebuildProgress { position, head, per_second, remaining, paused, .. } = progress;
        let left = remaining.map_or_else(|| "?".to_owned(), |left| format!("{} s", left.as_secs()));
        let pace = if *paused { "paused".to_owned() } else { format!("{per_second:.0}/s, {left} left") };
        match self {
            Self::Bar(bar) => {
                bar.set_length(head.0);
                bar.set_position(position.0);
                bar.set_prefix(pace);
            }
            Self::Lines { name, told } => {
                let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                let now = Instant::now();
                if told.is_none_or(|told| now.duration_since(told) >= LINES) {
                    *told = Some(now);
                    // A closed stderr must not end what goes on by itself.
                    drop(writeln!(anstream::stderr(), "{name}: {position} of {head}, {pace}"));
                }
            }
        }
    }

    pub fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
