use std::{pin::pin, sync::Arc, task::Poll, time::Duration};

use event_sourcing::{Completion, EventRules, Origin, Store, Unit, Write};
use futures::{
    future::{Either, select},
    poll,
};
use kernel::{Context, Envelope, Error, ErrorKind};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    DeliveryClass, Subscription,
    delivery::caught,
    handler::{Fault, Threads},
    meters::Tries,
    principals::caused_by,
    schedule::planned,
    subscription::Calls,
};

/// A handler that takes longer is told of, where the bus's options do not say otherwise. Time waits for no longer for one that is inline.
pub(crate) const OVERLONG: Duration = Duration::from_secs(30);

/// Events of one unit, those that inline subscribers add included. More than that go round in a circle.
const MOST: usize = 1000;

/// The [`Inline`](DeliveryClass::Inline) subscribers of a program: whoever commits a unit with events asks them first.
///
/// They are called for each event of the unit, by their order and then by name, and add to the same unit. What they publish is
/// published by their own module, and reaches inline subscribers in turn.
#[derive(Clone)]
pub struct InlineSubscribers {
    subscriptions: Arc<[(Subscription, Tries)]>,
    threads: Threads,
    /// A handler that takes longer is told of.
    overlong: Duration,
    /// What the events of every unit are held to, once all are in it.
    rules: Option<(EventRules, Arc<dyn Store>)>,
    /// Nothing can be published later: what is scheduled would be gone with the process.
    is_forgetful: bool,
}

impl Completion for InlineSubscribers {
    /// As [`add_to`](Self::add_to).
    async fn complete(&self, unit: &mut Unit) -> Result<(), Error> {
        self.add_to(unit).await
    }
}

impl InlineSubscribers {
    /// Code of the error where time does not wait for them.
    pub(crate) const OVERLONG_CODE: &'static str = "event.overlong";

    /// Those of these subscriptions that are inline.
    pub fn of(subscriptions: &[Subscription]) -> Self {
        let order = |subscription: &Subscription| match subscription.class {
            DeliveryClass::Inline { order } => Some(order),
            DeliveryClass::Durable | DeliveryClass::Ephemeral { .. } => None,
        };
        let mut inline: Vec<_> = subscriptions.iter().filter(|s| order(s).is_some()).cloned().collect();
        inline.sort_by_key(|subscription| (order(subscription), subscription.name));
        let inline = inline.into_iter().map(|subscription| {
            let tries = Tries::new(&subscription);
            (subscription, tries)
        });
        Self {
            subscriptions: inline.collect(),
            threads: Threads::new(1),
            overlong: OVERLONG,
            rules: None,
            is_forgetful: false,
        }
    }

    /// Holds the events of each unit to these rules, by what is in this store.
    #[must_use]
    pub fn holding_to(self, rules: EventRules, store: Arc<dyn Store>) -> Self {
        Self { rules: Some((rules, store)), ..self }
    }

    /// Those that compute do so on these threads; who takes longer is told of.
    pub(crate) fn on(self, threads: Threads, overlong: Duration) -> Self {
        Self { threads, overlong, ..self }
    }

    /// Refuses what is scheduled.
    pub(crate) fn forgetting(self, is_forgetful: bool) -> Self {
        Self { is_forgetful, ..self }
    }

    /// Lets them add to the unit, and holds what is in it then to the rules.
    ///
    /// # Errors
    /// Of the first that fails or panics, naming it; of the rules. The unit must then not be committed.
    ///
    /// # Cancel safety
    /// Dropped, the unit has what some of them added: drop it too.
    pub async fn add_to(&self, unit: &mut Unit) -> Result<(), Error> {
        if !self.subscriptions.is_empty() {
            self.call_all(unit).await?;
        }
        let later = planned(unit)?;
        if let Some(event) = later.first().filter(|_| self.is_forgetful) {
            let (event, module) = (&event.event_type, &event.source_module);
            let message = format!(
                "module `{module}` schedules `{event}`, and the bus has no store that would remember it: give it one"
            );
            return Err(Error::invalid(message).with_code("event.no_store"));
        }
        match &self.rules {
            Some((rules, store)) => rules.check_with(unit, &later, &**store).await,
            None => Ok(()),
        }
    }

