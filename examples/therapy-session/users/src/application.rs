use std::sync::Arc;

use async_trait::async_trait;
use event_sourcing::Unit;
use kernel::{Context, Error, ErrorKind};
use request::Service;
use therapy_contracts::{GetUserById, GetUserProfile, IsUserActive, User, UserId, UserProfile};

/// Where users are looked up.
#[async_trait]
pub trait UserRecords: Send + Sync + 'static {
    /// The user of this identity, if there is one.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] while nobody can tell.
    async fn find(&self, user_id: UserId) -> Result<Option<User>, Error>;
}

/// Answers what others want to know of users.
pub struct Users(Arc<dyn UserRecords>);

impl Users {
    pub fn new(records: Arc<dyn UserRecords>) -> Self {
        Self(records)
    }
}

impl Service<GetUserById> for Users {
    async fn execute(&self, _: &Context, _: &mut Unit, request: GetUserById) -> Result<Option<User>, Error> {
        self.0.find(request.user_id).await
    }
}

impl Service<IsUserActive> for Users {
    async fn execute(&self, _: &Context, _: &mut Unit, request: IsUserActive) -> Result<bool, Error> {
        Ok(self.0.find(request.user_id).await?.is_some_and(|user| user.active))
    }
}

impl Service<GetUserProfile> for Users {
    async fn execute(&self, _: &Context, _: &mut Unit, request: GetUserProfile) -> Result<UserProfile, Error> {
        match self.0.find(request.user_id).await? {
            Some(User { user_id, name, .. }) => Ok(UserProfile { user_id, name }),
            None => Err(Error::new(ErrorKind::NotFound, format!("there is no user {}", request.user_id))),
        }
    }
}
