//! A session is arranged, and whoever has to know hears of it.

use std::sync::Arc;

use event_sourcing::{Repository, Store};
use expect_test::expect;
use kernel::{ErrorKind, Event, Request};
use mental_health::{TherapySession, UserDirectory};
use notifications::Mail;
use request::CommandRecorded;
use testing::Published;
use therapy_contracts::{
    GetSession, GetSessionCharge, GetUserById, IsUserActive, Person, ScheduleSession, SessionCharge,
    SessionReminderDue, TherapySessionCancelled, TherapySessionScheduled, User, UserId, UserRegistered,
};
use therapy_session::Practice;
use users::UserRecords;

use crate::{arrange, at, session, trail};

#[tokio::test(start_paused = true)]
async fn a_session_is_arranged_and_everybody_hears_of_it() {
    let mut practice = Practice::open().await.unwrap();
    let session = arrange(&practice).await.unwrap();
    assert_eq!(practice.directory.calls(), 2, "both were looked up, once each");
    practice.settle().await.unwrap();

    assert_eq!(practice.directory.calls(), 2, "and again, for their addresses");
    let mail: Vec<_> = practice.mail.sent().into_iter().map(|message| (message.to, message.subject)).collect();
    let [patient, therapist] = ["Your session is arranged", "A new session"].map(str::to_owned);
    assert_eq!(mail, [("ada@example.org".into(), patient), ("ines@example.org".into(), therapist)]);

    let cx = practice.work_of("reception").unwrap();
    let charge = practice.application.requests.ask(&cx, GetSessionCharge { session_id: session.session_id }).await;
    let (session_id, patient_id) = (session.session_id, session.patient_id);
    assert_eq!(charge.unwrap(), Some(SessionCharge { session_id, patient_id, cents: 9_500 }));
}

/// A delivery that has failed is made again, and nobody gets a message twice.
#[tokio::test(start_paused = true)]
async fn messages_are_sent_once() {
    let mut practice = Practice::open().await.unwrap();
    arrange(&practice).await.unwrap();
    practice.directory.fail(1);
    practice.settle().await.unwrap();
    let sent = practice.mail.sent();
    assert_eq!(sent.len(), 2);
    practice.mail.send(sent[0].clone()).await.unwrap();
    assert_eq!(practice.mail.sent(), sent);
}

/// The session is its events, and its reminder is in the unit of the first.
#[tokio::test(start_paused = true)]
async fn a_session_is_kept_together_with_its_event_or_not_at_all() {
    let practice = Practice::open().await.unwrap();
    let reminders = || practice.store.documents("mental_health.reminders", None, 10);
    let events = async || Published::to(&*practice.store).await.of::<TherapySessionScheduled>();
    practice.directory.cut();
    arrange(&practice).await.unwrap_err();
    assert_eq!((reminders().await.unwrap().len(), events().await.len()), (0, 0));

    practice.directory.mend();
    let session = arrange(&practice).await.unwrap();
    assert_eq!(reminders().await.unwrap()[0].key, session.session_id.to_string());
    let [TherapySessionScheduled { session_id, patient_id, therapist_id, scheduled_at, session_type }] =
        events().await[..]
    else {
        panic!("there are other events than the one of the session")
    };
    let told = therapy_contracts::Session { session_id, patient_id, therapist_id, scheduled_at, session_type };
    assert_eq!(told, session);
    let sessions = practice.application.container.get::<Repository<TherapySession>>();
    assert_eq!(*sessions.load(&session_id).await.unwrap(), TherapySession::Scheduled(session));
}

