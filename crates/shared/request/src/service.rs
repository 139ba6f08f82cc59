use std::{pin::Pin, sync::Arc};

use event_sourcing::Unit;
use kernel::{Context, Error, FieldError, Request};
use serde::Serialize;

/// Answers one kind of request.
pub trait Service<R: Request>: Send + Sync + 'static {
    /// Writes go into `unit`; the pipeline commits it if this succeeds. A query leaves it empty. What is asked of others with
    /// `cx` is asked from within this request: its deadline holds, and it cannot come back here.
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

    /// What `borough requests` says of it.
    fn info(&self) -> ServiceInfo {
        ServiceInfo::default()
    }
}

/// A service in its own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ServiceInfo {
    /// One sentence.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub about: &'static str,
    /// Of the service; empty where it has none but that of the program.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub version: &'static str,
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

    fn info(&self) -> ServiceInfo {
        S::info(self)
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
