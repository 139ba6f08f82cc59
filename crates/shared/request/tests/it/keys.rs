use std::sync::Arc;

use kernel::{
    AuthenticationError, Authenticator, Claims, Context, CorrelationId, ErrorKind, Ids, Principal, SequentialIds,
};
use request::IdempotencyKey;

use crate::shop::{PayIn, Shop};

#[tokio::test]
async fn a_key_makes_a_command_happen_once() {
    let shop = Shop::new();
    let key = IdempotencyKey::new("order-1");
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

/// Both begin before the other has committed: one of them is done, and both have its answer.
#[tokio::test]
async fn two_at_the_same_time_have_one_answer() {
    let shop = Shop::new();
    shop.clerk.gate.forget_permits(1000);
    let key = IdempotencyKey::new("order-1");
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
        let answer = shop.requests.send(&of(user), &IdempotencyKey::new(key), PayIn { amount: 4 }).await;
        assert_eq!(answer.unwrap(), balance, "{user} {key}");
    }
}
