//! What becomes of spans that nobody takes.

use std::{
    collections::BTreeMap,
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::DateTime;
use kernel::{CorrelationId, Secret, SpanId};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit, with_local_recorder};
use monitoring_otlp::{Options, Otlp, OtlpError};
use observability::EndedSpan;
use tonic::Code;
use uuid::Uuid;

use crate::collector::Collector;

#[derive(Default)]
struct Counters(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Counters {
    fn of(&self, what: &str) -> u64 {
        self.0.lock().unwrap().get(what).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }
}

impl Recorder for Counters {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let because = key.labels().next().map_or("exported", |label| label.value());
        Counter::from_arc(Arc::clone(self.0.lock().unwrap().entry(because.to_owned()).or_default()))
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

fn span(id: u64) -> EndedSpan {
    EndedSpan {
        trace: CorrelationId::new(Uuid::from_u128(7)),
        id: SpanId::new(id).unwrap(),
        parent: None,
        remote: false,
        name: "message",
        started: DateTime::UNIX_EPOCH,
        ended: DateTime::UNIX_EPOCH,
        fields: Vec::new(),
        lines: Vec::new(),
        lines_left_out: 0,
    }
}

/// Nothing listens there any more.
fn nowhere() -> String {
    format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap())
}

#[tokio::test]
async fn a_collector_that_is_gone_costs_spans_and_nothing_else() {
    let counters = Counters::default();
    let options = Options { endpoint: nowhere(), queue: 4, timeout: Duration::from_millis(200), ..Options::default() };
    let otlp = with_local_recorder(&counters, || Otlp::start(options)).unwrap();
    let sink = otlp.sink();
    // None of these awaits: the work goes on at once, and the task of the export has not even begun.
    (1..=10).for_each(|id| sink.ended(span(id)));
    assert_eq!((counters.of("full"), counters.of("undelivered")), (6, 0), "four wait, the others are dropped");
    otlp.stop().await;
    assert_eq!((counters.of("undelivered"), counters.of("exported")), (4, 0));
    sink.ended(span(11));
    assert_eq!(counters.of("full"), 6, "after the end, nobody counts");
}

#[tokio::test]
async fn a_collector_that_never_answers_is_given_up() {
    let counters = Counters::default();
    // Takes connections, and says nothing.
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", deaf.local_addr().unwrap());
    let options = Options { endpoint, timeout: Duration::from_millis(200), ..Options::default() };
    let otlp = with_local_recorder(&counters, || Otlp::start(options)).unwrap();
    otlp.sink().ended(span(1));
    testing::soon("the end of the export", otlp.stop()).await;
    assert_eq!(counters.of("undelivered"), 1);
}

#[tokio::test]
async fn a_collector_that_comes_back_gets_what_ends_from_then_on() {
    let counters = Counters::default();
    let endpoint = nowhere();
    let address = endpoint.trim_start_matches("http://").parse().unwrap();
    let options = Options { endpoint, timeout: Duration::from_secs(20), ..Options::default() };
    let otlp = with_local_recorder(&counters, || Otlp::start(options)).unwrap();
    let collector = Collector::listen_at(address);
    (1..=700).for_each(|id| otlp.sink().ended(span(id)));
    otlp.stop().await;
    assert_eq!((counters.of("exported"), counters.of("undelivered"), counters.of("full")), (700, 0, 0));
    let mut ids: Vec<u64> = collector
        .collected
        .spans()
        .iter()
        .map(|span| u64::from_be_bytes(span.span_id.as_slice().try_into().unwrap()))
        .collect();
    ids.sort_unstable();
    assert!(ids.into_iter().eq(1..=700), "each once");
}

/// What it cannot take now is sent again, as long as the time for a batch lasts: a collector that restarts refuses more than once.
#[tokio::test]
async fn a_collector_that_refuses_for_now_is_asked_until_it_takes_them() {
    for refusals in [1, 5] {
        let counters = Counters::default();
        let collector = Collector::listen();
        collector.collected.refuse([Code::Unavailable; 5].into_iter().take(refusals));
        let options =
            Options { endpoint: collector.endpoint.clone(), timeout: Duration::from_secs(60), ..Options::default() };
        let otlp = with_local_recorder(&counters, || Otlp::start(options)).unwrap();
        otlp.sink().ended(span(1));
        otlp.stop().await;
        assert_eq!((counters.of("exported"), counters.of("undelivered")), (1, 0), "{refusals} times");
        let (sent, taken) = (collector.collected.headers().len(), collector.collected.spans().len());
        assert_eq!((sent, taken), (refusals + 1, 1), "taken once");
    }
}

#[tokio::test]
async fn what_a_collector_refuses_for_good_is_dropped_and_counted() {
    let second = Duration::from_secs(1);
    for (code, is_for_good) in [
        (Code::InvalidArgument, true),
        (Code::PermissionDenied, true),
        (Code::Unimplemented, true),
        // Without a word of when to come again.
        (Code::ResourceExhausted, true),
        (Code::Unavailable, false),
        (Code::Aborted, false),
    ] {
        let counters = Counters::default();
        let collector = Collector::listen();
        collector.collected.refuse([code; 99]);
        let options = Options { endpoint: collector.endpoint.clone(), timeout: second, ..Options::default() };
        let otlp = with_local_recorder(&counters, || Otlp::start(options)).unwrap();
        otlp.sink().ended(span(1));
        otlp.stop().await;
        assert_eq!((counters.of("exported"), counters.of("undelivered")), (0, 1), "{code:?}");
        assert_eq!(collector.collected.headers().len() == 1, is_for_good, "{code:?}: it is not asked again");
    }
}

#[tokio::test]
async fn options_that_cannot_be_understood_name_the_setting() {
    let refused = |options| Otlp::start(options).err().unwrap();
    let endpoint = refused(Options { endpoint: "not an address".into(), ..Options::default() });
    assert!(matches!(&endpoint, OtlpError::Endpoint { .. }), "{endpoint:?}");
    assert!(endpoint.to_string().contains("monitoring.otlp.endpoint"), "{endpoint}");
    let headers = BTreeMap::from([("X API".to_owned(), Secret::new("sesame".to_owned()))]);
    let header = refused(Options { headers, ..Options::default() }).to_string();
    assert!(header.contains("X API") && !header.contains("sesame"), "{header}");
}
