//! The same random trace on the store in memory and on SQLite gives the same answers.

use std::{cell::RefCell, collections::BTreeMap, ops::Bound, sync::Arc, time::Instant};

use chrono::{DateTime, TimeDelta, Utc};
use event_sourcing::{
    Collection, CommitError, Direction, Document, EventQuery, Expected, IndexPlace, IndexQuery, IndexValue, LogQuery,
    MemoryStore, Origin, Position, Receipt, Store, StreamQuery, Unit, Wanted,
};
use kernel::{Context, CorrelationId, Event, ManualClock};
use proptest::{
    collection::vec,
    option,
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use storage_sqlite::SqliteStore;
use testing::store::{Card, Filed, Noted, Tagged};
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::{open, place};

/// Any JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
struct Loose(Value);

impl Document for Loose {
    const COLLECTION: &'static str = "testing.loose";
}

#[derive(Debug, Clone)]
enum Operation {
    /// At this second.
    Commit {
        correlation: u128,
        second: i64,
        deadline: Option<i64>,
        writes: Vec<Change>,
    },
    Document {
        loose: bool,
        key: String,
    },
    Documents {
        loose: bool,
        after: Option<String>,
        limit: usize,
    },
    Indexed {
        wanted: Wanted,
        after: Option<IndexPlace>,
        limit: usize,
    },
    Log(LogQuery),
    Stream {
        stream: String,
        query: StreamQuery,
    },
    Head,
    Checkpoint(String),
    Reopen,
}

#[derive(Debug, Clone)]
enum Change {
    Append { stream: String, expected: Expected, n: u64 },
    AppendTagged { stream: String, tags: Vec<&'static str> },
    PutCard { key: String, expected: Expected, n: u64 },
    PutLoose { key: String, expected: Expected, body: Value },
    PutFiled { key: String, at: Value },
    Delete { loose: bool, key: String, expected: Expected },
    Guard { query: EventQuery, after: u64 },
    Require { key: String, expected: Expected },
    Checkpoint { subscriber: String, position: u64 },
}

/// Few names, so that operations meet.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[abc]", 1 => any::<String>()]
}

fn expected() -> impl Strategy<Value = Expected> {
    prop_oneof![3 => Just(Expected::Any), 2 => Just(Expected::Absent), 2 => (0..4_u64).prop_map(Expected::Exact)]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((any::<String>(), inner), 0..4).prop_map(Value::from_iter),
        ]
    })
}

/// Few values, so that questions find some.
fn indexed() -> impl Strategy<Value = IndexValue> {
    prop_oneof![
        4 => "[ab]{0,2}".prop_map(IndexValue::Text),
        3 => (-2..3_i64).prop_map(IndexValue::Integer),
        1 => any::<bool>().prop_map(IndexValue::Bool),
        1 => any::<String>().prop_map(IndexValue::Text),
        1 => any::<i64>().prop_map(IndexValue::Integer),
    ]
}

fn in_json(value: IndexValue) -> Value {
    match value {
        IndexValue::Bool(is) => is.into(),
        IndexValue::Integer(number) => number.into(),
        IndexValue::Text(text) => text.into(),
    }
}

fn wanted() -> impl Strategy<Value = Wanted> {
    (indexed(), indexed(), 0..4).prop_map(|(from, to, end)| {
        let to = match end {
            0 => Bound::Included(from.clone()),
            _ if std::mem::discriminant(&from) != std::mem::discriminant(&to) => Bound::Unbounded,
            1 => Bound::Included(to),
            2 => Bound::Excluded(to),
            _ => Bound::Unbounded,
        };
        Wanted { from, to }
    })
}

fn tags() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(vec!["a:1", "b:2", "c:3"], 0..=3)
}

fn query() -> impl Strategy<Value = EventQuery> {
    let types = proptest::sample::subsequence(vec![Noted::NAME, Tagged::NAME], 0..=2);
    let item = (types, tags()).prop_map(|(types, tags)| EventQuery::of(&types, &tags));
    vec(item, 1..4).prop_map(|items| items.into_iter().reduce(EventQuery::or).unwrap())
}

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![Just(Direction::Forward), Just(Direction::Backward)]
}

