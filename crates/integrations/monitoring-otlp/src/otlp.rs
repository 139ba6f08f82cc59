use std::{collections::BTreeMap, sync::Arc, time::Duration};

use kernel::Secret;
use observability::{Counter, EndedSpan, Label, Metric, SpanSink};
use opentelemetry_otlp::{ExporterBuildError, RetryPolicy, SpanExporter, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::{Resource, trace::SpanExporter as _};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};
use tonic::{
    codegen::http::Uri,
    metadata::{MetadataKey, MetadataMap, MetadataValue},
};

use crate::semantics::span_data;

/// Spans that are sent at once.
const BATCH: usize = 512;
/// How long the first span of a batch waits for others.
const LINGER: Duration = Duration::from_millis(200);

const DROPPED: Metric<Counter, 1> = Metric::counter(
    "borough_spans_dropped_total",
    "Spans that no collector has got, by why: the queue was full, they could not be delivered",
    [Label::of("because", &["full", "undelivered"])],
);
const EXPORTED: Metric<Counter> = Metric::counter("borough_spans_exported_total", "Spans that a collector has got", []);

/// Where spans go, and how much may wait.
#[derive(Debug, Clone)]
pub struct Options {
    /// `http://HOST:PORT` of a collector's gRPC receiver. There is no TLS here: a collector, or a proxy, stands beside the
    /// process.
    pub endpoint: String,
    /// Sent with every batch, such as the key of whoever keeps the traces.
    pub headers: BTreeMap<String, Secret<String>>,
    /// For a batch to be taken. Until then it is sent again, after growing waits, to a collector that is not there or says that it
    /// cannot take it now.
    pub timeout: Duration,
    /// Spans that may wait to be sent; at least 1.
    pub queue: usize,
    /// What the process is, in the resource of its spans: `service.name` and `service.version`.
    pub service: (String, String),
}

impl Default for Options {
    /// To port 4317 of this machine, 10 s, 2,048 spans, as a `borough` of no version.
    fn default() -> Self {
        Self {
            endpoint: "http://localhost:4317".into(),
            headers: BTreeMap::new(),
            timeout: Duration::from_secs(10),
            queue: 2048,
            service: ("borough".into(), String::new()),
        }
    }
}

/// Why spans cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// The endpoint is no address. Whether something listens there, only exporting shows.
    #[error("`{0}` is no endpoint to export spans to: set `monitoring.otlp.endpoint` to `http://HOST:PORT`")]
    Endpoint(String),
    /// The exporter does not take them, or a variable `OTEL_...` of the environment.
    #[error("spans cannot be exported")]
    Exporter(#[from] ExporterBuildError),
    /// The name or the value cannot stand in a header.
    #[error(
        "`{0}` cannot be a header: see `monitoring.otlp.headers`; a name is letters, digits, `-`, `_` and `.`, a value ASCII that can be printed"
    )]
    Header(String),
}

/// Whether a text is `http://HOST:PORT`, with nothing behind it.
pub fn is_endpoint(text: &str) -> bool {
    text.parse::<Uri>().is_ok_and(|uri| {
        let has_port = uri.port_u16().is_some_and(|port| port > 0);
        uri.scheme_str() == Some("http") && has_port && uri.path_and_query().is_none_or(|path| path == "/")
    })
}

/// The export, as long as it runs. Dropped, it sends what is left in the background, as far as the runtime lets it.
pub struct Otlp {
    queue: Arc<Queue>,
    task: JoinHandle<()>,
}

/// The spans that wait.
struct Queue {
    sender: mpsc::Sender<EndedSpan>,
    full: Counter,
}

impl SpanSink for Queue {
    fn ended(&self, span: EndedSpan) {
        if self.sender.try_send(span).is_err() {
            self.full.increment(1);
        }
    }
}

