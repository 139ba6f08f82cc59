use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use event_sourcing::{LogQuery, Position, Store};
use kernel::{Context, Error, Request};
use quick_cache::sync::Cache;
use tokio::sync::Mutex;

use crate::{meters::Meters, service::Answer};

/// A query whose answers are kept until something happens that changes them.
///
/// An answer is never older than the log at the moment of asking: before each look the events since the last one are read,
/// whoever wrote them. Those who ask for one key at the same time wait for one answer; an error is nobody else's.
pub trait Cached: Request<Response: Clone + Sync> {
    /// Wire names of the events after which no kept answer holds.
    const STALE_AFTER: &'static [&'static str];
    /// How many answers are kept; those that are asked for least go first.
    const KEPT: usize = 1024;

    /// Requests of one key have one answer. Where that depends on who asks, or for what, it stands in the key.
    fn key(&self, cx: &Context) -> String;
}

/// The object-safe twin that the table holds.
pub(crate) trait Answers<R: Request>: Send + Sync {
    fn stale_after(&self) -> &'static [&'static str];
    fn answer<'a>(
        &'a self,
        cx: &'a Context,
        lookup: Lookup<'a>,
        request: R,
        ask: Ask<'a, R>,
    ) -> Answer<'a, R::Response>;
}

/// Asks the service.
pub(crate) type Ask<'a, R> = Box<dyn FnOnce(R) -> Answer<'a, <R as Request>::Response> + Send + 'a>;

/// One look into the cache.
pub(crate) struct Lookup<'a> {
    pub generation: u64,
    pub meters: &'a Meters,
}

/// Keys carry the generation that they were asked in: an answer that was begun before an event is not found after it.
pub(crate) struct KeptAnswers<R: Cached>(Cache<(u64, String), R::Response>);

impl<R: Cached> KeptAnswers<R> {
    pub fn new() -> Self {
        Self(Cache::new(R::KEPT))
    }
}

impl<R: Cached> Answers<R> for KeptAnswers<R> {
    fn stale_after(&self) -> &'static [&'static str] {
        R::STALE_AFTER
    }

    fn answer<'a>(
        &'a self,
        cx: &'a Context,
        lookup: Lookup<'a>,
        request: R,
        ask: Ask<'a, R>,
    ) -> Answer<'a, R::Response> {
        Box::pin(async move {
            let key = (lookup.generation, request.key(cx));
            let mut asked = false;
            let answer = self.0.get_or_insert_async(&key, async {
                asked = true;
                ask(request).await
            });
            let answer = answer.await?;
            if asked { &lookup.meters.asked } else { &lookup.meters.kept }.increment(1);
            Ok(answer)
        })
    }
}

/// Beyond so many events since the last look nothing is read: every kept answer goes.
const MOST_EVENTS: u64 = 10_000;
const PAGE: usize = 1000;

/// How often each event that makes answers stale has happened, as far as the log was read.
pub(crate) struct Generations {
    store: Arc<dyn Store>,
    by_event: HashMap<&'static str, AtomicU64>,
    seen: AtomicU64,
    reading: Mutex<()>,
}

impl Generations {
    pub fn new(store: Arc<dyn Store>, events: impl IntoIterator<Item = &'static str>) -> Self {
        let by_event = events.into_iter().map(|event| (event, AtomicU64::new(0))).collect();
        Self { store, by_event, seen: AtomicU64::new(u64::MAX), reading: Mutex::new(()) }
    }

    /// The generation of answers that these events make stale, everything in the log taken into account.
    pub async fn of(&self, stale_after: &[&'static str]) -> Result<u64, Error> {
        let head = self.store.head().await?;
        // Nothing was kept before the first look.
        let first = self.seen.compare_exchange(u64::MAX, head.0, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if !first && self.seen.load(Ordering::Acquire) < head.0 {
            self.catch_up(head).await?;
        }
        let counts = stale_after.iter().filter_map(|event| self.by_event.get(event));
        Ok(counts.map(|count| count.load(Ordering::Acquire)).sum())
    }

    async fn catch_up(&self, head: Position) -> Result<(), Error> {
        let _reading = self.reading.lock().await;
        let mut seen = self.seen.load(Ordering::Acquire);
        if head.0.saturating_sub(seen) > MOST_EVENTS {
            self.by_event.values().for_each(|count| _ = count.fetch_add(1, Ordering::AcqRel));
            seen = head.0;
        }
        while seen < head.0 {
            let page = self.store.log(LogQuery::after(Position(seen), PAGE)).await?;
            for event in &page {
                if let Some(count) = self.by_event.get(&*event.event_type) {
                    count.fetch_add(1, Ordering::AcqRel);
                }
            }
            let last = page.last().and_then(|event| event.metadata.position);
            seen = last.unwrap_or(head.0);
        }
        self.seen.fetch_max(seen, Ordering::AcqRel);
        Ok(())
    }
}
