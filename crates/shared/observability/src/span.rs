use kernel::Context;
use tracing::Span;

/// The span of one message on its way through a module. Requests, events and sagas all name the same fields.
pub fn message_span(kind: &'static str, module: &str, name: &str, cx: &Context) -> Span {
    tracing::info_span!(
        "message",
        kind,
        module,
        message = name,
        correlation_id = %cx.correlation(),
        user = cx.principal().user(),
    )
}
