//! Messages about what happened: the patient of a new session gets a confirmation and a reminder, the
//! therapist a notice, and both hear when it is called off. Whoever is new is welcomed.
//!
//! They leave through [`Mail`], a port: of a mail server, or [`MemoryMail`].

mod domain;

mod application;

mod infrastructure;

mod api;

pub use api::module;
pub use application::{Mail, SessionMessages, Welcome};
pub use domain::Message;
pub use infrastructure::MemoryMail;
