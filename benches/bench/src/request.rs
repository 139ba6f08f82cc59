//! Requests through every stage of the pipeline, beside a boxed future that gives the same answer.
//!
//! The row that a mark names is a query without a cache, with the metrics recorder of Prometheus installed and no layer that
//! formats what is logged. The others stand beside it: what logging costs, a cached answer, a command with its commit and
//! audit record on a store in memory, two threads.

use std::{
    hint::black_box,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use event_sourcing::{MemoryStore, Unit};
use kernel::{Access, Context, CorrelationId, Error, Ids, Permission, Request, RequestKind, SystemClock, SystemIds};
use request::{Cached, Requests, Service, ServiceTable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::{filter::LevelFilter, prelude::*};

use crate::{
    case::{Case, Contender, Failure, Race, Setting, per_loop},
    principal::principal,
    row::Unit::NanosPerOp,
};

const REFERENCE: Option<&str> = Some("boxed-async-call");

pub fn cases(_: &Setting) -> Vec<Case> {
    let cases = [
        Case::new("request/query", NanosPerOp, REFERENCE, |_| beside_a_boxed_call(asking(price_of)?)),
        Case::new("request/query@2-threads", NanosPerOp, None, |_| Ok(Race::alone(asking_on_two_threads()?))),
        Case::new("request/query@logged", NanosPerOp, REFERENCE, |_| beside_a_boxed_call(logged(asking(price_of)?))),
        Case::new("request/query@kept", NanosPerOp, REFERENCE, |_| beside_a_boxed_call(asking(kept_price_of)?)),
        Case::new("request/command", NanosPerOp, REFERENCE, |_| beside_a_boxed_call(asking(set_price)?)),
    ];
    cases.into_iter().map(|case| case.runs(21)).collect()
}

const USE_PRICES: Permission = Permission::new("prices:use");

macro_rules! request {
    ($name:ident, $wire:literal, $kind:ident) => {
        #[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
        struct $name {
            article: u64,
        }

        impl Request for $name {
            type Response = u64;
            const NAME: &'static str = $wire;
            const KIND: RequestKind = RequestKind::$kind;
            const ACCESS: Access = Access::Requires(USE_PRICES);
        }

        impl Service<$name> for Prices {
            async fn execute(&self, _: &Context, _: &mut Unit, request: $name) -> Result<u64, Error> {
                Ok(request.article * 3)
            }
        }
    };
}

struct Prices;

request!(PriceOf, "prices.price-of", Query);
request!(KeptPriceOf, "prices.kept-price-of", Query);
request!(SetPrice, "prices.set", Command);

impl Cached for KeptPriceOf {
    const STALE_AFTER: &'static [&'static str] = &["prices.changed"];

    fn key(&self, _: &Context) -> String {
        (self.article % 64).to_string()
    }
}

struct Shop {
    requests: Requests,
    cx: Context,
}

impl Shop {
    fn open() -> Result<Self, Failure> {
        let mut table = ServiceTable::default();
        table.serve::<PriceOf>("prices", Prices);
        table.serve::<KeptPriceOf>("prices", Prices);
        table.cache::<KeptPriceOf>();
        table.serve::<SetPrice>("prices", Prices);
        let store = Arc::new(MemoryStore::default());
        let requests = Requests::new(table, store, Arc::new(SystemClock), Arc::new(SystemIds));
        let cx = Context::new(principal(&[USE_PRICES.name()])?, CorrelationId::new(SystemIds.next()));
        Ok(Self { requests, cx })
    }
}

async fn price_of(shop: &Shop, article: u64) -> Result<u64, Error> {
    shop.requests.ask(&shop.cx, PriceOf { article }).await
}

async fn kept_price_of(shop: &Shop, article: u64) -> Result<u64, Error> {
    shop.requests.ask(&shop.cx, KeptPriceOf { article }).await
}

async fn set_price(shop: &Shop, article: u64) -> Result<u64, Error> {
    shop.requests.ask(&shop.cx, SetPrice { article }).await
}

fn asking(ask: impl AsyncFn(&Shop, u64) -> Result<u64, Error> + 'static) -> Result<Contender, Failure> {
    let (shop, runtime) = (Shop::open()?, runtime()?);
    // Refused once is refused always: the loop need not look at each answer.
    runtime.block_on(ask(&shop, 1)).map_err(|error| error.to_string())?;
    Ok(per_loop(move |times| {
        runtime.block_on(timed(times, async |article| black_box(ask(&shop, article).await).is_ok()))
    }))
}

/// Each thread has a runtime of its own, and both ask the same services.
fn asking_on_two_threads() -> Result<Contender, Failure> {
    let shop = Arc::new(Shop::open()?);
    let runtimes = [Arc::new(runtime()?), Arc::new(runtime()?)];
    Ok(Contender::on_threads(move |times| {
        let each = |runtime: &Arc<Runtime>| {
            let (runtime, shop) = (Arc::clone(runtime), Arc::clone(&shop));
            std::thread::spawn(move || {
                let ask = async |article| black_box(price_of(&shop, article).await).is_ok();
                runtime.block_on(timed(times, ask))
            })
        };
        let running = runtimes.each_ref().map(each);
        running.into_iter().map(|thread| thread.join().expect("asking does not panic")).sum::<Duration>() / 2
    }))
}

/// With a layer that formats every line, into nothing.
fn logged(mut contender: Contender) -> Contender {
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::sink).with_filter(LevelFilter::INFO);
    let subscriber = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    per_loop(move |times| {
        let asked = tracing::dispatcher::with_default(&subscriber, || contender.repeat(times));
        asked.expect("a loop on one thread can be repeated")
    })
}

type Boxed = Pin<Box<dyn Future<Output = Result<u64, Error>> + Send>>;

fn boxed(request: PriceOf) -> Boxed {
    Box::pin(async move { Ok(request.article * 3) })
}

fn beside_a_boxed_call(subject: Contender) -> Result<Race, Failure> {
    let (call, runtime): (Box<dyn Fn(PriceOf) -> Boxed + Send + Sync>, _) = (Box::new(boxed), runtime()?);
    Ok(Race::between(
        subject,
        per_loop(move |times| {
            let call = async |article| black_box(call(black_box(PriceOf { article })).await).is_ok();
            runtime.block_on(timed(times, call))
        }),
    ))
}

fn runtime() -> Result<Runtime, Failure> {
    Ok(Builder::new_current_thread().enable_time().build()?)
}

async fn timed(times: u64, ask: impl AsyncFn(u64) -> bool) -> Duration {
    let start = Instant::now();
    for article in 0..times {
        black_box(ask(article).await);
    }
    start.elapsed()
}
