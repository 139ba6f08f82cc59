//! A limit to how long one call takes.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use kernel::{Error, ErrorKind};
use metrics::Counter;
use pin_project_lite::pin_project;
use serde::{Deserialize, Serialize};
use tower::{Layer, Service};

use crate::{check::Check, meters::Meters};

/// How long a call may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeoutOptions {
    /// Milliseconds for one call.
    pub limit_ms: u32,
}

/// Limits the time of each call to one target; clones are handles of the same one.
///
/// What takes too long is dropped, and is [`ErrorKind::Unavailable`] with the code `resilience.timeout`: this target does not
/// answer now, and another attempt may succeed. The deadline of a whole request is another thing, of the pipeline and final.
#[derive(Clone)]
pub struct Timeout(Arc<Inner>);

struct Inner {
    target: Arc<str>,
    limit: Duration,
    exceeded: Counter,
}

impl Default for TimeoutOptions {
    /// 30 seconds.
    fn default() -> Self {
        Self { limit_ms: 30_000 }
    }
}

impl Timeout {
    /// For one target.
    ///
    /// # Errors
    /// If there is no time at all.
    pub fn try_new(target: impl Into<Arc<str>>, options: &TimeoutOptions) -> Result<Self, Error> {
        let mut check = Check::default();
        check.require(options.limit_ms > 0, "/limit_ms", "must be 1 or more");
        check.finish()?;
        let target = target.into();
        let exceeded = Meters::of(&target).timeouts();
        Ok(Self(Arc::new(Inner { target, limit: Duration::from_millis(options.limit_ms.into()), exceeded })))
    }

    /// Makes a call and drops it when its time is over.
    ///
    /// # Cancel safety
    /// As the call, which must bear to be dropped in any case.
    pub async fn run<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        tokio::time::timeout(self.0.limit, call).await.unwrap_or_else(|_| Err(self.exceeded()))
    }

    fn exceeded(&self) -> Error {
        let Inner { target, limit, exceeded } = &*self.0;
        exceeded.increment(1);
        let message = format!("`{target}` did not answer within {} ms: try again later", limit.as_millis());
        Error::new(ErrorKind::Unavailable, message).with_code("resilience.timeout")
    }
}

impl fmt::Debug for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout").field("target", &self.0.target).field("limit", &self.0.limit).finish()
    }
}

/// A service behind a [`Timeout`].
#[derive(Debug, Clone)]
pub struct WithTimeout<S> {
    timeout: Timeout,
    inner: S,
}

impl<S> Layer<S> for Timeout {
    type Service = WithTimeout<S>;

    fn layer(&self, inner: S) -> WithTimeout<S> {
        WithTimeout { timeout: self.clone(), inner }
    }
}

impl<S, R> Service<R> for WithTimeout<S>
where
    S: Service<R, Error = Error>,
{
    type Response = S::Response;
    type Error = Error;
    type Future = TimeoutCall<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let call = tokio::time::timeout(self.timeout.0.limit, self.inner.call(request));
        TimeoutCall { timeout: self.timeout.clone(), call }
    }
}

pin_project! {
    /// The call of a [`WithTimeout`].
    pub struct TimeoutCall<F> {
        timeout: Timeout,
        #[pin]
        call: tokio::time::Timeout<F>,
    }
}

impl<F, T> Future for TimeoutCall<F>
where
    F: Future<Output = Result<T, Error>>,
{
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        Poll::Ready(ready!(this.call.poll(cx)).unwrap_or_else(|_| Err(this.timeout.exceeded())))
    }
}
