//! A query through every stage of the pipeline, beside a boxed future that gives the same answer.

use std::{
    hint::black_box,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use event_sourcing::{MemoryStore, Unit};
use kernel::{Access, Context, CorrelationId, Error, Ids, Permission, Request, RequestKind, SystemClock, SystemIds};
use request::{Requests, Service, ServiceTable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::runtime::Builder;

use crate::{
    case::{Case, Failure, Race, Setting, per_loop},
    principal::principal,
    row::Unit::NanosPerOp,
};

pub fn cases(_: &Setting) -> Vec<Case> {
    let query = Case::new("request/query", NanosPerOp, Some("boxed-async-call"), |_| query());
    vec![query.runs(21)]
}

const READ_PRICES: Permission = Permission::new("prices:read");

#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
struct PriceOf {
    article: u64,
}

impl Request for PriceOf {
    type Response = u64;
    const NAME: &'static str = "prices.price-of";
    const KIND: RequestKind = RequestKind::Query;
    const ACCESS: Access = Access::Requires(READ_PRICES);
}

struct Prices;

impl Service<PriceOf> for Prices {
    async fn execute(&self, _: &Context, _: &mut Unit, request: PriceOf) -> Result<u64, Error> {
        Ok(request.article * 3)
    }
}

type Boxed = Pin<Box<dyn Future<Output = Result<u64, Error>> + Send>>;

fn boxed(request: PriceOf) -> Boxed {
    Box::pin(async move { Ok(request.article * 3) })
}

fn query() -> Result<Race, Failure> {
    let mut table = ServiceTable::default();
    table.serve("prices", Prices);
    let requests = Requests::new(table, Arc::new(MemoryStore::default()), Arc::new(SystemClock), Arc::new(SystemIds));
    let cx = Context::new(principal(&[READ_PRICES.name()])?, CorrelationId::new(SystemIds.next()));
    let call: Box<dyn Fn(PriceOf) -> Boxed + Send + Sync> = Box::new(boxed);
    let runtime = Arc::new(Builder::new_current_thread().enable_time().build()?);
    // Refused once is refused always: the loop need not look at each answer.
    runtime.block_on(requests.ask(&cx, PriceOf { article: 1 })).map_err(|error| error.to_string())?;

    let subject = Arc::clone(&runtime);
    Ok(Race::between(
        per_loop(move |times| {
            subject
                .block_on(timed(times, async |article| black_box(requests.ask(&cx, PriceOf { article }).await).is_ok()))
        }),
        per_loop(move |times| {
            runtime
                .block_on(timed(times, async |article| black_box(call(black_box(PriceOf { article })).await).is_ok()))
        }),
    ))
}

async fn timed(times: u64, ask: impl AsyncFn(u64) -> bool) -> Duration {
    let start = Instant::now();
    for article in 0..times {
        black_box(ask(article).await);
    }
    start.elapsed()
}
