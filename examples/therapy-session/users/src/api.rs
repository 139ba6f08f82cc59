use module::Module;
use therapy_contracts::{GetUserById, GetUserProfile, IsUserActive};

use crate::application::Users;

/// What this package offers. It needs a [`UserRecords`](crate::UserRecords), which the composition root chooses.
pub fn module() -> Module {
    Module::new("users", "who the patients and therapists are")
        .provides(|container| {
            container.singleton(Users::new);
        })
        .serves::<GetUserById, Users>()
        .serves::<IsUserActive, Users>()
        .serves::<GetUserProfile, Users>()
}
