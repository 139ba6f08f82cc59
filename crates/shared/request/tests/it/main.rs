//! What callers and services rely on, stage by stage.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use event_sourcing::{Document, Expected, MemoryStore, Store, StoreExt, Unit};
use kernel::{
    Access, Context, Error, ErrorKind, FieldError, ManualClock, Permission, Request, RequestKind, SequentialIds,
};
use request::{IdempotencyKey, Requests, Service, ServiceTable};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

macro_rules! request {
    ($name:ident, $wire:literal, $kind:ident) => {
        #[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
        struct $name {
            amount: i64,
        }
        impl Request for $name {
            type Response = i64;
            const NAME: &'static str = $wire;
            const KIND: RequestKind = RequestKind::$kind;
            const ACCESS: Access = Access::Requires(Permission::new("till:use"));
        }
    };
}

request!(PayIn, "till.pay-in", Command);
request!(Balance, "till.balance", Query);
request!(Sneak, "till.sneak", Query);
request!(Break, "till.break", Command);
request!(Sleep, "till.sleep", Command);
request!(Nobody, "till.nobody", Command);

#[derive(Debug, Default, Serialize, Deserialize)]
struct Till {
    balance: i64,
}

impl Document for Till {
    const COLLECTION: &'static str = "till.tills";
}

#[derive(Clone)]
struct Clerk {
    store: Arc<dyn Store>,
}

impl Clerk {
    async fn pay_in(&self, unit: &mut Unit, amount: i64) -> Result<i64, Error> {
        let found = self.store.get::<Till>("main").await?;
        let expected = found.as_ref().map_or(Expected::Absent, |found| Expected::Exact(found.revision));
        let balance = found.map_or(0, |found| found.value.balance) + amount;
        unit.put("main", &Till { balance }, expected);
        Ok(balance)
    }
}

impl Service<PayIn> for Clerk {
    async fn execute(&self, _: &Context, unit: &mut Unit, request: PayIn) -> Result<i64, Error> {
        self.pay_in(unit, request.amount).await
    }

    fn validate(&self, request: &PayIn) -> Result<(), Vec<FieldError>> {
        let refused = [(request.amount <= 0, "must be above 0"), (request.amount % 2 != 0, "must be even")];
        let refused = refused.iter().filter(|(refused, _)| *refused);
        let refused: Vec<FieldError> =
            refused.map(|(_, m)| FieldError { pointer: "/amount".into(), message: (*m).into() }).collect();
        if refused.is_empty() { Ok(()) } else { Err(refused) }
    }
}

impl Service<Balance> for Clerk {
    async fn execute(&self, _: &Context, _: &mut Unit, _: Balance) -> Result<i64, Error> {
        Ok(self.store.get::<Till>("main").await?.map_or(0, |found| found.value.balance))
    }
}

impl Service<Sneak> for Clerk {
    async fn execute(&self, _: &Context, unit: &mut Unit, request: Sneak) -> Result<i64, Error> {
        self.pay_in(unit, request.amount).await
    }
}

impl Service<Break> for Clerk {
    async fn execute(&self, _: &Context, unit: &mut Unit, request: Break) -> Result<i64, Error> {
        self.pay_in(unit, request.amount).await?;
        panic!("the drawer is jammed")
    }
}

impl Service<Sleep> for Clerk {
    async fn execute(&self, _: &Context, unit: &mut Unit, request: Sleep) -> Result<i64, Error> {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        self.pay_in(unit, request.amount).await
    }
}

struct Shop {
    requests: Requests,
    cx: Context,
}

impl Shop {
    fn new() -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let clerk = Clerk { store: Arc::clone(&store) };
        let mut table = ServiceTable::default();
        table.serve::<PayIn>("till", clerk.clone());
        table.serve::<Balance>("till", clerk.clone());
        table.serve::<Sneak>("till", clerk.clone());
        table.serve::<Break>("till", clerk.clone());
        table.serve::<Sleep>("till", clerk);
        let clock = Arc::new(ManualClock::default());
        let requests = Requests::new(table, store, clock, Arc::new(SequentialIds::default()));
        Self { requests, cx: testing::context(&["till:use"]) }
    }

    async fn balance(&self) -> i64 {
        self.requests.ask(&self.cx, Balance { amount: 0 }).await.unwrap()
    }
}

