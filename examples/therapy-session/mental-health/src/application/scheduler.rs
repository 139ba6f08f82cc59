use std::sync::Arc;

use event_bus::Schedule;
use event_sourcing::{Expected, Loaded, Repository, Unit};
use futures::future::try_join;
use kernel::{Clock, Context, Error, FieldError, Ids};
use request::{Service, ServiceInfo};
use therapy_contracts::{ScheduleSession, Session, SessionId, UserId};

use crate::{
    application::UserDirectory,
    domain::{StoredReminder, TherapySession, reminder},
};

/// Arranges sessions.
pub struct Scheduler {
    sessions: Arc<Repository<TherapySession>>,
    users: Arc<UserDirectory>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl Scheduler {
    pub fn new(
        sessions: Arc<Repository<TherapySession>>,
        users: Arc<UserDirectory>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        Self { sessions, users, clock, ids }
    }

    /// Why this user cannot take part, if so.
    async fn objection(&self, cx: &Context, pointer: &str, user_id: UserId) -> Result<Option<FieldError>, Error> {
        if self.users.is_user_active(cx, user_id).await? {
            return Ok(None);
        }
        let message = match self.users.get_user_by_id(cx, user_id).await? {
            Some(user) => format!("{} is not active: choose somebody else", user.name),
            None => format!("there is no user {user_id}: choose one of the directory"),
        };
        Ok(Some(refused(pointer, message)))
    }
}

impl Service<ScheduleSession> for Scheduler {
    /// Session, event and reminder are one unit: nobody hears of a session that is not kept, and none is kept that nobody
    /// hears of.
    ///
    /// # Cancel safety
    /// Dropped, nothing happened.
    async fn execute(&self, cx: &Context, unit: &mut Unit, request: ScheduleSession) -> Result<Session, Error> {
        let ScheduleSession { patient_id, therapist_id, scheduled_at, session_type } = request;
        let patient = self.objection(cx, "/patient_id", patient_id);
        let therapist = self.objection(cx, "/therapist_id", therapist_id);
        let (patient, therapist) = try_join(patient, therapist).await?;
        let objections: Vec<FieldError> = patient.into_iter().chain(therapist).collect();
        if !objections.is_empty() {
            return Err(Error::invalid_fields(objections));
        }
        let session_id = SessionId::new(self.ids.next());
        let session = Session { session_id, patient_id, therapist_id, scheduled_at, session_type };
        let mut arranged = Loaded::<TherapySession>::fresh(session_id);
        let scheduled = arranged.schedule(&session)?;
        self.sessions.save(&mut arranged, scheduled, unit);
        if let Some((event, due)) = reminder(&session, self.clock.now()) {
            let reminder = StoredReminder(unit.schedule(&event, due));
            unit.put(session_id.to_string(), &reminder, Expected::Absent);
        }
        Ok(session)
    }

    fn validate(&self, request: &ScheduleSession) -> Result<(), Vec<FieldError>> {
        let mut fields = Vec::new();
        if request.patient_id == request.therapist_id {
            fields.push(refused("/therapist_id", "nobody treats themselves: choose somebody else".into()));
        }
        if request.scheduled_at <= self.clock.now() {
            fields.push(refused("/scheduled_at", "this has passed: choose a time to come".into()));
        }
        if fields.is_empty() { Ok(()) } else { Err(fields) }
    }

    fn info(&self) -> ServiceInfo {
        ServiceInfo { about: "Arranges a session of a patient with a therapist and announces it.", version: "" }
    }
}

fn refused(pointer: &str, message: String) -> FieldError {
    FieldError { pointer: pointer.into(), message }
}