fn second() -> impl Strategy<Value = i64> {
    0..6_i64
}

fn at(second: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => (name(), expected(), any::<u64>()).prop_map(|(stream, expected, n)| Change::Append { stream, expected, n }),
        2 => (name(), expected(), any::<u64>()).prop_map(|(key, expected, n)| Change::PutCard { key, expected, n }),
        2 => (name(), expected(), json()).prop_map(|(key, expected, body)| Change::PutLoose { key, expected, body }),
        2 => (name(), prop_oneof![3 => indexed().prop_map(in_json), 1 => json()])
            .prop_map(|(key, at)| Change::PutFiled { key, at }),
        2 => (any::<bool>(), name(), expected())
            .prop_map(|(loose, key, expected)| Change::Delete { loose, key, expected }),
        2 => (name(), tags()).prop_map(|(stream, tags)| Change::AppendTagged { stream, tags }),
        1 => (query(), 0..12_u64).prop_map(|(query, after)| Change::Guard { query, after }),
        1 => (name(), expected()).prop_map(|(key, expected)| Change::Require { key, expected }),
        1 => (name(), any::<u64>()).prop_map(|(subscriber, position)| Change::Checkpoint { subscriber, position }),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    let (place, limit) =
        (prop_oneof![9 => 0..12_u64, 1 => any::<u64>()], prop_oneof![9 => 0..9_usize, 1 => Just(usize::MAX)]);
    let correlation = 1..3_u128;
    prop_oneof![
        8 => (correlation.clone(), second(), option::weighted(0.2, second()), vec(change(), 0..6)).prop_map(
            |(correlation, second, deadline, writes)| Operation::Commit { correlation, second, deadline, writes }
        ),
        1 => (any::<bool>(), name()).prop_map(|(loose, key)| Operation::Document { loose, key }),
        1 => (any::<bool>(), option::of(name()), limit.clone())
            .prop_map(|(loose, after, limit)| Operation::Documents { loose, after, limit }),
        2 => (wanted(), option::of((indexed(), name())), limit.clone()).prop_map(|(wanted, after, limit)| {
            let after = after.map(|(value, key)| IndexPlace { value, key });
            // Pages are asked for behind a value of the kind that is wanted.
            let after = after.filter(|after| std::mem::discriminant(&after.value) == std::mem::discriminant(&wanted.from));
            Operation::Indexed { wanted, after, limit }
        }),
        2 => part(place.clone(), limit.clone(), correlation),
        3 => (name(), place.clone(), option::of(place), option::of(second()), direction(), limit).prop_map(
            |(stream, after, upto, second, direction, limit)| {
                let query = StreamQuery { after, upto, until: second.map(at), direction, limit };
                Operation::Stream { stream, query }
            }
        ),
        1 => Just(Operation::Head),
        1 => name().prop_map(Operation::Checkpoint),
        1 => Just(Operation::Reopen),
    ]
}

/// Of the log.
fn part(
    place: impl Strategy<Value = u64> + Clone,
    limit: impl Strategy<Value = usize>,
    correlation: impl Strategy<Value = u128>,
) -> impl Strategy<Value = Operation> {
    let range = (place.clone(), option::of(place), direction(), limit);
    let filter = (option::of(second()), option::of(correlation), option::of(query()));
    (range, filter).prop_map(|((after, upto, direction, limit), (second, correlation, matching))| {
        let (after, upto, until) = (Position(after), upto.map(Position), second.map(at));
        let correlation = correlation.map(|id| CorrelationId::new(Uuid::from_u128(id)));
        Operation::Log(LogQuery { after, upto, limit, direction, until, correlation, matching })
    })
}