    /// The same for whoever has nobody to wait for it.
    ///
    /// # Errors
    /// It took too long, beside those.
    pub(crate) async fn add_in_time(&self, unit: &mut Unit) -> Result<(), Error> {
        timeout(OVERLONG, self.add_to(unit)).await.unwrap_or_else(|_| {
            let message = format!("inline subscribers have not ended for {OVERLONG:?}");
            Err(Error::new(ErrorKind::Deadline, message).with_code(Self::OVERLONG_CODE))
        })
    }

    /// Whether one of them subscribes to exactly these events.
    pub(crate) fn name(&self, event_type: &str) -> bool {
        self.subscriptions.iter().any(|(subscription, _)| subscription.event_type == event_type)
    }

    /// The one that is called so.
    pub(crate) fn called(&self, name: &str) -> Option<&Subscription> {
        self.subscriptions.iter().map(|(subscription, _)| subscription).find(|subscription| subscription.name == name)
    }

    async fn call_all(&self, unit: &mut Unit) -> Result<(), Error> {
        // What whoever commits has published himself is no storm, however much it is.
        let (mut seen, mut events) = (0, 0);
        let published = unit.writes().iter().filter(|write| matches!(write, Write::Append { .. })).count();
        while seen < unit.writes().len() {
            let event = match &unit.writes()[seen] {
                Write::Append { envelope, .. } => Some(Arc::clone(envelope)),
                _ => None,
            };
            seen += 1;
            let Some(event) = event else { continue };
            events += 1;
            if events > published + MOST {
                let message = format!(
                    "inline subscribers publish what they subscribe to: `{}` is event {events} of one unit: make one of \
                     them durable",
                    event.event_type
                );
                return Err(Error::internal(message).with_code("event.storm"));
            }
            for (subscription, tries) in
                self.subscriptions.iter().filter(|(subscription, _)| subscription.takes(&event))
            {
                let start = Instant::now();
                let called = self.call(subscription, &event, unit).await;
                tries.ended(&called, start.elapsed());
                called?;
            }
        }
        Ok(())
    }

    async fn call(&self, subscription: &Subscription, event: &Arc<Envelope>, unit: &mut Unit) -> Result<(), Error> {
        let Calls::Each(handler) = &subscription.calls else { return Ok(()) };
        let origin = unit.origin().clone();
        let failed = |mut error: Error| {
            error.message = format!("`{}` of module `{}`: {}", subscription.name, subscription.module, error.message);
            error
        };
        let principal = match caused_by(subscription, event) {
            Ok(principal) => principal,
            Err(Fault::Failed(error) | Fault::Unreadable(error)) => return Err(failed(error)),
        };
        let cx = Context::new(principal, event.metadata.correlation_id).caused_by(event);
        *unit.origin_mut() = Origin { module: subscription.module, context: cx.clone(), ..origin.clone() };
        let span = observability::delivery_span(subscription.module, subscription.name, &event.event_type, &cx);
        let handled = {
            let handling = async {
                let thread = self.threads.one_for(&**handler).await;
                handler.one(&cx, event, unit, thread).await
            };
            let mut handling = pin!(caught(&span, handling));
            match poll!(&mut handling) {
                Poll::Ready(handled) => handled,
                Poll::Pending => match select(handling, pin!(sleep(self.overlong))).await {
                    Either::Left((handled, _)) => handled,
                    Either::Right(((), handling)) => {
                        tell_overlong(subscription, event, self.overlong);
                        handling.await
                    }
                },
            }
        };
        *unit.origin_mut() = origin;
        handled.map_err(|(Fault::Failed(error) | Fault::Unreadable(error))| failed(error))
    }
}

/// Whoever commits waits for it, and knows nothing of it.
fn tell_overlong(subscription: &Subscription, event: &Envelope, limit: Duration) {
    let Envelope { event_id, event_type, metadata, .. } = event;
    tracing::warn!(
        subscriber = subscription.name,
        module = subscription.module,
        %event_id,
        key = metadata.key,
        "the inline handler of `{event_type}` has not ended for {limit:?}: what publishes it waits; let it wait with a \
         timeout, or make it durable"
    );
}
