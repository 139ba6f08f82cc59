mod reminder;
mod therapy_session;

pub use reminder::{StoredReminder, reminder};
pub use therapy_session::{SessionEvent, SessionRefusal, TherapySession};
