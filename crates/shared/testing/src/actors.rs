use std::sync::Arc;

use event_sourcing::{LogQuery, Origin, Position, Store};
use kernel::{
    AuthenticationError, Authenticator, Claims, Context, CorrelationId, Event, ManualClock, Principal, SequentialIds,
};
use uuid::Uuid;

/// Vouches for whoever a test needs.
struct Stage;

impl Authenticator for Stage {
    type Credentials = [String];

    fn verify(&self, permissions: &[String]) -> Result<Claims, AuthenticationError> {
        Ok(Claims::new("tester", permissions.iter().cloned()))
    }
}

/// A piece of work of the user `tester`, who has these permissions.
pub fn context(permissions: &[&str]) -> Context {
    let permissions: Vec<String> = permissions.iter().map(ToString::to_string).collect();
    let principal = Principal::authenticate(&Stage, &permissions).expect("the stage vouches for everybody");
    Context::new(Arc::new(principal), CorrelationId::new(Uuid::nil()))
}

/// What a unit of `module` is stamped with: a clock that stands still and ids that count.
pub fn origin(module: &'static str) -> Origin {
    let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SequentialIds::default()));
    Origin { module, context: context(&[]), clock, ids }
}

/// Every `E` in the log, in its order.
///
/// # Panics
/// If the log cannot be read, or an event of this name is none.
pub async fn published<E: Event>(store: &dyn Store) -> Vec<E> {
    let log = store.log(LogQuery::after(Position(0), usize::MAX)).await.expect("the log can be read");
    let events = log.iter().filter(|envelope| envelope.event_type == E::NAME);
    events.map(|envelope| envelope.decode().expect("it has the form of its name")).collect()
}
