use std::sync::Arc;

use event_sourcing::{Repository, Unit};
use futures::future::try_join;
use kernel::{Context, Error};
use request::Service;
use therapy_contracts::{GetSession, SessionView};

use crate::{application::UserDirectory, domain::TherapySession};

/// Shows sessions.
pub struct Sessions {
    sessions: Arc<Repository<TherapySession>>,
    users: Arc<UserDirectory>,
}

impl Sessions {
    pub fn new(sessions: Arc<Repository<TherapySession>>, users: Arc<UserDirectory>) -> Self {
        Self { sessions, users }
    }
}

impl Service<GetSession> for Sessions {
    async fn execute(&self, cx: &Context, _: &mut Unit, request: GetSession) -> Result<SessionView, Error> {
        let loaded = self.sessions.load(&request.session_id).await?;
        let (session, status) = loaded.shown()?;
        let (patient, therapist) = (session.patient_id, session.therapist_id);
        let (patient, therapist) = try_join(self.users.person(cx, patient), self.users.person(cx, therapist)).await?;
        Ok(SessionView { session: session.clone(), status, patient, therapist })
    }
}
