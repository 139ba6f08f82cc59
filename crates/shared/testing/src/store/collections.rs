use std::{
    collections::BTreeMap,
    error::Error,
    ops::Bound,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use event_sourcing::{
    Collection, Document, Expected, Index, IndexPlace, IndexQuery, LogQuery, Position, Store, StoreErrorKind,
    StoreExt as _, StreamQuery, Unit, Wanted,
};
use kernel::Json;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{card, unit};
use crate::{actors::origin, patience::polled};

/// A document that is found by what stands in it, whatever that is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Filed {
    /// What it is found by: any JSON, of which only some is in the index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Value>,
    /// Also found by what is in here.
    pub inner: Inner,
}

/// Of a [`Filed`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inner {
    /// What it is found by.
    pub label: String,
}

impl Filed {
    /// Of what stands under `at`.
    pub const BY_AT: Index = Index::new("by_at", "at");
    /// Of the label.
    pub const BY_LABEL: Index = Index::new("by_label", "inner.label");

    /// A document with this value under `at`.
    pub fn at(value: Value) -> Self {
        Self { at: Some(value), inner: Inner { label: "same".into() } }
    }
}

impl Document for Filed {
    const COLLECTION: &'static str = "testing.filed";
    const INDEXES: &'static [Index] = &[Self::BY_AT, Self::BY_LABEL];
}

/// The same collection, of which another index is declared under a name that was taken.
#[derive(Serialize, Deserialize)]
struct Refiled {}

impl Document for Refiled {
    const COLLECTION: &'static str = Filed::COLLECTION;
    const INDEXES: &'static [Index] = &[Index::new("by_at", "inner.label")];
}

async fn declare<D: Document>(store: &dyn Store) {
    store.declare(&[Collection::of::<D>()]).await.unwrap();
}

async fn put<D: Document>(store: &dyn Store, documents: impl IntoIterator<Item = (String, D)>) {
    let mut unit = unit(&origin("test"));
    documents.into_iter().for_each(|(key, document)| unit.put(key, &document, Expected::Any));
    store.commit(unit).await.unwrap();
}

async fn keys(store: &dyn Store, wanted: impl Into<Wanted>) -> Vec<String> {
    let page = store.find::<Filed>(Filed::BY_AT, wanted.into(), None, usize::MAX).await.unwrap();
    page.documents.into_iter().map(|found| found.key).collect()
}