impl Otlp {
    /// Starts a task that sends spans, in a runtime with timers and I/O. The collector need not be there.
    ///
    /// # Errors
    /// The options cannot be understood.
    pub fn start(options: Options) -> Result<Self, OtlpError> {
        let Options { endpoint, headers, timeout, queue, service: (name, version) } = options;
        if !is_endpoint(&endpoint) {
            return Err(OtlpError::Endpoint(endpoint));
        }
        let builder = SpanExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(timeout);
        // What may be tried again, the specification of OTLP says and the exporter knows; how often, the timeout.
        let builder = builder.with_retry_policy(RetryPolicy::recommended().with_max_retries(usize::MAX));
        let builder = builder.with_metadata(metadata(&headers)?);
        let mut exporter = builder.build()?;
        let version = opentelemetry::KeyValue::new("service.version", version);
        exporter.set_resource(&Resource::builder_empty().with_service_name(name).with_attribute(version).build());
        let (sender, waiting) = mpsc::channel(queue.max(1));
        let sending = Sending {
            waiting,
            exporter,
            timeout,
            exported: EXPORTED.of([]),
            undelivered: DROPPED.of(["undelivered"]),
            is_failing: false,
        };
        let queue = Arc::new(Queue { sender, full: DROPPED.of(["full"]) });
        Ok(Self { queue, task: tokio::spawn(sending.run()) })
    }

    /// What [`observability::export_spans`] hands spans to. It takes none any more when the export has stopped.
    pub fn sink(&self) -> Arc<dyn SpanSink> {
        Arc::new(Weakly(Arc::downgrade(&self.queue)))
    }

    /// Sends what waits, and ends. As long as a few batches may take, if the collector does not answer.
    ///
    /// # Cancel safety
    /// Dropped, it goes on in the background.
    pub async fn stop(self) {
        drop(self.queue);
        if let Err(panic) = self.task.await {
            tracing::warn!("the export of spans has ended by a fault of its own: {panic}");
        }
    }
}

/// The tracer lives as long as the process: it must not keep the queue open.
struct Weakly(std::sync::Weak<Queue>);

impl SpanSink for Weakly {
    fn ended(&self, span: EndedSpan) {
        if let Some(queue) = self.0.upgrade() {
            queue.ended(span);
        }
    }
}

/// The other end of the queue.
struct Sending {
    waiting: mpsc::Receiver<EndedSpan>,
    exporter: SpanExporter,
    timeout: Duration,
    exported: Counter,
    undelivered: Counter,
    is_failing: bool,
}

impl Sending {
    async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        while self.waiting.recv_many(&mut batch, BATCH).await > 0 {
            let until = Instant::now() + LINGER;
            while let Some(room @ 1..) = BATCH.checked_sub(batch.len()) {
                let more = self.waiting.recv_many(&mut batch, room);
                if !timeout_at(until, more).await.is_ok_and(|more| more > 0) {
                    break;
                }
            }
            self.send(&mut batch).await;
        }
    }

    async fn send(&mut self, batch: &mut Vec<EndedSpan>) {
        let spans = batch.len() as u64;
        let sent = self.exporter.export(batch.drain(..).map(span_data).collect());
        let outcome = match timeout(self.timeout, sent).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("it did not answer within {:?}", self.timeout)),
        };
        let was_failing = std::mem::replace(&mut self.is_failing, outcome.is_some());
        match outcome {
            None => self.exported.increment(spans),
            Some(_) => self.undelivered.increment(spans),
        }
        // Told when it begins and when it is over; how many there were is a metric.
        match outcome {
            Some(why) if !was_failing => tracing::warn!("spans are dropped, the collector does not take them: {why}"),
            None if was_failing => tracing::info!("the collector takes spans again"),
            Some(_) | None => {}
        }
    }
}

fn metadata(headers: &BTreeMap<String, Secret<String>>) -> Result<MetadataMap, OtlpError> {
    let mut metadata = MetadataMap::with_capacity(headers.len());
    for (name, value) in headers {
        let refused = || OtlpError::Header(name.clone());
        let key = MetadataKey::from_bytes(name.as_bytes()).map_err(|_| refused())?;
        let mut value = MetadataValue::try_from(value.expose().as_str()).map_err(|_| refused())?;
        value.set_sensitive(true);
        metadata.insert(key, value);
    }
    Ok(metadata)
}
