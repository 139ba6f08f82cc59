//! A piece of work over a request, an event, its delivery and what that asks arrives at the collector as one trace.

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use event_bus::{BusOptions, EventBus, Ports};
use event_sourcing::{MemoryBlobs, MemoryStore};
use expect_test::expect;
use kernel::{ManualClock, Secret, SequentialIds, SystemIds, TraceParent};
use module::{Infrastructure, assemble};
use monitoring_otlp::{Options, Otlp};
use observability::{Export, export_spans};
use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};

use crate::{
    collector::Collector,
    shop::{Sell, modules},
};

const OUTSIDE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Sells something on behalf of somebody outside, and lets everything come of it that does.
async fn sell() {
    let infrastructure = Infrastructure {
        store: Arc::new(MemoryStore::default()),
        blobs: Arc::new(MemoryBlobs::default()),
        clock: Arc::new(ManualClock::default()),
        ids: Arc::new(SequentialIds::default()),
    };
    let Infrastructure { store, clock, ids, .. } = infrastructure.clone();
    let mut application = assemble(modules(), infrastructure, module::Options::default()).await.unwrap();
    application.start().await.unwrap();
    let subscriptions = std::mem::take(&mut application.subscriptions);
    let ports = Ports { store: Some(store), clock, ids };
    let bus = EventBus::start(subscriptions, ports, BusOptions::default()).await.unwrap();
    let cx = testing::context(&[]).within(OUTSIDE.parse::<TraceParent>().unwrap());
    application.requests.ask(&cx, Sell).await.unwrap();
    assert_eq!(bus.drain(Duration::from_secs(30)).await.unwrap(), event_bus::Drain::Complete);
    bus.stop().await;
    application.stop().await.unwrap();
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attributes(attributes: &[KeyValue]) -> String {
    let attribute = |attribute: &KeyValue| {
        let value = match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
            // Which ids the product has taken before does not matter; that they belong together, the tree shows.
            Some(Value::StringValue(text)) if text.starts_with("00000000-") => "...".to_owned(),
            Some(Value::StringValue(text)) => text.clone(),
            other => format!("{other:?}"),
        };
        format!("{}={value}\n", attribute.key)
    };
    attributes.iter().map(attribute).collect()
}

/// The spans below a parent, each with those below it.
fn tree(spans: &[Span], parent: &[u8], depth: usize) -> String {
    let below = spans.iter().filter(|span| span.parent_span_id == parent);
    below
        .map(|span| {
            let indent = "  ".repeat(depth);
            let kind = span.kind().as_str_name().trim_start_matches("SPAN_KIND_");
            let mut lines = format!("{kind} {}\n{}", span.name, attributes(&span.attributes));
            span.events.iter().for_each(|event| lines += &format!("- {}\n", event.name));
            let failed = span.status.iter().filter(|status| status.code() == StatusCode::Error);
            failed.for_each(|status| lines += &format!("failed: {}\n", status.message));
            let lines: String = lines.lines().map(|line| format!("{indent}{line}\n")).collect();
            lines + &tree(spans, &span.span_id, depth + 1)
        })
        .collect()
}

#[tokio::test]
async fn a_request_its_event_and_what_that_sets_off_are_one_trace() {
    let collector = Collector::listen();
    let log = observability::subscriber(observability::Options::default(), None, ManualClock::default(), io::sink);
    let _log = tracing::subscriber::set_default(log.unwrap());
    let headers = BTreeMap::from([("x-api-key".to_owned(), Secret::new("sesame".to_owned()))]);
    let endpoint = collector.endpoint.clone();
    let service = ("borough".to_owned(), "1.2.3".to_owned());
    let otlp = Otlp::start(Options { endpoint, headers, service, ..Options::default() }).unwrap();
    // Those of the product count up; spans have the ids of events too.
    let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SystemIds));
    export_spans(Export { sink: otlp.sink(), ratio: 0.0, clock, ids }).unwrap();
    sell().await;
    otlp.stop().await;

    let parent: TraceParent = OUTSIDE.parse().unwrap();
    let spans = collector.collected.spans();
    for span in &spans {
        assert_eq!(hex(&span.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736", "{}: of one trace", span.name);
        assert_ne!(span.kind(), SpanKind::Unspecified, "{}", span.name);
    }
    expect![[r#"
        SERVER shop.sell
        rpc.system.name=borough
        borough.module=shop
        rpc.method=shop.sell
        borough.correlation_id=4bf92f35-77b3-4da6-a3ce-929d0e0e4736
        user.name=tester
        - answered
          PRODUCER create shop.sold
          messaging.system=borough
          messaging.operation.name=create
          messaging.operation.type=create
          borough.module=shop
          messaging.destination.name=shop.sold
          messaging.message.id=...
          messaging.message.conversation_id=4bf92f35-77b3-4da6-a3ce-929d0e0e4736
          user.name=tester
            CONSUMER process shop.sold
            messaging.system=borough
            messaging.operation.name=process
            messaging.operation.type=process
            borough.module=ledger
            messaging.destination.name=shop.sold
            messaging.consumer.group.name=ledger.sold
            messaging.message.conversation_id=4bf92f35-77b3-4da6-a3ce-929d0e0e4736
            messaging.message.id=...
            user.name=tester
              INTERNAL till.book
              rpc.system.name=borough
              borough.module=till
              rpc.method=till.book
              borough.correlation_id=4bf92f35-77b3-4da6-a3ce-929d0e0e4736
              borough.causation_id=...
              user.name=tester
              error.type=till.full
              - it is full
              failed: till.full
          PRODUCER create audit.command_recorded
          messaging.system=borough
          messaging.operation.name=create
          messaging.operation.type=create
          borough.module=shop
          messaging.destination.name=audit.command_recorded
          messaging.message.id=...
          messaging.message.conversation_id=4bf92f35-77b3-4da6-a3ce-929d0e0e4736
          user.name=tester
    "#]]
    .assert_eq(&tree(&spans, &parent.span.get().to_be_bytes(), 0));

    let resources = collector.collected.resources();
    let mut resource = resources[0].resource.clone().unwrap().attributes;
    resource.sort_by(|a, b| a.key.cmp(&b.key));
    assert_eq!(attributes(&resource), "service.name=borough\nservice.version=1.2.3\n");
    let headers = collector.collected.headers();
    assert!(headers.iter().all(|header| header.get("x-api-key").unwrap() == "sesame"), "{headers:?}");
}
