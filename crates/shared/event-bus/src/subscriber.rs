use std::sync::Arc;

use event_sourcing::Unit;
use kernel::{Context, Envelope, Error, Event};

/// Reacts to one type of event.
pub trait Subscriber<E: Event>: Send + Sync + 'static {
    /// Writes go into `unit`, which is committed with the checkpoint. Effects outside of it happen at least once.
    ///
    /// The principal of `cx` is the user who caused the event, with the permissions of the [`Subscription`] in place of the
    /// user's own: what a handler may do follows from the module that it belongs to, not from who happened to cause the event.
    ///
    /// # Cancel safety
    /// This future may be dropped at shutdown; the event is then delivered again.
    ///
    /// [`Subscription`]: crate::Subscription
    fn handle(&self, cx: &Context, event: &E, unit: &mut Unit) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Reacts to events of any type, as they are stored: an archive, a bridge, a counter.
pub trait EnvelopeSubscriber: Send + Sync + 'static {
    /// As [`Subscriber::handle`]; a version that nobody here knows is no error.
    ///
    /// # Cancel safety
    /// This future may be dropped at shutdown; the event is then delivered again.
    fn handle(
        &self,
        cx: &Context,
        event: &Arc<Envelope>,
        unit: &mut Unit,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Reacts to several events of one type at once, in the order of the log.
pub trait BatchSubscriber<E: Event>: Send + Sync + 'static {
    /// All events of the batch are done, or none: one unit, one checkpoint.
    ///
    /// They may be of several users, so it is done by the module itself with the permissions of the subscription. What it
    /// publishes belongs to the piece of work of one of them, as its effect: of the last that had a cause itself, or else of the
    /// last.
    ///
    /// # Cancel safety
    /// This future may be dropped at shutdown; the events are then delivered again.
    fn handle(&self, cx: &Context, events: &[E], unit: &mut Unit) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Reacts to one type of event with work that computes and waits for nothing: on a thread of its own, of which the bus has a
/// bounded number.
pub trait CpuSubscriber<E: Event>: Send + Sync + 'static {
    /// As [`Subscriber::handle`]. At shutdown it runs on to its end, and what it has written is not committed.
    fn handle(&self, cx: &Context, event: &E, unit: &mut Unit) -> Result<(), Error>;
}
