//! A limit to how many calls run at once, and how many wait for that.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use kernel::{Error, ErrorKind};
use metrics::Counter;
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, SemaphorePermit};
use tower::{Layer, Service};

use crate::{check::Check, meters::Meters};

/// How many calls at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BulkheadOptions {
    /// Calls that run.
    pub concurrent: u32,
    /// Calls that wait, in the order in which they came; one more is refused. 0 is allowed.
    pub queue: u32,
}

/// Keeps one target from taking all there is; clones are handles of the same one.
#[derive(Clone)]
pub struct Bulkhead(Arc<Inner>);

struct Inner {
    target: Arc<str>,
    options: BulkheadOptions,
    /// For who runs or waits, and for who runs.
    places: Semaphore,
    running: Semaphore,
    rejected: Counter,
}

/// The right to run, until it is dropped.
#[must_use = "dropping it gives the right to run to the next one"]
#[derive(Debug)]
pub struct Slot<'a> {
    _place: SemaphorePermit<'a>,
    _running: SemaphorePermit<'a>,
}

impl Default for BulkheadOptions {
    /// 64 run, 256 wait.
    fn default() -> Self {
        Self { concurrent: 64, queue: 256 }
    }
}

impl Bulkhead {
    /// For one target.
    ///
    /// # Errors
    /// All options that are wrong.
    pub fn try_new(target: impl Into<Arc<str>>, options: BulkheadOptions) -> Result<Self, Error> {
        let mut check = Check::default();
        check.require((1..=MOST).contains(&options.concurrent), "/concurrent", "must be 1 to 1000000");
        check.require(options.queue <= MOST, "/queue", "must be at most 1000000");
        check.finish()?;
        let target = target.into();
        let places = Semaphore::new(options.concurrent as usize + options.queue as usize);
        let running = Semaphore::new(options.concurrent as usize);
        let rejected = Meters::of(&target).rejected("bulkhead");
        Ok(Self(Arc::new(Inner { target, options, places, running, rejected })))
    }

    /// Waits for a slot.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] with the code `resilience.full` at once, when as many wait as may.
    ///
    /// # Cancel safety
    /// Dropped, it gives up its place in the queue.
    pub async fn enter(&self) -> Result<Slot<'_>, Error> {
        let Inner { places, running, .. } = &*self.0;
        let place = places.try_acquire().map_err(|_| self.full())?;
        let running = running.acquire().await.expect("it is never closed");
        Ok(Slot { _place: place, _running: running })
    }

    /// Makes a call when there is a slot for it.
    ///
    /// # Cancel safety
    /// As the call; nothing has begun while it waits.
    pub async fn run<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let _slot = self.enter().await?;
        call.await
    }

    /// Calls that run now.
    pub fn running(&self) -> usize {
        self.0.options.concurrent as usize - self.0.running.available_permits()
    }

    #[cold]
    fn full(&self) -> Error {
        let Inner { target, options: BulkheadOptions { concurrent, queue }, rejected, .. } = &*self.0;
        rejected.increment(1);
        let message = format!(
            "`{target}` is busy, {concurrent} calls run and {queue} wait: try again later, or raise `concurrent` or `queue` of \
             its bulkhead"
        );
        Error::new(ErrorKind::Unavailable, message).with_code("resilience.full")
    }
}

/// Far below what a semaphore takes, far above what a process does at once.
const MOST: u32 = 1_000_000;

impl fmt::Debug for Bulkhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { target, options, .. } = &*self.0;
        f.debug_struct("Bulkhead").field("target", target).field("options", options).finish_non_exhaustive()
    }
}

/// A service behind a [`Bulkhead`]. It takes requests as long as the service does: a call waits in its future, not in
/// `poll_ready`, where nobody could see how many wait.
#[derive(Debug, Clone)]
pub struct WithBulkhead<S> {
    bulkhead: Bulkhead,
    inner: S,
}

impl<S> Layer<S> for Bulkhead {
    type Service = WithBulkhead<S>;

    fn layer(&self, inner: S) -> WithBulkhead<S> {
        WithBulkhead { bulkhead: self.clone(), inner }
    }
}

impl<S, R> Service<R> for WithBulkhead<S>
where
    S: Service<R, Error = Error> + Clone + Send + 'static,
    S::Future: Send,
    S::Response: 'static,
    R: Send + 'static,
{
    type Response = S::Response;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let bulkhead = self.bulkhead.clone();
        // The one that said it is ready goes along, the clone stays.
        let clone = self.inner.clone();
        let mut ready = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move { bulkhead.run(async move { ready.call(request).await }).await })
    }
}