fn after_the_epoch(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

#[tokio::test]
async fn a_command_is_committed_and_a_query_sees_it() {
    let shop = Shop::new();
    assert_eq!(shop.requests.ask(&shop.cx, PayIn { amount: 4 }).await.unwrap(), 4);
    assert_eq!(shop.balance().await, 4);
}

#[tokio::test]
async fn a_principal_without_the_permission_is_refused_before_anything_else() {
    let shop = Shop::new();
    let nobody = testing::context(&["till:clean"]);
    let error = shop.requests.ask(&nobody, PayIn { amount: -1 }).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(error.message.contains("till:use") && error.message.contains("[access.grants]"), "{error}");
}

#[tokio::test]
async fn every_refused_field_is_told_at_once() {
    let shop = Shop::new();
    let error = shop.requests.ask(&shop.cx, PayIn { amount: -1 }).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert_eq!(error.message, "/amount: must be above 0; /amount: must be even");
    assert_eq!(error.fields.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_the_wait_and_leaves_nothing() {
    let shop = Shop::new();
    let hurried = shop.cx.clone().until(after_the_epoch(5)).until(after_the_epoch(99));
    let error = shop.requests.ask(&hurried, Sleep { amount: 2 }).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Deadline);
    assert_eq!(shop.balance().await, 0);

    let late = shop.cx.clone().until(after_the_epoch(-1));
    assert_eq!(shop.requests.ask(&late, PayIn { amount: 2 }).await.unwrap_err().kind, ErrorKind::Deadline);
    assert_eq!(shop.balance().await, 0);
}

#[tokio::test]
async fn a_key_makes_a_command_happen_once() {
    let shop = Shop::new();
    let key = IdempotencyKey::new("order-1");
    for _ in 0..2 {
        assert_eq!(shop.requests.send(&shop.cx, &key, PayIn { amount: 4 }).await.unwrap(), 4);
    }
    assert_eq!(shop.balance().await, 4);
    assert_eq!(shop.requests.answered::<PayIn>(&key).await.unwrap(), Some(4));

    let error = shop.requests.send(&shop.cx, &key, PayIn { amount: 6 }).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(error.message.contains("order-1"), "{error}");
    assert_eq!(shop.balance().await, 4);
}

#[tokio::test]
async fn a_query_that_writes_is_a_fault() {
    let shop = Shop::new();
    let error = shop.requests.ask(&shop.cx, Sneak { amount: 2 }).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Internal);
    assert_eq!(shop.balance().await, 0);
}

#[tokio::test]
async fn a_panic_fails_one_request_and_is_for_the_log() {
    let shop = Shop::new();
    let error = shop.requests.ask(&shop.cx, Break { amount: 2 }).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Internal);
    assert!(!error.message.contains("jammed"), "{error}");
    assert_eq!(error.detail.as_deref(), Some("the drawer is jammed"));
    assert_eq!(shop.balance().await, 0);
}

#[tokio::test]
async fn by_name_and_in_json_it_is_the_same_pipeline() {
    let shop = Shop::new();
    let call = |name: &'static str, value: Value| {
        let shop = &shop;
        async move { shop.requests.call(&shop.cx, name, None, value).await }
    };
    assert_eq!(call("till.pay-in", json!({ "amount": 4 })).await.unwrap(), json!(4));
    assert_eq!(call("till.pay-in", json!({ "amount": 3 })).await.unwrap_err().message, "/amount: must be even");
    let error = call("till.pay-in", json!({ "sum": 3 })).await.unwrap_err();
    assert_eq!((error.kind, error.message.contains("till.pay-in")), (ErrorKind::Invalid, true), "{error}");
    let error = call("till.pay-out", json!({})).await.unwrap_err();
    assert!(error.message.contains("till.balance, till.break"), "names what is served: {error}");
}

#[tokio::test]
async fn a_request_that_nobody_serves_is_not_found() {
    let shop = Shop::new();
    let error = shop.requests.ask(&shop.cx, Nobody { amount: 1 }).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
}
