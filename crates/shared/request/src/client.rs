use std::sync::Weak;

use event_sourcing::{Completion, Unit};
use kernel::{Context, Error, ErrorKind, Request};

use crate::{IdempotencyKey, Requests, pipeline::Inner};

/// What a service has to ask other modules with: given to it by the container. A domain adapter is a plain struct around it,
/// with a method for each request.
///
/// It does not keep the application alive that it asks: services are a part of that.
#[derive(Clone)]
pub struct Client(pub(crate) Weak<Inner>);

impl Client {
    /// # Cancel safety
    /// As [`Requests::ask`].
    pub async fn ask<R: Request>(&self, cx: &Context, request: R) -> Result<R::Response, Error> {
        self.requests(R::NAME)?.ask(cx, request).await
    }

    /// # Cancel safety
    /// As [`Requests::ask`].
    pub async fn send<R: Request>(&self, cx: &Context, key: &IdempotencyKey, request: R) -> Result<R::Response, Error> {
        self.requests(R::NAME)?.send(cx, key, request).await
    }

    fn requests(&self, what: &str) -> Result<Requests, Error> {
        self.0.upgrade().map(Requests).ok_or_else(|| {
            let message = format!("`{what}` cannot be asked: the application has ended");
            Error::new(ErrorKind::Unavailable, message).with_code("application.ended")
        })
    }
}

impl Completion for Client {
    /// As [`Requests::complete`]: for a module that commits a unit of its own.
    async fn complete(&self, unit: &mut Unit) -> Result<(), Error> {
        self.requests("inline subscribers")?.complete(unit).await
    }
}
