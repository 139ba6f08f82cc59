//! What can be made anew from the events is made anew where it is damaged: snapshots, and the documents of projections.

use std::{num::NonZeroU64, sync::Arc};

use event_sourcing::{
    Aggregate, Applies, Events, Projected, Projection, RebuildEnd, Repository, SnapshotPolicy, Snapshotted, Store,
    Unit, View, follow_rebuild, projections,
};
use kernel::{Envelope, Error};
use rusqlite::Connection;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use testing::{
    projections::{Running, Tally, publish, rested},
    store::Noted,
};

use crate::{open, place};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Till {
    n: u64,
}

impl Aggregate for Till {
    type Id = String;
    type Event = Noted;
    const STREAM: &'static str = "till";

    fn apply(&mut self, event: Noted) {
        self.n += event.n;
    }
}

impl Snapshotted for Till {
    const COLLECTION: &'static str = "testing.till_snapshots";
}

fn spoil(path: &std::path::Path, sql: &str) {
    assert_eq!(Connection::open(path).unwrap().execute(sql, []).unwrap(), 1, "{sql}");
}

fn tills(path: &std::path::Path) -> (Arc<dyn Store>, Repository<Till>) {
    let store: Arc<dyn Store> = Arc::new(open(path).unwrap());
    let every = SnapshotPolicy::Every(NonZeroU64::new(2).unwrap());
    (Arc::clone(&store), Repository::new(store).with_snapshots(every))
}

async fn add(store: &Arc<dyn Store>, tills: &Repository<Till>, n: u64) {
    let mut unit = Unit::new(testing::origin("test"));
    let mut loaded = tills.load(&"a".to_owned()).await.unwrap();
    tills.save(&mut loaded, [Noted::new("x", n)], &mut unit);
    store.commit(unit).await.unwrap();
}

/// Rule 9 of docs/durability.md.
#[tokio::test]
async fn a_damaged_snapshot_is_replaced() {
    let (_folder, path) = place();
    let (store, repository) = tills(&path);
    for n in 1..=4 {
        add(&store, &repository, n).await;
    }
    drop((store, repository));
    let wrong =
        "UPDATE documents SET body = replace(body, '\"n\":10', '\"n\":11') WHERE collection = 'testing.till_snapshots'";
    spoil(&path, wrong);
    let (store, repository) = tills(&path);
    for n in 5..=7 {
        add(&store, &repository, n).await;
    }
    assert_eq!(repository.load(&"a".to_owned()).await.unwrap().n, 28);
    assert!(store.document(Till::COLLECTION, "a").await.unwrap().unwrap().body.text().contains("\"n\":28"));
}

/// Only puts: never reads what is there.
#[derive(Debug, Clone, Copy, Default)]
struct Blind;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Last {
    n: u64,
}

impl Projected for Last {
    type By = Blind;
    const COLLECTION: &'static str = "testing.last";
}

impl Projection for Blind {
    const NAME: &'static str = "testing.blind";
    const VERSION: u32 = 1;
    const COLLECTIONS: &'static [&'static str] = &["testing.last"];

    fn events() -> Events<Self> {
        Events::default().of::<Noted>()
    }
}

impl Applies<Noted> for Blind {
    async fn apply(&self, event: &Noted, _: &Envelope, view: &mut View<'_, Self>) -> Result<(), Error> {
        view.put(event.writer.as_str(), &Last { n: event.n });
        Ok(())
    }
}

async fn rebuilt(store: &dyn Store, running: &Running, name: &str) -> RebuildEnd {
    let number = running.projections.rebuild(name).await.unwrap();
    follow_rebuild(store, name, number, |_| ()).await.unwrap()
}

/// Rule 7 of docs/durability.md.
#[tokio::test]
async fn a_projection_halts_where_it_would_write_upon_damage_and_is_rebuilt() {
    let (_folder, path) = place();
    let store: Arc<dyn Store> = Arc::new(open(&path).unwrap());
    publish(&store, 1..=4).await;
    let running = Running::start::<Blind>(&store);
    rested(&*store, 1).await;
    running.stop().await;
    drop(store);
    spoil(&path, "UPDATE documents SET body = '{\"n\":77}' WHERE collection = 'testing.last@1' AND key = 'a'");
    let store: Arc<dyn Store> = Arc::new(open(&path).unwrap());
    publish(&store, [8]).await;
    let running = Running::start::<Blind>(&store);
    testing::bus::until("it halts", async || {
        let status = projections(&*store).await.unwrap().remove(0);
        status.live.halted.is_some_and(|halt| halt.to_string().contains("not what was written there"))
    })
    .await;
    assert_eq!(rebuilt(&*store, &running, "testing.blind").await, RebuildEnd::Live);
    let status = projections(&*store).await.unwrap().remove(0);
    assert!(status.live.halted.is_none() && status.live.behind == 0, "{status:?}");
    running.stop().await;
}

/// What was retired is removed, and holds nothing up.
#[tokio::test]
async fn damage_of_a_retired_generation_goes_with_it() {
    let (_folder, path) = place();
    let store: Arc<dyn Store> = Arc::new(open(&path).unwrap());
    publish(&store, 101..=105).await;
    let running = Running::start::<Tally<1>>(&store);
    rested(&*store, 1).await;
    running.stop().await;
    drop(store);
    spoil(
        &path,
        "UPDATE documents SET checksum = checksum + 1 WHERE collection = 'testing.scores@1' AND key = \
         (SELECT min(key) FROM documents WHERE collection = 'testing.scores@1')",
    );
    let store: Arc<dyn Store> = Arc::new(open(&path).unwrap());
    let running = Running::start::<Tally<1>>(&store);
    assert_eq!(rebuilt(&*store, &running, "testing.tally").await, RebuildEnd::Live);
    testing::bus::until("it is removed", async || projections(&*store).await.unwrap()[0].retired == 0).await;
    assert_eq!(store.keys("testing.scores@1", None, 9).await.unwrap(), [""; 0]);
    running.stop().await;
}
