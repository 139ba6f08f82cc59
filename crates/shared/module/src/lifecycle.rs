mod error;
mod health;
mod job;

use std::{panic::Location, sync::Arc};

use container::Container;
use request::{ModuleState, ModuleStates};
use tokio::task::JoinSet;

use crate::{
    Timeouts,
    outlet::Announcements,
    task::{Hook, Job},
};
pub(crate) use error::Allowed;
use error::outcome;
pub use error::{Cause, LifecycleError, Phase, StartError, StopError};
use health::Pulse;
pub(crate) use health::part;
use job::Jobs;

/// What runs of one module beside its services, subscribers and sagas.
pub(crate) struct Member {
    pub module: &'static str,
    pub on_start: Vec<Hook>,
    pub on_stop: Vec<Hook>,
    pub jobs: Vec<Job>,
    pub checks: Vec<Hook>,
    pub registered: Vec<(&'static str, &'static Location<'static>)>,
}

/// The modules of this process, started and stopped. Owns what runs of them: dropping it ends their background jobs.
pub(crate) struct Lifecycle {
    /// In the order in which they start.
    members: Vec<Arc<Member>>,
    container: Container,
    states: ModuleStates,
    timeouts: Timeouts,
    /// Of the first members, those that have started.
    running: Vec<Jobs>,
    /// Looks at their health, while all of them run.
    watch: JoinSet<()>,
    pulse: Pulse,
    /// What modules publish outside of units.
    announcements: Option<Announcements>,
    /// It is about to be stopped.
    pub is_stopping: bool,
}

impl Lifecycle {
    pub fn new(members: Vec<Member>, container: Container, states: ModuleStates, timeouts: Timeouts) -> Self {
        let members = members.into_iter().map(Arc::new).collect();
        Self {
            members,
            container,
            states,
            timeouts,
            running: Vec::new(),
            watch: JoinSet::new(),
            pulse: Pulse::default(),
            announcements: None,
            is_stopping: false,
        }
    }

    pub fn announcing(self, announcements: Option<Announcements>) -> Self {
        Self { announcements, ..self }
    }

    pub async fn start(&mut self) -> Result<(), StartError> {
        if let Err(container::StartError { failed, rollback }) = self.container.start(self.timeouts.start).await {
            let rollback = rollback.into_iter().map(|error| self.of_container(error)).collect();
            return Err(StartError { failed: self.of_container(failed), rollback });
        }
        if let Some(announcements) = &mut self.announcements
            && let Err(failed) = announcements.open().await
        {
            let rollback = self.stop().await.err().map_or_else(Vec::new, |error| error.0);
            return Err(StartError { failed, rollback });
        }
        while let Some(member) = self.members.get(self.running.len()).map(Arc::clone) {
            // From here on it is one of those to stop, also when it has started only in part.
            self.running.push(Jobs::default());
            if let Err(failed) = self.start_one(&member).await {
                let rollback = self.stop().await.err().map_or_else(Vec::new, |error| error.0);
                return Err(StartError { failed, rollback });
            }
        }
        if self.watch.is_empty() {
            let (container, states) = (self.container.clone(), self.states.clone());
            let watch = health::watch(self.members.clone(), container, states, self.timeouts, self.pulse.clone());
            self.watch.spawn(watch);
        }
        Ok(())
    }

    async fn start_one(&mut self, member: &Arc<Member>) -> Result<(), LifecycleError> {
        let module = member.module;
        let allowed = Allowed::from_now(self.timeouts.start, "modules.start_seconds");
        for hook in &member.on_start {
            let started = outcome(async { (hook.run)(&self.container).await }, allowed).await;
            started.map_err(|cause| LifecycleError::hook(module, Phase::Start, hook.name, cause))?;
        }
        health::look(member, &self.container, &self.states, self.timeouts).await;
        self.states.set(module, ModuleState::Up);
        if let Some(jobs) = self.running.last_mut() {
            (0..member.jobs.len()).for_each(|job| jobs.spawn(member, job, &self.container, &self.states));
        }
        tracing::debug!(module, "started");
        Ok(())
    }

    /// Module and name of every health check.
    pub fn checks(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.members.iter().flat_map(|member| member.checks.iter().map(|check| (member.module, check.name)))
    }

    pub fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// Whether the runtime of this process gets round to its tasks: the last round of looks is not long ago.
    pub fn is_live(&self) -> bool {
        let Timeouts { check, check_every, .. } = self.timeouts;
        self.pulse.is_within(2 * check_every + check)
    }

    pub async fn stop(&mut self) -> Result<(), StopError> {
        // Waited for, as it holds what the modules have registered: the store is closed by whoever lets it go last.
        self.watch.shutdown().await;
        let mut errors = Vec::new();
        // A module stays among the running ones until it has stopped: whoever drops this can call it again.
        while let Some(last) = self.running.len().checked_sub(1) {
            let member = Arc::clone(&self.members[last]);
            self.states.set(member.module, ModuleState::Stopped);
            let allowed = self.time_to_stop();
            errors.extend(self.running[last].end(member.module, allowed).await);
            errors.extend(self.stop_hooks(&member).await);
            self.running.pop();
            tracing::debug!(module = member.module, "stopped");
        }
        let allowed = self.time_to_stop();
        if let Some(announcements) = &mut self.announcements {
            errors.extend(announcements.close(allowed).await);
        }
        let container = self.container.stop(self.timeouts.stop).await.err().map_or_else(Vec::new, |error| error.0);
        errors.extend(container.into_iter().map(|error| self.of_container(error)));
        if errors.is_empty() { Ok(()) } else { Err(StopError(errors)) }
    }

    /// A hook of a registration is that of the module that has registered it.
    fn of_container(&self, error: container::HookError) -> LifecycleError {
        let is_here = |member: &&Arc<Member>| member.registered.iter().any(|(_, place)| *place == error.of.place);
        let module = self.members.iter().find(is_here).map_or("container", |member| member.module);
        LifecycleError::container(module, error)
    }

    async fn stop_hooks(&self, member: &Member) -> Vec<LifecycleError> {
        let mut errors = Vec::new();
        for hook in member.on_stop.iter().rev() {
            // Each has a time of its own: one that hangs must not keep the others from putting things away.
            let stopped = outcome(async { (hook.run)(&self.container).await }, self.time_to_stop()).await;
            errors
                .extend(stopped.err().map(|cause| LifecycleError::hook(member.module, Phase::Stop, hook.name, cause)));
        }
        errors
    }

    fn time_to_stop(&self) -> Allowed {
        Allowed::from_now(self.timeouts.stop, "modules.stop_seconds")
    }
}
