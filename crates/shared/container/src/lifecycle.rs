use std::{error::Error, fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::future::{BoxFuture, FutureExt};
use kernel::panic_text;
use tokio::{sync::Mutex, time::timeout};

use crate::{
    Container, Failure, Reason, Step,
    wire::{AnyWire, Early, Wire},
};

/// What `start` and `stop` do with a singleton.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Its factory runs, unless it is there already.
    Make,
    /// A start hook runs.
    Start,
    /// A stop hook runs.
    Stop,
}

/// What failed while starting or stopping.
#[derive(Debug)]
pub struct HookError {
    /// The singleton.
    pub of: Step,
    /// What was done with it.
    pub phase: Phase,
    /// What went wrong.
    pub reason: HookReason,
}

/// What went wrong.
#[derive(Debug)]
pub enum HookReason {
    /// It failed.
    Failed(Box<dyn Error + Send + Sync>),
    /// It panicked, with this message.
    Panicked(String),
    /// It was given this long, and was dropped.
    TimedOut(Duration),
}

/// The container did not start.
#[derive(Debug, thiserror::Error)]
#[error("could not start; what had started was stopped{}", but(rollback))]
pub struct StartError {
    /// What failed.
    #[source]
    pub failed: HookError,
    /// What failed besides when that which had started was stopped again.
    pub rollback: Vec<HookError>,
}

/// Everything was stopped, and some of it failed to.
#[derive(Debug, thiserror::Error)]
#[error("stopped{}", but(.0))]
pub struct StopError(pub Vec<HookError>);

impl HookError {
    /// A factory that failed by itself, and for nothing that it needed, is named once.
    fn in_its_own_words(self) -> Self {
        let Self { of, phase, reason } = self;
        let alone = match &reason {
            HookReason::Failed(error) => error.downcast_ref::<Failure>().filter(|failure| failure.chain().len() == 1),
            HookReason::Panicked(_) | HookReason::TimedOut(_) => None,
        };
        let reason = match alone.map(Failure::reason) {
            Some(Reason::Error(error)) => HookReason::Failed(Box::new(Shared(Arc::clone(error)))),
            Some(Reason::Panic(message)) => HookReason::Panicked(message.clone()),
            Some(Reason::NotAwaited) | None => reason,
        };
        Self { of, phase, reason }
    }
}

/// An error that others have as well.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Shared(Arc<dyn Error + Send + Sync>);

impl fmt::Display for HookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.phase {
            Phase::Make => "making",
            Phase::Start => "the start hook of",
            Phase::Stop => "the stop hook of",
        };
        write!(f, "{what} `{}`, registered at {}, ", self.of.name, self.of.place)?;
        match &self.reason {
            HookReason::Failed(_) => write!(f, "failed"),
            HookReason::Panicked(message) => write!(f, "panicked with: {message}"),
            HookReason::TimedOut(within) => write!(f, "took longer than {within:?}"),
        }
    }
}

impl Error for HookError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.reason {
            HookReason::Failed(error) => Some(error.as_ref()),
            HookReason::Panicked(_) | HookReason::TimedOut(_) => None,
        }
    }
}

fn but(errors: &[HookError]) -> String {
    let errors: Vec<String> = errors.iter().map(|error| kernel::with_causes(error)).collect();
    if errors.is_empty() { String::new() } else { format!(", but {}", errors.join(", and ")) }
}

impl Container {
    /// Makes all singletons that are not there yet, each after what it needs, without their start hooks. Each factory that
    /// has to be awaited has this long.
    ///
    /// # Errors
    /// Of the first that fails; what was made before it stays.
    ///
    /// # Cancel safety
    /// Dropped, it leaves made what is made: another `warm_up`, or [`start`](Self::start), goes on from there.
    pub async fn warm_up(&self, within: Duration) -> Result<(), HookError> {
        for stage in &self.lifecycle().stages {
            stage.make(within).await?;
        }
        Ok(())
    }

    /// Makes all singletons and runs their start hooks, each after those of what it needs. Each factory that has to be
    /// awaited and each hook has this long. Started already, it does nothing.
    ///
    /// # Errors
    /// Of the first that fails. The stop hooks of all that had started have run then, in reverse, and `start` can be
    /// called again.
    ///
    /// # Cancel safety
    /// Dropped, it leaves started what has started: `stop` stops that, another `start` goes on from there. Of the hook
    /// that was running, nothing is known.
    pub async fn start(&self, within: Duration) -> Result<(), StartError> {
        let stages = &self.lifecycle().stages;
        let mut started = self.lifecycle().started.lock().await;
        while let Some(stage) = stages.get(*started) {
            if let Err(failed) = stage.start(within).await {
                return Err(StartError { failed, rollback: stop(stages, &mut started, within).await });
            }
            *started += 1;
        }
        Ok(())
    }

