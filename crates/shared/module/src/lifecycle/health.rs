use std::sync::Arc;

use container::Container;
use futures::future::join_all;
use request::ModuleStates;

use super::{
    Member,
    error::{Allowed, outcome},
};
use crate::Timeouts;

/// Looks at the health of all modules, again and again, until it is dropped.
pub(super) async fn watch(members: Vec<Arc<Member>>, container: Container, states: ModuleStates, timeouts: Timeouts) {
    loop {
        tokio::time::sleep(timeouts.check_every).await;
        join_all(members.iter().map(|member| look(member, &container, &states, timeouts))).await;
    }
}

/// One look at the health of a module; what it comes to stands in the states.
pub(super) async fn look(member: &Member, container: &Container, states: &ModuleStates, timeouts: Timeouts) {
    let module = member.module;
    let allowed = Allowed::from_now(timeouts.check, "modules.check_seconds");
    let looks = member.checks.iter().map(|check| async move {
        let part = format!("health check `{}`", check.name);
        match outcome(async { (check.run)(container).await }, allowed).await {
            Ok(()) if states.mend(module, &part) => tracing::info!(module, "{part} is well again"),
            Ok(()) => {}
            Err(cause) => {
                let reason = cause.to_string();
                if states.degrade(module, part.as_str(), reason.as_str()) {
                    tracing::warn!(module, "{part} {reason}");
                }
            }
        }
    });
    join_all(looks).await;
}
