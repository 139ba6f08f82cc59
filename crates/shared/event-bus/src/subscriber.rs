use std::{collections::BTreeSet, pin::Pin, sync::Arc};

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
    fn handle(&self, cx: &Context, event: &E, unit: &mut Unit) -> impl Future<Output = Result<(), Error>> + Send;
}

/// A subscriber under its stable name, which its checkpoint is stored under.
#[derive(Clone)]
pub struct Subscription {
    /// Unique in the program and never changed: checkpoint and dead letters are stored under it.
    pub name: &'static str,
    /// The module that subscribes. What the subscriber publishes is published by it.
    pub module: &'static str,
    /// Wire name of the events that it takes.
    pub event_type: &'static str,
    /// What is granted to the module.
    pub(crate) permissions: Arc<BTreeSet<String>>,
    pub(crate) handler: Arc<dyn ErasedSubscriber>,
}

impl Subscription {
    /// To all events of type `E`, from the stored checkpoint of this name on; without one, from the start of the log. Without
    /// permissions.
    pub fn new<E: Event>(name: &'static str, module: &'static str, subscriber: impl Subscriber<E>) -> Self {
        let handler = Arc::new(Typed { subscriber, event: std::marker::PhantomData });
        Self { name, module, event_type: E::NAME, permissions: Arc::default(), handler }
    }

    /// The handler may do this, whoever caused the event.
    #[must_use]
    pub fn with_permissions(mut self, permissions: impl IntoIterator<Item = String>) -> Self {
        self.permissions = Arc::new(permissions.into_iter().collect());
        self
    }
}

type Handled<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

pub(crate) trait ErasedSubscriber: Send + Sync {
    fn handle<'a>(&'a self, cx: &'a Context, envelope: &'a Envelope, unit: &'a mut Unit) -> Handled<'a>;
}

struct Typed<E, S> {
    subscriber: S,
    event: std::marker::PhantomData<fn() -> E>,
}

impl<E: Event, S: Subscriber<E>> ErasedSubscriber for Typed<E, S> {
    fn handle<'a>(&'a self, cx: &'a Context, envelope: &'a Envelope, unit: &'a mut Unit) -> Handled<'a> {
        Box::pin(async move {
            if envelope.metadata.schema_version > E::VERSION {
                return Err(Error::invalid(format!(
                    "`{}` is of version {}, this program understands up to {}: upgrade it",
                    E::NAME,
                    envelope.metadata.schema_version,
                    E::VERSION
                )));
            }
            let event: E = envelope.decode().map_err(|e| {
                let event = format!("`{}` {}", E::NAME, envelope.event_id);
                Error::invalid(format!(
                    "{event} does not fit its contract: {e}; publish what has changed as a new version"
                ))
            })?;
            self.subscriber.handle(cx, &event, unit).await
        })
    }
}
