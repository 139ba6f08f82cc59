use std::sync::Arc;

use event_sourcing::{Repository, Unit};
use kernel::{Clock, Context, Error};
use request::Service;
use therapy_contracts::{CompleteSession, Session, SessionId, StartSession};

use crate::domain::{SessionEvent, SessionRefusal, TherapySession};

/// Writes down when sessions begin and when they are over.
pub struct Attendance {
    sessions: Arc<Repository<TherapySession>>,
    clock: Arc<dyn Clock>,
}

impl Attendance {
    pub fn new(sessions: Arc<Repository<TherapySession>>, clock: Arc<dyn Clock>) -> Self {
        Self { sessions, clock }
    }

    /// Two who do this at once have loaded the same session: the unit of the second conflicts.
    async fn decide(
        &self,
        unit: &mut Unit,
        session_id: SessionId,
        command: impl Fn(&TherapySession) -> Result<SessionEvent, SessionRefusal>,
    ) -> Result<Session, Error> {
        let mut session = self.sessions.load(&session_id).await?;
        let event = command(&session)?;
        self.sessions.save(&mut session, event, unit);
        Ok(session.shown()?.0.clone())
    }
}

impl Service<StartSession> for Attendance {
    /// # Cancel safety
    /// Dropped, nothing happened.
    async fn execute(&self, _: &Context, unit: &mut Unit, request: StartSession) -> Result<Session, Error> {
        let now = self.clock.now();
        self.decide(unit, request.session_id, |session| session.start(now)).await
    }
}

impl Service<CompleteSession> for Attendance {
    /// # Cancel safety
    /// Dropped, nothing happened.
    async fn execute(&self, _: &Context, unit: &mut Unit, request: CompleteSession) -> Result<Session, Error> {
        let now = self.clock.now();
        self.decide(unit, request.session_id, |session| session.complete(now)).await
    }
}
