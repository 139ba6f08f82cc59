//! Messages in the words of OpenTelemetry's semantic conventions: requests as RPC, events as messaging. What these have no
//! word for is named `borough.*`.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use observability::{EndedSpan, Field, FieldValue, SpanLine};
use opentelemetry::{
    InstrumentationScope, KeyValue, SpanId, TraceFlags, TraceId, Value,
    trace::{Event, SpanContext, SpanKind, Status, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

pub(crate) fn span_data(span: EndedSpan) -> SpanData {
    let message = Message::of(&span.fields);
    let mut attributes = message.attributes();
    attributes.extend(span.fields.iter().filter_map(|field| attribute(&message, field)));
    let context = SpanContext::new(
        TraceId::from(span.trace.uuid().as_u128()),
        SpanId::from(span.id.get()),
        TraceFlags::SAMPLED,
        false,
        TraceState::default(),
    );
    let mut events = SpanEvents::default();
    events.events = span.lines.into_iter().map(event).collect();
    events.dropped_count = span.lines_left_out;
    SpanData {
        span_context: context,
        parent_span_id: span.parent.map_or(SpanId::INVALID, |parent| SpanId::from(parent.get())),
        parent_span_is_remote: span.remote,
        span_kind: message.span_kind(span.remote),
        name: message.span_name(span.name).into(),
        start_time: time(span.started),
        end_time: time(span.ended),
        attributes,
        dropped_attributes_count: 0,
        events,
        links: SpanLinks::default(),
        status: message.error.map_or(Status::Unset, |error| Status::error(error.to_owned())),
        instrumentation_scope: InstrumentationScope::builder("borough").build(),
    }
}

/// What of the fields decides how the rest is named.
struct Message<'a> {
    kind: &'a str,
    origin_of: &'a str,
    name: &'a str,
    step: &'a str,
    error: Option<&'a str>,
}

impl<'a> Message<'a> {
    fn of(fields: &'a [Field]) -> Self {
        let text = |name: &str| fields.iter().find(|field| field.name == name).and_then(|field| field.value.as_text());
        let or_none = |name| text(name).unwrap_or_default();
        Self {
            kind: or_none(observability::KIND),
            origin_of: or_none(observability::ORIGIN_OF),
            name: or_none(observability::MESSAGE),
            step: or_none(observability::STEP),
            error: text(observability::ERROR),
        }
    }

    fn is_event(&self) -> bool {
        self.kind == observability::EVENT || self.origin_of == observability::EVENT
    }

    fn span_name(&self, otherwise: &'static str) -> String {
        let Self { kind, name, step, .. } = self;
        match *kind {
            observability::REQUEST => (*name).to_owned(),
            observability::EVENT => format!("process {name}"),
            observability::ORIGIN => format!("create {name}"),
            observability::SAGA => format!("saga {name}"),
            observability::SAGA_STEP => format!("step {name} {step}"),
            _ => otherwise.to_owned(),
        }
    }

    fn span_kind(&self, remote: bool) -> SpanKind {
        match self.kind {
            observability::REQUEST if remote => SpanKind::Server,
            observability::EVENT => SpanKind::Consumer,
            observability::ORIGIN if self.is_event() => SpanKind::Producer,
            _ => SpanKind::Internal,
        }
    }

    /// Those that follow from the kind alone.
    fn attributes(&self) -> Vec<KeyValue> {
        let attribute = |(key, value): (&'static str, &'static str)| KeyValue::new(key, value);
        let operation = if self.kind == observability::ORIGIN { "create" } else { "process" };
        match self.kind {
            observability::REQUEST => [("rpc.system.name", "borough")].map(attribute).into(),
            _ if self.is_event() => [
                ("messaging.system", "borough"),
                ("messaging.operation.name", operation),
                ("messaging.operation.type", operation),
            ]
            .map(attribute)
            .into(),
            _ => Vec::new(),
        }
    }
}

/// `None` for what stands elsewhere in the span.
fn attribute(message: &Message<'_>, field: &Field) -> Option<KeyValue> {
    let is_event = message.is_event();
    let key = match field.name {
        observability::KIND | observability::ORIGIN_OF | observability::TRACEPARENT => return None,
        observability::MODULE => "borough.module",
        observability::MESSAGE if message.kind == observability::REQUEST => "rpc.method",
        observability::MESSAGE if is_event => "messaging.destination.name",
        observability::MESSAGE => "borough.saga.name",
        observability::CORRELATION_ID if is_event => "messaging.message.conversation_id",
        observability::CORRELATION_ID => "borough.correlation_id",
        observability::CAUSATION_ID if message.kind == observability::EVENT => "messaging.message.id",
        observability::CAUSATION_ID => "borough.causation_id",
        observability::ORIGIN_ID if is_event => "messaging.message.id",
        observability::ORIGIN_ID | observability::RUN => "borough.saga.run",
        observability::STEP => "borough.saga.step",
        observability::SUBSCRIBER => "messaging.consumer.group.name",
        observability::USER => "user.name",
        name => name,
    };
    Some(KeyValue::new(key, value(&field.value)))
}

fn value(value: &FieldValue) -> Value {
    match value {
        FieldValue::Bool(value) => Value::Bool(*value),
        FieldValue::Integer(value) => Value::I64(*value),
        FieldValue::Float(value) => Value::F64(*value),
        FieldValue::Text(value) => Value::String(value.clone().into()),
    }
}

fn event(line: SpanLine) -> Event {
    let (text, fields): (Vec<Field>, Vec<Field>) = line.fields.into_iter().partition(|field| field.name == "message");
    let name = text.into_iter().next().map_or_else(|| "event".to_owned(), |text| text.value.to_string());
    let mut attributes = vec![KeyValue::new("level", line.level.as_str())];
    attributes.extend(fields.iter().map(|field| KeyValue::new(field.name, value(&field.value))));
    Event::new(name, time(line.at), attributes, 0)
}

fn time(at: DateTime<Utc>) -> SystemTime {
    at.into()
}
