use module::Module;
use therapy_contracts::{
    GetSessionCharge, SessionChargeCancelled, SessionCharged, TherapySessionCancelled, TherapySessionScheduled,
};

use crate::{
    application::{ChargeCanceller, Charges, SessionCharger},
    domain::StoredCharge,
};

/// What this package offers and needs.
pub fn module() -> Module {
    Module::new("billing", "what sessions cost")
        .provides(|container| {
            container.singleton(SessionCharger::new).singleton(ChargeCanceller::new).singleton(Charges::new);
        })
        .serves::<GetSessionCharge, Charges>()
        .subscribes::<TherapySessionScheduled, SessionCharger>("billing.session-charges")
        .subscribes::<TherapySessionCancelled, ChargeCanceller>("billing.cancelled-charges")
        .publishes::<SessionCharged>()
        .publishes::<SessionChargeCancelled>()
        .keeps::<StoredCharge>()
}
