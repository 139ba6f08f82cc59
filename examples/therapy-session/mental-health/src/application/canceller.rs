use std::sync::Arc;

use event_bus::Schedule;
use event_sourcing::{Expected, Found, Store, StoreExt, Unit};
use kernel::{Context, Error, ErrorKind};
use request::Service;
use therapy_contracts::{CancelSession, Session};

use crate::domain::{StoredSession, cancelled};

/// Calls sessions off.
pub struct Canceller(Arc<dyn Store>);

impl Canceller {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self(store)
    }
}

impl Service<CancelSession> for Canceller {
    /// Session and reminder go in one unit.
    ///
    /// # Cancel safety
    /// Dropped, nothing happened.
    async fn execute(&self, _: &Context, unit: &mut Unit, request: CancelSession) -> Result<Session, Error> {
        let key = request.session_id.to_string();
        let Some(Found { value, revision, .. }) = self.0.get::<StoredSession>(&key).await? else {
            return Err(Error::new(ErrorKind::NotFound, format!("there is no session {key}")));
        };
        let StoredSession { session, reminder } = value;
        unit.delete::<StoredSession>(key, Expected::Exact(revision));
        if let Some(reminder) = reminder {
            // The patient may have been reminded already.
            unit.cancel(&reminder, Expected::Any);
        }
        unit.publish(&cancelled(&session));
        Ok(session)
    }
}
