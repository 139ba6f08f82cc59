use std::sync::Arc;

use event_sourcing::Origin;
use kernel::{
    AuthenticationError, Authenticator, Claims, Context, CorrelationId, ManualClock, Principal, SequentialIds,
};
use uuid::Uuid;

/// Vouches for whoever a test needs.
struct Stage;

impl Authenticator for Stage {
    type Credentials = Claims;

    fn verify(&self, claims: &Claims) -> Result<Claims, AuthenticationError> {
        Ok(claims.clone())
    }
}

/// A piece of work of the user `tester`, who has these permissions.
pub fn context(permissions: &[&str]) -> Context {
    let claims = Claims::new("tester", permissions.iter().map(ToString::to_string));
    work_of(&claims, CorrelationId::new(Uuid::nil()))
}

/// A piece of work of this user.
pub(crate) fn work_of(claims: &Claims, correlation: CorrelationId) -> Context {
    let principal = Principal::authenticate(&Stage, claims).expect("the stage vouches for everybody who has a name");
    Context::new(Arc::new(principal), correlation)
}

/// What a unit of `module` is stamped with: a clock that stands still and ids that count.
pub fn origin(module: &'static str) -> Origin {
    let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SequentialIds::default()));
    Origin { module, context: context(&[]), clock, ids }
}
