//! The trace that the message spans of all modules and processes are one of.
//!
//! Spans have no identity by themselves. The [`Tracer`] gives each one an identity that follows from the messages alone, so
//! that hops that go through the log need nothing in the log:
//!
//! * the trace is the work: its id is the correlation id;
//! * an event, or a run of a saga, comes to be in a span whose id is the half of its own identity ([`SpanId::of_origin`]);
//!   each of its deliveries, each drive of the run, is a child of that span;
//! * any other message is a child of the span that it was asked in, or of the `traceparent` that it came with.

use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use kernel::{Clock, Context, CorrelationId, Ids, SpanId, TraceParent};
use quick_cache::sync::Cache;
use tracing::{
    Event, Level, Span, Subscriber,
    dispatcher::{self, Dispatch},
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer, Registry,
    layer::{self, Filter},
    registry::LookupSpan,
    reload,
};

use crate::{
    EVENT,
    fields::{Field, Fields},
};

/// Traces from outside whose callers' decisions are remembered, for what comes of them later and through the log.
const CALLERS: usize = 4096;

/// What a span may hold of the lines that were logged in it.
const MOST_LINES: usize = 32;

/// Where spans go that have ended. Called in the middle of the work: it must neither wait nor fail.
pub trait SpanSink: Send + Sync + 'static {
    /// A span of a trace that is kept.
    fn ended(&self, span: EndedSpan);
}

/// A span that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct EndedSpan {
    /// The work that it is a part of.
    pub trace: CorrelationId,
    /// Itself.
    pub id: SpanId,
    /// What it is below. Absent at the root of a trace.
    pub parent: Option<SpanId>,
    /// Whether the parent is outside of this process.
    pub remote: bool,
    /// As the macro names it; `message` and `origin` for messages.
    pub name: &'static str,
    /// When it began.
    pub started: DateTime<Utc>,
    /// When it was over; never before it began, however the clock was set.
    pub ended: DateTime<Utc>,
    /// Of the span, those that were recorded later too.
    pub fields: Vec<Field>,
    /// What was logged in it, the first few.
    pub lines: Vec<SpanLine>,
    /// How many lines there were beside these.
    pub lines_left_out: u32,
}

/// A line of the log, as a part of a span.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanLine {
    /// When it was logged.
    pub at: DateTime<Utc>,
    /// How grave it is.
    pub level: Level,
    /// The text under the name `message`, and what else the line says.
    pub fields: Vec<Field>,
}

/// How spans are to be exported.
pub struct Export {
    /// To where.
    pub sink: Arc<dyn SpanSink>,
    /// Which part of the traces is kept, from 0 to 1; which ones, follows from their ids. A trace that comes from outside is
    /// kept if its caller keeps it; a process that did not hear from the caller goes by the ratio.
    pub ratio: f64,
    /// Of the begin and the end of spans.
    pub clock: Arc<dyn Clock>,
    /// Of spans that have no identity from elsewhere.
    pub ids: Arc<dyn Ids>,
}

/// Why spans are not exported.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ExportError {
    /// Nothing gives the spans their identities.
    #[error("spans cannot be exported: set up the log with `observability::init` first")]
    NoTracer,
    /// Spans go to one place.
    #[error("spans are exported already: `export_spans` belongs into the composition root, once")]
    Twice,
    /// Not from 0 to 1.
    #[error("{0} is no part of the traces to keep: expected a number from 0 to 1")]
    Ratio(f64),
}

/// From here on, the spans of this process are exported. Before, they cost nothing but their lines in the log.
///
/// # Errors
/// Without [`init`](crate::init), or called twice.
pub fn export_spans(export: Export) -> Result<(), ExportError> {
    if !(0.0..=1.0).contains(&export.ratio) {
        return Err(ExportError::Ratio(export.ratio));
    }
    let present = dispatcher::get_default(Dispatch::clone);
    let tracer = present.downcast_ref::<Tracer>().ok_or(ExportError::NoTracer)?;
    tracer.export.set(export).map_err(|_| ExportError::Twice)?;
    tracer.switch.reload(LevelFilter::INFO).map_err(|_| ExportError::NoTracer)
}

/// What a call that leaves this process sends along: the present span, or, where spans are not exported, the place from which
/// the work itself came here.
pub fn traceparent(cx: &Context) -> Option<TraceParent> {
    let here = Span::current().with_subscriber(|(id, dispatch)| identity(id, dispatch)).flatten();
    let here = here.filter(|place| place.trace == cx.correlation());
    here.map(|Place { trace, id, sampled, .. }| TraceParent { trace, span: id, sampled }).or(cx.parent())
}

fn identity(id: &Id, dispatch: &Dispatch) -> Option<Place> {
    let registry = dispatch.downcast_ref::<Registry>()?;
    registry.span(id)?.scope().find_map(|span| span.extensions().get::<Place>().copied())
}

