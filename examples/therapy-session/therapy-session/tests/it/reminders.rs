//! The day before a session its patient is reminded, unless it was called off.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use event_bus::scheduled;
use kernel::ErrorKind;
use testing::{Published, Scenario};
use therapy_contracts::{
    CancelSession, GetSession, GetSessionCharge, NotificationSent, ScheduleSession, SessionChargeCancelled,
    SessionReminderDue, TherapySessionScheduled,
};
use therapy_session::{Line, Outside, Post, Practice, grants, modules, people};

use crate::{at, session};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The whole practice, and its post.
fn practice() -> (testing::Setup, Arc<Post>) {
    let mail = Arc::new(Post::default());
    let outside = Outside { records: Arc::new(Line::new(people())), mail: Arc::<Post>::clone(&mail) };
    (Scenario::of(modules(outside)).granted(grants()).starting_at(at("2026-11-21T08:00:00Z")), mail)
}

fn subjects(mail: &Post) -> Vec<(String, String)> {
    mail.sent().into_iter().map(|message| (message.to, message.subject)).collect()
}

fn told(to: &str, subject: &str) -> (String, String) {
    (format!("{to}@example.org"), subject.to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_patient_is_reminded_once_the_day_before() {
    let (setup, mail) = practice();
    let scenario = setup.start().await;
    let arranged = scenario.by("reception").when(session()).await;
    scenario.when_time_passes(9 * DAY).await;
    scenario.expect_none::<SessionReminderDue>(|_| true).await;
    scenario.when_time_passes(2 * HOUR).await;
    let sent = scenario.expect::<NotificationSent>(|_| true).await;
    assert_eq!(sent, NotificationSent { session_id: arranged.session_id, user_id: Practice::ADA });
    assert_eq!(subjects(&mail)[2..], [told("ada", "Your session is tomorrow")]);
    scenario.when_time_passes(2 * DAY).await;
    scenario.expect_none::<SessionReminderDue>(|_| true).await;

    // It belongs to the work that arranged the session.
    let published = Published::to(&**scenario.store()).await;
    let first = published.envelopes_of::<TherapySessionScheduled>()[0].metadata.correlation_id;
    let reminder = published.envelopes_of::<SessionReminderDue>()[0];
    assert_eq!((reminder.metadata.correlation_id, &*reminder.source_module), (first, "mental-health"));
    let late = reminder.timestamp - at("2026-11-30T09:00:00Z");
    assert!((TimeDelta::zero()..TimeDelta::minutes(1)).contains(&late), "{late}");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_called_off_reminds_nobody_and_costs_nothing() {
    let (setup, mail) = practice();
    let scenario = setup.start().await;
    let session_id = scenario.by("reception").when(session()).await.session_id;
    scenario.expect_state(GetSessionCharge { session_id }, Option::is_some).await;
    scenario.when(CancelSession { session_id }).await;
    scenario.expect::<SessionChargeCancelled>(|charge| charge.session_id == session_id).await;
    scenario.expect_state(GetSessionCharge { session_id }, Option::is_none).await;
    let cancelled = "Your session is cancelled";
    assert_eq!(subjects(&mail)[2..], [told("ada", cancelled), told("ines", cancelled)]);
    assert_eq!(scheduled(&**scenario.store(), None, 1).await.unwrap(), []);
    scenario.expect_refused(GetSession { session_id }, |error| error.kind == ErrorKind::NotFound).await;
    scenario.expect_refused(CancelSession { session_id }, |error| error.kind == ErrorKind::NotFound).await;
    scenario.when_time_passes(12 * DAY).await;
    scenario.expect_none::<SessionReminderDue>(|_| true).await;
}

#[tokio::test(start_paused = true)]
async fn a_reminder_outlives_the_process_and_comes_late_rather_than_never() {
    let (setup, _) = practice();
    let first = setup.start().await;
    first.by("reception").when(session()).await;
    first.expect::<NotificationSent>(|sent| sent.user_id == Practice::INES).await;
    let (setup, mail) = practice();
    let next = setup.after(&first);
    let store = Arc::clone(first.store());
    first.clock().advance(TimeDelta::days(10));
    first.stop().await;
    assert_eq!(scheduled(&*store, None, 2).await.unwrap().len(), 1);
    let next = next.start().await;
    next.expect::<NotificationSent>(|_| !mail.sent().is_empty()).await;
    next.expect_none::<SessionReminderDue>(|due| due.patient_id != Practice::ADA).await;
    assert_eq!(subjects(&mail), [told("ada", "Your session is tomorrow")]);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_reminded_of_what_is_less_than_a_day_away() {
    let (setup, _) = practice();
    let scenario = setup.start().await;
    let soon = ScheduleSession { scheduled_at: at("2026-11-22T08:00:00Z"), ..session() };
    scenario.by("reception").when(soon).await;
    assert_eq!(scheduled(&**scenario.store(), None, 1).await.unwrap(), []);
    scenario.when_time_passes(2 * DAY).await;
    scenario.expect_none::<SessionReminderDue>(|_| true).await;
}
