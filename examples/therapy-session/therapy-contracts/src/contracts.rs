use kernel::Contract;

use crate::{
    CancelSession, CompleteSession, DeactivateUser, GetDay, GetSession, GetSessionCharge, GetUserById, GetUserProfile,
    IsUserActive, NotificationFailed, NotificationSent, RegisterUser, ScheduleSession, SessionChargeCancelled,
    SessionCharged, SessionReminderDue, StartSession, TherapySessionCancelled, TherapySessionCompleted,
    TherapySessionScheduled, TherapySessionStarted, UpdateUser, UserDeactivated, UserRegistered, UserUpdated,
};

/// Every message of this crate: each has a file in `docs/contracts`.
pub fn contracts() -> Vec<Contract> {
    vec![
        Contract::of_request::<GetSessionCharge>(),
        Contract::of_event::<SessionCharged>(),
        Contract::of_event::<SessionChargeCancelled>(),
        Contract::of_request::<CancelSession>(),
        Contract::of_request::<CompleteSession>(),
        Contract::of_request::<GetDay>(),
        Contract::of_request::<GetSession>(),
        Contract::of_request::<ScheduleSession>(),
        Contract::of_request::<StartSession>(),
        Contract::of_event::<TherapySessionScheduled>(),
        Contract::of_event::<TherapySessionStarted>(),
        Contract::of_event::<TherapySessionCompleted>(),
        Contract::of_event::<TherapySessionCancelled>(),
        Contract::of_event::<SessionReminderDue>(),
        Contract::of_event::<NotificationSent>(),
        Contract::of_event::<NotificationFailed>(),
        Contract::of_request::<GetUserById>(),
        Contract::of_request::<GetUserProfile>(),
        Contract::of_request::<IsUserActive>(),
        Contract::of_request::<RegisterUser>(),
        Contract::of_request::<UpdateUser>(),
        Contract::of_request::<DeactivateUser>(),
        Contract::of_event::<UserRegistered>(),
        Contract::of_event::<UserUpdated>(),
        Contract::of_event::<UserDeactivated>(),
    ]
}
