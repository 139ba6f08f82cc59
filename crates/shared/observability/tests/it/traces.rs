//! Which spans are exported, and where they are in their traces.

use std::{
    io,
    sync::{Arc, Mutex},
};

use chrono::TimeDelta;
use expect_test::{Expect, expect};
use kernel::{
    Context, CorrelationId, Envelope, EventId, Json, ManualClock, Metadata, Priority, SequentialIds, TraceParent,
};
use observability::{
    EVENT, EndedSpan, Export, ExportError, Options, REQUEST, SAGA, SpanSink, export_spans, failed, message_span,
    originated, saga_span, step_span, subscriber, traceparent,
};
use tracing::{info, info_span, warn};
use uuid::Uuid;

use crate::lines::context;

#[derive(Default)]
struct Ended(Mutex<Vec<EndedSpan>>);

impl SpanSink for Ended {
    fn ended(&self, span: EndedSpan) {
        self.0.lock().unwrap().push(span);
    }
}

fn export(sink: &Arc<Ended>, ratio: f64) -> Export {
    let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SequentialIds::default()));
    Export { sink: Arc::clone(sink) as Arc<dyn SpanSink>, ratio, clock, ids }
}

fn kept_of(ratio: f64, work: impl FnOnce()) -> Vec<EndedSpan> {
    let sink = Arc::new(Ended::default());
    let subscriber = subscriber(Options::default(), None, ManualClock::default(), io::sink).unwrap();
    tracing::subscriber::with_default(subscriber, || {
        export_spans(export(&sink, ratio)).unwrap();
        work();
    });
    let spans = sink.0.lock().unwrap();
    spans.clone()
}

/// The spans in the order in which they ended: id, parent, what it is, its other fields and lines.
fn check(work: impl FnOnce(), expected: Expect) {
    let mut text = String::new();
    for span in kept_of(1.0, work) {
        let parent = span.parent.map_or("root".to_owned(), |parent| format!("{:x}", parent.get()));
        let parent = if span.remote { format!("{parent} outside") } else { parent };
        text += &format!("{} {:x} < {parent}:", &span.trace.to_string()[34..], span.id.get());
        for field in
            span.fields.iter().filter(|field| !["user", "correlation_id", "module", "origin_of"].contains(&field.name))
        {
            text += &format!(" {}={}", field.name, field.value);
        }
        for line in &span.lines {
            let fields = line.fields.iter().map(|field| format!("{}={}", field.name, field.value));
            text += &format!(" [{} {}]", line.level, fields.collect::<Vec<_>>().join(" "));
        }
        text += "\n";
    }
    expected.assert_eq(&text);
}

fn event(id: u128) -> Envelope {
    Envelope {
        event_id: EventId::new(Uuid::from_u128(id)),
        timestamp: chrono::DateTime::UNIX_EPOCH,
        source_module: "till".into(),
        event_type: "till.paid".into(),
        data: Json::of(&()).unwrap(),
        metadata: Metadata {
            correlation_id: context().correlation(),
            causation_id: None,
            user_id: "alice".into(),
            schema_version: 1,
            key: String::new(),
            priority: Priority::Normal,
            position: None,
        },
    }
}

