//! Publishing where a module has no unit at hand.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use event_bus::{InlineSubscribers, PublishError, Published, Publisher, PublisherOptions, PublisherStatus};
use event_sourcing::Unit;
use kernel::{Context, Error, ErrorKind};
use tokio::time::timeout_at;

use crate::{
    Infrastructure, LifecycleError,
    lifecycle::{Allowed, Cause, Phase},
};

/// The publisher of an application under its stable name.
const NAME: &str = "outlet";

/// What a module publishes with outside of its services, subscribers and steps, whose units carry their events: in a background
/// job, in an adapter that is told of the world outside. What the store does not take now is kept and made up for, as a
/// [`Publisher`] does.
///
/// The container has it where a module [announces](crate::Module::announces). It works from the start of the application to its
/// stop, and does not keep it alive.
#[derive(Default)]
pub struct Outlet(Mutex<Weak<Publisher>>);

impl Outlet {
    /// Publishes what is added to the unit, now or later: a piece of work of its own, which `module` does in its own name. Events
    /// of one caller who waits for each answer keep their order.
    ///
    /// # Errors
    /// See [`PublishError`]: then nothing is published, now or later. So it is before the application has started, and after its
    /// stop.
    ///
    /// # Cancel safety
    /// As [`Publisher::publish`].
    pub async fn publish(&self, module: &'static str, add: impl FnOnce(&mut Unit)) -> Result<Published, PublishError> {
        self.publish_in(module, |_| (), add).await
    }

    /// As [`publish`](Self::publish), of what happens to `module` in the middle of a piece of work and is not to go with the unit of
    /// that: the events are part of it, set off by what set off `cx`, for whom `cx` acts.
    ///
    /// # Errors
    /// As [`publish`](Self::publish); also where the work has set off too many events.
    ///
    /// # Cancel safety
    /// As [`Publisher::publish`].
    pub async fn publish_for(
        &self,
        cx: &Context,
        module: &'static str,
        add: impl FnOnce(&mut Unit),
    ) -> Result<Published, PublishError> {
        self.publish_in(module, |unit| unit.origin_mut().context = cx.clone(), add).await
    }

    async fn publish_in(
        &self,
        module: &'static str,
        work: impl FnOnce(&mut Unit),
        add: impl FnOnce(&mut Unit),
    ) -> Result<Published, PublishError> {
        let publisher = self.publisher().ok_or_else(|| {
            let message =
                format!("module `{module}` publishes, and the application does not run: publish from a hook or a job");
            Error::new(ErrorKind::Unavailable, message).with_code("application.stopped")
        })?;
        let mut unit = publisher.work_of(module);
        work(&mut unit);
        add(&mut unit);
        publisher.publish(unit).await
    }

    /// What is kept; nothing while the application does not run.
    pub fn status(&self) -> Option<PublisherStatus> {
        self.publisher().map(|publisher| publisher.status())
    }

    fn publisher(&self) -> Option<Arc<Publisher>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    fn lead_to(&self, publisher: Weak<Publisher>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = publisher;
    }
}

/// The publisher behind an [`Outlet`], while the application runs.
pub(crate) struct Announcements {
    /// A module that announces.
    pub module: &'static str,
    pub outlet: Arc<Outlet>,
    pub spool: Option<PathBuf>,
    pub infrastructure: Infrastructure,
    pub inline: InlineSubscribers,
    pub publisher: Option<Arc<Publisher>>,
}

impl Announcements {
    /// Takes up what an earlier process has kept.
    pub async fn open(&mut self) -> Result<(), LifecycleError> {
        if self.publisher.is_some() {
            return Ok(());
        }
        let Infrastructure { store, clock, ids, .. } = self.infrastructure.clone();
        let options = PublisherOptions { file: self.spool.clone(), ..PublisherOptions::new(NAME) };
        let publisher = Publisher::open(options, store, clock, ids, self.inline.clone()).await.map_err(|error| {
            let cause = Cause::Failed(Box::new(PublishError::from(error).into()));
            self.error(Phase::Start, cause)
        })?;
        let publisher = Arc::new(publisher);
        self.outlet.lead_to(Arc::downgrade(&publisher));
        self.publisher = Some(publisher);
        Ok(())
    }

    /// What is kept in a file stays there for the next process; what is not has this long.
    pub async fn close(&mut self, allowed: Allowed) -> Option<LifecycleError> {
        let publisher = self.publisher.as_ref()?;
        let drained = match self.spool {
            Some(_) => Ok(()),
            None => timeout_at(allowed.until, publisher.drained()).await.map_err(|_| allowed.exceeded()),
        };
        self.publisher = None;
        drained.err().map(|cause| self.error(Phase::Stop, cause))
    }

    fn error(&self, phase: Phase, cause: Cause) -> LifecycleError {
        let part = match phase {
            Phase::Start => "taking up the events that were kept",
            Phase::Stop => "publishing the events that were kept, which are lost,",
        };
        LifecycleError { module: self.module, phase, part: part.into(), cause }
    }
}
