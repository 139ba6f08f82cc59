//! In whose name a subscriber acts.

use std::{collections::BTreeSet, sync::Arc};

use kernel::{AuthenticationError, Authenticator, Claims, Envelope, Error, Principal};

use crate::{Subscription, handler::Fault};

/// Vouches for the user who caused an event, for whom the module of a subscription acts.
struct CausedBy<'a>(&'a Subscription);

impl Authenticator for CausedBy<'_> {
    type Credentials = Envelope;

    fn verify(&self, event: &Envelope) -> Result<Claims, AuthenticationError> {
        let Self(Subscription { module, permissions, .. }) = self;
        let acting = Some(format!("module:{module}"));
        Ok(Claims { acting, ..Claims::new(&event.metadata.user_id, permissions.iter().cloned()) })
    }
}

/// Vouches for a part of the program that does something of its own, whoever caused it.
struct OnItsOwn<'a>(&'a BTreeSet<String>);

impl Authenticator for OnItsOwn<'_> {
    type Credentials = str;

    fn verify(&self, part: &str) -> Result<Claims, AuthenticationError> {
        Ok(Claims::new(part, self.0.iter().cloned()))
    }
}

/// The user who caused the event.
pub(crate) fn caused_by(subscription: &Subscription, event: &Envelope) -> Result<Arc<Principal>, Fault> {
    let principal = Principal::authenticate(&CausedBy(subscription), event).map_err(|e| {
        let message = format!("event {} names no user", event.event_id);
        Fault::Unreadable(Error::internal(message).with_code("event.no_user").with_detail(e.to_string()))
    })?;
    Ok(Arc::new(principal))
}

/// The module itself.
pub(crate) fn itself(subscription: &Subscription) -> Arc<Principal> {
    on_its_own(&format!("module:{}", subscription.module), &subscription.permissions)
}

/// A part of the program, such as `publisher:mail`, which may do nothing that needs a permission.
pub(crate) fn part(name: &str) -> Arc<Principal> {
    on_its_own(name, &BTreeSet::new())
}

fn on_its_own(name: &str, permissions: &BTreeSet<String>) -> Arc<Principal> {
    Arc::new(Principal::authenticate(&OnItsOwn(permissions), name).expect("a part of the program has a name"))
}
