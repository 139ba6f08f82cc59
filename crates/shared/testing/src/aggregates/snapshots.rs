use std::{fmt::Debug, num::NonZeroU64, sync::Arc};

use event_sourcing::{
    Aggregate, Expected, Loaded, MemoryStore, Moment, Repository, Snapshot, SnapshotPolicy, Snapshotted, Store,
    StoreExt, Unit, event_set,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    account::{Account, Forged, Moved, moved},
    writing::{Nobody, author, opened, tries},
};
use crate::faults::{Seed, each_seed};

/// Snapshots of an aggregate say what its events say: each history is written event by event, with a snapshot after each, each
/// second and each third, and must at each version be what the replay of all events is.
///
/// # Panics
/// At the first version where they differ: a field that is not in the snapshot, or one that comes back otherwise.
pub async fn snapshots_equal_replay<A>(id: A::Id, histories: impl IntoIterator<Item = Vec<A::Event>>)
where
    A: Snapshotted + PartialEq + Debug,
    A::Event: Clone,
{
    for (number, history) in histories.into_iter().enumerate() {
        for every in 1..=3 {
            let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
            let plain = Repository::<A>::new(Arc::clone(&store));
            let kept = Repository::<A>::new(Arc::clone(&store)).with_snapshots(self::every(every));
            for event in history.clone() {
                let mut unit = Unit::new(author());
                let mut loaded = kept.load(&id).await.unwrap();
                kept.save(&mut loaded, [event], &mut unit);
                store.commit(unit).await.unwrap();
                same(&plain, &kept, &id, None, &format!("history {number}, a snapshot after each {every}")).await;
            }
        }
    }
}

async fn same<A: Snapshotted + PartialEq + Debug>(
    plain: &Repository<A>,
    kept: &Repository<A>,
    id: &A::Id,
    moment: Option<Moment>,
    when: &str,
) {
    let [plain, kept] = [plain, kept].map(async |repository| match moment {
        Some(moment) => repository.as_of(id, moment).await.unwrap(),
        None => repository.load(id).await.unwrap(),
    });
    let (plain, kept) = (plain.await, kept.await);
    assert_eq!(kept.version(), plain.version(), "{when}: the versions by snapshot and by replay");
    assert_eq!(*kept, *plain, "{when}: the states by snapshot and by replay at version {}", plain.version());
}

fn every<A>(events: u64) -> SnapshotPolicy<A> {
    SnapshotPolicy::Every(NonZeroU64::new(events).unwrap())
}

async fn snapshot(store: &Arc<dyn Store>, id: &str) -> Option<Snapshot<Account>> {
    store.get(id).await.unwrap().map(|found| found.value)
}

async fn forge(store: &Arc<dyn Store>, id: &str, body: Value) {
    let mut unit = Unit::new(author());
    unit.put(id, &Forged(body), Expected::Any);
    store.commit(unit).await.unwrap();
}

/// The snapshot as it is, but for this.
async fn forged(store: &Arc<dyn Store>, id: &str, change: impl FnOnce(&mut Value)) {
    let mut body = store.get::<Forged>(id).await.unwrap().unwrap().value.0;
    change(&mut body);
    forge(store, id, body).await;
}

/// Twelve cents in four events, of which the snapshot has three.
async fn kept(store: &Arc<dyn Store>, id: &str) -> Repository<Account> {
    opened(store, id, 5).await;
    let repository = Repository::<Account>::new(Arc::clone(store)).with_snapshots(every(3));
    let id = id.to_owned();
    for cents in [3, 4] {
        repository
            .retrying(tries(1), &id, &author(), &Nobody, |account| account.pay_in(&id, cents, "more"))
            .await
            .unwrap();
    }
    assert_eq!(snapshot(store, &id).await.unwrap().version, 3);
    repository
}

async fn loaded(repository: &Repository<Account>, id: &str) -> Loaded<Account> {
    repository.load(&id.to_owned()).await.unwrap()
}

/// Otherwise all that follows would show nothing.
pub(super) async fn a_snapshot_is_what_is_read(store: Arc<dyn Store>) {
    let repository = kept(&store, "savings").await;
    assert_eq!(loaded(&repository, "savings").await.cents, 12);
    forged(&store, "savings", |body| body["state"]["cents"] = json!(100)).await;
    assert_eq!(loaded(&repository, "savings").await.cents, 104, "what the snapshot says, and what came after it");
    let plain = Repository::<Account>::new(Arc::clone(&store));
    assert_eq!(loaded(&plain, "savings").await.cents, 12);
    let never = Repository::<Account>::new(Arc::clone(&store)).with_snapshots(SnapshotPolicy::Never);
    assert_eq!(loaded(&never, "savings").await.cents, 104, "never is about writing");
}

