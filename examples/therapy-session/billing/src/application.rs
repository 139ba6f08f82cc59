use std::sync::Arc;

use event_bus::Subscriber;
use event_sourcing::{Expected, Found, Store, StoreExt, Unit};
use kernel::{Context, Error, ErrorKind};
use request::Service;
use therapy_contracts::{
    GetSessionCharge, SessionCharge, SessionChargeCancelled, SessionCharged, TherapySessionCancelled,
    TherapySessionScheduled,
};

use crate::domain::{StoredCharge, price};

/// Charges what is arranged.
#[derive(Debug, Default)]
pub struct SessionCharger;

impl SessionCharger {
    pub fn new() -> Self {
        Self
    }
}

impl Subscriber<TherapySessionScheduled> for SessionCharger {
    async fn handle(&self, _: &Context, event: &TherapySessionScheduled, unit: &mut Unit) -> Result<(), Error> {
        let (session_id, patient_id) = (event.session_id, event.patient_id);
        let cents = price(event.session_type);
        let charge = StoredCharge(SessionCharge { session_id, patient_id, cents });
        unit.put(session_id.to_string(), &charge, Expected::Absent);
        unit.publish(&SessionCharged { session_id, patient_id, cents });
        Ok(())
    }
}

/// Takes back what was charged for a session that was called off.
pub struct ChargeCanceller(Arc<dyn Store>);

impl ChargeCanceller {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self(store)
    }
}

impl Subscriber<TherapySessionCancelled> for ChargeCanceller {
    async fn handle(&self, _: &Context, event: &TherapySessionCancelled, unit: &mut Unit) -> Result<(), Error> {
        let (session_id, patient_id) = (event.session_id, event.patient_id);
        let Some(Found { key, revision, .. }) = self.0.get::<StoredCharge>(&session_id.to_string()).await? else {
            // Another subscriber charges, in its own time: this one is tried again.
            return Err(Error::new(ErrorKind::Unavailable, format!("session {session_id} is not charged yet")));
        };
        unit.delete::<StoredCharge>(key, Expected::Exact(revision));
        unit.publish(&SessionChargeCancelled { session_id, patient_id });
        Ok(())
    }
}

/// Shows charges.
pub struct Charges(Arc<dyn Store>);

impl Charges {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self(store)
    }
}

impl Service<GetSessionCharge> for Charges {
    async fn execute(
        &self,
        _: &Context,
        _: &mut Unit,
        request: GetSessionCharge,
    ) -> Result<Option<SessionCharge>, Error> {
        let found = self.0.get::<StoredCharge>(&request.session_id.to_string()).await?;
        Ok(found.map(|found| found.value.0))
    }
}
