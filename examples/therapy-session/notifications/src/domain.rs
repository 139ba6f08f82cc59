use therapy_contracts::{SessionReminderDue, TherapySessionCancelled, TherapySessionScheduled, User};

/// As readers are told it.
const TIME: &str = "%-d %B %Y at %H:%M UTC";

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
        text: format!("Dear {}, we expect you on {}.", patient.name, session.scheduled_at.format(TIME)),
    }
}

/// For the therapist. No name of the patient: mail is read by many.
pub fn session_notification(therapist: &User, session: &TherapySessionScheduled) -> Message {
    Message {
        id: format!("{}/notification", session.session_id),
        to: therapist.email.clone(),
        subject: "A new session".into(),
        text: format!("Dear {}, you have a session on {}.", therapist.name, session.scheduled_at.format(TIME)),
    }
}

/// For the patient, the day before.
pub fn session_reminder(patient: &User, session: &SessionReminderDue) -> Message {
    Message {
        id: format!("{}/reminder", session.session_id),
        to: patient.email.clone(),
        subject: "Your session is tomorrow".into(),
        text: format!("Dear {}, we expect you tomorrow, {}.", patient.name, session.scheduled_at.format(TIME)),
    }
}

/// For either of them.
pub fn session_cancellation(user: &User, session: &TherapySessionCancelled) -> Message {
    Message {
        id: format!("{}/cancellation/{}", session.session_id, user.user_id),
        to: user.email.clone(),
        subject: "Your session is cancelled".into(),
        text: format!("Dear {}, your session on {} is cancelled.", user.name, session.scheduled_at.format(TIME)),
    }
}

/// For whoever is new.
pub fn welcome(user: &User) -> Message {
    Message {
        id: format!("{}/welcome", user.user_id),
        to: user.email.clone(),
        subject: "Welcome".into(),
        text: format!("Dear {}, you are welcome to our practice.", user.name),
    }
}
