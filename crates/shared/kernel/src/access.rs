use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The right to call a request, named `domain:verb`. Declared once as a constant beside the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permission(&'static str);

impl Permission {
    /// # Panics
    /// If the name is empty: at compile time when used for a `const`, as all declarations do.
    pub const fn new(name: &'static str) -> Self {
        assert!(!name.is_empty(), "a permission needs a name");
        Self(name)
    }

    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// Who may call a request. There is no default: a request that forgets it does not compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Requires(Permission),
    Public { reason: &'static str },
}

/// What an [`Authenticator`] vouches for: a user and the names of the permissions granted to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    pub user: String,
    pub permissions: BTreeSet<String>,
}

/// Turns credentials into [`Claims`]: the only way to a [`Principal`].
pub trait Authenticator {
    type Credentials: ?Sized;

    fn verify(&self, credentials: &Self::Credentials) -> Result<Claims, AuthenticationError>;
}

/// The credentials were not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not authenticated: {0}")]
pub struct AuthenticationError(pub String);

/// An authenticated user. No public constructor, not deserialisable: it comes out of an [`Authenticator`] or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal(Claims);

impl Principal {
    pub fn authenticate<A: Authenticator>(
        authenticator: &A,
        credentials: &A::Credentials,
    ) -> Result<Self, AuthenticationError> {
        let claims = authenticator.verify(credentials)?;
        if claims.user.is_empty() {
            return Err(AuthenticationError("the user has no name".into()));
        }
        Ok(Self(claims))
    }

    pub fn user(&self) -> &str {
        &self.0.user
    }

    pub fn claims(&self) -> &Claims {
        &self.0
    }

    pub fn may(&self, permission: Permission) -> bool {
        self.0.permissions.contains(permission.name())
    }
}