fn unit(origin: Origin, writes: &[Change]) -> Unit {
    let mut unit = Unit::new(origin);
    for change in writes.iter().cloned() {
        match change {
            Change::Append { stream, expected, n } => _ = unit.append(stream.clone(), expected, &Noted::new(stream, n)),
            Change::AppendTagged { stream, tags } => {
                _ = unit.append(stream, Expected::Any, &Tagged::new(0, &tags));
            }
            Change::Guard { query, after } => unit.guard(query, Position(after)),
            Change::Require { key, expected } => unit.require::<Card>(key, expected),
            Change::PutCard { key, expected, n } => unit.put(key, &Card { n }, expected),
            Change::PutLoose { key, expected, body } => unit.put(key, &Loose(body), expected),
            Change::PutFiled { key, at } => unit.put(key, &Filed::at(at), Expected::Any),
            Change::Delete { loose: true, key, expected } => unit.delete::<Loose>(key, expected),
            Change::Delete { loose: false, key, expected } => unit.delete::<Card>(key, expected),
            Change::Checkpoint { subscriber, position } => unit.checkpoint(subscriber, Position(position)),
        }
    }
    unit
}

fn collection(loose: bool) -> &'static str {
    if loose { Loose::COLLECTION } else { Card::COLLECTION }
}

/// What a store answers, in words, so that `0.0` and `-0.0` are not the same.
async fn answer(store: &dyn Store, operation: &Operation) -> Result<String, CommitError> {
    let words = match operation {
        Operation::Commit { correlation, second, deadline, writes } => {
            let mut origin = testing::origin("test");
            origin.clock = Arc::new(ManualClock::starting_at(at(*second)));
            let correlation = CorrelationId::new(Uuid::from_u128(*correlation));
            origin.context = Context::new(Arc::new(origin.context.principal().clone()), correlation);
            if let Some(deadline) = deadline {
                origin.context = origin.context.until(at(*deadline));
            }
            let Receipt { events, position } = store.commit(unit(origin, writes)).await?;
            format!("{events:?} {position:?}")
        }
        Operation::Document { loose, key } => format!("{:?}", store.document(collection(*loose), key).await?),
        Operation::Documents { loose, after, limit } => {
            format!("{:?}", store.documents(collection(*loose), after.as_deref(), *limit).await?)
        }
        Operation::Indexed { wanted, after, limit } => {
            let (wanted, after, index) = (wanted.clone(), after.clone(), Filed::BY_AT);
            let query = IndexQuery { collection: Filed::COLLECTION.into(), index, wanted, after, limit: *limit };
            format!("{:?}", store.indexed(query).await?)
        }
        Operation::Log(query) => format!("{:?}", store.log(query.clone()).await?),
        Operation::Stream { stream, query } => format!("{:?}", store.stream(stream, *query).await?),
        Operation::Head | Operation::Reopen => store.head().await?.to_string(),
        Operation::Checkpoint(subscriber) => store.checkpoint(subscriber).await?.to_string(),
    };
    Ok(words)
}

/// What an answer shows to work, so that a run that only ever met empty stores does not count.
fn shown(operation: &Operation, answer: &Result<String, CommitError>) -> Vec<&'static str> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(CommitError::Conflict(conflict)) => {
            let what = &conflict.what;
            return vec![match conflict.event {
                Some(_) => "conflict of a query",
                None if what.starts_with("stream") => "conflict of a stream",
                None => "conflict of a document",
            }];
        }
        Err(CommitError::Late { .. }) => return vec!["refused as late"],
        Err(refused @ (CommitError::Unwritable(_) | CommitError::Store(_))) => panic!("{refused}"),
    };
    let found = |what| if matches!(answer.as_str(), "None" | "[]" | "0") { vec![] } else { vec![what] };
    match operation {
        Operation::Commit { writes, .. } => {
            let kinds = writes.iter().map(|change| match change {
                Change::Append { .. } => "append",
                Change::AppendTagged { .. } => "append with tags",
                Change::Guard { .. } => "guard",
                Change::Require { .. } => "require",
                Change::PutCard { .. } | Change::PutLoose { .. } | Change::PutFiled { .. } => "put",
                Change::Delete { .. } => "delete",
                Change::Checkpoint { .. } => "set checkpoint",
            });
            kinds.collect()
        }
        Operation::Document { .. } => found("document"),
        Operation::Documents { .. } => found("documents"),
        Operation::Indexed { .. } => found("indexed"),
        Operation::Log(query) => {
            let kinds = [
                (query.upto.is_some(), "log as of a position"),
                (query.until.is_some(), "log as of a time"),
                (query.correlation.is_some(), "log of one correlation"),
                (query.matching.is_some(), "log of types and tags"),
                (query.direction == Direction::Backward, "log backward"),
                (true, "log"),
            ];
            kinds.into_iter().filter(|(is_so, _)| *is_so).flat_map(|(_, kind)| found(kind)).collect()
        }
        Operation::Stream { query, .. } => {
            let kinds = [
                (query.upto.is_some(), "stream as of a version"),
                (query.until.is_some(), "stream as of a time"),
                (query.direction == Direction::Backward, "stream backward"),
                (true, "stream"),
            ];
            kinds.into_iter().filter(|(is_so, _)| *is_so).flat_map(|(_, kind)| found(kind)).collect()
        }
        Operation::Head => found("head"),
        Operation::Checkpoint(_) => found("checkpoint"),
        Operation::Reopen => found("reopen"),
    }
}