#[test]
fn a_request_within_a_request_and_a_span_of_the_domain() {
    check(
        || {
            let cx = context();
            message_span(REQUEST, "shop", "shop.sell", &cx).in_scope(|| {
                info_span!("pack", boxes = 3_u64, fragile = true).in_scope(|| warn!(left = -1, "no paper"));
                message_span(REQUEST, "till", "till.pay", &cx).in_scope(|| failed("till.empty"));
                info!("answered");
            });
            info_span!("outside of any message").in_scope(|| info!("is nobody's"));
        },
        expect![[r#"
            07 2 < 1: boxes=3 fragile=true [WARN message=no paper left=-1]
            07 3 < 1: kind=request message_name=till.pay error.type=till.empty
            07 1 < root: kind=request message_name=shop.sell [INFO message=answered]
        "#]],
    );
}

/// What is delivered, in another task or another process, is below the event, and the event below its publisher.
#[test]
fn a_delivery_is_below_its_event_wherever_it_takes_place() {
    check(
        || {
            let cx = context();
            let publisher = message_span(REQUEST, "till", "till.pay", &cx);
            publisher.in_scope(|| originated(EVENT, "till", "till.paid", Uuid::from_u128(0xe), &cx));
            drop(publisher);
            let caused = cx.caused_by(&event(0xe));
            message_span(EVENT, "ledger", "till.paid", &caused).in_scope(|| {
                drop(message_span(REQUEST, "ledger", "ledger.book", &caused));
            });
            // Asked in a task of its own: nothing is around it, and the event set it off.
            drop(message_span(REQUEST, "ledger", "ledger.close", &caused));
        },
        expect![[r#"
            07 e < 1: kind=begin message_name=till.paid origin_id=00000000-0000-0000-0000-00000000000e
            07 1 < root: kind=request message_name=till.pay
            07 3 < 2: kind=request message_name=ledger.book causation_id=00000000-0000-0000-0000-00000000000e
            07 2 < e: kind=event message_name=till.paid causation_id=00000000-0000-0000-0000-00000000000e
            07 4 < e: kind=request message_name=ledger.close causation_id=00000000-0000-0000-0000-00000000000e
        "#]],
    );
}

#[test]
fn a_run_of_a_saga_is_below_its_beginning_each_time_it_is_driven() {
    check(
        || {
            let (cx, run) = (context(), Uuid::from_u128(0xa));
            originated(SAGA, "bank", "bank.transfer", run, &cx);
            for step in ["withdraw", "deposit"] {
                saga_span("bank", "bank.transfer", run, &cx).in_scope(|| {
                    step_span("bank", "bank.transfer", step, &cx)
                        .in_scope(|| drop(message_span(REQUEST, "bank", "bank.move", &cx)));
                });
            }
        },
        expect![[r#"
            07 a < root: kind=begin message_name=bank.transfer origin_id=00000000-0000-0000-0000-00000000000a
            07 3 < 2: kind=request message_name=bank.move
            07 2 < 1: kind=saga_step message_name=bank.transfer step=withdraw
            07 1 < a: kind=saga message_name=bank.transfer run=00000000-0000-0000-0000-00000000000a
            07 6 < 5: kind=request message_name=bank.move
            07 5 < 4: kind=saga_step message_name=bank.transfer step=deposit
            07 4 < a: kind=saga message_name=bank.transfer run=00000000-0000-0000-0000-00000000000a
        "#]],
    );
}

#[test]
fn work_of_its_own_begins_a_trace_of_its_own() {
    check(
        || {
            let other = Context::new(Arc::new(context().principal().clone()), CorrelationId::new(Uuid::from_u128(9)));
            message_span(REQUEST, "shop", "shop.sell", &context())
                .in_scope(|| drop(message_span(REQUEST, "shop", "shop.count", &other)));
        },
        expect![[r#"
            09 2 < root: kind=request message_name=shop.count
            07 1 < root: kind=request message_name=shop.sell
        "#]],
    );
}

const OUTSIDE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn a_traceparent_comes_in_and_goes_out() {
    let parent: TraceParent = OUTSIDE.parse().unwrap();
    let cx = context().within(parent);
    assert_eq!(traceparent(&cx), Some(parent), "without a tracer it is passed on as it came");
    assert_eq!(traceparent(&context()), None);
    check(
        || {
            message_span(REQUEST, "shop", "shop.sell", &cx).in_scope(|| {
                let out = || traceparent(&cx).unwrap().to_string();
                assert_eq!(out(), "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000001-01");
                info_span!("inner").in_scope(|| assert_eq!(out()[36..52], *"0000000000000002"));
                assert_eq!(traceparent(&context()), None, "other work is not said to be a part of this");
            });
        },
        expect![[r#"
            36 2 < 1:
            36 1 < f067aa0ba902b7 outside: kind=request message_name=shop.sell traceparent=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
        "#]],
    );
}

#[test]
fn the_ratio_decides_by_the_trace_and_the_caller_for_its_own() {
    let spans = |ratio, from: u128| {
        let work = || {
            for id in from..from + 1000 {
                let principal = Arc::new(context().principal().clone());
                let cx = Context::new(principal, CorrelationId::new(Uuid::from_u128(id)));
                message_span(REQUEST, "shop", "shop.sell", &cx).in_scope(|| drop(info_span!("inner")));
            }
        };
        kept_of(ratio, work).into_iter().map(|span| span.trace).collect::<Vec<_>>()
    };
    assert_eq!((spans(0.0, 1).len(), spans(1.0, 1).len()), (0, 2000));
    let quarter = spans(0.25, 1);
    assert!((400..600).contains(&quarter.len()), "{}", quarter.len());
    assert_eq!(quarter, spans(0.25, 1), "in every process alike");

    let caller = |flags: &str| context().within(OUTSIDE.replace("-01", flags).parse().unwrap());
    let sell = |cx: Context| move || drop(message_span(REQUEST, "shop", "shop.sell", &cx));
    assert_eq!(kept_of(0.0, sell(caller("-01"))).len(), 1);
    assert_eq!(kept_of(1.0, sell(caller("-00"))).len(), 0);
    let and_later = |flags: &str| {
        let cx = caller(flags);
        let mut later = event(0xe);
        later.metadata.correlation_id = cx.correlation();
        let caused = cx.caused_by(&later);
        move || {
            drop(message_span(REQUEST, "shop", "shop.sell", &cx));
            drop(message_span(EVENT, "ledger", "shop.sold", &caused));
        }
    };
    assert_eq!(kept_of(0.0, and_later("-01")).len(), 2, "what comes of it through the log is kept with it");
    assert_eq!(kept_of(1.0, and_later("-00")).len(), 0);
}

#[test]
fn what_is_too_much_is_cut_and_told() {
    let spans = kept_of(1.0, || {
        message_span(REQUEST, "shop", &"é".repeat(1000), &context()).in_scope(|| (0..40).for_each(|n| info!(n)));
    });
    assert_eq!((spans[0].lines.len(), spans[0].lines_left_out), (32, 8));
    assert!(spans[0].fields.iter().all(|field| field.value.to_string().len() <= 1024));
}

#[test]
fn a_span_does_not_end_before_it_began() {
    let (sink, clock) = (Arc::new(Ended::default()), Arc::new(ManualClock::default()));
    let subscriber = subscriber(Options::default(), None, ManualClock::default(), io::sink).unwrap();
    tracing::subscriber::with_default(subscriber, || {
        export_spans(Export { clock: Arc::clone(&clock) as _, ..export(&sink, 1.0) }).unwrap();
        for seconds in [5, -60] {
            let span = message_span(REQUEST, "shop", "shop.sell", &context());
            clock.advance(TimeDelta::seconds(seconds));
            drop(span);
        }
    });
    let took = sink.0.lock().unwrap().iter().map(|span| span.ended - span.started).collect::<Vec<_>>();
    assert_eq!(took, [TimeDelta::seconds(5), TimeDelta::zero()]);
}

#[test]
fn an_export_that_cannot_be() {
    let sink = Arc::new(Ended::default());
    let refused = |ratio| export_spans(export(&sink, ratio)).unwrap_err();
    let none = tracing::subscriber::NoSubscriber::default();
    assert_eq!(tracing::subscriber::with_default(none, || refused(1.0)), ExportError::NoTracer);
    assert_eq!(refused(1.5).to_string(), "1.5 is no part of the traces to keep: expected a number from 0 to 1");
    assert!(matches!(refused(f64::NAN), ExportError::Ratio(_)));
    let subscriber = subscriber(Options::default(), None, ManualClock::default(), io::sink).unwrap();
    tracing::subscriber::with_default(subscriber, || {
        drop(message_span(REQUEST, "shop", "shop.sell", &context()));
        export_spans(export(&sink, 1.0)).unwrap();
        assert_eq!(refused(1.0), ExportError::Twice);
    });
    assert!(sink.0.lock().unwrap().is_empty(), "what was before the export is not exported");
}
