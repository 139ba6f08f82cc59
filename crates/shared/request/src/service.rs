use std::{pin::Pin, sync::Arc};

use event_sourcing::Unit;
use kernel::{Context, Error, FieldError, Request};

/// Answers one kind of request.
pub trait Service<R: Request>: Send + Sync + 'static {
    /// Writes go into `unit`; the pipeline commits it if this succeeds. A query leaves it empty.
    ///
    /// # Cancel safety
    /// The pipeline drops this future at the deadline. What is only in `unit` then never happened; anything else that the
    /// service did must be safe to do again.
    fn execute(
        &self,
        cx: &Context,
        unit: &mut Unit,
        request: R,
    ) -> impl Future<Output = Result<R::Response, Error>> + Send;

    /// Every refused field at once. No I/O: what only the data can tell is `execute`'s to say.
    fn validate(&self, _request: &R) -> Result<(), Vec<FieldError>> {
        Ok(())
    }
}

impl<R: Request, S: Service<R>> Service<R> for Arc<S> {
    fn execute(
        &self,
        cx: &Context,
        unit: &mut Unit,
        request: R,
    ) -> impl Future<Output = Result<R::Response, Error>> + Send {
        S::execute(self, cx, unit, request)
    }

    fn validate(&self, request: &R) -> Result<(), Vec<FieldError>> {
        S::validate(self, request)
    }
}

/// The object-safe twin that the table holds; users never see it.
pub(crate) trait ErasedService<R: Request>: Send + Sync {
    fn execute<'a>(&'a self, cx: &'a Context, unit: &'a mut Unit, request: R) -> Answer<'a, R::Response>;
    fn validate(&self, request: &R) -> Result<(), Vec<FieldError>>;
}

pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

impl<R: Request, S: Service<R>> ErasedService<R> for S {
    fn execute<'a>(&'a self, cx: &'a Context, unit: &'a mut Unit, request: R) -> Answer<'a, R::Response> {
        Box::pin(Service::execute(self, cx, unit, request))
    }

    fn validate(&self, request: &R) -> Result<(), Vec<FieldError>> {
        Service::validate(self, request)
    }
}
