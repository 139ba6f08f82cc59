use std::sync::Arc;

use async_trait::async_trait;
use event_bus::Subscriber;
use event_sourcing::Unit;
use futures::future::try_join;
use kernel::{Context, Error, ErrorKind};
use module::Outlet;
use request::Client;
use therapy_contracts::{
    GetUserById, NotificationFailed, NotificationSent, SessionId, SessionReminderDue, TherapySessionCancelled,
    TherapySessionScheduled, User, UserId, UserRegistered,
};

use crate::domain::{
    Message, session_cancellation, session_confirmation, session_notification, session_reminder, welcome,
};

/// Who publishes.
pub const MODULE: &str = "notifications";

/// Where messages go out.
#[async_trait]
pub trait Mail: Send + Sync + 'static {
    /// Takes a message over. One of an id that it has taken before is not sent again: an event that is handled a second time,
    /// after a crash, makes the same messages.
    async fn send(&self, message: Message) -> Result<(), Error>;
}

/// Writes to those who take part in a session: when it is arranged, the day before, when it is called off.
pub struct SessionMessages {
    client: Arc<Client>,
    mail: Arc<dyn Mail>,
    outlet: Arc<Outlet>,
}

impl SessionMessages {
    pub fn new(client: Arc<Client>, mail: Arc<dyn Mail>, outlet: Arc<Outlet>) -> Self {
        Self { client, mail, outlet }
    }

    /// Hands a message over, or tells that it could not: outside of the unit, which goes with the failure.
    async fn send(&self, cx: &Context, message: Message, session_id: SessionId, user_id: UserId) -> Result<(), Error> {
        let Err(error) = self.mail.send(message).await else { return Ok(()) };
        let failed = NotificationFailed { session_id, user_id, code: error.code().to_owned() };
        match self.outlet.publish_for(cx, MODULE, |unit| _ = unit.publish(&failed)).await {
            Ok(_) => Err(error),
            Err(untold) => Err(error.with_detail(format!("and that could not be told: {untold}"))),
        }
    }

    async fn user(&self, cx: &Context, user_id: UserId) -> Result<User, Error> {
        let user = self.client.ask(cx, GetUserById { user_id }).await?;
        user.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no user {user_id} any more to write to")))
    }
}

/// Writes to those who are new.
pub struct Welcome {
    client: Arc<Client>,
    mail: Arc<dyn Mail>,
}

impl Welcome {
    pub fn new(client: Arc<Client>, mail: Arc<dyn Mail>) -> Self {
        Self { client, mail }
    }
}

impl Subscriber<UserRegistered> for Welcome {
    async fn handle(&self, cx: &Context, event: &UserRegistered, _: &mut Unit) -> Result<(), Error> {
        match self.client.ask(cx, GetUserById { user_id: event.user_id }).await? {
            Some(user) => self.mail.send(welcome(&user)).await,
            None => Ok(()),
        }
    }
}

impl Subscriber<TherapySessionScheduled> for SessionMessages {
    async fn handle(&self, cx: &Context, event: &TherapySessionScheduled, unit: &mut Unit) -> Result<(), Error> {
        let (patient, therapist) = try_join(self.user(cx, event.patient_id), self.user(cx, event.therapist_id)).await?;
        self.send(cx, session_confirmation(&patient, event), event.session_id, patient.user_id).await?;
        self.send(cx, session_notification(&therapist, event), event.session_id, therapist.user_id).await?;
        for user_id in [patient.user_id, therapist.user_id] {
            unit.publish(&NotificationSent { session_id: event.session_id, user_id });
        }
        Ok(())
    }
}

impl Subscriber<SessionReminderDue> for SessionMessages {
    async fn handle(&self, cx: &Context, event: &SessionReminderDue, unit: &mut Unit) -> Result<(), Error> {
        let patient = self.user(cx, event.patient_id).await?;
        self.send(cx, session_reminder(&patient, event), event.session_id, patient.user_id).await?;
        unit.publish(&NotificationSent { session_id: event.session_id, user_id: patient.user_id });
        Ok(())
    }
}

impl Subscriber<TherapySessionCancelled> for SessionMessages {
    async fn handle(&self, cx: &Context, event: &TherapySessionCancelled, unit: &mut Unit) -> Result<(), Error> {
        let (patient, therapist) = try_join(self.user(cx, event.patient_id), self.user(cx, event.therapist_id)).await?;
        for user in [patient, therapist] {
            self.send(cx, session_cancellation(&user, event), event.session_id, user.user_id).await?;
            unit.publish(&NotificationSent { session_id: event.session_id, user_id: user.user_id });
        }
        Ok(())
    }
}
