//! Mail that cannot be delivered: whom that concerns, and how it is delivered after all.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use event_bus::{DeadLetter, DeadLetters, Discarded, LetterFilter, Retried};
use event_sourcing::{Position, StoreExt};
use kernel::ErrorKind;
use testing::Scenario;
use therapy_contracts::{
    NotificationFailed, NotificationSent, ScheduleSession, SessionCharged, SessionId, TherapySessionScheduled, UserId,
};
use therapy_session::{Line, Outside, Post, Practice, grants, modules, people};
use tokio::time::Instant;

use crate::{at, session};

const MESSAGES: &str = "notifications.session-messages";
const ADA: &str = "ada@example.org";
const INES: &str = "ines@example.org";

/// The whole practice, and its post.
async fn practice() -> (Scenario, Arc<Post>) {
    let mail = Arc::new(Post::default());
    let outside = Outside { records: Arc::new(Line::new(people())), mail: Arc::<Post>::clone(&mail) };
    let setup = Scenario::of(modules(outside)).granted(grants()).starting_at(at("2026-11-21T08:00:00Z"));
    let scenario = setup.start().await;
    scenario.by("reception");
    (scenario, mail)
}

/// Arranges a session, so many hours after the usual one.
async fn arrange(scenario: &Scenario, patient_id: UserId, hours: i64) -> SessionId {
    let scheduled_at = session().scheduled_at + TimeDelta::hours(hours);
    scenario.when(ScheduleSession { patient_id, scheduled_at, ..session() }).await.session_id
}

/// Who was written to, and what the session's hour is.
fn delivered(mail: &Post) -> Vec<(String, String)> {
    let hour = |text: &str| text.split_once("at ").map(|(_, hour)| hour[..5].to_owned()).unwrap_or_default();
    mail.sent().into_iter().map(|message| (message.to, hour(&message.text))).collect()
}

fn to(address: &str, hour: &str) -> (String, String) {
    (address.to_owned(), hour.to_owned())
}

async fn letters(scenario: &Scenario) -> Vec<DeadLetter> {
    let letters = DeadLetters::of(&**scenario.store()).list(&LetterFilter::default(), None, 10).await.unwrap();
    letters.into_iter().map(|letter| letter.value).collect()
}

fn about(letter: &DeadLetter) -> SessionId {
    letter.event.decode::<TherapySessionScheduled>().unwrap().session_id
}

#[tokio::test(start_paused = true)]
async fn mail_that_fails_is_tried_again_parked_and_sent_in_order_by_command() {
    let (scenario, mail) = practice().await;
    mail.fill(ADA);
    let start = Instant::now();
    let first = arrange(&scenario, Practice::ADA, 0).await;
    scenario.expect::<SessionCharged>(|charged| charged.session_id == first).await;
    let second = arrange(&scenario, Practice::ADA, 1).await;
    scenario.expect::<SessionCharged>(|charged| charged.session_id == second).await;
    let other = arrange(&scenario, Practice::CLEO, 2).await;
    scenario.expect::<NotificationSent>(|sent| sent.session_id == other && sent.user_id == Practice::CLEO).await;
    // The first wait before another try is not over, and all others have what they wait for.
    assert!(start.elapsed() < Duration::from_millis(50), "{:?}", start.elapsed());
    assert_eq!(letters(&scenario).await, []);

    scenario.expect_parked(MESSAGES, |letter| about(letter) == second).await;
    let parked = letters(&scenario).await;
    let tried: Vec<_> = parked.iter().map(|letter| (about(letter), letter.attempts, letter.error.kind)).collect();
    assert_eq!(tried, [(first, 5, ErrorKind::Unavailable), (second, 0, ErrorKind::Rejected)]);
    assert_eq!(parked[0].error.message, "the mailbox of ada@example.org is full: have it emptied");
    assert_eq!(delivered(&mail), [to("cleo@example.org", "11:00"), to(INES, "11:00")]);

    // Too early: the first one fails again, and what is behind it is not tried.
    let hers = LetterFilter { key: Some("1".into()), ..LetterFilter::of(MESSAGES) };
    let retry = || scenario.bus().retry_dead_letters(&hers);
    assert_eq!(retry().await.unwrap(), Retried { failed: 1, behind: 1, ..Retried::default() });
    let tries: Vec<u32> = letters(&scenario).await.iter().map(|letter| letter.attempts).collect();
    assert_eq!(tries, [6, 0]);

    mail.empty(ADA);
    assert_eq!(retry().await.unwrap(), Retried { delivered: 2, ..Retried::default() });
    assert_eq!(retry().await.unwrap(), Retried::default(), "nothing is left");
    arrange(&scenario, Practice::ADA, 3).await;
    scenario.expect::<NotificationSent>(|sent| sent.user_id == Practice::INES).await;
    let expected = ["09:00", "10:00", "12:00"].into_iter().flat_map(|hour| [to(ADA, hour), to(INES, hour)]);
    assert_eq!(delivered(&mail)[2..], expected.collect::<Vec<_>>());
}

