use std::{collections::HashSet, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use event_sourcing::{Document, Expected, Origin, Position, Store, StoreError, StoreExt, Unit};
use futures::FutureExt;
use kernel::{AuthenticationError, Authenticator, Claims, Clock, Context, Envelope, Error, ErrorKind, Ids, Principal};
use serde::{Deserialize, Serialize};
use tracing::Instrument;

use crate::Subscription;

/// How often a failing delivery is tried and how long between: the wait doubles from `first` up to `longest`.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Tries in all. With 0, every event is parked untried.
    pub attempts: u32,
    /// After the first failure.
    pub first: Duration,
    /// However many failures there were.
    pub longest: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 5, first: Duration::from_millis(50), longest: Duration::from_secs(5) }
    }
}

impl RetryPolicy {
    fn wait(&self, failures: u32) -> Duration {
        self.first.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(self.longest)
    }
}

/// A delivery that was given up, stored as `subscriber/position`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The stable name of its subscription.
    pub subscriber: String,
    /// As it stands in the log, its position included.
    pub event: Envelope,
    /// What the last try failed with; where there was none, of kind `rejected`.
    pub error: Error,
    /// 0 when the event was parked behind an earlier one of its key and never tried.
    pub attempts: u32,
}

impl Document for DeadLetter {
    const COLLECTION: &'static str = "event_bus.dead_letters";
}

/// One subscriber's way through the log.
pub(crate) struct Delivery {
    pub subscription: Subscription,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub retry: RetryPolicy,
}

/// Vouches for the user who caused an event, for whom the module of a subscription acts.
struct CausedBy<'a>(&'a Subscription);

impl Authenticator for CausedBy<'_> {
    type Credentials = Envelope;

    fn verify(&self, event: &Envelope) -> Result<Claims, AuthenticationError> {
        let Self(Subscription { module, permissions, .. }) = self;
        let acting = Some(format!("module:{module}"));
        Ok(Claims { acting, ..Claims::new(&event.metadata.user_id, permissions.iter().cloned()) })
    }
}

/// Vouches for a module that does something of its own, whoever caused it.
struct Itself;

impl Authenticator for Itself {
    type Credentials = str;

    fn verify(&self, module: &str) -> Result<Claims, AuthenticationError> {
        Ok(Claims::new(format!("module:{module}"), []))
    }
}

impl Delivery {
    /// The keys of this subscriber that have a dead letter.
    pub(crate) async fn parked_keys(&self) -> Result<HashSet<String>, StoreError> {
        let prefix = format!("{}/", self.subscription.name);
        let mut keys = HashSet::new();
        let mut after = prefix.clone();
        loop {
            let page = self.store.list::<DeadLetter>(Some(&after), 256).await?;
            let Some(last) = page.last() else { return Ok(keys) };
            after.clone_from(&last.key);
            for letter in page {
                if !letter.key.starts_with(&prefix) {
                    return Ok(keys);
                }
                keys.insert(letter.value.event.metadata.key);
            }
        }
    }

    /// Brings one event to its end: handled or parked, either with the checkpoint behind it.
    pub(crate) async fn deliver(&self, envelope: &Envelope, parked: &mut HashSet<String>) -> Result<(), StoreError> {
        let mut attempts = 0;
        let mut error = Error::new(ErrorKind::Rejected, "an earlier event of this key is parked");
        while !parked.contains(&envelope.metadata.key) && attempts < self.retry.attempts {
            if attempts > 0 {
                tokio::time::sleep(self.retry.wait(attempts)).await;
            }
            attempts += 1;
            match self.attempt(envelope).await {
                Ok(()) => return Ok(()),
                Err(failure) => {
                    tracing::warn!(
                        subscriber = self.subscription.name,
                        event_id = %envelope.event_id,
                        attempt = attempts,
                        detail = failure.detail.as_deref(),
                        "{failure}"
                    );
                    error = failure;
                }
            }
        }
        self.park(envelope, error, attempts).await?;
        parked.insert(envelope.metadata.key.clone());
        Ok(())
    }

    async fn attempt(&self, envelope: &Envelope) -> Result<(), Error> {
        let cx = self.context(envelope)?;
        let span = observability::message_span("event", self.subscription.module, self.subscription.event_type, &cx);
        let mut unit = self.unit(cx.clone());
        let handled = self.subscription.handler.handle(&cx, envelope, &mut unit);
        let handled = AssertUnwindSafe(handled).catch_unwind().instrument(span).await;
        handled.unwrap_or_else(|panic| Err(panicked(panic.as_ref())))?;
        unit.checkpoint(self.subscription.name, position(envelope));
        self.store.commit(unit).await?;
        Ok(())
    }

    async fn park(&self, envelope: &Envelope, error: Error, attempts: u32) -> Result<(), StoreError> {
        tracing::error!(
            subscriber = self.subscription.name,
            event_id = %envelope.event_id,
            key = envelope.metadata.key,
            "parked after {attempts} attempts: {error}"
        );
        let subscriber = self.subscription.name.to_owned();
        let at = position(envelope);
        let key = format!("{subscriber}/{:020}", at.0);
        let letter = DeadLetter { subscriber, event: envelope.clone(), error, attempts };
        // Also an event that names nobody can be parked.
        let principal = Principal::authenticate(&Itself, self.subscription.module).expect("a module has a name");
        let cx = Context::new(Arc::new(principal), envelope.metadata.correlation_id).caused_by(envelope);
        let mut unit = self.unit(cx);
        unit.put(key, &letter, Expected::Any);
        unit.checkpoint(self.subscription.name, at);
        match self.store.commit(unit).await {
            Ok(_) => Ok(()),
            Err(event_sourcing::CommitError::Store(error)) => Err(error),
            Err(event_sourcing::CommitError::Conflict(conflict)) => {
                unreachable!("no write of this unit has an expectation: {conflict}")
            }
        }
    }

    fn context(&self, envelope: &Envelope) -> Result<Context, Error> {
        let principal = Principal::authenticate(&CausedBy(&self.subscription), envelope).map_err(|e| {
            Error::internal(format!("event {} names no user", envelope.event_id)).with_detail(e.to_string())
        })?;
        Ok(Context::new(Arc::new(principal), envelope.metadata.correlation_id).caused_by(envelope))
    }

    fn unit(&self, context: Context) -> Unit {
        let (clock, ids) = (Arc::clone(&self.clock), Arc::clone(&self.ids));
        Unit::new(Origin { module: self.subscription.module, context, clock, ids })
    }
}

pub(crate) fn position(envelope: &Envelope) -> Position {
    Position(envelope.metadata.position.expect("an event read from the log has its position"))
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let message = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
    Error::internal("the subscriber panicked").with_detail(message.unwrap_or_default())
}
