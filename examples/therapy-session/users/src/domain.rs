use event_sourcing::Document;
use kernel::FieldError;
use serde::{Deserialize, Serialize};
use therapy_contracts::User;

/// A user whom the practice has entered or changed, under the identity. All others are as the records have them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoredUser(pub User);

impl Document for StoredUser {
    const COLLECTION: &'static str = "users.users";
}

/// What is wrong with what somebody says of a user.
pub fn check(name: &str, email: &str) -> Result<(), Vec<FieldError>> {
    let refused = |pointer: &str, message: &str| FieldError { pointer: pointer.into(), message: message.into() };
    let mut fields = Vec::new();
    if name.trim().is_empty() {
        fields.push(refused("/name", "is empty: say how to address the user"));
    }
    if !email.contains('@') {
        fields.push(refused("/email", "is no address: write it as name@host"));
    }
    if fields.is_empty() { Ok(()) } else { Err(fields) }
}
