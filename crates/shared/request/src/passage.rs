use std::{any::Any, panic::AssertUnwindSafe, sync::Arc};

use event_sourcing::{Origin, Unit};
use futures::FutureExt;
use kernel::{Context, Error, ErrorKind, panic_text};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use crate::{Requests, Stage, audit::Audited, meters::Meters};

/// One request on its way, also one that nobody serves or that cannot be read.
#[derive(Clone, Copy)]
pub(crate) struct Passage<'a> {
    pub cx: &'a Context,
    /// Whose it is; `nobody` where no module is known that serves it.
    pub module: &'static str,
    pub request: &'a str,
    pub meters: &'a Meters,
    /// Commands, and what may be one.
    pub audited: Option<&'a Audited<'a>>,
    /// The deadline by the runtime's timers, once it was looked at.
    pub until: Option<Instant>,
}

impl Passage<'_> {
    pub async fn in_time<T>(&self, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        match self.until {
            Some(until) => timeout_at(until, answer).await.unwrap_or_else(|_| Err(self.late())),
            None => answer.await,
        }
    }

    #[cold]
    pub fn late(&self) -> Error {
        let Self { module, request, .. } = self;
        let message =
            format!("`{request}` of module `{module}` was not answered before its deadline: allow it more time");
        Error::new(ErrorKind::Deadline, message)
    }

    /// What panics fails its own request and nothing else: what it had added to the unit is dropped with it.
    #[cold]
    pub fn panicked(&self, panic: Box<dyn Any + Send>) -> Error {
        let Self { module, request, .. } = self;
        let message =
            format!("the service of `{request}` in module `{module}` failed by a fault of its own: see the log");
        Error::internal(message).with_code("request.panicked").with_detail(panic_text(panic))
    }
}

impl Requests {
    /// The one way of every request: in its span, measured and, if it is a command that is not done, audited. One that is done
    /// has its record in its own unit.
    pub(crate) async fn pass<T>(
        &self,
        passage: &Passage<'_>,
        stages: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let span = observability::message_span(observability::REQUEST, passage.module, passage.request, passage.cx);
        async {
            Stage::Span.enter();
            let start = Instant::now();
            let _in_flight = passage.meters.enter();
            let result = AssertUnwindSafe(stages).catch_unwind().await;
            let result = result.unwrap_or_else(|panic| Err(passage.panicked(panic)));
            passage.meters.ended(start.elapsed(), result.as_ref().err());
            match &result {
                Ok(_) => tracing::info!("answered"),
                Err(error) => self.not_answered(passage, error).await,
            }
            result
        }
        .instrument(span)
        .await
    }

    /// Says that a request was not answered: in the log, and for a command in the audit log.
    async fn not_answered(&self, passage: &Passage<'_>, error: &Error) {
        let (code, detail) = (error.code(), error.detail.as_deref());
        observability::failed(code);
        // What the caller can mend is the caller's news; what only we can is ours.
        if error.kind.is_of_the_caller() {
            tracing::info!(code, "{error}");
        } else {
            tracing::warn!(code, detail, "{error}");
        }
        let Some(audited) = passage.audited else { return };
        // Most of all when it was late.
        let mut unit = self.unit(passage.cx, passage.module).regardless_of_the_deadline();
        audited.not_done(passage.cx, &mut unit, error);
        if let Err(unwritten) = self.0.store.commit(unit).await {
            tracing::error!("the audit record of a command that was not done could not be written: {unwritten}");
        }
    }

    pub(crate) fn unit(&self, cx: &Context, module: &'static str) -> Unit {
        let (clock, ids) = (Arc::clone(&self.0.clock), Arc::clone(&self.0.ids));
        Unit::new(Origin { module, context: cx.clone(), clock, ids })
    }
}
