use std::{fmt, panic::AssertUnwindSafe, time::Duration};

use container::HookReason;
use futures::FutureExt;
use kernel::{Error, panic_text};
use tokio::time::{Instant, timeout_at};

/// What went wrong while a module started or stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("module `{module}` did not {phase}: {part} {cause}")]
pub struct LifecycleError {
    /// Whose.
    pub module: &'static str,
    /// What was going on.
    pub phase: Phase,
    /// What of it, by kind and name: ``start hook `open the index` ``.
    pub part: String,
    /// Why.
    pub cause: Cause,
}

/// What was going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Before the module is up.
    Start,
    /// After it was.
    Stop,
}

/// Why something of a module did not do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// Its own words.
    Failed(Box<Error>),
    /// A fault of the module, with the panic's text.
    Panicked(String),
    /// It was given this long, and was dropped. The setting that gives it more.
    TimedOut(Duration, &'static str),
}

/// Not all modules could be started, so none runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartError {
    /// The first that failed.
    pub failed: LifecycleError,
    /// What else went wrong when those that had started were stopped again.
    pub rollback: Vec<LifecycleError>,
}

/// All modules are stopped, and this went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopError(pub Vec<LifecycleError>);

impl std::error::Error for StartError {}

impl std::error::Error for StopError {}

impl LifecycleError {
    pub(super) fn hook(module: &'static str, phase: Phase, name: &str, cause: Cause) -> Self {
        Self { module, phase, part: format!("{phase} hook `{name}`"), cause }
    }
}

impl LifecycleError {
    /// Of the hook of a registration.
    pub(super) fn container(module: &'static str, error: container::HookError) -> Self {
        let container::HookError { of, phase, reason } = error;
        let (phase, what, setting) = match phase {
            container::Phase::Make => (Phase::Start, "making", "modules.start_seconds"),
            container::Phase::Start => (Phase::Start, "the start hook of", "modules.start_seconds"),
            container::Phase::Stop => (Phase::Stop, "the stop hook of", "modules.stop_seconds"),
        };
        let cause = match reason {
            HookReason::Failed(error) => {
                let text = kernel::with_causes(&*error);
                Cause::Failed(Box::new(error.downcast().map_or_else(|_| Error::internal(text), |own: Box<Error>| *own)))
            }
            HookReason::Panicked(text) => Cause::Panicked(text),
            HookReason::TimedOut(within) => Cause::TimedOut(within, setting),
        };
        Self { module, phase, part: format!("{what} `{}`, registered at {},", of.name, of.place), cause }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Stop => "stop",
        })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => write!(f, "failed: {error}"),
            Self::Panicked(text) => write!(f, "panicked: {text}: that is a fault of the module"),
            Self::TimedOut(within, setting) => {
                write!(f, "was not done within {within:?}: see what it waits for, or raise `{setting}`")
            }
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; `modules.disabled` starts the others without it", self.failed)?;
        self.rollback.iter().try_for_each(|error| write!(f, "; and then {error}"))
    }
}

impl fmt::Display for StopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&errors.join("; and "))
    }
}

/// Longer than any process runs, and short enough to be added to the present time.
const FOREVER: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

/// How much time there is, and which setting gives more.
#[derive(Clone, Copy)]
pub(crate) struct Allowed {
    pub within: Duration,
    pub until: Instant,
    pub setting: &'static str,
}

impl Allowed {
    pub fn from_now(within: Duration, setting: &'static str) -> Self {
        Self { within, until: Instant::now() + within.min(FOREVER), setting }
    }

    pub fn exceeded(&self) -> Cause {
        Cause::TimedOut(self.within, self.setting)
    }
}

/// Does some work of a module, whose faults stay its own.
pub(super) async fn outcome(work: impl Future<Output = Result<(), Error>>, allowed: Allowed) -> Result<(), Cause> {
    timeout_at(allowed.until, caught(work)).await.unwrap_or_else(|_| Err(allowed.exceeded()))
}

pub(super) async fn caught(work: impl Future<Output = Result<(), Error>>) -> Result<(), Cause> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(result) => result.map_err(|error| {
            if let Some(detail) = &error.detail {
                tracing::warn!(detail, "{error}");
            }
            Cause::Failed(Box::new(error))
        }),
        Err(panic) => Err(Cause::Panicked(panic_text(panic))),
    }
}
