use std::{collections::BTreeSet, sync::Arc};

use kernel::{AuthenticationError, Authenticator, Claims, Principal};

use crate::case::Failure;

/// Somebody who may do what `permissions` say.
pub fn principal(permissions: &[&str]) -> Result<Arc<Principal>, Failure> {
    struct Itself;
    impl Authenticator for Itself {
        type Credentials = BTreeSet<String>;
        fn verify(&self, permissions: &Self::Credentials) -> Result<Claims, AuthenticationError> {
            Ok(Claims::new("bench", permissions.clone()))
        }
    }
    let permissions = permissions.iter().map(ToString::to_string).collect();
    Ok(Arc::new(Principal::authenticate(&Itself, &permissions)?))
}
