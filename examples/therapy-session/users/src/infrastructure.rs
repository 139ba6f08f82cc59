use std::collections::BTreeMap;

use async_trait::async_trait;
use kernel::Error;
use therapy_contracts::{User, UserId};

use crate::application::UserRecords;

/// Records in memory.
#[derive(Debug, Default)]
pub struct MemoryRecords(BTreeMap<UserId, User>);

impl FromIterator<User> for MemoryRecords {
    fn from_iter<I: IntoIterator<Item = User>>(users: I) -> Self {
        Self(users.into_iter().map(|user| (user.user_id, user)).collect())
    }
}

#[async_trait]
impl UserRecords for MemoryRecords {
    async fn find(&self, user_id: UserId) -> Result<Option<User>, Error> {
        Ok(self.0.get(&user_id).cloned())
    }
}
