//! Arranging and showing sessions, and asking who takes part.

mod directory;
mod scheduler;
mod sessions;

pub use directory::UserDirectory;
pub use scheduler::Scheduler;
pub use sessions::Sessions;
