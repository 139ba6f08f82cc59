use std::sync::Arc;

use async_trait::async_trait;
use event_sourcing::{Expected, Found, Store, StoreExt, Unit};
use kernel::{Context, Error, ErrorKind, FieldError};
use request::Service;
use therapy_contracts::{
    DeactivateUser, GetUserById, GetUserProfile, IsUserActive, RegisterUser, UpdateUser, User, UserDeactivated, UserId,
    UserProfile, UserRegistered, UserUpdated,
};

use crate::domain::{StoredUser, check};

/// Where users are looked up.
#[async_trait]
pub trait UserRecords: Send + Sync + 'static {
    /// The user of this identity, if there is one.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] while nobody can tell.
    async fn find(&self, user_id: UserId) -> Result<Option<User>, Error>;
}

/// Answers what others want to know of users, and keeps what changes.
pub struct Users {
    records: Arc<dyn UserRecords>,
    store: Arc<dyn Store>,
}

impl Users {
    pub fn new(records: Arc<dyn UserRecords>, store: Arc<dyn Store>) -> Self {
        Self { records, store }
    }

    /// The user, and what is expected where a change of them is kept.
    async fn find(&self, user_id: UserId) -> Result<Option<(User, Expected)>, Error> {
        match self.store.get::<StoredUser>(&user_id.to_string()).await? {
            Some(Found { value: StoredUser(user), revision, .. }) => Ok(Some((user, Expected::Exact(revision)))),
            None => Ok(self.records.find(user_id).await?.map(|user| (user, Expected::Absent))),
        }
    }

    async fn known(&self, user_id: UserId) -> Result<(User, Expected), Error> {
        let user = self.find(user_id).await?;
        user.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no user {user_id}")))
    }
}

fn keep(unit: &mut Unit, user: User, expected: Expected) {
    unit.put(user.user_id.to_string(), &StoredUser(user), expected);
}

impl Service<GetUserById> for Users {
    async fn execute(&self, _: &Context, _: &mut Unit, request: GetUserById) -> Result<Option<User>, Error> {
        Ok(self.find(request.user_id).await?.map(|(user, _)| user))
    }
}

impl Service<IsUserActive> for Users {
    async fn execute(&self, _: &Context, _: &mut Unit, request: IsUserActive) -> Result<bool, Error> {
        Ok(self.find(request.user_id).await?.is_some_and(|(user, _)| user.active))
    }
}

impl Service<GetUserProfile> for Users {
    async fn execute(&self, _: &Context, _: &mut Unit, request: GetUserProfile) -> Result<UserProfile, Error> {
        let (User { user_id, name, .. }, _) = self.known(request.user_id).await?;
        Ok(UserProfile { user_id, name })
    }
}

impl Service<RegisterUser> for Users {
    fn validate(&self, RegisterUser { name, email, .. }: &RegisterUser) -> Result<(), Vec<FieldError>> {
        check(name, email)
    }

    async fn execute(&self, _: &Context, unit: &mut Unit, request: RegisterUser) -> Result<(), Error> {
        let RegisterUser { user_id, name, email } = request;
        if self.find(user_id).await?.is_some() {
            let message = format!("there is a user {user_id} already: give another number");
            return Err(Error::new(ErrorKind::Rejected, message).with_code("users.number_taken"));
        }
        unit.publish(&UserRegistered { user_id, name: name.clone() });
        keep(unit, User { user_id, name, email, active: true }, Expected::Absent);
        Ok(())
    }
}

impl Service<UpdateUser> for Users {
    fn validate(&self, UpdateUser { name, email, .. }: &UpdateUser) -> Result<(), Vec<FieldError>> {
        check(name, email)
    }

    async fn execute(&self, _: &Context, unit: &mut Unit, request: UpdateUser) -> Result<(), Error> {
        let UpdateUser { user_id, name, email } = request;
        let (user, expected) = self.known(user_id).await?;
        unit.publish(&UserUpdated { user_id, name: name.clone() });
        keep(unit, User { name, email, ..user }, expected);
        Ok(())
    }
}

impl Service<DeactivateUser> for Users {
    async fn execute(&self, _: &Context, unit: &mut Unit, request: DeactivateUser) -> Result<(), Error> {
        let (user, expected) = self.known(request.user_id).await?;
        if user.active {
            unit.publish(&UserDeactivated { user_id: user.user_id });
            keep(unit, User { active: false, ..user }, expected);
        }
        Ok(())
    }
}
