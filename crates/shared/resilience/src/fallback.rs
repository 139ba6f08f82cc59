//! Another answer in place of an error.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use kernel::{Error, ErrorKind};
use metrics::Counter;
use pin_project_lite::pin_project;
use serde::{Deserialize, Serialize};
use tower::{Layer, Service};

use crate::{check::Check, meters::Meters};

/// Which errors have another answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FallbackOptions {
    /// Those of these kinds. All others go on to the caller.
    pub on: Vec<ErrorKind>,
}

/// Answers in place of a target that cannot: `answer` is given the request and the error, and may fail itself.
///
/// It is a [`tower::Layer`], for services whose requests can be cloned. Without tower it is `or_else`.
#[derive(Clone)]
pub struct Fallback<A> {
    named: Arc<Named>,
    answer: A,
}

struct Named {
    on: Vec<ErrorKind>,
    answered: Counter,
}

impl Default for FallbackOptions {
    /// A target that is not there now.
    fn default() -> Self {
        Self { on: vec![ErrorKind::Unavailable] }
    }
}

impl<A> Fallback<A> {
    /// For one target.
    ///
    /// # Errors
    /// All options that are wrong. [`ErrorKind::Denied`] cannot have another answer: it would be there for those who must not
    /// have any.
    pub fn try_new(target: impl Into<Arc<str>>, options: FallbackOptions, answer: A) -> Result<Self, Error> {
        let mut check = Check::default();
        check.require(!options.on.is_empty(), "/on", "must name an error");
        check.require(
            !options.on.contains(&ErrorKind::Denied),
            "/on",
            "must not have `denied`: it would let everybody in",
        );
        check.finish()?;
        let answered = Meters::of(&target.into()).fallbacks();
        Ok(Self { named: Arc::new(Named { on: options.on, answered }), answer })
    }
}

impl<A> fmt::Debug for Fallback<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fallback").field("on", &self.named.on).finish_non_exhaustive()
    }
}

/// A service with a [`Fallback`].
#[derive(Debug, Clone)]
pub struct WithFallback<S, A> {
    fallback: Fallback<A>,
    inner: S,
}

impl<S, A: Clone> Layer<S> for Fallback<A> {
    type Service = WithFallback<S, A>;

    fn layer(&self, inner: S) -> WithFallback<S, A> {
        WithFallback { fallback: self.clone(), inner }
    }
}

impl<S, A, F, R> Service<R> for WithFallback<S, A>
where
    S: Service<R, Error = Error>,
    A: Fn(R, Error) -> F + Clone,
    F: Future<Output = Result<S::Response, Error>>,
    R: Clone,
{
    type Response = S::Response;
    type Error = Error;
    type Future = FallbackCall<S::Future, F, A, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let call = self.inner.call(request.clone());
        FallbackCall { stage: Stage::Calling { call, rest: Some((self.fallback.clone(), request)) } }
    }
}

pin_project! {
    /// The call of a [`WithFallback`].
    pub struct FallbackCall<C, F, A, R> {
        #[pin]
        stage: Stage<C, F, A, R>,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<C, F, A, R> {
        Calling { #[pin] call: C, rest: Option<(Fallback<A>, R)> },
        Answering { #[pin] answer: F },
    }
}

impl<C, F, A, R, T> Future for FallbackCall<C, F, A, R>
where
    C: Future<Output = Result<T, Error>>,
    A: Fn(R, Error) -> F,
    F: Future<Output = Result<T, Error>>,
{
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut stage = self.project().stage;
        loop {
            match stage.as_mut().project() {
                StageProjection::Calling { call, rest } => {
                    let result = ready!(call.poll(cx));
                    let (fallback, request) = rest.take().expect("a future is not polled after its end");
                    match result {
                        Err(error) if fallback.named.on.contains(&error.kind) => {
                            fallback.named.answered.increment(1);
                            let answer = (fallback.answer)(request, error);
                            stage.set(Stage::Answering { answer });
                        }
                        result => return Poll::Ready(result),
                    }
                }
                StageProjection::Answering { answer } => return answer.poll(cx),
            }
        }
    }
}
