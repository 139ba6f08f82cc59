use module::Module;
use therapy_contracts::{
    DeactivateUser, GetUserById, GetUserProfile, IsUserActive, RegisterUser, UpdateUser, UserDeactivated,
    UserRegistered, UserUpdated,
};

use crate::{application::Users, domain::StoredUser};

/// What this package offers. It needs a [`UserRecords`](crate::UserRecords), which the composition root chooses.
pub fn module() -> Module {
    Module::new("users", "who the patients and therapists are")
        .provides(|container| {
            container.singleton(Users::new);
        })
        .serves::<GetUserById, Users>()
        .serves::<IsUserActive, Users>()
        .serves::<GetUserProfile, Users>()
        .serves::<RegisterUser, Users>()
        .serves::<UpdateUser, Users>()
        .serves::<DeactivateUser, Users>()
        .publishes::<UserRegistered>()
        .publishes::<UserUpdated>()
        .publishes::<UserDeactivated>()
        .keeps::<StoredUser>()
}