pub(super) async fn an_index_finds(store: &dyn Store) {
    // Some are there before the index is, some after.
    let values = [
        json!("b"),
        json!("a"),
        json!(""),
        json!("a\u{0}b"),
        json!("ä"),
        json!("🦀"),
        json!("1"),
        json!("[1]"),
        json!("true"),
        json!("quote ' \" \\"),
        json!(1),
        json!(-7),
        json!(i64::MIN),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1.5),
        json!(1.0),
        json!(true),
        json!(false),
        json!(null),
        json!([1]),
        json!({"at": 1}),
    ];
    let named = |(n, value): (usize, &Value)| (format!("{n:02} {value}"), Filed::at(value.clone()));
    put(store, values.iter().enumerate().map(named).step_by(2)).await;
    declare::<Filed>(store).await;
    put(store, values.iter().enumerate().map(named)).await;
    put(store, [("none".to_owned(), Filed { at: None, ..Filed::at(Value::Null) })]).await;

    assert_eq!(keys(store, "a").await, [r#"01 "a""#]);
    assert_eq!(keys(store, "").await, [r#"02 """#]);
    assert_eq!(keys(store, "[1]").await, [r#"07 "[1]""#], "a text, not a list");
    assert_eq!(keys(store, "1").await, [r#"06 "1""#], "a text, not a number");
    assert_eq!(keys(store, "a\u{0}b").await, [r#"03 "a\u0000b""#]);
    assert_eq!(keys(store, "quote ' \" \\".to_owned()).await, [r#"09 "quote ' \" \\""#]);
    assert_eq!(keys(store, 1).await, ["10 1"], "a number, not a truth value");
    assert_eq!(keys(store, true).await, ["17 true"]);
    assert_eq!(keys(store, false..).await, ["18 false", "17 true"]);
    assert_eq!(keys(store, ..true).await, ["18 false"]);
    assert_eq!(keys(store, "nothing").await, [""; 0]);
    assert_eq!(keys(store, 0..).await, ["10 1", "13 9223372036854775807"]);
    assert_eq!(keys(store, ..=1).await, ["12 -9223372036854775808", "11 -7", "10 1"]);
    assert_eq!(keys(store, -7_i64..1).await, ["11 -7"]);
    let none = Wanted { from: 5.into(), to: Bound::Included(1.into()) };
    assert_eq!(keys(store, none).await, [""; 0]);
    let texts = [r#"06 "1""#, r#"07 "[1]""#, r#"01 "a""#, r#"03 "a\u0000b""#];
    assert_eq!(keys(store, "1".."b").await, texts, "by their bytes");
    assert_eq!(keys(store, "c"..).await, [r#"09 "quote ' \" \\""#, r#"08 "true""#, r#"04 "ä""#, r#"05 "🦀""#]);
    let labelled = store.find::<Filed>(Filed::BY_LABEL, "same", None, usize::MAX).await.unwrap();
    assert_eq!(labelled.documents.len(), values.len() + 1, "also by a field of a field");
    assert_eq!(labelled.documents[0].revision, 2);
    assert_eq!(labelled.documents[1].value, Filed::at(json!("a")));
}

pub(super) async fn an_index_is_read_in_pages(store: &dyn Store) {
    declare::<Filed>(store).await;
    // Many of one value, and the order of the keys is not that of the values.
    put(store, (0..23).map(|n| (format!("{n:02}"), Filed::at(json!(10 - n / 5))))).await;
    for limit in [1, 2, 5, 23, 24] {
        for wanted in [Wanted::from(..=10), Wanted::from(8)] {
            let (mut read, mut after): (Vec<(i64, String)>, Option<IndexPlace>) = (Vec::new(), None);
            loop {
                let page = store.find::<Filed>(Filed::BY_AT, wanted.clone(), after.as_ref(), limit).await.unwrap();
                assert!(page.documents.len() <= limit);
                let places = page.documents.into_iter();
                read.extend(places.map(|found| (found.value.at.unwrap().as_i64().unwrap(), found.key)));
                assert!(read.len() <= 23, "in pages of {limit} it never ends");
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            let mut all: Vec<_> = (0..23).map(|n| (10 - n / 5, format!("{n:02}"))).collect();
            all.retain(|(value, _)| wanted.takes(&(*value).into()));
            all.sort();
            assert_eq!(read, all, "{wanted:?} in pages of {limit}");
        }
    }
    let before = IndexPlace { value: i64::MIN.into(), key: "zz".into() };
    let page = store.find::<Filed>(Filed::BY_AT, 10, Some(&before), 2).await.unwrap();
    assert_eq!(page.documents.len(), 2, "from a place before all that is wanted");
    assert_eq!(store.find::<Filed>(Filed::BY_AT, 10, None, 0).await.unwrap().documents, []);
}

pub(super) async fn an_index_follows_its_documents(store: &dyn Store) {
    declare::<Filed>(store).await;
    put(store, [("k".to_owned(), Filed::at(json!("a"))), ("l".to_owned(), Filed::at(json!("a")))]).await;
    assert_eq!(keys(store, "a").await, ["k", "l"]);
    put(store, [("k".to_owned(), Filed::at(json!("b")))]).await;
    assert_eq!((keys(store, "a").await, keys(store, "b").await), (vec!["l".to_owned()], vec!["k".to_owned()]));
    put(store, [("k".to_owned(), Filed::at(json!(null)))]).await;
    assert_eq!(keys(store, "b").await, [""; 0]);
    let mut delete = Unit::new(origin("test"));
    delete.delete::<Filed>("l", Expected::Any);
    store.commit(delete).await.unwrap();
    assert_eq!(keys(store, "a").await, [""; 0]);
    // Within one unit the last write counts; one that is refused changes nothing.
    let mut twice = Unit::new(origin("test"));
    twice.put("m", &Filed::at(json!("c")), Expected::Absent);
    twice.put("m", &Filed::at(json!("d")), Expected::Exact(1));
    store.commit(twice).await.unwrap();
    let mut refused = Unit::new(origin("test"));
    refused.put("m", &Filed::at(json!("e")), Expected::Any);
    refused.put("m", &Filed::at(json!("f")), Expected::Absent);
    store.commit(refused).await.unwrap_err();
    assert_eq!(keys(store, "a"..).await, ["m"]);
    assert_eq!(keys(store, "d").await, ["m"]);
}

/// As serde writes it, where a field has the name of one that is flattened into the same object.
#[derive(Debug, Serialize, Deserialize)]
struct Twice {
    at: Value,
    inner: Value,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

impl Document for Twice {
    const COLLECTION: &'static str = Filed::COLLECTION;
    const INDEXES: &'static [Index] = Filed::INDEXES;
}

/// Any JSON of that collection, whatever is in it twice.
#[derive(Debug, Serialize, Deserialize)]
struct Any(Value);

impl Document for Any {
    const COLLECTION: &'static str = Filed::COLLECTION;
    const INDEXES: &'static [Index] = Filed::INDEXES;
}

pub(super) async fn of_a_name_that_is_there_twice_the_first_counts(store: &dyn Store) {
    let label = |label: &str| json!({"label": label});
    let twice = |n: u32, [at, inner]: [Value; 2], [later, inner_later]: [Value; 2]| {
        let rest = [("at".to_owned(), later), ("inner".to_owned(), inner_later)].into();
        (format!("{n}"), Twice { at, inner, rest })
    };
    let documents = || {
        [
            twice(1, [json!("a"), label("a")], [json!("b"), label("b")]),
            twice(2, [json!("a"), json!(1)], [json!(2), label("b")]),
            twice(3, [json!(null), label("a")], [json!("a"), json!(null)]),
        ]
    };
    // Some are there before the index is, some after.
    put(store, documents().into_iter().take(2)).await;
    declare::<Filed>(store).await;
    put(store, documents()).await;
    let found = async |index: Index, wanted: Wanted| {
        let (mut keys, mut after): (Vec<String>, Option<IndexPlace>) = (Vec::new(), None);
        loop {
            let page = store.find::<Any>(index, wanted.clone(), after.as_ref(), 1).await.unwrap();
            keys.extend(page.documents.into_iter().map(|found| found.key));
            after = page.next;
            if after.is_none() {
                return keys;
            }
        }
    };
    assert_eq!(found(Filed::BY_AT, "a".into()).await, ["1", "2"]);
    assert_eq!(found(Filed::BY_AT, ("b"..).into()).await, [""; 0]);
    assert_eq!(found(Filed::BY_AT, (0..).into()).await, [""; 0]);
    assert_eq!(found(Filed::BY_LABEL, (""..).into()).await, ["1", "3"]);
    let mut delete = Unit::new(origin("test"));
    delete.delete::<Filed>("1", Expected::Any);
    store.commit(delete).await.unwrap();
    assert_eq!(found(Filed::BY_AT, (""..).into()).await, ["2"]);
}

pub(super) async fn only_what_is_declared_is_found(store: &dyn Store) {
    put(store, [("k".to_owned(), Filed::at(json!("a")))]).await;
    let refused = async |index: Index| {
        let error = store.find::<Filed>(index, "a", None, 9).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Undeclared, "{error}");
        error.message
    };
    let message = refused(Filed::BY_AT).await;
    assert!(
        message.contains("no index `by_at` of collection `testing.filed`") && message.contains("`.keeps`"),
        "{message}"
    );
    let message = refused(Index::new("by_size", "size")).await;
    assert!(message.contains("index `by_size`") && message.contains("add it to `INDEXES` of `"), "{message}");
    // Said again, it changes nothing.
    for _ in 0..2 {
        declare::<Filed>(store).await;
        assert_eq!(keys(store, "a").await, ["k"]);
    }
    // One of the same name over another field is another one; what is no longer declared is gone.
    declare::<Refiled>(store).await;
    refused(Filed::BY_AT).await;
    refused(Filed::BY_LABEL).await;
    let page = store.find::<Refiled>(Refiled::INDEXES[0], "same", None, 9).await.unwrap();
    assert_eq!(page.documents.len(), 1);
}

/// A collection whose documents held another unit, and then another name.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct First {
    euros: i64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Second {
    cents: i64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Third {
    amount: i64,
}

const PURSES: &str = "testing.purses";

impl Document for First {
    const COLLECTION: &'static str = PURSES;
}

impl Document for Second {
    const COLLECTION: &'static str = PURSES;
    const VERSION: u32 = 2;

    fn migrate(_: u32, body: Json) -> Result<Json, Box<dyn Error + Send + Sync>> {
        Ok(Json::of(&Self { cents: body.read::<First>()?.euros * 100 })?)
    }
}

impl Document for Third {
    const COLLECTION: &'static str = PURSES;
    const VERSION: u32 = 3;
    const INDEXES: &'static [Index] = &[Index::new("by_amount", "amount")];

    fn migrate(from: u32, body: Json) -> Result<Json, Box<dyn Error + Send + Sync>> {
        let body = if from == 1 { Second::migrate(1, body)? } else { body };
        Ok(Json::of(&Self { amount: body.read::<Second>()?.cents })?)
    }
}

pub(super) async fn documents_are_migrated(store: &dyn Store) {
    let first = |n| (format!("{n:04}"), First { euros: n });
    put(store, (0..600).map(first)).await;
    declare::<First>(store).await;
    put(store, (0..3).map(first)).await;
    // Whoever knows a later version reads the earlier one, before anything has been migrated.
    let found = store.get::<Second>("0001").await.unwrap().unwrap();
    assert_eq!((found.value, found.revision), (Second { cents: 100 }, 2));
    declare::<Second>(store).await;
    let stored = store.document(PURSES, "0001").await.unwrap().unwrap();
    assert_eq!(
        (stored.body.text(), stored.revision, stored.version),
        (r#"{"cents":100}"#, 2, 2),
        "a migration is no put"
    );
    let is_newer = |error: event_sourcing::StoreError| {
        assert_eq!(error.kind, StoreErrorKind::Newer, "{error}");
        assert!(error.message.contains("`testing.purses`") && error.message.contains("newer version"), "{error}");
    };
    is_newer(store.get::<First>("0001").await.unwrap_err());
    is_newer(store.declare(&[Collection::of::<First>()]).await.unwrap_err());
    // Some of the second version, and one of the first, put by a process that has not declared anything.
    put(store, [("0599".to_owned(), First { euros: 599 })]).await;
    declare::<Third>(store).await;
    let page = store.find::<Third>(Third::INDEXES[0], 59_900.., None, 9).await.unwrap();
    assert_eq!(page.documents.len(), 1, "a new index has what was migrated");
    assert_eq!((&page.documents[0].value, page.documents[0].revision), (&Third { amount: 59_900 }, 2));
    let all = store.documents(PURSES, None, usize::MAX).await.unwrap();
    assert!(all.iter().all(|document| document.version == 3), "{all:?}");
    assert_eq!(all.len(), 600);
    assert_eq!((store.head().await.unwrap(), card(store, "k").await), (Position(0), None), "nothing else has changed");
}

/// As [`First`], and one cannot be read the first time.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Stumbling {
    euros: i64,
}

static MIGRATED: AtomicU64 = AtomicU64::new(0);

impl Document for Stumbling {
    const COLLECTION: &'static str = "testing.stumbling";
    const VERSION: u32 = 2;

    fn migrate(_: u32, body: Json) -> Result<Json, Box<dyn Error + Send + Sync>> {
        MIGRATED.fetch_add(1, Ordering::Relaxed);
        Ok(Json::of(&Self { euros: body.read::<First>()?.euros })?)
    }
}

#[derive(Serialize, Deserialize)]
struct Unstumbling(Value);

impl Document for Unstumbling {
    const COLLECTION: &'static str = "testing.stumbling";
}

pub(super) async fn a_migration_goes_on_where_it_failed(store: &dyn Store) {
    let value = |n: u64| if n == 700 { json!({"euros": "none"}) } else { json!({"euros": n}) };
    put(store, (0..800).map(|n| (format!("{n:04}"), Unstumbling(value(n))))).await;
    let error = store.declare(&[Collection::of::<Stumbling>()]).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Corrupt);
    let says = ["document `0700` of collection `testing.stumbling`", "from version 1 to 2"];
    assert!(says.iter().all(|part| error.message.contains(part)), "{error}");
    let error = store.get::<Stumbling>("0700").await.unwrap_err();
    assert!(says.iter().all(|part| error.message.contains(part)), "{error}");

    // Mended by hand; what was migrated already is not migrated again.
    put(store, [("0700".to_owned(), Unstumbling(json!({"euros": 700})))]).await;
    let versions = store.documents(Stumbling::COLLECTION, None, usize::MAX).await.unwrap();
    let left = versions.iter().filter(|document| document.version == 1).count() as u64;
    assert!(left < 800, "the pages before the one that failed are migrated");
    let before = MIGRATED.load(Ordering::Relaxed);
    declare::<Stumbling>(store).await;
    assert!(MIGRATED.load(Ordering::Relaxed) - before >= left);
    let all = store.list::<Stumbling>(None, usize::MAX).await.unwrap();
    assert_eq!(all.iter().map(|found| found.value.euros).collect::<Vec<_>>(), (0..800).collect::<Vec<_>>());
    declare::<Stumbling>(store).await;
}

/// A later form of which no store takes some documents.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Growing {
    text: String,
}

impl Document for Growing {
    const COLLECTION: &'static str = "testing.growing";
    const VERSION: u32 = 2;

    fn migrate(_: u32, body: Json) -> Result<Json, Box<dyn Error + Send + Sync>> {
        let First { euros } = body.read()?;
        Ok(match euros {
            1 => Json::of(&Self { text: "x".repeat(65 << 20) })?,
            _ => Json::of(&super::nested(200))?,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Ungrown {
    euros: i64,
}

impl Document for Ungrown {
    const COLLECTION: &'static str = "testing.growing";
}

/// It would be there, and in no copy of the store.
pub(super) async fn a_migration_into_what_no_store_takes_is_refused(store: &dyn Store) {
    for (euros, says) in [(1, "are the most"), (2, "nests deeper")] {
        put(store, [("purse".to_owned(), Ungrown { euros })]).await;
        let error = store.declare(&[Collection::of::<Growing>()]).await.unwrap_err();
        let is_said = error.message.contains("document `purse` of collection `testing.growing`");
        assert!(error.kind == StoreErrorKind::Corrupt && is_said && error.message.contains(says), "{error}");
        let stored = store.document("testing.growing", "purse").await.unwrap().unwrap();
        assert_eq!((stored.version, stored.body.text()), (1, &*format!("{{\"euros\":{euros}}}")));
    }
}

/// A migration is dropped after so many polls, for every number of polls, and begun again: each document is of the one version or the
/// other, and at last all are of the later one. Reads are dropped as well, and the store goes on.
pub(super) async fn declarations_and_reads_are_dropped_at_any_poll(store: &dyn Store) {
    put(store, (0..600).map(|n| (format!("{n:04}"), First { euros: n }))).await;
    declare::<First>(store).await;
    let mut unit = unit(&origin("test"));
    unit.append("s", Expected::Any, &super::Noted::new("a", 1));
    let receipt = store.commit(unit).await.unwrap();
    let later = [Collection::of::<Third>()];
    let index =
        IndexQuery { collection: PURSES.into(), index: Third::INDEXES[0], wanted: (0..).into(), after: None, limit: 9 };
    let mut ended = [false; 10];
    for polls in 0..200 {
        let mut note = |which: usize, came: bool| ended[which] |= came;
        note(0, polled(store.declare(&later), polls).await.map(Result::unwrap).is_some());
        note(1, polled(store.document(PURSES, "0001"), polls).await.is_some());
        note(2, polled(store.documents(PURSES, None, 9), polls).await.is_some());
        note(3, polled(store.indexed(index.clone()), polls).await.is_some());
        note(4, polled(store.log(LogQuery::after(Position(0), 9)), polls).await.is_some());
        note(5, polled(store.excerpt(Position(0), 9), polls).await.is_some());
        note(6, polled(store.stream("s", StreamQuery::after(0, 9)), polls).await.is_some());
        note(7, polled(store.head(), polls).await.is_some());
        note(8, polled(store.position(&receipt, Duration::from_secs(9)), polls).await.is_some());
        note(9, polled(store.checkpoint("nobody"), polls).await.is_some());
        let all = store.documents(PURSES, None, usize::MAX).await.unwrap();
        assert!(
            all.len() == 600 && all.iter().all(|document| matches!(document.version, 1 | 3)),
            "after {polls} polls"
        );
        if ended == [true; 10] {
            break;
        }
    }
    assert_eq!(ended, [true; 10], "each came to its end once");
    let page = store.find::<Third>(Third::INDEXES[0], 0.., None, usize::MAX).await.unwrap();
    assert_eq!(page.documents.len(), 600, "all are migrated and found");
}
