//! Arranging, holding, calling off and showing sessions, the days of therapists, and asking who takes part.

mod attendance;
mod calendar;
mod canceller;
mod directory;
mod scheduler;
mod sessions;

pub use attendance::Attendance;
pub use calendar::{Calendar, Day, Days};
pub use canceller::Canceller;
pub use directory::UserDirectory;
pub use scheduler::Scheduler;
pub use sessions::Sessions;