/// The patient's message went out at every try, the therapist's at none: each is in the mailbox once in the end.
#[tokio::test(start_paused = true)]
async fn what_was_sent_before_the_failure_is_not_sent_again() {
    let (scenario, mail) = practice().await;
    mail.fill(INES);
    arrange(&scenario, Practice::ADA, 0).await;
    scenario.expect_parked(MESSAGES, |letter| letter.attempts == 5).await;
    scenario.expect_none::<NotificationSent>(|_| true).await;
    assert_eq!(delivered(&mail), [to(ADA, "09:00")]);
    mail.empty(INES);
    let retried = scenario.bus().retry_dead_letters(&LetterFilter::of(MESSAGES)).await.unwrap();
    assert_eq!(retried, Retried { delivered: 1, ..Retried::default() });
    assert_eq!(delivered(&mail), [to(ADA, "09:00"), to(INES, "09:00")]);
    let told: Vec<UserId> =
        scenario.published().await.of::<NotificationSent>().iter().map(|sent| sent.user_id).collect();
    assert_eq!(told, [Practice::ADA, Practice::INES]);
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_is_discarded_leaves_its_record_and_lets_go_what_waits_behind_it() {
    let (scenario, mail) = practice().await;
    mail.fill(ADA);
    let first = arrange(&scenario, Practice::ADA, 0).await;
    let second = arrange(&scenario, Practice::ADA, 1).await;
    scenario.expect_parked(MESSAGES, |letter| about(letter) == second).await;
    mail.empty(ADA);
    let position = letters(&scenario).await[0].event.metadata.position.unwrap();
    let one = LetterFilter::one(MESSAGES, Position(position));
    let cx = scenario.work();
    let mute = scenario.bus().discard_dead_letters(&one, " ", &cx).await.unwrap_err();
    assert_eq!(mute.message, "dead letters are not discarded without a reason: say why");
    assert_eq!(scenario.bus().discard_dead_letters(&one, "Ada was called", &cx).await.unwrap(), 1);

    scenario.expect::<NotificationSent>(|sent| sent.session_id == second).await;
    assert_eq!(delivered(&mail), [to(ADA, "10:00"), to(INES, "10:00")]);
    assert_eq!(letters(&scenario).await, []);
    let records = scenario.store().list::<Discarded>(None, 10).await.unwrap();
    let [record] = &records[..] else { panic!("{records:?}") };
    let Discarded { letter, reason, by, at: when } = &record.value;
    assert_eq!(
        (about(letter), letter.attempts, reason.as_str(), by.as_str()),
        (first, 5, "Ada was called", "reception")
    );
    assert_eq!(*when, at("2026-11-21T08:00:00Z"));
}

/// The process that retries need not be the one that has given up.
#[tokio::test(start_paused = true)]
async fn the_next_process_sends_what_this_one_has_parked() {
    let (first, mail) = practice().await;
    mail.fill(ADA);
    arrange(&first, Practice::ADA, 0).await;
    first.expect_parked(MESSAGES, |_| true).await;
    let mail = Arc::new(Post::default());
    let outside = Outside { records: Arc::new(Line::new(people())), mail: Arc::<Post>::clone(&mail) };
    let next = Scenario::of(modules(outside)).granted(grants()).after(&first).start().await;
    first.stop().await;
    arrange(next.by("reception"), Practice::ADA, 1).await;
    next.expect_parked(MESSAGES, |letter| letter.attempts == 0).await;
    let retried = next.bus().retry_dead_letters(&LetterFilter::default()).await.unwrap();
    assert_eq!(retried, Retried { delivered: 2, ..Retried::default() });
    assert_eq!(delivered(&mail), [to(ADA, "09:00"), to(INES, "09:00"), to(ADA, "10:00"), to(INES, "10:00")]);
}

/// Their units are thrown away, so it is told outside of them, once for each try.
#[tokio::test(start_paused = true)]
async fn every_try_that_fails_is_told() {
    let (scenario, mail) = practice().await;
    mail.fill(ADA);
    let id = arrange(&scenario, Practice::ADA, 0).await;
    scenario.expect_parked(MESSAGES, |letter| about(letter) == id).await;
    let failed = testing::Published::to(&**scenario.store()).await.of::<NotificationFailed>();
    let told = NotificationFailed { session_id: id, user_id: Practice::ADA, code: "unavailable".into() };
    assert_eq!(failed, vec![told; 5]);
}
