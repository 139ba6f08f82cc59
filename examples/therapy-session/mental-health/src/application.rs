//! Arranging, holding, calling off and showing sessions, and asking who takes part.

mod attendance;
mod canceller;
mod directory;
mod scheduler;
mod sessions;

pub use attendance::Attendance;
pub use canceller::Canceller;
pub use directory::UserDirectory;
pub use scheduler::Scheduler;
pub use sessions::Sessions;
