//! What is published, how fast, and when it is done: the same for us and for contenders.

use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use event_sourcing::{Origin, Unit};
use kernel::{
    AuthenticationError, Authenticator, Claims, Context, CorrelationId, Envelope, Event, Ids, Principal, SystemClock,
    SystemIds,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{runtime::Runtime, sync::Semaphore};

/// Events of one sample; a queue that drops when it is full must hold as many.
pub const EVENTS: usize = 65_536;

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct OrderPlaced {
    pub order: String,
    pub n: u64,
}

impl Event for OrderPlaced {
    const NAME: &'static str = "orders.placed";

    fn key(&self) -> String {
        self.order.clone()
    }
}

struct Publisher;

impl Authenticator for Publisher {
    type Credentials = ();

    fn verify(&self, (): &()) -> Result<Claims, AuthenticationError> {
        Ok(Claims::new("bench", []))
    }
}

pub fn origin() -> Origin {
    let principal = Principal::authenticate(&Publisher, &()).expect("it vouches for everybody");
    let context = Context::new(Arc::new(principal), CorrelationId::new(SystemIds.next()));
    Origin { module: "orders", context, clock: Arc::new(SystemClock), ids: Arc::new(SystemIds) }
}

/// Keys that events have in turn.
pub const KEYS: u64 = 64;

/// The unit of the `n`th event.
pub fn unit(origin: &Origin, n: u64) -> Unit {
    let mut unit = Unit::new(origin.clone());
    unit.publish(&OrderPlaced { order: format!("order-{:010}", n % KEYS), n });
    unit
}

/// Counts what one subscriber has handled; on a cache line of its own.
#[repr(align(128))]
struct Line(AtomicU64);

/// What handlers do: count, and see when it is all.
pub struct Counters {
    lines: Vec<Line>,
    target: u64,
    /// Has a permit for each subscriber that has handled all.
    pub done: Semaphore,
    /// When each event was published and how long after it was handled, where that is looked at.
    pub paced: Option<Paced>,
}

/// All in nanoseconds.
pub struct Paced {
    pub start: Instant,
    pub published: Vec<AtomicU64>,
    pub latencies: Vec<AtomicU64>,
}

impl Counters {
    pub fn new(subscribers: usize, events: usize, is_paced: bool) -> Arc<Self> {
        let zeros = |count: usize| (0..count).map(|_| AtomicU64::new(0)).collect();
        let paced = is_paced.then(|| Paced {
            start: Instant::now(),
            published: zeros(events),
            latencies: zeros(events * subscribers),
        });
        let lines = (0..subscribers).map(|_| Line(AtomicU64::new(0))).collect();
        Arc::new(Self { lines, target: events as u64, done: Semaphore::new(0), paced })
    }

    /// A subscriber handles its next event.
    pub fn hit(&self, subscriber: usize, event: &Envelope) {
        black_box(event.metadata.schema_version);
        let before = self.lines[subscriber].0.fetch_add(1, Ordering::Relaxed);
        if let Some(Paced { start, published, latencies }) = &self.paced {
            let index = before as usize;
            let now = start.elapsed().as_nanos() as u64;
            let latency = now - published[index].load(Ordering::Relaxed);
            latencies[subscriber * published.len() + index].store(latency, Ordering::Relaxed);
        }
        if before + 1 == self.target {
            self.done.add_permits(1);
        }
    }
}

/// A way for events from publishers to subscribers.
pub trait Queue: Send + Sync + 'static {
    /// With so many subscribers, each of which hits its counter.
    fn open(subscribers: usize, counters: &Arc<Counters>) -> impl Future<Output = Self> + Send;

    /// The `n`th event.
    fn publish(&self, origin: &Origin, n: u64) -> impl Future<Output = ()> + Send;
}

/// Events per second from the first publish until every subscriber has handled the last.
pub fn saturated<Q: Queue>(subscribers: usize, publishers: usize) -> f64 {
    let runtime = runtime();
    let rate = runtime.block_on(async {
        let counters = Counters::new(subscribers, EVENTS, false);
        let queue = Arc::new(Q::open(subscribers, &counters).await);
        tokio::time::sleep(Duration::from_millis(2)).await;
        let start = Instant::now();
        for publisher in 0..publishers {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move {
                let origin = origin();
                for n in 0..EVENTS / publishers {
                    queue.publish(&origin, (publisher + n) as u64).await;
                }
            });
        }
        let _done = counters.done.acquire_many(subscribers as u32).await;
        EVENTS as f64 / start.elapsed().as_secs_f64()
    });
    // What the queue kept is freed by its threads, which must not take its time from whoever is next.
    runtime.shutdown_timeout(Duration::from_secs(60));
    rate
}

/// Two threads, as many as all contenders get.
pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}
