//! The module descriptor: everything that a package offers and needs, in one value.
//!
//! A domain crate exposes `pub fn module() -> Module`; the composition root lists those calls and hands them to
//! [`assemble`], which refuses an assembly that cannot work, all findings at once, and builds the rest. The same
//! descriptors draw the [`Description`].

mod assembly;
mod description;
mod descriptor;
mod verification;

pub use assembly::{Application, Infrastructure, assemble};
pub use description::{
    Description, Link, ModuleDescription, RequestDescription, SagaDescription, SubscriptionDescription,
};
pub use descriptor::Module;
pub use verification::{Finding, FindingLevel, Findings, Grants};