pub(super) async fn they_come_by_the_policy_in_the_unit_of_the_events(store: Arc<dyn Store>) {
    fn sorrow(account: &Account, since: u64) -> bool {
        account.cents == 13 || since >= 100
    }
    let policies: [(SnapshotPolicy<Account>, &[u64]); 5] = [
        (SnapshotPolicy::Never, &[0, 0, 0, 0, 0, 0]),
        (every(1), &[1, 2, 3, 4, 5, 6]),
        (every(3), &[0, 0, 3, 3, 3, 6]),
        (every(4), &[0, 0, 0, 4, 4, 4]),
        (SnapshotPolicy::When(sorrow), &[0, 0, 0, 4, 4, 4]),
    ];
    for (number, (policy, expected)) in policies.into_iter().enumerate() {
        let (id, origin) = (format!("account {number}"), author());
        let repository = Repository::<Account>::new(Arc::clone(&store)).with_snapshots(policy);
        repository.retrying(tries(1), &id, &origin, &Nobody, |account| account.open(&id, "Ada")).await.unwrap();
        let mut versions = vec![snapshot(&store, &id).await.map_or(0, |snapshot| snapshot.version)];
        for cents in [6, 5, 2, 1, 1] {
            repository
                .retrying(tries(1), &id, &origin, &Nobody, |account| account.pay_in(&id, cents, "more"))
                .await
                .unwrap();
            versions.push(snapshot(&store, &id).await.map_or(0, |snapshot| snapshot.version));
        }
        assert_eq!(versions, expected, "{number}");
    }
    // Refused, the unit leaves no snapshot either.
    let repository = Repository::<Account>::new(Arc::clone(&store)).with_snapshots(every(1));
    let mut late = repository.as_of(&"account 1".to_owned(), Moment::Version(5)).await.unwrap();
    let mut unit = Unit::new(author());
    repository.save(&mut late, [moved("account 1", 1, "late"), moved("account 1", 1, "late")], &mut unit);
    store.commit(unit).await.unwrap_err();
    assert_eq!(snapshot(&store, "account 1").await.unwrap().version, 6);
}

/// Rule 9: a snapshot carries a state version and a schema hash.
/// Rule 9 of docs/durability.md.
pub(super) async fn those_of_another_form_are_not_used(store: Arc<dyn Store>) {
    for (field, value) in [("state_version", json!(1)), ("schema", json!(kernel::Fingerprint::of(b"before").as_str()))]
    {
        let repository = kept(&store, field).await;
        forged(&store, field, |body| {
            body["state"]["cents"] = json!(100);
            body[field] = value;
        })
        .await;
        assert_eq!(loaded(&repository, field).await.cents, 12, "{field}");
        // The next one is of this form, and used.
        let id = field.to_owned();
        repository.retrying(tries(1), &id, &author(), &Nobody, |account| account.pay_in(&id, 1, "more")).await.unwrap();
        let new = snapshot(&store, field).await.unwrap();
        assert_eq!((new.version, new.state_version), (5, 2));
        forged(&store, field, |body| body["state"]["cents"] = json!(100)).await;
        assert_eq!(loaded(&repository, field).await.cents, 100, "{field}");
    }
}

/// A snapshot of another stream, or of more than there is.
pub(super) async fn those_of_other_events_are_not_used(store: Arc<dyn Store>) {
    let repository = kept(&store, "savings").await;
    kept(&store, "other").await;
    let other = store.get::<Forged>("other").await.unwrap().unwrap().value.0;
    let mut much_later = other.clone();
    much_later["version"] = json!(5000);
    for (what, mut body) in [("of another stream", other), ("of what is not there", much_later)] {
        body["state"]["cents"] = json!(100);
        forge(&store, "savings", body).await;
        let account = loaded(&repository, "savings").await;
        assert_eq!((account.version(), account.cents), (4, 12), "{what}");
    }
}

