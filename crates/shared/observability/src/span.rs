use kernel::Context;
use tracing::Span;

/// Field: what sort of message it is, such as `request`, `event`, `saga`.
pub const KIND: &str = "kind";
/// Field: the module that handles the message.
pub const MODULE: &str = "module";
/// Field: the wire name of the message.
pub const MESSAGE: &str = "message_name";
/// Field: what ties together everything that one piece of work set off.
pub const CORRELATION_ID: &str = "correlation_id";
/// Field: on whose behalf.
pub const USER: &str = "user";

/// The target of every message span. [`init`](crate::init) keeps it enabled under any filter, or a line that does pass
/// the filter would not say which message it is about.
pub const SPAN_TARGET: &str = "message";

/// The span in which one message is handled. Its name is `message`, its target [`SPAN_TARGET`].
pub fn message_span(kind: &'static str, module: &str, name: &str, cx: &Context) -> Span {
    tracing::info_span!(
        target: SPAN_TARGET,
        "message",
        { KIND } = kind,
        { MODULE } = module,
        { MESSAGE } = name,
        { CORRELATION_ID } = %cx.correlation(),
        { USER } = cx.principal().user(),
    )
}
