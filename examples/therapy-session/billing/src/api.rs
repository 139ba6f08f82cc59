use module::Module;
use therapy_contracts::{GetSessionCharge, SessionCharged, TherapySessionScheduled};

use crate::{
    application::{Charges, SessionCharger},
    domain::StoredCharge,
};

/// What this package offers and needs.
pub fn module() -> Module {
    Module::new("billing", "what sessions cost")
        .provides(|container| {
            container.singleton(SessionCharger::new).singleton(Charges::new);
        })
        .serves::<GetSessionCharge, Charges>()
        .subscribes::<TherapySessionScheduled, SessionCharger>("billing.session-charges")
        .publishes::<SessionCharged>()
        .keeps::<StoredCharge>()
}