    /// Runs the stop hooks of all that has started, each before those of what it needs, and each under this timeout.
    /// What was not started, or is stopped already, is left alone. The values stay.
    ///
    /// # Errors
    /// Of all hooks that failed; the others have run nevertheless.
    ///
    /// # Cancel safety
    /// Dropped, it leaves started what has not stopped: another `stop` goes on from there. The hook that was running is
    /// not run again.
    pub async fn stop(&self, within: Duration) -> Result<(), StopError> {
        let mut started = self.lifecycle().started.lock().await;
        let errors = stop(&self.lifecycle().stages, &mut started, within).await;
        if errors.is_empty() { Ok(()) } else { Err(StopError(errors)) }
    }
}

async fn stop(stages: &[Stage], started: &mut usize, within: Duration) -> Vec<HookError> {
    let mut errors = Vec::new();
    while *started > 0 {
        *started -= 1;
        errors.extend(stages[*started].stop(within).await);
    }
    errors
}

/// The singletons in the order in which they start.
pub struct Lifecycle {
    stages: Vec<Stage>,
    /// How many of them have. Whoever starts or stops holds this.
    started: Mutex<usize>,
}

/// One singleton.
pub struct Stage {
    pub node: usize,
    of: Step,
    wire: AnyWire,
    early: Arc<dyn Early>,
    /// In the order in which they were added.
    pub hooks: Vec<Hook>,
}

pub struct Hook {
    phase: Phase,
    run: Box<Run>,
}

type Run = dyn Fn(&AnyWire) -> BoxFuture<'static, Result<(), BoxError>> + Send + Sync;
type BoxError = Box<dyn Error + Send + Sync>;

impl Lifecycle {
    pub fn new(stages: Vec<Stage>) -> Self {
        Self { stages, started: Mutex::new(0) }
    }
}

impl Stage {
    pub fn new(node: usize, of: Step, wire: AnyWire, early: Arc<dyn Early>) -> Self {
        Self { node, of, wire, early, hooks: Vec::new() }
    }

    async fn make(&self, within: Duration) -> Result<(), HookError> {
        let made = Arc::clone(&self.early).make_async();
        let made = made.map(|made| made.map_err(|failure| -> BoxError { failure }));
        self.bounded(Phase::Make, within, made).await.map_err(HookError::in_its_own_words)
    }

    async fn start(&self, within: Duration) -> Result<(), HookError> {
        self.make(within).await?;
        for hook in self.hooks.iter().filter(|hook| hook.phase == Phase::Start) {
            self.bounded(Phase::Start, within, async { (hook.run)(&self.wire).await }).await?;
        }
        Ok(())
    }

    async fn stop(&self, within: Duration) -> Vec<HookError> {
        let mut errors = Vec::new();
        for hook in self.hooks.iter().rev().filter(|hook| hook.phase == Phase::Stop) {
            errors.extend(self.bounded(Phase::Stop, within, async { (hook.run)(&self.wire).await }).await.err());
        }
        errors
    }

    async fn bounded(
        &self,
        phase: Phase,
        within: Duration,
        step: impl Future<Output = Result<(), BoxError>>,
    ) -> Result<(), HookError> {
        let reason = match timeout(within, AssertUnwindSafe(step).catch_unwind()).await {
            Ok(Ok(Ok(()))) => return Ok(()),
            Ok(Ok(Err(error))) => HookReason::Failed(error),
            Ok(Err(payload)) => HookReason::Panicked(panic_text(payload)),
            Err(_) => HookReason::TimedOut(within),
        };
        Err(HookError { of: self.of, phase, reason })
    }
}

impl Hook {
    pub fn new<T, F, H, E>(phase: Phase, hook: F) -> Self
    where
        T: ?Sized + Send + Sync + 'static,
        F: Fn(Arc<T>) -> H + Send + Sync + 'static,
        H: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let hook = Arc::new(hook);
        let run = move |wire: &AnyWire| {
            let wire: &Wire<T> = wire.downcast_ref().expect("a hook is filed under its type");
            let (value, hook) = (wire.take(wire.book.visit(&[])), Arc::clone(&hook));
            async move { hook(value?).await.map_err(Into::into) }.boxed()
        };
        Self { phase, run: Box::new(run) }
    }
}
