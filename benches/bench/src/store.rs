//! The store port on SQLite: appending beside the same rows written with bare rusqlite, beside another event store, and beside what
//! a flush of the disk costs; from a publish to the handler; a log of ten million events.

mod long_log;
mod one_by_one;

use std::{path::Path, sync::Arc, time::Instant};

use event_sourcing::{Expected, Origin, Store, Unit};
use kernel::{Clock, Context, CorrelationId, Event, Ids, SystemClock, SystemIds};
use rusqlite::{Connection, TransactionBehavior, params};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use storage_sqlite::{Options, SqliteStore};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    case::{Case, Contender, Failure, Race, Setting},
    principal::principal,
    row,
};

/// Events of one sample: enough flushes of the disk in it, whatever the batch.
const EVENTS: usize = 20_000;
/// Events of one stream.
const STREAM: usize = 100;

pub fn cases(setting: &Setting) -> Vec<Case> {
    let in_batches = [("store/sqlite-100", 100), ("store/sqlite-1000", 1000)].map(|(name, batch)| {
        let case = Case::new(name, row::Unit::OpsPerSecond, Some("raw-sqlite"), move |setting| {
            Ok(Race::between(units(&setting.scratch, batch)?, transactions(&setting.scratch, batch)?))
        });
        // Short ones, of which either side has some that are half as fast as others.
        case.runs(21)
    });
    in_batches.into_iter().chain(one_by_one::cases(setting)).chain(long_log::cases()).collect()
}

/// A new store below the folder, which is removed with what is returned beside it.
fn open(scratch: &Path) -> Result<(Arc<SqliteStore>, TempDir), Failure> {
    let folder = TempDir::new_in(scratch)?;
    let store = SqliteStore::open(&folder.path().join("store.db"), Options::new("bench", SystemClock.now()))?;
    Ok((Arc::new(store), folder))
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct OrderPlaced {
    order_id: String,
    customer: String,
    amount: u64,
    currency: String,
    items: Vec<Item>,
    at: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Item {
    sku: String,
    n: u32,
}

impl Event for OrderPlaced {
    const NAME: &'static str = "orders.order_placed";

    fn key(&self) -> String {
        self.order_id.clone()
    }
}

impl OrderPlaced {
    fn example() -> Self {
        Self {
            order_id: "0b5e7f0e-1f0a-4c55-9a8e-2f6b1c7f7a10".into(),
            customer: "c-000042".into(),
            amount: 12_345,
            currency: "EUR".into(),
            items: vec![Item { sku: "A-1".into(), n: 2 }],
            at: "2026-01-01T00:00:00Z".into(),
        }
    }
}

fn stream(event: usize) -> String {
    format!("order-{:012}", event / STREAM)
}

/// One unit of `batch` events after another, each committed before the next is made.
fn units(scratch: &Path, batch: usize) -> Result<Contender, Failure> {
    let (store, folder) = open(scratch)?;
    let runtime = Runtime::new()?;
    let (origin, event) = (origin()?, OrderPlaced::example());
    let mut written = 0;
    Ok(Contender::sampled(move || {
        let _kept = &folder;
        let start = Instant::now();
        for _ in 0..EVENTS / batch {
            let mut unit = Unit::new(origin.clone());
            for _ in 0..batch {
                unit.append(stream(written), Expected::Any, &event);
                written += 1;
            }
            runtime.block_on(store.commit(unit))?;
        }
        Ok(EVENTS as f64 / start.elapsed().as_secs_f64())
    }))
}

/// The least that keeps an event: a row with its identity, place, type, time and data, in a durable transaction of as many.
fn transactions(scratch: &Path, batch: usize) -> Result<Contender, Failure> {
    let folder = TempDir::new_in(scratch)?;
    let mut connection = Connection::open(folder.path().join("raw.db"))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE events (
             position INTEGER PRIMARY KEY, event_id BLOB NOT NULL, stream TEXT NOT NULL, version INTEGER NOT NULL,
             event_type TEXT NOT NULL, data TEXT NOT NULL, timestamp INTEGER NOT NULL, UNIQUE (stream, version))",
    )?;
    let data = serde_json::to_string(&OrderPlaced::example())?;
    let mut written = 0;
    Ok(Contender::sampled(move || {
        let _kept = &folder;
        let start = Instant::now();
        for _ in 0..EVENTS / batch {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            {
                let mut insert = transaction.prepare_cached(
                    "INSERT INTO events (event_id, stream, version, event_type, data, timestamp)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?;
                for _ in 0..batch {
                    let (id, version) = (SystemIds.next(), (written % STREAM + 1) as i64);
                    let now = SystemClock.now().timestamp_micros();
                    insert.execute(params![id.as_bytes(), stream(written), version, OrderPlaced::NAME, data, now])?;
                    written += 1;
                }
            }
            transaction.commit()?;
        }
        Ok(EVENTS as f64 / start.elapsed().as_secs_f64())
    }))
}

fn origin() -> Result<Origin, Failure> {
    Ok(Origin {
        module: "orders",
        context: Context::new(principal(&[])?, CorrelationId::new(SystemIds.next())),
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
    })
}
