use std::sync::Arc;

use event_bus::Schedule;
use event_sourcing::{Expected, Repository, Store, StoreExt, Unit};
use kernel::{Context, Error};
use request::Service;
use therapy_contracts::{CancelSession, Session};

use crate::domain::{StoredReminder, TherapySession};

/// Calls sessions off.
pub struct Canceller {
    sessions: Arc<Repository<TherapySession>>,
    store: Arc<dyn Store>,
}

impl Canceller {
    pub fn new(sessions: Arc<Repository<TherapySession>>, store: Arc<dyn Store>) -> Self {
        Self { sessions, store }
    }
}

impl Service<CancelSession> for Canceller {
    /// What becomes of the session, and its reminder, are one unit.
    ///
    /// # Cancel safety
    /// Dropped, nothing happened.
    async fn execute(&self, _: &Context, unit: &mut Unit, request: CancelSession) -> Result<Session, Error> {
        let mut session = self.sessions.load(&request.session_id).await?;
        let cancelled = session.cancel()?;
        let answer = session.shown()?.0.clone();
        self.sessions.save(&mut session, cancelled, unit);
        let key = request.session_id.to_string();
        if let Some(found) = self.store.get::<StoredReminder>(&key).await? {
            unit.delete::<StoredReminder>(key, Expected::Exact(found.revision));
            // The patient may have been reminded already.
            unit.cancel(&found.value.0, Expected::Any);
        }
        Ok(answer)
    }
}
