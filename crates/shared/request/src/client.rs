use std::sync::Weak;

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
        self.requests::<R>()?.ask(cx, request).await
    }

    /// # Cancel safety
    /// As [`Requests::ask`].
    pub async fn send<R: Request>(&self, cx: &Context, key: &IdempotencyKey, request: R) -> Result<R::Response, Error> {
        self.requests::<R>()?.send(cx, key, request).await
    }

    fn requests<R: Request>(&self) -> Result<Requests, Error> {
        self.0.upgrade().map(Requests).ok_or_else(|| {
            let message = format!("`{}` cannot be asked: the application has ended", R::NAME);
            Error::new(ErrorKind::Unavailable, message).with_code("application.ended")
        })
    }
}
