//! `peer-sqlite-es SCRATCH`: answers every line on standard input with the events per second of commands that each append one
//! event to a new aggregate, with `synchronous = FULL` in a file below that folder.
//!
//! `best` is the best of 1, 8 and 64 commands at a time; a number is so many. Commands that fail are not counted.

use std::{
    env, fmt, io,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use cqrs_es::{Aggregate, CqrsFramework, DomainEvent, event_sink::EventSink, persist::PersistedEventStore};
use serde::{Deserialize, Serialize};
use sqlite_es::SqliteEventRepository;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

/// Of one run at one number of commands at a time.
const RUN: Duration = Duration::from_millis(400);

/// The table that the crate's documentation asks for.
const SCHEMA: &str = "CREATE TABLE events (
    aggregate_type TEXT NOT NULL, aggregate_id TEXT NOT NULL, sequence INTEGER CHECK (sequence >= 0) NOT NULL,
    event_type TEXT NOT NULL, event_version TEXT NOT NULL, payload TEXT NOT NULL, metadata TEXT NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence)) STRICT";

#[derive(Default, Serialize, Deserialize)]
struct Order;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct OrderPlaced {
    order_id: String,
    customer: String,
    amount: u64,
    currency: String,
    items: Vec<Item>,
    at: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Item {
    sku: String,
    n: u32,
}

impl DomainEvent for OrderPlaced {
    fn event_type(&self) -> String {
        "orders.order_placed".into()
    }

    fn event_version(&self) -> String {
        "1".into()
    }
}

#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no command is refused")
    }
}

impl std::error::Error for Refused {}

impl Aggregate for Order {
    const TYPE: &'static str = "order";
    type Command = ();
    type Event = OrderPlaced;
    type Error = Refused;
    type Services = ();

    async fn handle(&mut self, (): (), (): &(), sink: &EventSink<Self>) -> Result<(), Refused> {
        let placed = OrderPlaced {
            order_id: "0b5e7f0e-1f0a-4c55-9a8e-2f6b1c7f7a10".into(),
            customer: "c-000042".into(),
            amount: 12_345,
            currency: "EUR".into(),
            items: vec![Item { sku: "A-1".into(), n: 2 }],
            at: "2026-01-01T00:00:00Z".into(),
        };
        sink.write(placed, self).await;
        Ok(())
    }

    fn apply(&mut self, _: OrderPlaced) {}
}

fn main() -> ExitCode {
    let scratch = env::args().nth(1).unwrap_or_else(|| ".".into());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    for line in io::stdin().lines() {
        let question = line.expect("questions are text");
        let at_a_time: Vec<usize> = match question.as_str() {
            "best" => vec![1, 8, 64],
            number => match number.parse() {
                Ok(number) => vec![number],
                Err(_) => {
                    eprintln!("unknown: `{question}`; known are best and numbers");
                    return ExitCode::from(2);
                }
            },
        };
        let rates = at_a_time.into_iter().map(|commands| runtime.block_on(rate(&scratch, commands)));
        println!("{}", rates.fold(0.0, f64::max));
    }
    ExitCode::SUCCESS
}

type Store = PersistedEventStore<SqliteEventRepository, Order>;

async fn rate(scratch: &str, commands: usize) -> f64 {
    let folder = tempfile::tempdir_in(scratch).expect("a folder");
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("events.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let pool = SqlitePoolOptions::new().max_connections(10).connect_with(options).await.expect("a database");
    sqlx::query(SCHEMA).execute(&pool).await.expect("a table");
    let framework = Arc::new(sqlite_es::sqlite_cqrs::<Order>(pool.clone(), vec![], ()));
    let (next, start) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let running: Vec<_> = (0..commands).map(|_| tokio::spawn(commanding(framework.clone(), next.clone(), start))).collect();
    let mut done = 0;
    for task in running {
        done += task.await.expect("no command panics");
    }
    let rate = f64::from(done) / start.elapsed().as_secs_f64();
    pool.close().await;
    rate
}

async fn commanding(framework: Arc<CqrsFramework<Order, Store>>, next: Arc<AtomicU64>, start: Instant) -> u32 {
    let mut done = 0;
    while start.elapsed() < RUN {
        let id = format!("order-{:012}", next.fetch_add(1, Ordering::Relaxed));
        done += u32::from(framework.execute(&id, ()).await.is_ok());
    }
    done
}
