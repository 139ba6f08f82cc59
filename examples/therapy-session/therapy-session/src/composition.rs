//! The composition root: which modules there are, who may do what, and what is outside.

use std::sync::Arc;

use module::{Application, Findings, Grants, Infrastructure, Module, Options};
use notifications::Mail;
use users::UserRecords;

/// What the practice reaches outside of it.
pub struct Outside {
    pub records: Arc<dyn UserRecords>,
    pub mail: Arc<dyn Mail>,
}

/// Every module of the practice.
pub fn modules(outside: Outside) -> Vec<Module> {
    let Outside { records, mail } = outside;
    let users = users::module().provides(move |container| {
        container.instance::<dyn UserRecords>(records);
    });
    let notifications = notifications::module().provides(move |container| {
        container.instance::<dyn Mail>(mail);
    });
    vec![users, mental_health::module(), notifications, billing::module()]
}

/// Who may do what. A real practice reads this from its settings.
pub fn grants() -> Grants {
    let granted = |permissions: &[&str]| permissions.iter().map(ToString::to_string).collect();
    let reception = [
        "billing:read",
        "mental-health:conduct",
        "mental-health:read",
        "mental-health:schedule",
        "users:manage",
        "users:read",
    ];
    Grants::from([
        ("reception".to_owned(), granted(&reception)),
        // Whoever arranged a session: messages about it need addresses.
        ("module:notifications".to_owned(), granted(&["users:read"])),
    ])
}

/// The practice on this infrastructure; nothing runs yet.
///
/// # Errors
/// All that keeps the modules from fitting together.
pub async fn application(infrastructure: Infrastructure, outside: Outside) -> Result<Application, Findings> {
    let options = Options { grants: grants(), ..Options::default() };
    module::assemble(modules(outside), infrastructure, options).await
}
