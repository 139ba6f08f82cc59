use std::{collections::HashMap, sync::Arc, time::Duration};

use kernel::{
    Access, AuthenticationError, Authenticator, Claims, Context, CorrelationId, ErrorKind, Ids, Principal, Request,
    RequestKind, SequentialIds,
};
use request::{Call, IdempotencyKey, Outcome, Tower};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::shop::{Balance, PayIn, Shop};

#[tokio::test]
async fn a_key_makes_a_command_happen_once() {
    let shop = Shop::new();
    let key = IdempotencyKey::try_new("order-1").unwrap();
    for _ in 0..2 {
        assert_eq!(shop.requests.send(&shop.cx, &key, PayIn { amount: 4 }).await.unwrap(), 4);
    }
    assert_eq!(shop.balance().await, 4);
    assert_eq!(shop.requests.answered::<PayIn>(&shop.cx, &key).await.unwrap(), Some(4));

    let error = shop.requests.send(&shop.cx, &key, PayIn { amount: 6 }).await.unwrap_err();
    assert_eq!((error.kind, error.code()), (ErrorKind::Conflict, "request.key_reused"));
    assert!(error.message.contains("order-1"), "{error}");
    assert_eq!(shop.balance().await, 4);
}

/// Whatever it does beside its unit, it does once.
#[tokio::test(start_paused = true)]
async fn a_service_is_not_called_again_for_what_is_done() {
    let shop = Shop::new();
    let key = IdempotencyKey::try_new("order-1").unwrap();
    let send = || shop.requests.send(&shop.cx, &key, PayIn { amount: 4 });
    assert_eq!(send().await.unwrap(), 4);
    // From here on the service would wait for ever.
    shop.clerk.gate.forget_permits(1000);
    assert_eq!(testing::soon("the answer", send()).await.unwrap(), 4);
    let another = shop.requests.ask(&shop.cx, PayIn { amount: 4 });
    tokio::time::timeout(Duration::from_secs(1), another).await.unwrap_err();
}

/// Both begin before the other has committed: one of them is done, and both have its answer.
#[tokio::test]
async fn two_at_the_same_time_have_one_answer() {
    let shop = Shop::new();
    shop.clerk.gate.forget_permits(1000);
    let key = IdempotencyKey::try_new("order-1").unwrap();
    let send = || shop.requests.send(&shop.cx, &key, PayIn { amount: 4 });
    let open = async {
        tokio::task::yield_now().await;
        shop.clerk.gate.add_permits(2);
    };
    let (first, second, ()) = tokio::join!(send(), send(), open);
    assert_eq!((first.unwrap(), second.unwrap()), (4, 4));
    assert_eq!(shop.balance().await, 4);
    assert_eq!(shop.audit().await.len(), 1);
}

struct Anybody;

impl Authenticator for Anybody {
    type Credentials = str;

    fn verify(&self, user: &str) -> Result<Claims, AuthenticationError> {
        Ok(Claims::new(user, ["till:use".to_owned()]))
    }
}

#[tokio::test]
async fn a_key_is_its_user_s_own() {
    let shop = Shop::new();
    let of = |user: &str| {
        let principal = Principal::authenticate(&Anybody, user).unwrap();
        Context::new(Arc::new(principal), CorrelationId::new(SequentialIds::default().next()))
    };
    // The names and the keys run together in the same text.
    for (balance, user, key) in [(4, "anna", "a/1"), (8, "anna/a", "1"), (4, "anna", "a/1")] {
        let answer = shop.requests.send(&of(user), &IdempotencyKey::try_new(key).unwrap(), PayIn { amount: 4 }).await;
        assert_eq!(answer.unwrap(), balance, "{user} {key}");
    }
}

#[tokio::test]
async fn a_key_that_is_empty_or_of_no_use_is_refused() {
    for empty in ["", " \n"] {
        let error = IdempotencyKey::try_new(empty).unwrap_err();
        assert_eq!((error.kind, error.code()), (ErrorKind::Invalid, "request.key_empty"));
    }
    let shop = Shop::new();
    let key = IdempotencyKey::try_new("order-1").unwrap();
    let error = shop.requests.send(&shop.cx, &key, Balance { amount: 0 }).await.unwrap_err();
    assert_eq!((error.kind, error.code()), (ErrorKind::Invalid, "request.key_on_query"));
    assert!(error.message.contains("`till.balance` of module `till`"), "{error}");
}

/// What JSON has no word for, and what it has no order for.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Weigh {
    labels: HashMap<String, u32>,
    weight: f64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Weighed {
    exact: f64,
    rough: Option<f64>,
}

impl Request for Weigh {
    type Response = Weighed;
    const NAME: &'static str = "scales.weigh";
    const KIND: RequestKind = RequestKind::Command;
    const ACCESS: Access = Access::Public { reason: "a test" };
}

/// Answers with the weight, and with a rough one that is no number.
fn scales() -> Shop {
    let weigh = async |call: Call<Weigh>| Ok(Weighed { exact: call.request.weight, rough: Some(f64::NAN) });
    Shop::with(|table| table.serve("scales", Tower(tower::service_fn(weigh))))
}

/// Every map has an order of its own: sixteen entries agree in it by chance once in 16! times.
#[tokio::test]
async fn a_payload_is_the_same_in_whatever_order_its_maps_are_written() {
    let shop = scales();
    let key = IdempotencyKey::try_new("order-1").unwrap();
    for _ in 0..3 {
        let request = Weigh { labels: (0..16).map(|i| (format!("label {i}"), i)).collect(), weight: 2.0 };
        shop.requests.send(&shop.cx, &key, request).await.unwrap();
    }
    let other = Weigh { labels: (1..17).map(|i| (format!("label {i}"), i)).collect(), weight: 2.0 };
    assert_eq!(shop.requests.send(&shop.cx, &key, other).await.unwrap_err().code(), "request.key_reused");
}

#[tokio::test]
async fn the_first_answer_is_the_one_that_is_read_back_later() {
    let shop = scales();
    let send = async |key: &str, weight| {
        let request = Weigh { labels: HashMap::new(), weight };
        shop.requests.send(&shop.cx, &IdempotencyKey::try_new(key).unwrap(), request).await
    };
    for _ in 0..2 {
        assert_eq!(send("order-1", 2.0).await.unwrap(), Weighed { exact: 2.0, rough: None });
        // `null` is no weight: neither now nor later, and nothing is done.
        assert_eq!(send("order-2", f64::INFINITY).await.unwrap_err().kind, ErrorKind::Internal);
    }
    let outcomes: Vec<_> = shop.audit().await.into_iter().map(|record| record.outcome).collect();
    assert_eq!(outcomes, [Outcome::Done, Outcome::Failed, Outcome::Failed]);
}
