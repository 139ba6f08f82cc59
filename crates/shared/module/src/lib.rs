//! The module descriptor: everything that a package offers and needs, in one value.
//!
//! A domain crate exposes `pub fn module() -> Module`; the composition root lists those calls and hands them to
//! [`assemble`], which refuses an assembly that cannot work, all findings at once, and builds the modules of the
//! [`Selection`]. [`Application::start`] takes them up in the order in which they need each other. The same descriptors
//! draw the [`Description`]: the context map, and the [`Canvas`] of each module.

#![warn(missing_docs)]

mod application;
mod assembly;
mod closest;
mod dependencies;
mod description;
mod descriptor;
mod finding;
mod health;
mod lifecycle;
mod options;
mod outlet;
mod projection_report;
mod selection;
mod task;
mod verification;

pub use application::{Application, ModuleStatus};
pub use assembly::{Infrastructure, assemble};
pub use description::{
    Canvas, Description, Link, ModuleDescription, ProjectionDescription, RequestDescription, SagaDescription,
    SettingsDescription, SubscriptionDescription, UnknownModule,
};
pub use descriptor::Module;
pub use finding::{AssemblyError, Finding, FindingLevel, Findings};
pub use health::{Component, Health, HealthStatus};
pub use lifecycle::{Cause, LifecycleError, Phase, StartError, StopError};
pub use options::{GRANTED_MODULE, Grants, Options, Timeouts};
pub use outlet::Outlet;
pub use projection_report::ProjectionReport;
pub use selection::Selection;
pub use task::Shutdown;
