//! Who is new, who has changed, who has left.

use std::sync::Arc;

use kernel::ErrorKind;
use testing::Scenario;
use therapy_contracts::{
    DeactivateUser, GetUserById, GetUserProfile, RegisterUser, ScheduleSession, UpdateUser, UserDeactivated, UserId,
    UserRegistered, UserUpdated,
};
use therapy_session::{Line, Outside, Post, Practice, grants, modules, people};

use crate::{at, session};

const NINA: UserId = UserId::new(5);

async fn practice() -> (Scenario, Arc<Post>) {
    let mail = Arc::new(Post::default());
    let outside = Outside { records: Arc::new(Line::new(people())), mail: Arc::<Post>::clone(&mail) };
    let setup = Scenario::of(modules(outside)).granted(grants()).starting_at(at("2026-11-21T08:00:00Z"));
    let scenario = setup.start().await;
    scenario.by("reception");
    (scenario, mail)
}

fn nina() -> RegisterUser {
    RegisterUser { user_id: NINA, name: "Nina Park".into(), email: "nina@example.org".into() }
}

#[tokio::test(start_paused = true)]
async fn who_is_new_is_welcomed_and_takes_part() {
    let (scenario, mail) = practice().await;
    scenario.when(nina()).await;
    let registered = scenario.expect::<UserRegistered>(|_| true).await;
    assert_eq!((registered.user_id, registered.name.as_str()), (NINA, "Nina Park"));
    scenario.expect_state(GetUserProfile { user_id: NINA }, |profile| profile.name == "Nina Park").await;
    let welcomed: Vec<_> = mail.sent().into_iter().map(|message| (message.to, message.subject)).collect();
    assert_eq!(welcomed, [("nina@example.org".to_owned(), "Welcome".to_owned())]);
    scenario.when(ScheduleSession { patient_id: NINA, ..session() }).await;

    scenario.expect_refused(nina(), |error| error.code() == "users.number_taken").await;
    let ada = RegisterUser { user_id: Practice::ADA, ..nina() };
    scenario.expect_refused(ada, |error| error.code() == "users.number_taken").await;
    let nobody = RegisterUser { user_id: UserId::new(6), name: " ".into(), email: "nowhere".into() };
    scenario.expect_refused(nobody, |error| error.kind == ErrorKind::Invalid && error.fields.len() == 2).await;
}

/// The records of the clinic have her as she was; the practice knows better.
#[tokio::test(start_paused = true)]
async fn what_changes_is_known_from_then_on() {
    let (scenario, _) = practice().await;
    let (name, email) = ("Ada King".to_owned(), "king@example.org".to_owned());
    scenario.when(UpdateUser { user_id: Practice::ADA, name, email }).await;
    scenario.expect::<UserUpdated>(|updated| updated.user_id == Practice::ADA && updated.name == "Ada King").await;
    let is_new = |user: &Option<therapy_contracts::User>| {
        user.as_ref().is_some_and(|user| user.email == "king@example.org" && user.active)
    };
    scenario.expect_state(GetUserById { user_id: Practice::ADA }, is_new).await;
    let nobody = UpdateUser { user_id: UserId::new(9), name: "No".into(), email: "no@example.org".into() };
    scenario.expect_refused(nobody, |error| error.kind == ErrorKind::NotFound).await;
}

#[tokio::test(start_paused = true)]
async fn who_has_left_takes_part_in_nothing() {
    let (scenario, _) = practice().await;
    scenario.when(DeactivateUser { user_id: Practice::ADA }).await;
    scenario.expect::<UserDeactivated>(|left| left.user_id == Practice::ADA).await;
    scenario.expect_refused(session(), |error| error.fields.iter().any(|field| field.pointer == "/patient_id")).await;
    scenario.when(DeactivateUser { user_id: Practice::ADA }).await;
    scenario.expect_none::<UserDeactivated>(|_| true).await;
}
