use std::sync::Arc;

use event_sourcing::{Store, StoreExt, Unit};
use futures::future::try_join;
use kernel::{Context, Error, ErrorKind};
use request::Service;
use therapy_contracts::{GetSession, SessionView};

use crate::{application::UserDirectory, domain::StoredSession};

/// Shows sessions.
pub struct Sessions {
    store: Arc<dyn Store>,
    users: Arc<UserDirectory>,
}

impl Sessions {
    pub fn new(store: Arc<dyn Store>, users: Arc<UserDirectory>) -> Self {
        Self { store, users }
    }
}

impl Service<GetSession> for Sessions {
    async fn execute(&self, cx: &Context, _: &mut Unit, request: GetSession) -> Result<SessionView, Error> {
        let session_id = request.session_id;
        let Some(found) = self.store.get::<StoredSession>(&session_id.to_string()).await? else {
            return Err(Error::new(ErrorKind::NotFound, format!("there is no session {session_id}")));
        };
        let StoredSession { session, .. } = found.value;
        let (patient, therapist) = (session.patient_id, session.therapist_id);
        let (patient, therapist) = try_join(self.users.person(cx, patient), self.users.person(cx, therapist)).await?;
        Ok(SessionView { session, patient, therapist })
    }
}
