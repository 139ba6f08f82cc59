use std::{
    pin::Pin,
    task::{Context, Poll},
};

use kernel::Error;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::{Breaker, Outcome, Permit, Rejected};

/// A service behind a [`Breaker`].
#[derive(Debug, Clone)]
pub struct WithBreaker<S> {
    breaker: Breaker,
    inner: S,
}

impl<S> Layer<S> for Breaker {
    type Service = WithBreaker<S>;

    fn layer(&self, inner: S) -> WithBreaker<S> {
        WithBreaker { breaker: self.clone(), inner }
    }
}

impl<S, R> Service<R> for WithBreaker<S>
where
    S: Service<R, Error = Error>,
{
    type Response = S::Response;
    type Error = Error;
    type Future = BreakerCall<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let stage = match self.breaker.admit_owned() {
            Ok(permit) => Stage::Admitted { permit: Some(permit), call: self.inner.call(request) },
            Err(rejected) => Stage::Rejected { rejected: Some(rejected) },
        };
        BreakerCall { stage }
    }
}

pin_project! {
    /// The call of a [`WithBreaker`].
    pub struct BreakerCall<F> {
        #[pin]
        stage: Stage<F>,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<F> {
        Admitted { permit: Option<Permit<Breaker>>, #[pin] call: F },
        Rejected { rejected: Option<Rejected> },
    }
}

impl<F, T> Future for BreakerCall<F>
where
    F: Future<Output = Result<T, Error>>,
{
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().stage.project() {
            StageProjection::Admitted { permit, call } => {
                // Held here and not there, so that a panic of the call finds it.
                let held = permit.take().expect(POLLED_AGAIN);
                let Poll::Ready(result) = call.poll(cx) else {
                    *permit = Some(held);
                    return Poll::Pending;
                };
                held.record(Outcome::of(&result));
                Poll::Ready(result)
            }
            StageProjection::Rejected { rejected } => Poll::Ready(Err(rejected.take().expect(POLLED_AGAIN).into())),
        }
    }
}

const POLLED_AGAIN: &str = "a future is not polled after its end";
