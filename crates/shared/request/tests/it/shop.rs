//! A till with a clerk, and what can be asked of it.

use std::{
    cell::RefCell,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use event_sourcing::{Document, Expected, MemoryStore, Store, StoreExt, StreamQuery, Unit};
use kernel::{
    Access, Context, Error, ErrorKind, Event, FieldError, ManualClock, Permission, Request, RequestKind, SequentialIds,
};
use request::{AUDIT_STREAM, Cached, Client, CommandRecorded, Limits, Requests, Service, ServiceInfo, ServiceTable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tracing_subscriber::{Layer, layer::SubscriberExt};

macro_rules! request {
    ($name:ident, $wire:literal, $kind:ident $(, $subject:item)?) => {
        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
        pub struct $name {
            pub amount: i64,
        }
        impl Request for $name {
            type Response = i64;
            const NAME: &'static str = $wire;
            const KIND: RequestKind = RequestKind::$kind;
            const ACCESS: Access = Access::Requires(Permission::new("till:use"));
            $($subject)?
        }
    };
}

request!(
    PayIn,
    "till.pay-in",
    Command,
    fn subject(&self) -> Option<String> {
        Some("till/main".into())
    }
);
request!(Balance, "till.balance", Query);
request!(Sneak, "till.sneak", Query);
request!(Break, "till.break", Command);
request!(Sleep, "till.sleep", Command);
request!(Close, "till.close", Command);
request!(Nobody, "till.nobody", Command);
request!(Report, "office.report", Query);
request!(Ping, "chain.ping", Query);
request!(Pong, "chain.pong", Query);
request!(Block, "till.block", Query);

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Till {
    pub balance: i64,
}

impl Document for Till {
    const COLLECTION: &'static str = "till.tills";
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct PaidIn {
    pub amount: i64,
}

impl Event for PaidIn {
    const NAME: &'static str = "till.paid_in";

    fn key(&self) -> String {
        "main".into()
    }
}

#[derive(Clone)]
pub struct Clerk {
    store: Arc<dyn Store>,
    client: Client,
    /// How often the balance was read.
    pub reads: Arc<AtomicUsize>,
    /// Without permits, whoever reads the balance waits.
    pub gate: Arc<Semaphore>,
}

impl Clerk {
    async fn pay_in(&self, unit: &mut Unit, amount: i64) -> Result<i64, Error> {
        let found = self.store.get::<Till>("main").await?;
        let expected = found.as_ref().map_or(Expected::Absent, |found| Expected::Exact(found.revision));
        let balance = found.map_or(0, |found| found.value.balance) + amount;
        unit.put("main", &Till { balance }, expected);
        unit.publish(&PaidIn { amount });
        Ok(balance)
    }
}

impl Service<PayIn> for Clerk {
    async fn execute(&self, _: &Context, unit: &mut Unit, request: PayIn) -> Result<i64, Error> {
        let balance = self.pay_in(unit, request.amount).await?;
        let _open = self.gate.acquire().await;
        Ok(balance)
    }

    fn validate(&self, request: &PayIn) -> Result<(), Vec<FieldError>> {
        let refused = [(request.amount <= 0, "must be above 0"), (request.amount % 2 != 0, "must be even")];
        let refused = refused.iter().filter(|(refused, _)| *refused);
        let refused: Vec<FieldError> =
            refused.map(|(_, m)| FieldError { pointer: "/amount".into(), message: (*m).into() }).collect();
        if refused.is_empty() { Ok(()) } else { Err(refused) }
    }

    fn info(&self) -> ServiceInfo {
        ServiceInfo { about: "takes money", version: "2" }
    }
}

impl Service<Balance> for Clerk {
    async fn execute(&self, _: &Context, _: &mut Unit, request: Balance) -> Result<i64, Error> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let balance = self.store.get::<Till>("main").await?.map_or(0, |found| found.value.balance);
        let _open = self.gate.acquire().await;
        if request.amount < 0 { Err(Error::invalid("nobody owes us")) } else { Ok(balance) }
    }
}

impl Cached for Balance {
    const STALE_AFTER: &'static [&'static str] = &[PaidIn::NAME];

    fn key(&self, _: &Context) -> String {
        self.amount.to_string()
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

impl Service<Close> for Clerk {
    async fn execute(&self, _: &Context, _: &mut Unit, _: Close) -> Result<i64, Error> {
        Err(Error::new(ErrorKind::Rejected, "the till is not empty").with_code("till.not_empty"))
    }
}

impl Service<Block> for Clerk {
    async fn execute(&self, _: &Context, _: &mut Unit, request: Block) -> Result<i64, Error> {
        let start = std::time::Instant::now();
        while start.elapsed() < Duration::from_millis(request.amount.unsigned_abs()) {}
        Ok(request.amount)
    }
}

/// Asks others from within its own request.
impl Service<Report> for Clerk {
    async fn execute(&self, cx: &Context, _: &mut Unit, request: Report) -> Result<i64, Error> {
        self.client.ask(cx, Balance { amount: request.amount }).await
    }
}

impl Service<Ping> for Clerk {
    async fn execute(&self, cx: &Context, _: &mut Unit, request: Ping) -> Result<i64, Error> {
        self.client.ask(cx, Pong { amount: request.amount }).await
    }
}

impl Service<Pong> for Clerk {
    async fn execute(&self, cx: &Context, _: &mut Unit, request: Pong) -> Result<i64, Error> {
        self.client.ask(cx, Ping { amount: request.amount }).await
    }
}

pub struct Shop {
    pub requests: Requests,
    pub store: Arc<dyn Store>,
    pub clock: Arc<ManualClock>,
    pub clerk: Clerk,
    pub cx: Context,
}

impl Shop {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(more: impl FnOnce(&mut ServiceTable)) -> Self {
        Self::on(Arc::new(MemoryStore::default()), more)
    }

    pub fn limited(limits: Limits) -> Self {
        Self::limited_with(limits, |_| {})
    }

    pub fn limited_with(limits: Limits, more: impl FnOnce(&mut ServiceTable)) -> Self {
        Self::made(Arc::new(MemoryStore::default()), limits, more)
    }

    pub fn on(store: Arc<dyn Store>, more: impl FnOnce(&mut ServiceTable)) -> Self {
        Self::made(store, Limits { payload: 64, ..Limits::default() }, more)
    }

    fn made(store: Arc<dyn Store>, limits: Limits, more: impl FnOnce(&mut ServiceTable)) -> Self {
        let clock = Arc::new(ManualClock::default());
        let ids = Arc::new(SequentialIds::default());
        let requests = Requests::closed(Arc::clone(&store), clock.clone(), ids, limits).unwrap();
        let clerk = Clerk {
            store: Arc::clone(&store),
            client: requests.client(),
            reads: Arc::default(),
            gate: Arc::new(Semaphore::new(1000)),
        };
        let mut table = ServiceTable::default();
        table.serve::<PayIn>("till", clerk.clone());
        table.serve::<Balance>("till", clerk.clone());
        table.serve::<Sneak>("till", clerk.clone());
        table.serve::<Break>("till", clerk.clone());
        table.serve::<Sleep>("till", clerk.clone());
        table.serve::<Close>("till", clerk.clone());
        table.serve::<Block>("till", clerk.clone());
        table.serve::<Report>("office", clerk.clone());
        table.serve::<Ping>("chain", clerk.clone());
        table.serve::<Pong>("chain", clerk.clone());
        more(&mut table);
        requests.open(table);
        Self { requests, store, clock, clerk, cx: testing::context(&["till:use"]) }
    }

    pub async fn balance(&self) -> i64 {
        self.store.get::<Till>("main").await.unwrap().map_or(0, |found| found.value.balance)
    }

    pub async fn audit(&self) -> Vec<CommandRecorded> {
        let records = self.store.stream(AUDIT_STREAM, StreamQuery::after(0, 1000)).await.unwrap();
        records.iter().map(|record| record.decode().unwrap()).collect()
    }
}

pub fn after_the_epoch(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

thread_local! {
    static LOGGED: RefCell<Vec<(&'static str, String)>> = const { RefCell::new(Vec::new()) };
}

/// The values of a field that are logged while `work` runs. Each test has a thread of its own.
pub async fn logged(field: &str, work: impl Future) -> Vec<String> {
    static LOG: LazyLock<()> = LazyLock::new(|| {
        let subscriber = tracing_subscriber::registry().with(Log);
        tracing::subscriber::set_global_default(subscriber).expect("there is no other one");
    });
    LazyLock::force(&LOG);
    LOGGED.take();
    work.await;
    LOGGED.take().into_iter().filter(|(name, _)| *name == field).map(|(_, value)| value).collect()
}

struct Log;

impl<S: tracing::Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        event.record(&mut Visit);
    }
}

struct Visit;

impl tracing::field::Visit for Visit {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        let value = format!("{value:?}").trim_matches('"').to_owned();
        LOGGED.with_borrow_mut(|logged| logged.push((field.name(), value)));
    }
}