/// The layer that gives spans their places in traces.
pub(crate) struct Tracer {
    export: OnceLock<Export>,
    /// Whether the caller keeps the trace, for the latest ones that have come in.
    callers: Cache<CorrelationId, bool>,
    switch: reload::Handle<LevelFilter, Registry>,
}

/// Where a span is.
#[derive(Debug, Clone, Copy)]
struct Place {
    trace: CorrelationId,
    id: SpanId,
    parent: Option<SpanId>,
    remote: bool,
    sampled: bool,
}

/// Of a span that is kept.
struct Kept {
    started: DateTime<Utc>,
    fields: Fields,
    lines: Vec<SpanLine>,
    lines_left_out: u32,
}

impl Tracer {
    /// The layer with the filter that switches it on.
    pub(crate) fn new() -> (Self, impl Filter<Registry> + Send + Sync + 'static) {
        let (filter, switch) = reload::Layer::new(LevelFilter::OFF);
        (Self { export: OnceLock::new(), callers: Cache::new(CALLERS), switch }, filter)
    }

    /// Where a span with these fields is, below the one that it is made in. `None` outside of any message.
    fn place(&self, export: &Export, fields: &Fields, around: Option<Place>) -> Option<Place> {
        let trace = fields.correlation().or(around.map(|around| around.trace))?;
        let around = around.filter(|around| around.trace == trace);
        let caller = fields.traceparent().filter(|caller| caller.trace == trace);
        let cause = fields.causation().map(SpanId::of_origin);
        let within = around.map(|around| around.id);
        let parent = match fields.run() {
            Some(run) => Some(SpanId::of_origin(run)),
            // A delivery is below its event, also where that is handled in the unit that publishes it.
            None if fields.kind() == EVENT => cause.or(within),
            None => within.or(caller.map(|caller| caller.span)).or(cause),
        };
        let sampled = match (around, caller) {
            (Some(around), _) => around.sampled,
            (None, Some(caller)) => {
                self.callers.insert(trace, caller.sampled);
                caller.sampled
            }
            (None, None) => self.callers.get(&trace).unwrap_or_else(|| kept(trace, export.ratio)),
        };
        let id = SpanId::of_origin(fields.origin().unwrap_or_else(|| export.ids.next()));
        Some(Place { trace, id, parent, remote: within.is_none() && caller.is_some(), sampled })
    }
}

/// The same answer for one trace in every process.
fn kept(trace: CorrelationId, ratio: f64) -> bool {
    // The finalizer of SplitMix64: ids count up in places, and all of their bits have to tell.
    let (high, low) = trace.uuid().as_u64_pair();
    let mut bits = high ^ low;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    // 53 bits are what a float holds of them.
    ((bits >> 11) as f64) < ratio * (1_u64 << 53) as f64
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Tracer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: layer::Context<'_, S>) {
        let (Some(export), Some(span)) = (self.export.get(), context.span(id)) else { return };
        let around = span.parent().and_then(|around| around.extensions().get::<Place>().copied());
        let fields = Fields::of(attributes);
        let Some(place) = self.place(export, &fields, around) else { return };
        let mut extensions = span.extensions_mut();
        extensions.insert(place);
        if place.sampled {
            let started = export.clock.now();
            extensions.insert(Kept { started, fields, lines: Vec::new(), lines_left_out: 0 });
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: layer::Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(kept) = span.extensions_mut().get_mut::<Kept>() {
            values.record(&mut kept.fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: layer::Context<'_, S>) {
        let (Some(export), Some(span)) = (self.export.get(), context.event_span(event)) else { return };
        let mut extensions = span.extensions_mut();
        let Some(kept) = extensions.get_mut::<Kept>() else { return };
        if kept.lines.len() == MOST_LINES {
            kept.lines_left_out += 1;
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        kept.lines.push(SpanLine { at: export.clock.now(), level: *event.metadata().level(), fields: fields.into() });
    }

    fn on_close(&self, id: Id, context: layer::Context<'_, S>) {
        let (Some(export), Some(span)) = (self.export.get(), context.span(&id)) else { return };
        let mut extensions = span.extensions_mut();
        let (Some(place), Some(kept)) = (extensions.get_mut::<Place>().copied(), extensions.remove::<Kept>()) else {
            return;
        };
        let Kept { started, fields, lines, lines_left_out } = kept;
        let Place { trace, id, parent, remote, .. } = place;
        let ended = export.clock.now().max(started);
        let (name, fields) = (span.name(), fields.into());
        drop(extensions);
        export.sink.ended(EndedSpan { trace, id, parent, remote, name, started, ended, fields, lines, lines_left_out });
    }
}
