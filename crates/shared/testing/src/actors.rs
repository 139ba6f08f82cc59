use std::sync::Arc;

use event_sourcing::Origin;
use kernel::{
    AuthenticationError, Authenticator, Claims, Context, CorrelationId, ManualClock, Principal, SequentialIds,
};
use uuid::Uuid;

/// Vouches for whoever a test needs.
struct Stage;

impl Authenticator for Stage {
    type Credentials = [String];

    fn verify(&self, permissions: &[String]) -> Result<Claims, AuthenticationError> {
        Ok(Claims::new("tester", permissions.iter().cloned()))
    }
}

/// A piece of work of the user `tester`, who has these permissions.
pub fn context(permissions: &[&str]) -> Context {
    let permissions: Vec<String> = permissions.iter().map(ToString::to_string).collect();
    let principal = Principal::authenticate(&Stage, &permissions).expect("the stage vouches for everybody");
    Context::new(Arc::new(principal), CorrelationId::new(Uuid::nil()))
}

/// What a unit of `module` is stamped with: a clock that stands still and ids that count.
pub fn origin(module: &'static str) -> Origin {
    let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SequentialIds::default()));
    Origin { module, context: context(&[]), clock, ids }
}
