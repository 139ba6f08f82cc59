use std::sync::Arc;

use kernel::{Context, Error, ErrorKind, Ids};
use request::{Call, Client};
use resilience::{
    Fallback, FallbackOptions, Retry, RetryBudget, RetryBudgetOptions, RetryOptions, Timeout, TimeoutOptions,
};
use therapy_contracts::{GetUserById, GetUserProfile, IsUserActive, Person, User, UserId, UserProfile};
use tower::{ServiceBuilder, ServiceExt, service_fn, util::BoxCloneSyncService};

/// The module `users`, as this package sees it.
///
/// A hiccup is bridged by asking again. What lasts is an error of our own, `mental_health.users_unavailable`, where the answer
/// decides something, and left out where it is only shown. That a directory that is down is left alone is not our affair: each
/// request has a breaker in the pipeline.
pub struct UserDirectory {
    client: Arc<Client>,
    retry: Retry,
    people: BoxCloneSyncService<Call<GetUserProfile>, Person, Error>,
}

impl UserDirectory {
    /// # Errors
    /// None: the options are in range.
    pub fn try_new(client: Arc<Client>, ids: Arc<dyn Ids>) -> Result<Self, Error> {
        let (_, seed) = ids.next().as_u64_pair();
        let budget = RetryBudget::try_new(&RetryBudgetOptions::default())?;
        let retry = Retry::try_new("users", &RetryOptions::default(), budget, seed)?;
        let nameless =
            |call: Call<GetUserProfile>, _| async move { Ok(Person { user_id: call.request.user_id, name: None }) };
        let asked = Arc::clone(&client);
        let people = ServiceBuilder::new()
            .layer(Fallback::try_new("users", FallbackOptions::default(), nameless)?)
            .layer(retry.clone())
            .layer(Timeout::try_new("users", &TimeoutOptions { limit_ms: 1_000 })?)
            .service(service_fn(move |Call { cx, request }: Call<GetUserProfile>| {
                let client = Arc::clone(&asked);
                async move {
                    let UserProfile { user_id, name } = client.ask(&cx, request).await?;
                    Ok(Person { user_id, name: Some(name) })
                }
            }));
        Ok(Self { client, retry, people: BoxCloneSyncService::new(people) })
    }

    /// # Errors
    /// `mental_health.users_unavailable`.
    pub async fn get_user_by_id(&self, cx: &Context, user_id: UserId) -> Result<Option<User>, Error> {
        self.retry.run(|| self.client.ask(cx, GetUserById { user_id })).await.map_err(unavailable)
    }

    /// # Errors
    /// `mental_health.users_unavailable`.
    pub async fn is_user_active(&self, cx: &Context, user_id: UserId) -> Result<bool, Error> {
        self.retry.run(|| self.client.ask(cx, IsUserActive { user_id })).await.map_err(unavailable)
    }

    /// # Errors
    /// `mental_health.users_unavailable`; [`ErrorKind::NotFound`], if there is no such user.
    pub async fn get_user_profile(&self, cx: &Context, user_id: UserId) -> Result<UserProfile, Error> {
        self.retry.run(|| self.client.ask(cx, GetUserProfile { user_id })).await.map_err(unavailable)
    }

    /// Somebody to be shown: without a name while the directory does not answer.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], if there is no such user.
    pub async fn person(&self, cx: &Context, user_id: UserId) -> Result<Person, Error> {
        let call = Call { cx: cx.clone(), request: GetUserProfile { user_id } };
        self.people.clone().oneshot(call).await
    }
}

/// In the words of this package: its callers need not know whom it asks.
fn unavailable(error: Error) -> Error {
    if error.kind != ErrorKind::Unavailable {
        return error;
    }
    let ours = Error::new(ErrorKind::Unavailable, "nobody can tell now who takes part in sessions: try again later")
        .with_code("mental_health.users_unavailable")
        .with_detail(format!("{}: {error}", error.code()));
    match error.retry_after {
        Some(after) => ours.with_retry_after(after),
        None => ours,
    }
}
