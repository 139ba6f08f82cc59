use therapy_contracts::{TherapySessionScheduled, User};

/// Something to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The same whenever the same message is made again.
    pub id: String,
    /// Address of who reads it.
    pub to: String,
    /// In one line.
    pub subject: String,
    /// The rest.
    pub text: String,
}

/// For the patient.
pub fn session_confirmation(patient: &User, session: &TherapySessionScheduled) -> Message {
    Message {
        id: format!("{}/confirmation", session.session_id),
        to: patient.email.clone(),
        subject: "Your session is arranged".into(),
        text: format!("Dear {}, we expect you on {}.", patient.name, time(session)),
    }
}

/// For the therapist. No name of the patient: mail is read by many.
pub fn session_notification(therapist: &User, session: &TherapySessionScheduled) -> Message {
    Message {
        id: format!("{}/notification", session.session_id),
        to: therapist.email.clone(),
        subject: "A new session".into(),
        text: format!("Dear {}, you have a session on {}.", therapist.name, time(session)),
    }
}

fn time(session: &TherapySessionScheduled) -> String {
    session.scheduled_at.format("%-d %B %Y at %H:%M UTC").to_string()
}