#[tokio::test(start_paused = true)]
async fn an_event_says_which_module_it_comes_from_and_which_work_it_is_part_of() {
    let practice = Practice::open().await.unwrap();
    let cx = practice.work_of("reception").unwrap();
    let asked = practice.application.requests.ask(&cx, session()).await.unwrap();
    let log = trail(&practice, &cx).await;
    let event = log.envelopes_of::<TherapySessionScheduled>()[0];
    assert_eq!((&*event.source_module, event.metadata.correlation_id), ("mental-health", cx.correlation()));
    assert_eq!(event.decode::<TherapySessionScheduled>().unwrap().session_id, asked.session_id);
    expect![[r#"
        {
          "event_id": "00000000-0000-0000-0000-00000000000a",
          "timestamp": "2026-11-21T08:00:00.000Z",
          "source_module": "mental-health",
          "event_type": "therapy_session.scheduled",
          "data": {"session_id":"00000000-0000-0000-0000-000000000009","patient_id":1,"therapist_id":2,"scheduled_at":"2026-12-01T09:00:00Z","session_type":"individual"},
          "metadata": {
            "correlation_id": "00000000-0000-0000-0000-000000000008",
            "user_id": "reception",
            "schema_version": 1,
            "key": "1",
            "priority": "high",
            "position": 1
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&**event).unwrap());
}

#[tokio::test(start_paused = true)]
async fn what_a_piece_of_work_has_set_off_is_read_by_its_correlation() {
    let mut practice = Practice::open().await.unwrap();
    arrange(&practice).await.unwrap();
    let cx = practice.work_of("reception").unwrap();
    practice.application.requests.ask(&cx, session()).await.unwrap();
    practice.settle().await.unwrap();
    let trail = trail(&practice, &cx).await;
    let told: Vec<String> = trail
        .envelopes()
        .iter()
        .map(|envelope| {
            format!("{} of {} for {}", envelope.event_type, envelope.source_module, envelope.metadata.user_id)
        })
        .collect();
    expect![[r#"
        therapy_session.scheduled of mental-health for reception
        audit.command_recorded of mental-health for reception
        notification.sent of notifications for reception
        notification.sent of notifications for reception
        billing.session_charged of billing for reception"#]]
    .assert_eq(&told.join("\n"));
    let audit = trail.of::<CommandRecorded>();
    let [CommandRecorded { request, subject, .. }] = &audit[..] else { panic!("{audit:?}") };
    assert_eq!((request.as_str(), subject.as_deref()), (ScheduleSession::NAME, Some("patient 1")));
}

#[tokio::test]
async fn each_subscriber_has_a_name_of_its_own() {
    let practice = Practice::open().await.unwrap();
    let described = &practice.application.description.modules;
    let subscribers = described.iter().flat_map(|module| module.subscribes.iter().map(|s| (s.subscriber, s.event)));
    let (event, cancelled) = (TherapySessionScheduled::NAME, TherapySessionCancelled::NAME);
    let expected = [
        ("notifications.session-messages", event),
        ("notifications.session-reminders", SessionReminderDue::NAME),
        ("notifications.session-cancellations", cancelled),
        ("notifications.welcome", UserRegistered::NAME),
        ("billing.session-charges", event),
        ("billing.cancelled-charges", cancelled),
    ];
    assert_eq!(subscribers.collect::<Vec<_>>(), expected);
}

/// What the composition root has chosen, and what a module has made of it: found by type, wherever they were registered.
#[tokio::test]
async fn what_the_modules_are_made_of_is_found_by_its_type() {
    let practice = Practice::open().await.unwrap();
    let container = &practice.application.container;
    assert!(Arc::ptr_eq(&container.get::<dyn Store>(), &practice.store));
    let (records, line) = (container.get::<dyn UserRecords>(), Arc::clone(&practice.directory) as Arc<dyn UserRecords>);
    assert!(Arc::ptr_eq(&records, &line));
    let (mail, memory) = (container.get::<dyn Mail>(), Arc::clone(&practice.mail) as Arc<dyn Mail>);
    assert!(Arc::ptr_eq(&mail, &memory));
    let (once, again) = (container.get::<UserDirectory>(), container.get::<UserDirectory>());
    assert!(Arc::ptr_eq(&once, &again));
}

/// The contract knows three requests; what answers them is nobody's business.
#[tokio::test]
async fn users_are_known_by_their_contract_alone() {
    let practice = Practice::open().await.unwrap();
    let (requests, cx) = (&practice.application.requests, practice.work_of("reception").unwrap());
    let rudi = requests.ask(&cx, GetUserById { user_id: Practice::RUDI }).await.unwrap();
    assert!(matches!(&rudi, Some(User { name, active: false, .. }) if name == "Rudi Leave"), "{rudi:?}");
    assert_eq!(requests.ask(&cx, GetUserById { user_id: UserId::new(9) }).await.unwrap(), None);
    for (user_id, active) in [(Practice::ADA, true), (Practice::RUDI, false), (UserId::new(9), false)] {
        assert_eq!(requests.ask(&cx, IsUserActive { user_id }).await.unwrap(), active, "{user_id}");
    }
}

#[tokio::test]
async fn a_module_asks_another_one_through_a_client_of_its_own() {
    let practice = Practice::open().await.unwrap();
    let cx = practice.work_of("reception").unwrap();
    let directory = practice.application.container.get::<UserDirectory>();
    assert_eq!(directory.get_user_profile(&cx, Practice::ADA).await.unwrap().name, "Ada Byron");
    let unknown = directory.get_user_profile(&cx, UserId::new(9)).await.unwrap_err();
    assert_eq!((unknown.kind, unknown.message.as_str()), (ErrorKind::NotFound, "there is no user 9"));

    let session_id = arrange(&practice).await.unwrap().session_id;
    let view = practice.application.requests.ask(&cx, GetSession { session_id }).await.unwrap();
    assert_eq!(view.patient, Person { user_id: Practice::ADA, name: Some("Ada Byron".into()) });
    assert_eq!(view.therapist, Person { user_id: Practice::INES, name: Some("Ines Sand".into()) });
}

#[tokio::test]
async fn whoever_cannot_take_part_is_named_both_at_once() {
    let practice = Practice::open().await.unwrap();
    let cx = practice.work_of("reception").unwrap();
    let refused = |request| {
        let asked = practice.application.requests.ask(&cx, request);
        async move { asked.await.unwrap_err().fields.into_iter().map(|field| field.to_string()).collect::<Vec<_>>() }
    };
    let strangers = ScheduleSession { patient_id: UserId::new(9), therapist_id: Practice::RUDI, ..session() };
    assert_eq!(
        refused(strangers).await,
        [
            "/patient_id: there is no user 9: choose one of the directory",
            "/therapist_id: Rudi Leave is not active: choose somebody else"
        ]
    );
    let alone = ScheduleSession { therapist_id: Practice::ADA, scheduled_at: at("2026-11-21T08:00:00Z"), ..session() };
    assert_eq!(
        refused(alone).await,
        [
            "/therapist_id: nobody treats themselves: choose somebody else",
            "/scheduled_at: this has passed: choose a time to come"
        ]
    );
}
