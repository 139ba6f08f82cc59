//! `peer-bus NAME`: the queue of that name answers every line on standard input with one sample.
//!
//! `4-2` is events per second with four subscribers and two publishers; `paced-4-p50` is nanoseconds from publish to handler
//! entry, one publish every 20 microseconds. `borough` is the product's bus, without metrics and spans; `borough-metrics` has the
//! recorder of Prometheus, `borough-spans` keeps spans as the program does and writes nothing, `borough-logged` also formats every
//! line, into nothing, and `borough-observed` has metrics and spans.

#[path = "../../../bench/src/events/load.rs"]
mod load;
#[path = "../../../bench/src/events/ours.rs"]
mod ours;
mod paced;

use std::{env, io, process::ExitCode, sync::Arc};

use event_sourcing::{Origin, Write};
use kernel::{Envelope, SystemClock};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::sync::{broadcast, mpsc};
use tracing_subscriber::{filter::LevelFilter, prelude::*};

use load::{Counters, EVENTS, Queue, saturated, unit};
use paced::paced;

fn main() -> ExitCode {
    let name = env::args().nth(1).unwrap_or_default();
    observe(&name);
    for line in io::stdin().lines() {
        let question = line.expect("questions are text");
        let answer = match name.as_str() {
            "borough" | "borough-metrics" | "borough-spans" | "borough-logged" | "borough-observed" => {
                answer::<ours::Borough>(&question)
            }
            "tokio-broadcast" => answer::<Broadcast>(&question),
            "tokio-mpsc" => answer::<Bounded>(&question),
            "tokio-mpsc-unbounded" => answer::<Unbounded>(&question),
            _ => None,
        };
        let Some(answer) = answer else {
            eprintln!(
                "unknown: `{name}` `{question}`; known are borough, borough-metrics, borough-spans, borough-logged, \
                 borough-observed, tokio-broadcast, tokio-mpsc and tokio-mpsc-unbounded with \
                 1-1 (subscribers-publishers), paced-4-p50 (also p99, p999)"
            );
            return ExitCode::from(2);
        };
        println!("{answer}");
    }
    ExitCode::SUCCESS
}

/// What the program of that name has of metrics and tracing, for as long as it runs.
fn observe(name: &str) {
    if matches!(name, "borough-metrics" | "borough-observed") {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::set_global_recorder(recorder).expect("nobody else sets one");
    }
    if name == "borough-logged" {
        let formatted = tracing_subscriber::fmt::layer().with_writer(io::sink);
        tracing_subscriber::registry().with(LevelFilter::INFO).with(formatted).init();
    }
    if matches!(name, "borough-spans" | "borough-observed") {
        let log = observability::subscriber(Default::default(), None, SystemClock, io::sink);
        tracing::subscriber::set_global_default(log.expect("there are no directives")).expect("nobody else sets one");
    }
}

fn answer<Q: Queue>(question: &str) -> Option<f64> {
    let parts: Vec<&str> = question.split('-').collect();
    Some(match parts[..] {
        ["paced", subscribers, quantile] => {
            let quantile = match quantile {
                "p50" => 0.5,
                "p99" => 0.99,
                "p999" => 0.999,
                _ => return None,
            };
            paced::<Q>(subscribers.parse().ok()?, quantile)
        }
        [subscribers, publishers] => saturated::<Q>(subscribers.parse().ok()?, publishers.parse().ok()?),
        _ => return None,
    })
}

/// What ours has, built by the same code, for a queue that takes it without a unit.
fn envelope(origin: &Origin, n: u64) -> Arc<Envelope> {
    match unit(origin, n).into_writes().pop() {
        Some(Write::Append { envelope, .. }) => envelope,
        _ => unreachable!("the unit has one event"),
    }
}

/// It drops the oldest when it is full: it holds all events of a sample.
struct Broadcast(broadcast::Sender<Arc<Envelope>>);

impl Queue for Broadcast {
    async fn open(subscribers: usize, counters: &Arc<Counters>) -> Self {
        let (sender, _) = broadcast::channel::<Arc<Envelope>>(EVENTS);
        for subscriber in 0..subscribers {
            let (counters, mut receiver) = (Arc::clone(counters), sender.subscribe());
            tokio::spawn(async move {
                while let Ok(event) = receiver.recv().await {
                    counters.hit(subscriber, &event);
                }
            });
        }
        Self(sender)
    }

    async fn publish(&self, origin: &Origin, n: u64) {
        let _nobody = self.0.send(envelope(origin, n));
        tokio::task::consume_budget().await;
    }
}

struct Bounded(Vec<mpsc::Sender<Arc<Envelope>>>);

impl Queue for Bounded {
    async fn open(subscribers: usize, counters: &Arc<Counters>) -> Self {
        let open = |subscriber| {
            let (sender, mut receiver) = mpsc::channel::<Arc<Envelope>>(1024);
            let counters = Arc::clone(counters);
            tokio::spawn(async move {
                while let Some(event) = receiver.recv().await {
                    counters.hit(subscriber, &event);
                }
            });
            sender
        };
        Self((0..subscribers).map(open).collect())
    }

    async fn publish(&self, origin: &Origin, n: u64) {
        let event = envelope(origin, n);
        for queue in &self.0 {
            let _closed = queue.send(Arc::clone(&event)).await;
        }
    }
}

struct Unbounded(Vec<mpsc::UnboundedSender<Arc<Envelope>>>);

impl Queue for Unbounded {
    async fn open(subscribers: usize, counters: &Arc<Counters>) -> Self {
        let open = |subscriber| {
            let (sender, mut receiver) = mpsc::unbounded_channel::<Arc<Envelope>>();
            let counters = Arc::clone(counters);
            tokio::spawn(async move {
                while let Some(event) = receiver.recv().await {
                    counters.hit(subscriber, &event);
                }
            });
            sender
        };
        Self((0..subscribers).map(open).collect())
    }

    async fn publish(&self, origin: &Origin, n: u64) {
        let event = envelope(origin, n);
        for queue in &self.0 {
            let _closed = queue.send(Arc::clone(&event));
        }
        tokio::task::consume_budget().await;
    }
}
