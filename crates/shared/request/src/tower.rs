//! The two ways between a [`Service`] and [`tower::Service`].

use std::{marker::PhantomData, task::Poll};

use event_sourcing::Unit;
use kernel::{Context, Error, Request};
use tower::ServiceExt;

use crate::{Requests, Service, service::Answer};

/// Context and request together: what a tower stack sees.
#[derive(Debug, Clone)]
pub struct Call<R> {
    /// On whose behalf, and until when.
    pub cx: Context,
    /// What is asked.
    pub request: R,
}

/// A request as a [`tower::Service`]: to put layers in front of the pipeline. Always ready: the pipeline itself decides what
/// it has room for, call by call.
pub struct Port<R> {
    requests: Requests,
    of: PhantomData<fn() -> R>,
}

impl<R> Port<R> {
    /// To the service of `R` in the process of `requests`. That there is one only a call finds out.
    pub fn new(requests: Requests) -> Self {
        Self { requests, of: PhantomData }
    }
}

impl<R> Clone for Port<R> {
    fn clone(&self) -> Self {
        Self::new(self.requests.clone())
    }
}

impl<R: Request> tower::Service<Call<R>> for Port<R> {
    type Response = R::Response;
    type Error = Error;
    type Future = Answer<'static, R::Response>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, Call { cx, request }: Call<R>) -> Self::Future {
        let requests = self.requests.clone();
        Box::pin(async move { requests.ask(&cx, request).await })
    }
}

/// A tower stack as a [`Service`]: cloned for each call and waited for until it is ready. It has no unit, so it answers
/// queries and calls the outside; what it wrote itself would not be committed with the command.
#[derive(Debug, Clone)]
pub struct Tower<S>(pub S);

impl<R, S> Service<R> for Tower<S>
where
    R: Request,
    S: tower::Service<Call<R>, Response = R::Response, Error = Error> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    async fn execute(&self, cx: &Context, _: &mut Unit, request: R) -> Result<R::Response, Error> {
        self.0.clone().oneshot(Call { cx: cx.clone(), request }).await
    }
}
