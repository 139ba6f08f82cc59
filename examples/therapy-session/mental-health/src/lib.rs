//! Therapy sessions: arranged after the user directory was asked, announced to whoever wants to know;
//! called off again, or reminded of the day before, begun and completed. A session is made of its events.
//!
//! [`UserDirectory`] is how this package asks the module `users`: a typed client, with the patience that this package has.

mod domain;

mod application;

mod api;

pub use api::module;
pub use application::{Attendance, Calendar, Canceller, Day, Days, Scheduler, Sessions, UserDirectory};
pub use domain::{SessionEvent, SessionRefusal, TherapySession};