async fn same_answers(trace: &[Operation], counts: &RefCell<BTreeMap<&'static str, u32>>) {
    let (_folder, path) = place();
    let memory = MemoryStore::default();
    let mut sqlite: Option<SqliteStore> = None;
    memory.declare(&[Collection::of::<Filed>()]).await.unwrap();
    let everything = [
        Operation::Log(LogQuery::after(Position(0), usize::MAX)),
        Operation::Log(LogQuery { matching: Some(EventQuery::of(&[], &["a:1"])), ..LogQuery::last(usize::MAX) }),
        Operation::Documents { loose: true, after: None, limit: usize::MAX },
        Operation::Documents { loose: false, after: None, limit: usize::MAX },
    ];
    for operation in trace.iter().chain(&everything) {
        if matches!(operation, Operation::Reopen) {
            sqlite = None;
        }
        let sqlite = sqlite.get_or_insert_with(|| open(&path).unwrap());
        sqlite.declare(&[Collection::of::<Filed>()]).await.unwrap();
        let (ours, model) = (answer(sqlite, operation).await, answer(&memory, operation).await);
        assert_eq!(ours, model, "{operation:?}");
        for what in shown(operation, &ours) {
            *counts.borrow_mut().entry(what).or_default() += 1;
        }
    }
}

/// What must occur, by name.
const ALL: [&str; 27] = [
    "append",
    "append with tags",
    "checkpoint",
    "conflict of a document",
    "conflict of a query",
    "conflict of a stream",
    "delete",
    "document",
    "documents",
    "guard",
    "head",
    "indexed",
    "log",
    "log as of a position",
    "log as of a time",
    "log backward",
    "log of one correlation",
    "log of types and tags",
    "put",
    "refused as late",
    "reopen",
    "require",
    "set checkpoint",
    "stream",
    "stream as of a time",
    "stream as of a version",
    "stream backward",
];

/// After so many times as many traces nothing new is to be hoped for.
const ROUNDS: usize = 8;

#[test]
fn it_answers_as_the_store_in_memory_does() {
    let runtime = Runtime::new().unwrap();
    let counts = RefCell::<BTreeMap<&str, u32>>::default();
    let config =
        Config { cases: 128 * testing::effort(), failure_persistence: None, max_shrink_iters: 60, ..Config::default() };
    // The same traces every time: what a run shows must not depend on luck.
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let traces = vec(operation(), 1..50);
    let start = Instant::now();
    // So that nothing passes unseen, it goes on until everything has occurred.
    for round in 1.. {
        let result = runner.run(&traces, |trace| {
            runtime.block_on(same_answers(&trace, &counts));
            Ok(())
        });
        if let Err(failure) = result {
            panic!("{failure}");
        }
        let is_all = ALL.iter().all(|kind| counts.borrow().contains_key(kind));
        if (is_all || round >= ROUNDS) && start.elapsed() >= testing::endurance() {
            break;
        }
    }
    let counts = counts.into_inner();
    let kinds: Vec<&str> = counts.keys().copied().collect();
    assert_eq!(kinds, ALL, "every kind of operation and refusal has occurred: {counts:?}");
}
