use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The right to call a request, named `domain:verb`. Declared once as a constant beside the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permission(&'static str);

impl Permission {
    /// # Panics
    /// If the name is not `domain:verb`, of lower-case letters, digits, `-`, `_` and `.`: at compile time when used for a
    /// `const`, as all declarations do.
    ///
    /// ```compile_fail,E0080
    /// const WITHOUT_A_VERB: kernel::Permission = kernel::Permission::new("orders:");
    /// # println!("{WITHOUT_A_VERB:?}");
    /// ```
    pub const fn new(name: &'static str) -> Self {
        assert!(!name.is_empty(), "a permission needs a name");
        assert!(is_domain_and_verb(name.as_bytes()), "a permission is named `domain:verb`, in lower case");
        Self(name)
    }

    /// As the settings grant it and errors ask for it: `data-quality:check`.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// One colon, with a word on both sides of it.
const fn is_domain_and_verb(name: &[u8]) -> bool {
    let (mut colon, mut index) = (None, 0);
    while index < name.len() {
        if name[index] == b':' {
            if colon.is_some() {
                return false;
            }
            colon = Some(index);
        } else if !matches!(name[index], b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.') {
            return false;
        }
        index += 1;
    }
    matches!(colon, Some(at) if at > 0 && at + 1 < name.len())
}

/// Who may call a request. There is no default: a request that forgets it does not compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Only a principal who was granted this; everybody else is told [`ErrorKind::Denied`](crate::ErrorKind::Denied).
    Requires(Permission),
    /// Every principal, whatever it was granted.
    Public {
        /// Why that does no harm, in a few words: `borough requests` shows them.
        reason: &'static str,
    },
}

/// What an [`Authenticator`] vouches for: a user and the names of the permissions granted to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// As the settings, the audit log and the metadata of events have it. Empty is nobody, and no [`Principal`].
    pub user: String,
    /// Names of [`Permission`]s. One that no request requires does nothing.
    pub permissions: BTreeSet<String>,
    /// Who acts as the user, where that is somebody else: `--as`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acting: Option<String>,
}

impl Claims {
    /// A user who acts in person: [`acting`](Self::acting) is absent.
    pub fn new(user: impl Into<String>, permissions: impl IntoIterator<Item = String>) -> Self {
        Self { user: user.into(), permissions: permissions.into_iter().collect(), acting: None }
    }
}

/// Turns credentials into [`Claims`]: the only way to a [`Principal`].
pub trait Authenticator {
    /// What is shown: a token, or for a process that everybody on the machine may start, only a name.
    type Credentials: ?Sized;

    /// Says who these credentials are of, and what that user may do.
    ///
    /// # Errors
    /// They are of nobody who is known, or not good any more.
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
    /// Asks who these credentials are of.
    ///
    /// # Errors
    /// Credentials that the authenticator does not accept, and claims of a user without a name.
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

    /// The user's name, never empty: whom the audit log and the metadata of events name.
    pub fn user(&self) -> &str {
        &self.0.user
    }

    /// Who acts as the user, where that is somebody else.
    pub fn acting(&self) -> Option<&str> {
        self.0.acting.as_deref()
    }

    /// All that was vouched for: what a saga keeps to go on in the user's name after a restart.
    pub fn claims(&self) -> &Claims {
        &self.0
    }

    /// Whether the permission is among those that were granted, by name.
    pub fn may(&self, permission: Permission) -> bool {
        self.0.permissions.contains(permission.name())
    }
}
