use kernel::Context;
use tracing::{
    Span,
    field::{self, Empty},
};
use uuid::Uuid;

/// Field: what sort of message it is, such as `request`, `event`, `saga`.
pub const KIND: &str = "kind";
/// Field: the module that handles the message.
pub const MODULE: &str = "module";
/// Field: the wire name of the message.
pub const MESSAGE: &str = "message_name";
/// Field: what ties together everything that one piece of work set off. Also the id of its trace.
pub const CORRELATION_ID: &str = "correlation_id";
/// Field: the event that set this off.
pub const CAUSATION_ID: &str = "causation_id";
/// Field: from where in a trace it was asked, if that was outside of this process.
pub const TRACEPARENT: &str = "traceparent";
/// Field: on whose behalf.
pub const USER: &str = "user";
/// Field: the run of a saga.
pub const RUN: &str = "run";
/// Field: the step of a saga.
pub const STEP: &str = "step";
/// Field: what came to be, [`EVENT`] or [`SAGA`].
pub const ORIGIN_OF: &str = "origin_of";
/// Field: the identity of what came to be.
pub const ORIGIN_ID: &str = "origin_id";
/// Field: the stable name of the subscriber that a delivery is for.
pub const SUBSCRIBER: &str = "subscriber";
/// Field: the code of the error that it ended with.
pub const ERROR: &str = "error.type";

/// [`KIND`] of a request.
pub const REQUEST: &str = "request";
/// [`KIND`] of the delivery of an event.
pub const EVENT: &str = "event";
/// [`KIND`] of a run of a saga.
pub const SAGA: &str = "saga";
/// [`KIND`] of a step of a saga, also of one that is undone.
pub const SAGA_STEP: &str = "saga_step";
/// [`KIND`] of the moment in which an event, or a run of a saga, came to be.
pub const ORIGIN: &str = "begin";

/// The target of every message span. [`init`](crate::init) keeps it enabled under any filter, or a line that does pass
/// the filter would not say which message it is about.
pub const SPAN_TARGET: &str = "message";

/// The target of the spans of kind [`ORIGIN`], which no line stands in: they are made for a trace only.
pub const ORIGIN_TARGET: &str = "begin";

/// The span in which one message is handled. Its name is `message`, its target [`SPAN_TARGET`].
///
/// That it has failed is told with [`failed`], in it.
pub fn message_span(kind: &'static str, module: &str, name: &str, cx: &Context) -> Span {
    tracing::info_span!(
        target: SPAN_TARGET,
        "message",
        { KIND } = kind,
        { MODULE } = module,
        { MESSAGE } = name,
        { CORRELATION_ID } = %cx.correlation(),
        { CAUSATION_ID } = cx.causation().map(field::display),
        { TRACEPARENT } = cx.parent().map(field::display),
        { USER } = cx.principal().user(),
        { ERROR } = Empty,
    )
}

/// The span of one try to deliver an event, which is the cause of the context: see [`Context::caused_by`].
pub fn delivery_span(module: &str, subscriber: &str, event: &str, cx: &Context) -> Span {
    tracing::info_span!(
        target: SPAN_TARGET,
        "message",
        { KIND } = EVENT,
        { MODULE } = module,
        { MESSAGE } = event,
        { SUBSCRIBER } = subscriber,
        { CORRELATION_ID } = %cx.correlation(),
        { CAUSATION_ID } = cx.causation().map(field::display),
        { USER } = cx.principal().user(),
        { ERROR } = Empty,
    )
}

/// The span in which a run of a saga is driven, once for each process that drives it.
pub fn saga_span(module: &str, saga: &str, run: Uuid, cx: &Context) -> Span {
    tracing::info_span!(
        target: SPAN_TARGET,
        "message",
        { KIND } = SAGA,
        { MODULE } = module,
        { MESSAGE } = saga,
        { RUN } = %run,
        { CORRELATION_ID } = %cx.correlation(),
        { USER } = cx.principal().user(),
        { ERROR } = Empty,
    )
}

/// The span of one try of a step, within that of its run.
pub fn step_span(module: &str, saga: &str, step: &str, cx: &Context) -> Span {
    tracing::info_span!(
        target: SPAN_TARGET,
        "message",
        { KIND } = SAGA_STEP,
        { MODULE } = module,
        { MESSAGE } = saga,
        { STEP } = step,
        { CORRELATION_ID } = %cx.correlation(),
        { ERROR } = Empty,
    )
}

/// Tells the trace that something came to be that others will go on from: an [`EVENT`] that is added to a unit, a run of a
/// [`SAGA`].
/// What goes on from there, in whatever process and however much later, is below this point of the trace.
pub fn originated(of: &'static str, module: &str, name: &str, id: Uuid, cx: &Context) {
    // A span without a duration: it stands for a point.
    drop(tracing::info_span!(
        target: ORIGIN_TARGET,
        "begin",
        { KIND } = ORIGIN,
        { ORIGIN_OF } = of,
        { MODULE } = module,
        { MESSAGE } = name,
        { ORIGIN_ID } = %id,
        { CORRELATION_ID } = %cx.correlation(),
        { USER } = cx.principal().user(),
    ));
}

/// Marks the present message span as one that ended with an error of this code.
pub fn failed(code: &str) {
    Span::current().record(ERROR, code);
}
