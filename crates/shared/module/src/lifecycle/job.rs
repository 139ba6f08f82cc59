use std::sync::Arc;

use container::Container;
use request::ModuleStates;
use tokio::{sync::watch, task::JoinSet, time::timeout_at};

use super::{
    Cause, LifecycleError, Member, Phase,
    error::{Allowed, caught},
};
use crate::Shutdown;

/// The running background jobs of one module.
#[derive(Default)]
pub(super) struct Jobs {
    shutdown: watch::Sender<bool>,
    /// Each ends with its name, and with what went wrong after it was asked to end.
    tasks: JoinSet<(&'static str, Option<Cause>)>,
    /// Of those that have not ended.
    names: Vec<&'static str>,
}

impl Jobs {
    pub fn spawn(&mut self, member: &Arc<Member>, job: usize, container: &Container, states: &ModuleStates) {
        let (member, container, states) = (Arc::clone(member), container.clone(), states.clone());
        let (module, name) = (member.module, member.jobs[job].name);
        let shutdown = Shutdown(self.shutdown.subscribe());
        self.names.push(name);
        self.tasks.spawn(async move {
            let work = async { (member.jobs[job].run)(&container, shutdown.clone()).await };
            let ended = caught(work).await;
            if shutdown.has_begun() {
                return (name, ended.err());
            }
            let reason = match ended {
                Ok(()) => "ended, and nobody had asked it to".to_owned(),
                Err(cause) => cause.to_string(),
            };
            tracing::warn!(module, "background job `{name}` {reason}");
            states.degrade(module, part(name), reason);
            (name, None)
        });
    }

    /// Asks them to end and waits for it; those that do not in time are dropped at their next `await`.
    pub async fn end(&mut self, module: &'static str, allowed: Allowed) -> Vec<LifecycleError> {
        self.shutdown.send_replace(true);
        let mut failed = Vec::new();
        while !self.tasks.is_empty() {
            match timeout_at(allowed.until, self.tasks.join_next()).await {
                Ok(Some(Ok((name, cause)))) => {
                    self.names.retain(|running| *running != name);
                    failed.extend(cause.map(|cause| (name, cause)));
                }
                // A panic is caught where it happens.
                Ok(_) => {}
                Err(_) => {
                    failed.extend(self.names.drain(..).map(|name| (name, allowed.exceeded())));
                    self.tasks = JoinSet::new();
                }
            }
        }
        let error = |(name, cause)| LifecycleError { module, phase: Phase::Stop, part: part(name), cause };
        failed.into_iter().map(error).collect()
    }
}

fn part(name: &str) -> String {
    format!("background job `{name}`")
}