pub(super) async fn damaged_ones_fail_no_load(store: Arc<dyn Store>) {
    let repository = kept(&store, "savings").await;
    let whole = store.get::<Forged>("savings").await.unwrap().unwrap().value.0;
    let mut damaged = vec![json!(null), json!({}), json!("x"), json!([1, 2]), json!({ "version": 3 })];
    let fields: Vec<String> = whole.as_object().unwrap().keys().cloned().collect();
    for field in &fields {
        for value in [json!(null), json!("rubbish"), json!(-1), json!({ "cents": "many" })] {
            let mut body = whole.clone();
            body[field] = value;
            damaged.push(body);
        }
        let mut body = whole.clone();
        body.as_object_mut().unwrap().remove(field);
        damaged.push(body);
    }
    assert!(fields.len() == 5 && damaged.len() == 30, "each field of a snapshot is damaged: {fields:?}");
    let mut before_all = whole.clone();
    before_all["version"] = json!(0);
    damaged.push(before_all);
    for body in damaged {
        forge(&store, "savings", body.clone()).await;
        let account = loaded(&repository, "savings").await;
        assert_eq!((account.version(), account.cents), (4, 12), "{body}");
    }
}

/// Random commands, units that are dropped, snapshots that are damaged, and programs that write none: at any time a load by
/// snapshot and a full replay are the same.
/// Rule 9 of docs/durability.md.
pub(super) async fn random_histories_are_what_their_replay_is(make: &impl AsyncFn() -> Arc<dyn Store>) {
    each_seed(10, async |seed| {
        let store = make().await;
        let plain = Repository::<Account>::new(Arc::clone(&store));
        let kept = Repository::<Account>::new(Arc::clone(&store)).with_snapshots(every(1 + seed.below(4)));
        let id = "savings".to_owned();
        for step in 0..40 {
            let repository = if seed.below(4) == 0 { &plain } else { &kept };
            happens(seed, &store, repository, &id).await;
            let when = format!("step {step}");
            same(&plain, &kept, &id, None, &when).await;
            let last = plain.load(&id).await.unwrap().version();
            same(&plain, &kept, &id, Some(Moment::Version(seed.below(last + 1))), &when).await;
        }
        assert!(plain.load(&id).await.unwrap().version() > 10, "much has happened");
    })
    .await;
}

async fn happens(seed: &Seed, store: &Arc<dyn Store>, repository: &Repository<Account>, id: &String) {
    if seed.below(8) == 0 {
        let bodies = [json!({}), json!({ "version": 2 }), json!({ "state": {} })];
        return forge(store, id, bodies[seed.below(3) as usize].clone()).await;
    }
    let mut account = repository.load(id).await.unwrap();
    let mut unit = Unit::new(author());
    for _ in 0..=seed.below(5) {
        let events = match account.open(id, "Ada") {
            Ok(event) => Some(event),
            Err(_) => account.pay_in(id, seed.below(200) as i64 - 60, "chance").unwrap_or_default(),
        };
        repository.save(&mut account, events, &mut unit);
    }
    // One in eight programs dies before the commit.
    if seed.below(8) > 0 {
        store.commit(unit).await.unwrap();
    }
}

event_set! {
    #[derive(Debug, Clone, PartialEq)]
    pub enum TreeEvent {
        Moved(Moved),
    }
}

/// Grows deeper with each event.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Tree {
    inside: Option<Box<Tree>>,
}

impl Aggregate for Tree {
    type Id = String;
    type Event = TreeEvent;
    const STREAM: &'static str = "tree";

    fn apply(&mut self, _: TreeEvent) {
        *self = Self { inside: Some(Box::new(std::mem::take(self))) };
    }
}

impl Snapshotted for Tree {
    const COLLECTION: &'static str = "testing.tree_snapshots";
}

/// The events say it all: to keep no snapshot harms nobody.
pub(super) async fn a_state_that_no_store_takes_is_saved_without(store: Arc<dyn Store>) {
    let (repository, id) = (Repository::<Tree>::new(Arc::clone(&store)).with_snapshots(every(1)), "oak".to_owned());
    for saves in 1..=150 {
        let mut tree = repository.load(&id).await.unwrap();
        let mut unit = Unit::new(author());
        let grows = Moved { account: id.clone(), cents: 1, reason: "it is spring".into() };
        repository.save(&mut tree, [TreeEvent::Moved(grows)], &mut unit);
        store.commit(unit).await.unwrap();
        assert_eq!(repository.load(&id).await.unwrap().version(), saves);
    }
    let kept = store.get::<Snapshot<Tree>>("oak").await.unwrap().unwrap().value.version;
    assert!((100..150).contains(&kept), "the last that could be kept is of version {kept}");
}
