use std::fmt;

use kernel::{Access, Event, Permission, Priority, Request, RequestKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// See who is in the directory.
pub const READ_USERS: Permission = Permission::new("users:read");

/// Change who is in the directory.
pub const MANAGE_USERS: Permission = Permission::new("users:manage");

/// Identity of a patient, a therapist or anybody else in the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct UserId(u32);

impl UserId {
    /// The identity that the directory knows by this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the directory knows of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct User {
    /// Identity.
    pub user_id: UserId,
    /// Name, as the user writes it.
    pub name: String,
    /// Address that messages reach the user at.
    pub email: String,
    /// Whether the user may take part in anything.
    pub active: bool,
}

/// What of a user may be shown to others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserProfile {
    /// Identity.
    pub user_id: UserId,
    /// Name, as the user writes it.
    pub name: String,
}

/// Who is this? Nothing, if nobody is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GetUserById {
    /// Whoever is meant.
    pub user_id: UserId,
}

impl Request for GetUserById {
    type Response = Option<User>;
    const NAME: &'static str = "users.get-user-by-id";
    const KIND: RequestKind = RequestKind::Query;
    const ACCESS: Access = Access::Requires(READ_USERS);
}

/// Is there such a user, and may they take part?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IsUserActive {
    /// Whoever is meant.
    pub user_id: UserId,
}

impl Request for IsUserActive {
    type Response = bool;
    const NAME: &'static str = "users.is-user-active";
    const KIND: RequestKind = RequestKind::Query;
    const ACCESS: Access = Access::Requires(READ_USERS);
}

/// How is this user to be shown? An error, if there is no such user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GetUserProfile {
    /// Whoever is meant.
    pub user_id: UserId,
}

impl Request for GetUserProfile {
    type Response = UserProfile;
    const NAME: &'static str = "users.get-user-profile";
    const KIND: RequestKind = RequestKind::Query;
    const ACCESS: Access = Access::Requires(READ_USERS);
}

/// Somebody new is a patient or a therapist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegisterUser {
    /// The number that the practice gives; nobody has it.
    pub user_id: UserId,
    /// Name, as the user writes it.
    pub name: String,
    /// Address that messages reach the user at.
    pub email: String,
}

impl Request for RegisterUser {
    type Response = ();
    const NAME: &'static str = "users.register-user";
    const KIND: RequestKind = RequestKind::Command;
    const ACCESS: Access = Access::Requires(MANAGE_USERS);
}

/// A user has another name or address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UpdateUser {
    /// Whoever is meant.
    pub user_id: UserId,
    /// Name, as the user writes it.
    pub name: String,
    /// Address that messages reach the user at.
    pub email: String,
}

impl Request for UpdateUser {
    type Response = ();
    const NAME: &'static str = "users.update-user";
    const KIND: RequestKind = RequestKind::Command;
    const ACCESS: Access = Access::Requires(MANAGE_USERS);
}

/// A user takes part in nothing any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeactivateUser {
    /// Whoever is meant.
    pub user_id: UserId,
}

impl Request for DeactivateUser {
    type Response = ();
    const NAME: &'static str = "users.deactivate-user";
    const KIND: RequestKind = RequestKind::Command;
    const ACCESS: Access = Access::Requires(MANAGE_USERS);
}

/// Somebody new is in the directory, and may take part. The address is for those to ask who may read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserRegistered {
    /// Identity.
    pub user_id: UserId,
    /// Name, as the user writes it.
    pub name: String,
}

impl Event for UserRegistered {
    const NAME: &'static str = "user.registered";

    fn key(&self) -> String {
        self.user_id.to_string()
    }
}

/// What the directory knows of a user has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserUpdated {
    /// Identity.
    pub user_id: UserId,
    /// Name, as the user writes it now.
    pub name: String,
}

impl Event for UserUpdated {
    const NAME: &'static str = "user.updated";

    fn key(&self) -> String {
        self.user_id.to_string()
    }
}

/// A user takes part in nothing any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserDeactivated {
    /// Identity.
    pub user_id: UserId,
}

impl Event for UserDeactivated {
    const NAME: &'static str = "user.deactivated";
    // What is arranged with them should be called off soon.
    const PRIORITY: Priority = Priority::High;

    fn key(&self) -> String {
        self.user_id.to_string()
    }
}
