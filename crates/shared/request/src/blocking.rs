use std::{
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use crate::RequestInfo;

/// A future that says so when one of its polls takes long: everybody else on that thread has waited.
pub(crate) struct Watched<'a, F> {
    future: F,
    limit: Duration,
    info: &'a RequestInfo,
}

impl<'a, F> Watched<'a, F> {
    pub fn new(future: F, limit: Duration, info: &'a RequestInfo) -> Self {
        Self { future, limit, info }
    }
}

impl<F: Future + Unpin> Future for Watched<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let start = Instant::now();
        let answer = Pin::new(&mut self.future).poll(cx);
        let took = start.elapsed();
        if took > self.limit {
            let RequestInfo { module, name, .. } = self.info;
            tracing::warn!(
                "the service of `{name}` in module `{module}` blocked its thread for {took:?}: \
                 wait with `.await`, or move the work to `tokio::task::spawn_blocking`"
            );
        }
        answer
    }
}
